"""Linear associative memory: pairs of a key and a value that occur unequally often."""

import numpy as np
import xarray as xr

from imprint.tasks import keys
from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ()
LOSS = "cross_entropy"
EXAMPLE = {"pairs": 5, "rarest": 2, "noise": 0.1}
SOURCE = "Wang et al. 2025, arXiv 2509.26030, the one-layer associative memory"


def build(
    *,
    pairs: int = 100,
    exponent: float = 1.0,
    rarest: int = 1,
    length: float = 1.0,
    rotated: bool = False,
    noise: float = 0.0,
    seed: int,
) -> xr.Dataset:
    r"""Facts k = 1..K of frequency :math:`\pi_k \propto k^{-a}`: for the key of k, answer with class k.

    Keys are orthogonal vectors of K features. They are axes, so that every weight of a linear map serves one
    fact, or turned by a random rotation, so that every weight serves all: an update that acts on single
    weights depends on it, one that acts on matrices does not. With the model ``deep_linear`` the values, the
    vectors that stand for the answers, can be turned too. The memory has nothing to generalize to: validation
    has the examples of training, and the test set one of each fact.

    Args:
        pairs: number of facts K.
        exponent: a; 0 makes them equally frequent.
        rarest: training examples of the rarest fact; fact k has ``round(rarest (K / k)^a)``.
        length: Euclidean norm of the keys.
        rotated: keys are turned by a random rotation, instead of being axes.
        noise: standard deviation of a feature around its key; 0 shows the memory the keys themselves.
        seed: of the rotation and of the noise.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled` with x in float64; class 0 is the most frequent.

    Raises:
        ValueError: an option outside its range.
    """
    keys.check_power_law(pairs, exponent, rarest)
    keys.check(pairs, pairs, length, noise)
    first, *streams = np.random.default_rng(seed).spawn(4)
    key_KD = keys.orthogonal(pairs, pairs, length, rotated, first)
    frequent = keys.power_law(pairs, exponent, rarest)
    counts = {"train": frequent, "validation": frequent, "test": np.ones(pairs, np.int64)}
    parts = {}
    for (split, count_K), stream in zip(counts.items(), streams, strict=True):
        x_BD, y_B = keys.around(key_KD, count_K, noise, stream)
        parts[split] = {"x": x_BD, "y": y_B}
    return labelled(parts, classes=pairs, x="key", source=SOURCE)
