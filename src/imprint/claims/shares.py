"""Where the variance of a measurement comes from: the components of variance of a design, as shares of their sum.

Tasks, optimizers and settings are the ones at hand: what is called their component is their variance, with n - 1 as the
divisor, less what seeds add to it. Seeds are drawn from all that could have been.
"""

from dataclasses import dataclass

import numpy as np

from imprint.claims import anova, generalized, reml
from imprint.claims.design import LEAST_SEEDS, RECIPE, Design
from imprint.claims.signflip import ROUNDING

LEAST_PRESENT = 0.8


@dataclass(frozen=True)
class Shares:
    """Shares of the terms and how sure they are, each of shape ``(T,)``, and in words how they came about.

    Attributes:
        component: of variance, in the squared unit of the measure.
        share: of the sum of components, those below 0 taken as 0.
        low, high: ends of the 95 % interval of the share; NaN where replicas are missing or an axis has two seeds.
        method: ``REML``, ``ANOVA``, or empty where there are no shares.
        reason: why shares are NaN or some replicas are not in them, else empty.
    """

    component: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    method: str
    reason: str


def shares(y: np.ndarray, design: Design, planned: int | None = None) -> Shares:
    """Return the shares of variance of a measurement.

    The components are those of restricted maximum likelihood, also where some replicas are missing, up to a fifth. In a
    complete design in which the likelihood has no maximum, they are those of the analysis of variance, which can be
    below 0. Intervals are the same for both, see :mod:`imprint.claims.generalized`.

    Args:
        y: one value, or NaN, for each cell of the design: shape ``(*axes)``.
        design: of the axes of y.
        planned: how many values there would be if none were missing; those of y if left out.

    >>> optimizer, seed = np.ogrid[:2, :3]
    >>> found = shares(10.0 * optimizer + seed + (optimizer * seed) % 2, Design(("optimizer", "seed")))
    >>> found.method, found.share.round(3).tolist()
    ('REML', [0.979, 0.018, 0.003])
    """
    count = np.isfinite(y).sum()
    planned = planned or y.size
    reason = f"{planned - count} of {planned} replicas have no value" if count < planned else ""
    stop = unfit(y, design) or (reason if count < LEAST_PRESENT * planned else "")
    if stop:
        return none(design, stop)
    complete = bool(count == y.size)
    component_T, method = (reml.balanced if complete else reml.dense)(y, design), "REML"
    if component_T is None and not complete:
        return none(design, f"{reason}, and the likelihood of the others has no single maximum")
    if component_T is None:
        component_T, method = anova.components(y, design), "ANOVA"
    low_T, high_T = interval(y, design) if complete else none(design, "").component[None].repeat(2, 0)
    return Shares(component_T, normalized(component_T), low_T, high_T, method, reason)


def none(design: Design, reason: str) -> Shares:
    """Return no shares, with the reason."""
    nothing_T = np.full(len(design.terms), np.nan)
    return Shares(nothing_T, nothing_T, nothing_T, nothing_T, "", reason)


def unfit(y: np.ndarray, design: Design) -> str:
    """Return why no shares can be told of these values, in words; empty if they can."""
    seeds = tuple(place for place, axis in enumerate(design.axes) if axis in design.seeds)
    recipes = tuple(place for place, axis in enumerate(design.axes) if axis in RECIPE)
    there = np.isfinite(y)
    if not seeds or not recipes:
        return "values of two recipes and of two seeds are needed"
    if there.sum() > reml.LARGEST and not there.all():
        return f"replicas are missing, and {there.sum()} values are too many for the likelihood without them"
    rounding = ROUNDING * np.abs(y[there]).max()
    if np.ptp(y[there]) <= rounding:
        return "constant"
    task = "task and " if "task" in design.axes else ""
    if spread(y, seeds) <= rounding:
        return f"set by {task}recipe alone: the same for every seed"
    return f"set by {task}seed alone: the same for every recipe" if spread(y, recipes) <= rounding else ""


def spread(y: np.ndarray, axes: tuple[int, ...]) -> float:
    """Return the largest difference of values that differ in their place on ``axes`` alone.

    >>> spread(np.array([[1.0, 4.0], [np.nan, 8.0]]), (0,)), spread(np.array([[1.0, 4.0], [np.nan, 8.0]]), (1,))
    (4.0, 3.0)
    """
    low, high = (np.where(np.isfinite(y), y, end) for end in (np.inf, -np.inf))
    return float((high.max(axes) - low.min(axes)).max())


def normalized(component_T: np.ndarray) -> np.ndarray:
    """Return shares ``(..., T)`` of the components' sum, those below 0 taken as 0; NaN where none is above 0."""
    positive_T = np.maximum(component_T, 0)
    total = positive_T.sum(-1, keepdims=True)
    return np.divide(positive_T, total, out=np.full(positive_T.shape, np.nan), where=total > 0)


def interval(y: np.ndarray, design: Design) -> np.ndarray:
    """Return the ends ``(2, T)`` of the 95 % intervals of the shares, NaN if an axis has fewer than three seeds."""
    levels = [size for axis, size in zip(design.axes, y.shape, strict=True) if axis in design.seeds]
    if min(levels) < LEAST_SEEDS:
        return np.full((2, len(design.terms)), np.nan)
    return np.nanquantile(normalized(generalized.components(y, design)), [0.025, 0.975], axis=0)
