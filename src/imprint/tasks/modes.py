"""Linear regression on labels whose input-output correlation has a declared spectrum."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from imprint.tasks import keys
from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ("modes",)
LOSS = "squared_error"
EXAMPLE = {"spectrum": (4, 2, 1), "length": 8.0, "noise": 0.1}
SOURCE = "Vasudeva et al. 2025, arXiv 2510.22980; Saxe et al. 2014, arXiv 1312.6120"


def build(
    *,
    spectrum: Sequence[int] = (32, 16, 8, 4, 2, 1),
    labels: int = 1,
    dimensions: int | None = None,
    length: float = 1.0,
    noise: float = 0.0,
    rotated: bool = True,
    seed: int,
) -> xr.Dataset:
    r"""Modes that a linear map has to learn, one per key: the singular vectors of the mean of :math:`y x^\top`.

    Mode i has ``spectrum[i]`` training examples around the i-th of orthogonal keys. Their labels go in turn
    through the classes of the mode, of which no other has any: with one class the label follows from the key,
    with several all that can be learned of it is their mean. With :math:`p_i` the share of the mode, l the
    length of its key, :math:`f_i` the frequencies of its classes and s the noise,

    .. math:: E\,y x^\top = \sum_i \sigma_i u_i v_i^\top,\quad \sigma_i = p_i l |f_i|,\quad
       W^* = \sum_i \frac{\sigma_i}{p_i l^2 + s^2} u_i v_i^\top .

    Without noise the modes of :math:`W^*` are equally strong, and gradient descent on W from 0 has learned the
    share ``1 - exp(-p_i l^2 t)`` of mode i at time t, spectral descent the same share of all.

    Args:
        spectrum: training examples of each mode, in any order.
        labels: classes of each mode.
        dimensions: number of features, at least that of modes; None is that of modes.
        length: Euclidean norm of the keys.
        noise: standard deviation of a feature around its key.
        rotated: keys are turned by a random rotation, instead of being axes.
        seed: of the rotation and of the noise; splits do not change one another's points.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled` with x in float64, all splits of the same size, and
        the view ``modes``: ``modes_left (mode, class)`` and ``modes_right (mode, feature)``, the unit vectors
        u and v, ``modes_value (mode)``, sigma, and ``modes_strength (mode)``, the singular values of
        :math:`W^*`.

    Raises:
        ValueError: an option outside its range.
    """
    modes, features = len(spectrum), len(spectrum) if dimensions is None else dimensions
    if modes < 2 or min(spectrum) < 1:
        raise ValueError(f"spectrum={list(spectrum)}: give at least 2 modes, each with at least one example")
    if labels < 1:
        raise ValueError(f"labels={labels}: a mode has at least one class")
    keys.check(modes, features, length, noise)
    first, *streams = np.random.default_rng(seed).spawn(4)
    key_MD = keys.orthogonal(modes, features, length, rotated, first)
    turn_B = np.concatenate([np.arange(count) % labels for count in spectrum])
    parts = {}
    for split, stream in zip(("train", "validation", "test"), streams, strict=True):
        x_BD, mode_B = keys.around(key_MD, spectrum, noise, stream)
        parts[split] = {"x": x_BD, "y": mode_B * labels + turn_B}
    data = labelled(parts, classes=modes * labels, x="features", source=SOURCE)
    share_M = np.asarray(spectrum) / np.sum(spectrum)
    frequency_MC = np.stack(
        [np.bincount(parts["train"]["y"][mode_B == m], minlength=modes * labels) for m in range(modes)]
    )
    frequency_MC = frequency_MC / np.asarray(spectrum)[:, None]
    size_M = np.linalg.norm(frequency_MC, axis=1)
    value_M = share_M * length * size_M
    about = {"units": "1", "source": SOURCE}
    return data.assign(
        modes_left=(
            ("mode", "class"),
            frequency_MC / size_M[:, None],
            {"long_name": "direction of a mode among the outputs", **about},
        ),
        modes_right=(
            ("mode", "feature"),
            key_MD / length,
            {"long_name": "direction of a mode among the features", **about},
        ),
        modes_value=("mode", value_M, {"long_name": "singular value of the input-output correlation", **about}),
        modes_strength=(
            "mode",
            value_M / (share_M * length**2 + noise**2),
            {"long_name": "singular value of the map to be learned", **about},
        ),
    )
