"""Best margins known in closed form or by another method, against the certificates of the margins probe."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from imprint.probes.function import margins

TOLERANCE = 1e-3  # asked of the certificates below; they enclose the truth, so it is the only error allowed


def random_problem(seed, examples=12, classes=4, dimensions=7):
    generator = torch.Generator().manual_seed(seed)
    x_ND = torch.randn(examples, dimensions, generator=generator, dtype=torch.float64)
    planted_CD = torch.randn(classes, dimensions, generator=generator, dtype=torch.float64)
    return x_ND, (x_ND @ planted_CD.T).argmax(-1), generator


def constraint_gradients(x_ND, y_N, classes):
    """One row ``vec((e_y - e_j) x')`` per example and other class, built by loops."""
    rows = []
    for x_D, y in zip(x_ND.numpy(), y_N.tolist(), strict=True):
        for other in set(range(classes)) - {y}:
            gradient_CD = np.zeros((classes, len(x_D)))
            gradient_CD[y] += x_D
            gradient_CD[other] -= x_D
            rows.append(gradient_CD.ravel())
    return np.array(rows)


def assert_encloses(x_ND, y_N, classes, name, truth):
    upper, lower = margins.best_margin(x_ND, y_N, classes, name, TOLERANCE, 20000)
    rounding = 1e-12 * truth
    assert lower - rounding <= truth <= upper + rounding
    assert upper - lower <= TOLERANCE * upper


@pytest.mark.parametrize(("name", "truth"), [("max", 2 * 7.0), ("spectral", 2**0.5 * 5.0), ("l2", 2**0.5 * 5.0)])
def test_two_opposite_points_of_two_classes(name, truth):
    """Points u = (3, 4) and -u have margin (w_0 - w_1) u, at best 2 ||u||_1, sqrt(2) ||u||, sqrt(2) ||u||."""
    x_ND = torch.tensor([[3.0, 4.0], [-3.0, -4.0]], dtype=torch.float64)
    assert_encloses(x_ND, torch.tensor([0, 1]), 2, name, truth)


@pytest.mark.parametrize(("name", "truth"), [("max", 2.0), ("spectral", 1.0), ("l2", 1 / 3**0.5)])
def test_one_unit_vector_per_class(name, truth):
    """By symmetry the best W is a I + b 11', with margin a: 2 (max), 1 (spectral), 1/sqrt(C - 1) (l2)."""
    assert_encloses(torch.eye(4, dtype=torch.float64), torch.arange(4), 4, name, truth)


@pytest.mark.parametrize("seed", range(3))
def test_l2_against_least_distance_programming(seed):
    """The least ||W|| with all gaps at least 1 has margin 1 / ||W|| (Lawson and Hanson 1974, chapter 23)."""
    x_ND, y_N, _ = random_problem(seed)
    rows_KP = constraint_gradients(x_ND, y_N, 4)
    system = np.vstack([rows_KP.T, np.ones(len(rows_KP))])
    target = np.append(np.zeros(rows_KP.shape[1]), 1.0)
    solution, _ = nnls(system, target)
    residual = system @ solution - target
    machine = -residual[:-1] / residual[-1]
    assert (rows_KP @ machine).min() == pytest.approx(1, abs=1e-9)  # feasible to rounding, times the condition
    assert_encloses(x_ND, y_N, 4, "l2", 1 / np.linalg.norm(machine))


@pytest.mark.parametrize("seed", range(3))
def test_max_norm_against_linear_programming(seed):
    x_ND, y_N, _ = random_problem(seed)
    optimum = margins.max_norm_optimum(x_ND.numpy(), y_N.numpy(), 4)
    upper, lower = margins.best_margin(x_ND, y_N, 4, "max", TOLERANCE, 20000)
    feasibility = 1e-6  # HiGHS accepts violations of 1e-7; the margins are of order 1
    assert lower - feasibility <= optimum <= upper + feasibility
    assert upper - lower <= TOLERANCE * upper


@pytest.mark.parametrize("name", ["spectral", "l2"])
def test_rotated_inputs_have_the_same_best_margin(name):
    x_ND, y_N, generator = random_problem(5)
    rotation_DD = torch.linalg.qr(torch.randn(7, 7, generator=generator, dtype=torch.float64))[0]
    upper, lower = margins.best_margin(x_ND, y_N, 4, name, TOLERANCE, 20000)
    turned_upper, turned_lower = margins.best_margin(x_ND @ rotation_DD, y_N, 4, name, TOLERANCE, 20000)
    assert max(lower, turned_lower) <= min(upper, turned_upper)


@given(seed=st.integers(0, 10_000), sharpness=st.floats(0, 20))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_weak_duality(seed, sharpness):
    """No weights have a larger margin than any multipliers certify, separable or not."""
    x_ND, y_N, generator = random_problem(seed, examples=5, classes=3, dimensions=4)
    if seed % 2:
        y_N = y_N.roll(1)
    weights_CD = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    own = torch.nn.functional.one_hot(y_N, 3).bool()
    exponents_NC = -sharpness * margins.score_gaps(weights_CD, x_ND, y_N)
    softmax_NC = exponents_NC.masked_fill(own, -torch.inf).flatten().softmax(0).view_as(exponents_NC)
    margin_3 = margins.margins(weights_CD, x_ND, y_N)
    for name, margin in zip(margins.NORMS, margin_3, strict=True):
        bound = margins.dual_norm(margins.mean_gradient(softmax_NC, x_ND, y_N), name)
        assert margin <= bound + 1e-12  # rounding of sums of a dozen numbers of order 1


def test_mean_gradient_is_the_adjoint_and_the_loops():
    x_ND, y_N, generator = random_problem(2)
    weights_CD = torch.randn(4, 7, generator=generator, dtype=torch.float64)
    multipliers_NC = torch.rand(12, 4, generator=generator, dtype=torch.float64)
    multipliers_NC[torch.arange(12), y_N] = 0
    gradient_CD = margins.mean_gradient(multipliers_NC, x_ND, y_N)
    gaps_NC = margins.score_gaps(weights_CD, x_ND, y_N)
    torch.testing.assert_close((gaps_NC * multipliers_NC).sum(), (gradient_CD * weights_CD).sum())
    others = multipliers_NC[torch.nn.functional.one_hot(y_N, 4) == 0].numpy()
    looped = others @ constraint_gradients(x_ND, y_N, 4)
    np.testing.assert_allclose(gradient_CD.numpy().ravel(), looped, rtol=1e-12, atol=1e-12)  # sums of 48 terms


@pytest.mark.parametrize("name", margins.NORMS)
def test_dual_norm_is_attained_and_projection_is_nearest(name):
    """<G, W> reaches the dual norm on the ball; a projection leaves a residual normal to the ball."""
    generator = torch.Generator().manual_seed(1)
    gradient_CD = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    projected_CD = margins.project(1e6 * gradient_CD, name)  # so far out that it maximizes <G, W>
    assert margins.norm(projected_CD, name) <= 1 + 1e-12
    attained = (gradient_CD * projected_CD).sum()
    torch.testing.assert_close(attained, margins.dual_norm(gradient_CD, name))
    near_CD = margins.project(gradient_CD, name)
    others = torch.randn(200, 3, 5, generator=generator, dtype=torch.float64)
    others = others / margins.norm(others, name)[:, None, None]
    assert (((gradient_CD - near_CD) * (others - near_CD)).sum((-2, -1)) <= 1e-12).all()


def test_operator_norm_is_a_bound():
    """The steps of the primal-dual method are safe, by the singular values of the dense constraints."""
    x_ND, y_N, _ = random_problem(4)
    dense = np.linalg.norm(constraint_gradients(x_ND, y_N, 4), 2)
    bound = margins._operator_norm(x_ND, y_N, 4)
    assert dense <= bound <= 2 * dense
