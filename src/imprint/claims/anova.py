r"""Analysis of variance of a balanced crossed design: mean squares, and the components of variance that they estimate.

A term is a set of axes. Its effect is the mean over all other axes, less the effects of the terms inside it, its mean
square the sum of squared effects over all N cells per degree of freedom, and

.. math:: E[MS_t] = \sum_{v \supseteq t} \frac{N}{n_v} \sigma^2_v, \qquad n_v = \prod_{a \in v} n_a,

which is solved for the components (Searle, Casella and McCulloch 1992, chapter 4).
"""

import math

import numpy as np

from imprint.claims.design import Design


def components(y: np.ndarray, design: Design) -> np.ndarray:
    """Return unbiased estimates ``(..., T)`` of the components in values of shape ``(..., *axes)``; any can be below 0.

    >>> components(np.array([[1.0, 2.0], [3.0, 8.0]]), Design(("init", "order"))).tolist()
    [6.0, 2.5, 4.0]
    """
    return mean_squares(y, design) @ np.linalg.inv(expected(_shape(y, design), design)).T


def mean_squares(y: np.ndarray, design: Design) -> np.ndarray:
    """Return the mean square ``(..., T)`` of each term in values of shape ``(..., *axes)``.

    The squared means of a term, summed over cells, hold the squares of the terms inside it, which are taken off: in a
    balanced design effects are orthogonal.
    """
    places = {axis: place - len(design.axes) for place, axis in enumerate(design.axes)}
    size = dict(zip(design.axes, _shape(y, design), strict=True))
    centred = y - y.mean(tuple(places.values()), keepdims=True)
    squares: dict[tuple[str, ...], np.ndarray] = {}
    for term in design.terms.values():
        others = tuple(place for axis, place in places.items() if axis not in term)
        cells = math.prod(size[axis] for axis in design.axes if axis not in term)
        whole = cells * np.square(centred.mean(others)).sum(tuple(range(-len(term), 0)))
        squares[term] = whole - sum(squares[other] for other in squares if set(other) < set(term))
    return np.stack(list(squares.values()), -1) / freedom(_shape(y, design), design)


def freedom(shape: tuple[int, ...], design: Design) -> np.ndarray:
    """Return the degrees of freedom ``(T,)`` of each term.

    >>> freedom((4, 3, 8), Design(("optimizer", "rate", "seed"))).tolist()
    [3, 8, 7, 21, 56]
    """
    size = dict(zip(design.axes, shape, strict=True))
    count: dict[tuple[str, ...], int] = {(): 1}
    for term in design.terms.values():
        inside = sum(count[other] for other in count if set(other) < set(term))
        count[term] = math.prod(size[axis] for axis in term) - inside
    return np.array(list(count.values())[1:])


def expected(shape: tuple[int, ...], design: Design) -> np.ndarray:
    """Return the coefficient ``(T, T)`` of each component (column) in each expected mean square (row)."""
    size = dict(zip(design.axes, shape, strict=True))
    terms = list(design.terms.values())
    times = [math.prod(size[axis] for axis in design.axes if axis not in term) for term in terms]
    return np.array([[n * (set(t) <= set(v)) for v, n in zip(terms, times, strict=True)] for t in terms], float)


def _shape(y: np.ndarray, design: Design) -> tuple[int, ...]:
    return y.shape[y.ndim - len(design.axes) :]
