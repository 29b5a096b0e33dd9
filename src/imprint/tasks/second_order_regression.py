"""Regression with outputs quadratic in the parameters: sharpening and its edge without a network."""

import numpy as np
import xarray as xr

from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ()
LOSS = "squared_error"
EXAMPLE = {"parameters": 6, "points": 3, "validation": 2, "test": 2}

SOURCE = "random second-order regression after Agarwala et al. 2023, arXiv 2210.04860"


def build(
    *,
    parameters: int = 60,
    points: int = 5,
    sharpness: float = 5.0,
    curvature: float = 20.0,
    validation: int = 5,
    test: int = 5,
    seed: int,
) -> xr.Dataset:
    r"""Examples that are quadratic functions :math:`f(w) = b + \langle j, w\rangle + w'Qw/2` of P parameters.

    The directions of the residuals b - 1 and of the rows j are normal, and so are the symmetric Q, with variance
    :math:`2c^2/P` on and :math:`c^2/P` beside the diagonal. Every target is 1, the one-hot target of the only class.
    Three things are fixed instead of drawn: the residuals have the mean square 1; the Gauss-Newton matrix of the mean
    squared error at w = 0, :math:`\sum_i j_i j_i' / N`, has the given largest eigenvalue; and of Q and -Q, which are
    equally likely, the one is taken with which gradient flow raises that eigenvalue at first.

    Args:
        parameters: number P of parameters; an example has ``1 + P + P^2`` features.
        points: number N of training examples.
        sharpness: largest eigenvalue of the Gauss-Newton matrix where training starts.
        curvature: c, the size of Q.
        validation: number of validation examples.
        test: number of test examples.
        seed: of the examples; the sizes of the splits do not change one another's draws.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled` with ``x = (b, j, Q row by row)`` in float64 and one class.

    Raises:
        ValueError: an option outside its range.
    """
    sizes = {"train": points, "validation": validation, "test": test}
    if parameters < 1 or min(sizes.values()) < 1:
        raise ValueError(f"parameters={parameters}, sizes {sizes}: at least one of each is needed")
    if not sharpness > 0 or not curvature >= 0:
        raise ValueError(f"sharpness={sharpness}, curvature={curvature}: one is positive, the other not negative")
    streams = np.random.default_rng(seed).spawn(len(sizes))
    drawn = {split: _draw(sizes[split], parameters, stream) for split, stream in zip(sizes, streams, strict=True)}
    sign = 1.0 if _rise(*drawn["train"]) >= 0 else -1.0
    length = np.sqrt(sharpness * points) / np.linalg.norm(drawn["train"][1], 2)
    parts = {}
    for split, (residual_B, slope_BP, form_BPP) in drawn.items():
        form_BF = sign * curvature * form_BPP.reshape(len(residual_B), -1)
        columns = [1 + residual_B[:, None], length * slope_BP, form_BF]
        parts[split] = {"x": np.concatenate(columns, 1), "y": np.zeros(len(residual_B), np.int64)}
    return labelled(parts, classes=1, x="offset, slopes and symmetric form", source=SOURCE)


def _draw(size: int, parameters: int, stream: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals (B) of mean square 1, slopes (B, P) and symmetric forms (B, P, P) of unit size."""
    residual_B = stream.standard_normal(size)
    slope_BP = stream.standard_normal((size, parameters))
    form_BPP = stream.standard_normal((size, parameters, parameters))
    residual_B *= np.sqrt(size) / np.linalg.norm(residual_B)
    return residual_B, slope_BP, (form_BPP + form_BPP.transpose(0, 2, 1)) / np.sqrt(2 * parameters)


def _rise(residual_B: np.ndarray, slope_BP: np.ndarray, form_BPP: np.ndarray) -> float:
    """Slope in time of the largest singular value of the slopes under gradient flow, up to a positive factor."""
    left_BB, _, right_BP = np.linalg.svd(slope_BP, full_matrices=False)
    return -np.einsum("b,p,bpq,q->", left_BB[:, 0], right_BP[0], form_BPP, slope_BP.T @ residual_B)
