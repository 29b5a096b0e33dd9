"""Two moons trained with spectral decoupling."""

import xarray as xr

from imprint.tasks import moons

SEEDED = True
VIEWS = ("blocks",)
LOSS = "spectral_decoupling"
EXAMPLE = {"train": 60, "validation": 40, "test": 80}


def build(
    *,
    margin: float = 0.1,
    noise: float = 0.1,
    train: int = 300,
    validation: int = 300,
    test: int = 2000,
    seed: int,
) -> xr.Dataset:
    """The points of :func:`imprint.tasks.moons.build`; the loss is :func:`imprint.losses.spectral_decoupling`.

    Args:
        margin: as in moons.
        noise: as in moons.
        train: as in moons.
        validation: as in moons.
        test: as in moons.
        seed: as in moons; equal seeds give equal data.

    Returns:
        The same dataset.

    Raises:
        ValueError: as in moons.
    """
    return moons.build(margin=margin, noise=noise, train=train, validation=validation, test=test, seed=seed)
