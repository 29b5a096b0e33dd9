r"""Components of variance by restricted maximum likelihood (REML) of a mixed model with crossed random effects.

Values are a common mean and one normal effect for each level of each term, so their covariance is linear in the
components, :math:`V = \sum_t \sigma^2_t Z_t Z_t^\top`. With :math:`P` the inverse of V less what the mean takes, minus
twice the restricted log-likelihood is :math:`\log|V| + \log|1^\top V^{-1} 1| + y^\top P y`, minimized over
:math:`\sigma^2 \ge 0` by Fisher scoring. A step solves a least squares problem with non-negative unknowns,

.. math:: \min_{s \ge 0} \tfrac12 s^\top I s - m^\top s, \qquad
    I_{tv} = \tfrac12 \|Z_t^\top P Z_v\|^2, \quad m_t = \tfrac12 \|Z_t^\top P y\|^2,

which holds at its own solution exactly where the likelihood has the gradient of a constrained maximum (Searle, Casella
and McCulloch 1992, chapters 6 and 8). In a balanced design the likelihood is that of the mean squares, independent
multiples of :math:`\chi^2` with expectations linear in the components. It then needs no matrix of the size of the data.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.sparse

from imprint.claims import anova
from imprint.claims.design import Design

STEPS = 200
HALVINGS = 30
TOLERANCE = 1e-9  # of a step, as a share of the components' sum
ALIKE = 1e-9  # smallest eigenvalue of the scaled information at which terms can still be told apart
LARGEST = 600  # values for which the dense likelihood takes about a second


@dataclass(frozen=True)
class Surface:
    """Minus twice the log-likelihood at some components, less a constant, and what the next step needs."""

    value: float
    information: np.ndarray
    moment: np.ndarray


def balanced(y: np.ndarray, design: Design) -> np.ndarray | None:
    """Return the components ``(T,)`` of values of shape ``(*axes)``; None if the likelihood has no maximum.

    It has none if nothing is left for the residual.

    >>> balanced(np.array([[1.0, 2.0], [3.0, 8.0]]), Design(("init", "order"))).round(6).tolist()
    [6.0, 2.5, 4.0]
    >>> balanced(np.array([[1.0, -1.0], [-1.0, 1.0]]), Design(("init", "order"))).round(6).tolist()
    [0.0, 0.0, 1.333333]
    """
    scale = y.var()
    square_T = anova.mean_squares(y, design) / scale
    freedom_T, expected_TT = anova.freedom(y.shape, design), anova.expected(y.shape, design)

    def surface(component_T: np.ndarray) -> Surface:
        mean_T = expected_TT @ component_T
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float((freedom_T * (np.log(mean_T) + square_T / mean_T)).sum())
        weighted_TT = expected_TT * (freedom_T / mean_T**2 / 2)[:, None]
        return Surface(value, weighted_TT.T @ expected_TT, weighted_TT.T @ square_T)

    if square_T[-1] <= np.finfo(float).eps * square_T.max():
        return None
    found = minimized(surface, np.full(len(square_T), 1 / len(square_T)))
    return None if found is None else scale * found


def dense(y: np.ndarray, design: Design) -> np.ndarray | None:
    """Return the components ``(T,)`` of values of shape ``(*axes)`` of which some may be NaN.

    None if they leave terms that cannot be told apart, or the likelihood has no maximum.

    >>> some = np.array([[1.0, 2.0], [3.0, 8.0], [2.0, 7.0]])
    >>> np.allclose(dense(some, Design(("init", "order"))), balanced(some, Design(("init", "order"))))
    True
    """
    there = np.isfinite(y)
    value_N = y[there] - y[there].mean()
    scale = value_N.var()
    value_N = value_N / np.sqrt(scale)
    effects, starts = incidence(there, design)

    def surface(component_T: np.ndarray) -> Surface:
        spread_Q = np.repeat(component_T, np.diff([*starts, effects.shape[1]]))
        try:
            factor = scipy.linalg.cho_factor(((effects * spread_Q) @ effects.T).toarray(), lower=True)
        except np.linalg.LinAlgError:
            return Surface(np.inf, np.empty(0), np.empty(0))
        inverse_NN = scipy.linalg.cho_solve(factor, np.eye(len(value_N)))
        ones_N = inverse_NN.sum(0)
        project_NN = inverse_NN - np.outer(ones_N, ones_N) / ones_N.sum()
        taken_QN = effects.T @ project_NN
        pairs_QQ = np.square(effects.T @ taken_QN.T)
        information = np.add.reduceat(np.add.reduceat(pairs_QQ, starts, 0), starts, 1)
        moment = np.add.reduceat(np.square(taken_QN @ value_N), starts)
        determinant = 2 * np.log(np.diag(factor[0])).sum() + np.log(ones_N.sum())
        return Surface(determinant + value_N @ project_NN @ value_N, information / 2, moment / 2)

    found = minimized(surface, np.full(len(starts), 1 / len(starts)))
    return None if found is None else scale * found


def incidence(there: np.ndarray, design: Design) -> tuple[scipy.sparse.csr_array, np.ndarray]:
    """Return which of Q effects each of N present values has, ``(N, Q)`` by terms, and where each term starts ``(T,)``.

    >>> effects, starts = incidence(np.array([[True, True], [True, False]]), Design(("init", "order")))
    >>> effects.toarray().astype(int).tolist(), starts.tolist()
    ([[1, 0, 1, 0, 1, 0, 0], [1, 0, 0, 1, 0, 1, 0], [0, 1, 1, 0, 0, 0, 1]], [0, 2, 4])
    """
    places = dict(zip(design.axes, np.nonzero(there), strict=True))
    blocks = []
    for term in design.terms.values():
        level_N = np.unique(np.stack([places[axis] for axis in term]), axis=1, return_inverse=True)[1].ravel()
        cells = np.arange(len(level_N))
        blocks.append(scipy.sparse.csr_array((np.ones(len(level_N)), (cells, level_N))))
    starts = np.cumsum([0, *(block.shape[1] for block in blocks[:-1])])
    return scipy.sparse.csr_array(scipy.sparse.hstack(blocks)), starts


def minimized(surface: Callable[[np.ndarray], Surface], start_T: np.ndarray) -> np.ndarray | None:
    """Return the components at which a surface is lowest, by Fisher scoring; None if it does not converge."""
    component_T, here = start_T, surface(start_T)
    for _ in range(STEPS):
        target_T = scored(here)
        if target_T is None:
            return None
        change_T = target_T - component_T
        if np.abs(change_T).max() <= TOLERANCE * component_T.sum():
            return target_T
        for halving in range(HALVINGS):
            trial_T = component_T + change_T / 2**halving
            there = surface(trial_T)
            if there.value <= here.value + 1e-12 * abs(here.value):
                break
        else:
            return None
        component_T, here = trial_T, there
    return None


def scored(here: Surface) -> np.ndarray | None:
    """Return where Fisher scoring goes from here; None if the information does not tell the terms apart."""
    scale_T = np.sqrt(np.diag(here.information))
    if not np.isfinite(scale_T).all() or scale_T.min() <= 0:
        return None
    eigenvalue_T, vector_TT = np.linalg.eigh(here.information / np.outer(scale_T, scale_T))
    if eigenvalue_T[0] < ALIKE:
        return None
    root_TT = np.sqrt(eigenvalue_T)[:, None] * vector_TT.T
    aim_T = vector_TT.T @ (here.moment / scale_T) / np.sqrt(eigenvalue_T)
    return scipy.optimize.nnls(root_TT, aim_T)[0] / scale_T
