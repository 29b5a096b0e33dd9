r"""Where the variance of a measurement comes from: components of a balanced crossed design, as shares of their sum.

A term is a set of axes. Its effect is the mean over all other axes, less the effects of the terms inside it, its mean
square the sum of squared effects over all N cells per degree of freedom, and

.. math:: E[MS_t] = \sum_{v \supseteq t} \frac{N}{n_v} \sigma^2_v, \qquad n_v = \prod_{a \in v} n_a,

which is solved for the components (Searle, Casella and McCulloch 1992, chapter 4). Optimizers and rates are the ones at
hand: what is called their component is their variance, with n - 1 as the divisor, less what seeds add to it.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from imprint.claims.signflip import ROUNDING

AXES = "prio"  # optimizer, rate, seed of the initial weights, seed of the order
TERMS = {
    "optimizer": "p",
    "rate": "pr",  # within the optimizer: no rate is common to two
    "init": "i",
    "order": "o",
    "init x order": "io",
    "optimizer x init": "pi",
    "optimizer x order": "po",
    "rate x init": "pri",
    "rate x order": "pro",
    "optimizer x init x order": "pio",
    "residual": "prio",  # rate x init x order, and what differs between equal runs
}
RESAMPLED = "io"
LEAST_SEEDS = 3
DRAWS = 999
RESAMPLING_SEED = 20251


@dataclass(frozen=True)
class Shares:
    """Shares of the terms and how sure they are, each of shape ``(T,)``, and in words why there may be none.

    Attributes:
        component: of variance, in the squared unit of the measure; its estimate can be below 0.
        share: of the sum of components, those below 0 taken as 0.
        low, high: ends of the 95 % interval of the share.
        reason: empty, or why shares are NaN.
    """

    component: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    reason: str


def shares(y_PRIO: np.ndarray) -> Shares:
    """Return the shares of variance of a measurement, with percentile intervals.

    Both kinds of seeds are drawn anew with replacement (Owen 2007, doi 10.1214/07-AOAS122), optimizers and rates stay.
    A draw's components are freed of what repeated seeds do to them, see :func:`repeated`, and the tails are those of
    :func:`expanded`. With 8 x 6 seeds the intervals then hold the true share in 93 to 100 % of normal data, and of
    exponentially distributed effects in 82 to 100 %, least often for init and order alone; so the others are wider than
    they need to be.

    Args:
        y_PRIO: one value for each of P optimizers, R rates of each, I initial weights and O orders.

    >>> p, r, i, o = np.ogrid[:2, :2, :3, :3]
    >>> found = shares(10.0 * p + 0 * (r + i + o))
    >>> dict(zip(TERMS, found.share.round(6).tolist()))["optimizer"]
    1.0
    """
    nothing = np.full(len(TERMS), np.nan)
    reason = unfit(y_PRIO)
    if reason:
        return Shares(nothing, nothing, nothing, nothing, reason)
    component_T = components(y_PRIO)
    low_T, high_T = nothing, nothing
    if min(y_PRIO.shape[2:]) >= LEAST_SEEDS:
        drawn_BT = components(resampled(y_PRIO, DRAWS)) @ np.linalg.inv(repeated(y_PRIO.shape)).T
        tail = expanded(0.025, min(y_PRIO.shape[2:]))
        low_T, high_T = np.nanquantile(normalized(drawn_BT), [tail, 1 - tail], axis=0)
    return Shares(component_T, normalized(component_T), low_T, high_T, "")


def expanded(tail: float, n: int) -> float:
    r"""Return the tail of a percentile interval that is as wide as Student's, from n levels (Hesterberg 2015).

    .. math:: \Phi\left(\sqrt{n / (n - 1)}\, t_{tail, n - 1}\right)

    >>> round(expanded(0.025, 6), 4), round(expanded(0.025, 10**6), 4)
    (0.0024, 0.025)
    """
    return float(stats.norm.cdf(math.sqrt(n / (n - 1)) * stats.t.ppf(tail, n - 1)))


def unfit(y_PRIO: np.ndarray) -> str:
    """Return why there are no shares, in words; empty if there are."""
    missing = int((~np.isfinite(y_PRIO)).sum())
    if min(y_PRIO.shape) < 2:
        return "optimizers x rates x inits x orders must be 2 each, and are " + " x ".join(map(str, y_PRIO.shape))
    if missing:
        return f"{missing} of {y_PRIO.size} replicas have no value"
    return "constant" if np.ptp(y_PRIO) <= ROUNDING * np.abs(y_PRIO).max() else ""


def normalized(component_T: np.ndarray) -> np.ndarray:
    """Return shares ``(..., T)`` of the components' sum, those below 0 taken as 0; NaN where none is above 0."""
    positive_T = np.maximum(component_T, 0)
    total = positive_T.sum(-1, keepdims=True)
    return np.divide(positive_T, total, out=np.full(positive_T.shape, np.nan), where=total > 0)


