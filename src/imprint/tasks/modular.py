"""Modular addition: every pair of residues as two one-hot vectors, the class is their sum."""

import numpy as np
import xarray as xr

from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ()
LOSS = "cross_entropy"
EXAMPLE = {"modulus": 7}

SOURCE = "addition modulo p (Power et al. 2022, arXiv 2201.02177), one-hot as in Prieto et al. 2025, arXiv 2501.04697"


def build(
    *,
    modulus: int = 113,
    train_fraction: float = 0.4,
    validation_fraction: float = 0.2,
    seed: int,
) -> xr.Dataset:
    r"""All :math:`p^2` pairs (a, b) of residues, :math:`x = (e_a, e_b)` and :math:`y = (a + b) \bmod p`.

    The pairs are put in a random order; the first :math:`\lfloor f p^2 \rfloor` are for training, the next ones for
    validation, what is left for test.

    Args:
        modulus: p, the number of residues and of classes, at least 3; there are 2p inputs.
        train_fraction: f, the share of the pairs in training (the authors: 0.4).
        validation_fraction: share in validation; train and validation leave some pairs for test.
        seed: of the order; equal seeds with other fractions keep the order.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`, x float32 with two ones and 2p - 2 zeros in a row;
        ``index_<split>`` is the pair's number :math:`a p + b`.

    Raises:
        ValueError: a modulus below 3, or fractions that leave a split empty.
    """
    if modulus < 3:
        raise ValueError(f"modulus={modulus}: addition is learned modulo 3 or more")
    pairs = modulus**2
    ends = [int(train_fraction * pairs), int(train_fraction * pairs) + int(validation_fraction * pairs)]
    if not 0 < ends[0] < ends[1] < pairs:
        raise ValueError(
            f"train_fraction={train_fraction}, validation_fraction={validation_fraction} of {pairs} pairs: "
            "each split needs a pair; give positive fractions with a sum below 1"
        )
    order_N = np.random.default_rng(seed).permutation(pairs)
    identity_CC = np.eye(modulus, dtype=np.float32)
    parts = {}
    for split, index_B in zip(("train", "validation", "test"), np.split(order_N, ends), strict=True):
        first_B, second_B = np.divmod(index_B, modulus)
        x_BD = np.concatenate([identity_CC[first_B], identity_CC[second_B]], axis=1)
        parts[split] = {"x": x_BD, "y": (first_B + second_B) % modulus, "index": index_B}
    return labelled(parts, classes=modulus, x="one-hot residues a and b", source=SOURCE)
