"""Modular addition trained with StableMax in place of softmax."""

import xarray as xr

from imprint.tasks import modular

SEEDED = True
VIEWS = ()
LOSS = "stablemax"
EXAMPLE = {"modulus": 7}


def build(
    *,
    modulus: int = 113,
    train_fraction: float = 0.4,
    validation_fraction: float = 0.2,
    seed: int,
) -> xr.Dataset:
    """The pairs of :func:`imprint.tasks.modular.build`; the loss is :func:`imprint.losses.stablemax`.

    Args:
        modulus: as in modular.
        train_fraction: as in modular.
        validation_fraction: as in modular.
        seed: as in modular; equal seeds give equal data.

    Returns:
        The same dataset.

    Raises:
        ValueError: as in modular.
    """
    return modular.build(
        modulus=modulus, train_fraction=train_fraction, validation_fraction=validation_fraction, seed=seed
    )