def components(y: np.ndarray, terms: dict[str, str] = TERMS, axes: str = AXES) -> np.ndarray:
    """Return the components of variance ``(..., T)`` of ``terms`` in values of shape ``(..., *axes)``.

    The last term holds all axes: it is the residual.

    >>> components(np.array([[1.0, 2.0], [3.0, 8.0]]), {"init": "i", "order": "o", "residual": "io"}, "io").tolist()
    [6.0, 2.5, 4.0]
    """
    shape = y.shape[y.ndim - len(axes) :]
    return mean_squares(y, terms, axes) @ np.linalg.inv(expected(shape, terms, axes)).T


def mean_squares(y: np.ndarray, terms: dict[str, str] = TERMS, axes: str = AXES) -> np.ndarray:
    """Return the mean square ``(..., T)`` of each term; terms inside another stand before it.

    The squared means of a term, summed over cells, hold the squares of the terms inside it, which are taken off: in a
    balanced design effects are orthogonal.
    """
    places = {axis: place - len(axes) for place, axis in enumerate(axes)}
    every = tuple(places.values())
    size = {axis: y.shape[place] for axis, place in places.items()}
    centred = y - y.mean(every, keepdims=True)
    squares, freedom = {}, {"": 1}
    for term in terms.values():
        others = tuple(place for axis, place in places.items() if axis not in term)
        cells = math.prod(size[axis] for axis in axes if axis not in term)
        whole = cells * np.square(centred.mean(others)).sum(tuple(range(-len(term), 0)))
        squares[term] = whole - sum(squares[other] for other in squares if set(other) < set(term))
        levels = math.prod(size[axis] for axis in term)
        freedom[term] = levels - sum(freedom[other] for other in freedom if set(other) < set(term))
    return np.stack([squares[term] / freedom[term] for term in terms.values()], -1)


def expected(shape: tuple[int, ...], terms: dict[str, str] = TERMS, axes: str = AXES) -> np.ndarray:
    """Return the coefficient ``(T, T)`` of each component (column) in each expected mean square (row)."""
    size = dict(zip(axes, shape, strict=True))
    times = [math.prod(size[axis] for axis in axes if axis not in term) for term in terms.values()]
    return np.array(
        [[n * (set(t) <= set(v)) for v, n in zip(terms.values(), times, strict=True)] for t in terms.values()]
    )


def resampled(y_PRIO: np.ndarray, draws: int) -> np.ndarray:
    """Return ``(B, P, R, I, O)`` with both kinds of seeds drawn with replacement, from a fixed stream."""
    random = np.random.default_rng(RESAMPLING_SEED)
    init_BI, order_BO = (random.integers(size, size=(draws, size)) for size in y_PRIO.shape[2:])
    return np.moveaxis(y_PRIO[:, :, init_BI[:, :, None], order_BO[:, None, :]], 2, 0)


def repeated(shape: tuple[int, ...], terms: dict[str, str] = TERMS, axes: str = AXES) -> np.ndarray:
    r"""Return the matrix ``(T, T)`` that takes components to their means over all draws of seeds with replacement.

    Two of a draw's n levels are the same one with probability 1/n, and what they share then counts for the term without
    that axis: the entry from term v to t is 0 unless t is v less some resampled axes, and else

    .. math:: \prod_{a \in t} (1 - 1/n_a) \prod_{a \in v \setminus t} 1/n_a \quad \text{over resampled axes } a.
    """
    same = {axis: 1 / size for axis, size in zip(axes, shape, strict=True) if axis in RESAMPLED}
    entries = np.zeros((len(terms), len(terms)))
    for row, t in enumerate(terms.values()):
        for column, v in enumerate(terms.values()):
            if set(t) <= set(v) and set(v) - set(t) <= set(same):
                entries[row, column] = math.prod(1 - same[a] if a in t else same[a] for a in v if a in same)
    return entries
