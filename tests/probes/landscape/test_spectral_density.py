"""Spectra whose eigenvalues are known."""

import numpy as np
import pytest
import torch

from imprint.probes.landscape import spectral_density
from imprint.solution import Solution
from imprint.task import Task

LINEAR = {"name": "mlp", "hidden": [], "bias": False}
DIAGONAL = [9.0, 4.0, 1.0, 0.005, 0.0, -0.001, -2.0, -3.0]


def operator(dense_RPP):
    return lambda vector_RP: torch.einsum("rpq,rq->rp", dense_RPP, vector_RP)


def starts(draws, parameters, seed=0):
    return torch.randn(draws, parameters, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain(dense_PP, start_MP, iterations):
    """Stochastic Lanczos quadrature without deflation, all starts as if they were replicas: ``[1, M, K]``."""
    value_MK, vector_MKK, _, _ = spectral_density.ritz(lambda vector: vector @ dense_PP, start_MP, iterations)
    return value_MK[None], vector_MKK[:, 0].square()[None]


def rotated(values_P, seed):
    """A symmetric matrix with these eigenvalues and random eigenvectors."""
    generator = torch.Generator().manual_seed(seed)
    square = torch.randn(len(values_P), len(values_P), generator=generator, dtype=torch.float64)
    basis_PP = torch.linalg.qr(square)[0]
    return basis_PP @ values_P.diag() @ basis_PP.T


def exact(values_P, zero=0.001, bulk=0.01):
    """The scalars from all eigenvalues, by plain numpy."""
    values = np.asarray(values_P)
    size = np.abs(values)
    return {
        "negative_mass": size[values < 0].sum() / size.sum(),
        "negative_share": np.mean(values < -zero * size.max()),
        "bulk_share": np.mean(size <= bulk * size.max()),
        "effective_number": size.sum() ** 2 / np.square(size).sum(),
    }


def test_all_steps_know_a_matrix_exactly():
    """Every eigenvalue stands apart but 0, which is what is left: no noise of the starts remains."""
    dense_RPP = rotated(torch.tensor(DIAGONAL, dtype=torch.float64), 5)[None]
    rule = spectral_density.quadrature(operator(dense_RPP), starts(3, 8), 1, 8)
    found = spectral_density.summary(*rule, 8, 0.001, 0.01)
    for name, value in exact(DIAGONAL).items():
        # float64 times the spread of the eigenvalues, whose smallest gap is 1e-4 of the largest
        assert found[name].item() == pytest.approx(value, abs=1e-7), name
        assert found[f"{name}_error"].item() == pytest.approx(0, abs=1e-7), name
    assert (found["largest"].item(), found["smallest"].item()) == pytest.approx((9.0, -3.0), abs=1e-9)


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_a_rule_of_k_points_is_exact_to_degree_2k_minus_1(iterations):
    dense_PP, start_MP = rotated(torch.linspace(-1, 2, 12, dtype=torch.float64), 1), starts(3, 12)
    node_RMK, weight_RMK = plain(dense_PP, start_MP, iterations)
    power_MP = start_MP
    for degree in range(2 * iterations + 1):
        moment_M = (weight_RMK * node_RMK**degree).sum(-1)[0]
        expected_M = (start_MP * power_MP).sum(-1) / start_MP.square().sum(-1)
        if degree < 2 * iterations:
            torch.testing.assert_close(moment_M, expected_M, rtol=0, atol=1e-12)  # sums of numbers up to 2^5
        else:
            assert (moment_M - expected_M).abs().min() > 1e-3  # the next degree is not
        power_MP = power_MP @ dense_PP


BULK_AND_OUTLIERS = torch.cat([torch.linspace(-0.1, 0.2, 37), torch.tensor([1.0, 2, 4])]).double()


def test_the_mean_over_starts_is_the_spectrum():
    """Random eigenvectors: four jackknife errors of 150 starts around what all eigenvalues say."""
    rule = plain(rotated(BULK_AND_OUTLIERS, 2), starts(150, 40), 40)
    found = spectral_density.summary(*rule, 40, 0.001, 0.01)
    for name, value in exact(BULK_AND_OUTLIERS).items():
        error = found[f"{name}_error"].item()
        # four standard errors, themselves known to 1 / sqrt(2 * 149), 6 %, and the bias 1 / 150 of a quotient
        assert abs(found[name].item() - value) < 4.25 * error + value / 150, name
        assert 0 < error < 0.1 * max(value, 0.1), name


def test_what_stands_apart_adds_no_noise():
    """Twelve steps separate the three outliers; the trace is unbiased and has the variance of the rest alone."""
    dense_RPP = rotated(BULK_AND_OUTLIERS, 2)[None]
    value_RQ, vector_RQP = spectral_density.apart(operator(dense_RPP), starts(1, 40, 9), 12)
    assert {1.0, 2.0, 4.0} <= {round(value, 4) for value in value_RQ[0].tolist()}
    # orthonormal to rounding, also where a pair is known to 1 % only
    gram = vector_RQP[0] @ vector_RQP[0].T
    torch.testing.assert_close(gram, torch.eye(len(gram), dtype=torch.float64), rtol=0, atol=1e-12)
    first, other = (
        spectral_density.quadrature(operator(dense_RPP), starts(201, 40), 1, 12),
        plain(dense_RPP[0], starts(200, 40), 12),
    )
    trace_M, noisy_M = (40 * (node * weight).sum(-1)[0] for node, weight in (first, other))
    # four standard errors of 200 starts
    assert abs(trace_M.mean() - BULK_AND_OUTLIERS.sum()) < 4 * trace_M.std() / 200**0.5
    assert trace_M.std() < 0.2 * noisy_M.std()  # 2 sum of squares: 21 with the outliers, 0.4 without
    torch.testing.assert_close(first[1].sum(-1), torch.ones(1, 200, dtype=torch.float64), rtol=0, atol=1e-12)


def test_the_jackknife_is_the_standard_error_of_a_mean():
    """A share is a mean over starts; its jackknife error is the textbook one."""
    rule = plain(rotated(torch.tensor(DIAGONAL).double(), 3), starts(20, 8), 8)
    found = spectral_density.summary(*rule, 8, 0.001, 0.01)
    negative_M = (rule[1] * (rule[0] < -0.009)).sum(-1)[0]
    assert found["negative_share_error"].item() == pytest.approx(negative_M.std().item() / 20**0.5, rel=1e-10)


def test_the_density_has_the_mass_of_the_spectrum():
    edges = spectral_density.grid()[0]
    values = torch.tensor([[-1.0, -0.05, 0.0, 1e-6, 0.05, 1.0]], dtype=torch.float64)
    density = spectral_density.density(values, torch.full((1, 6), 1 / 6, dtype=torch.float64), edges)
    mass = density * edges.diff()
    assert mass.sum().item() == pytest.approx(1, abs=1e-12)
    # the kernel's part beyond four standard deviations is 6e-5
    for value, share in ((-1.0, 1 / 6), (0.0, 2 / 6), (1.0, 1 / 6)):
        near = (edges[:-1] + edges[1:]) / 2 - spectral_density.log_modulus(torch.tensor(value)).item()
        assert mass[0, near.abs() < 0.13].sum().item() == pytest.approx(share, abs=1e-4)


def test_cells_are_labelled_by_their_eigenvalue():
    edges, relative = spectral_density.grid()
    torch.testing.assert_close(spectral_density.log_modulus(relative), (edges[1:] + edges[:-1]) / 2, rtol=0, atol=1e-14)
    assert relative[len(relative) // 2].item() == pytest.approx(0, abs=1e-15)


def test_a_krylov_space_that_ends_early_invents_nothing():
    """Two different eigenvalues, ten steps: weights 3/4 and 1/4, and no 0 at an end of the spectrum."""
    values_P = torch.tensor([5.0, 5.0, 5.0, 2.0], dtype=torch.float64)
    rule = spectral_density.quadrature(operator(values_P.diag()[None]), starts(3, 4), 1, 10)
    for value, weight in ((5.0, 0.75), (2.0, 0.25)):
        near = (rule[0] - value).abs() < 1e-9
        assert (rule[1] * near).sum(-1).flatten().tolist() == pytest.approx([weight] * 2, abs=1e-12)
    found = spectral_density.summary(*rule, 4, 0.001, 0.01)
    assert (found["largest"].item(), found["smallest"].item()) == pytest.approx((5, 2), abs=1e-12)


def test_linear_least_squares_in_closed_form(fleet):
    """Squared error of a linear model: the eigenvalues are those of X'X / n, each as often as there are classes."""
    solution, task = fleet(model=LINEAR)
    task = Task(task.data, LINEAR, "squared_error", precision="float64")
    measured = spectral_density.measure(solution, task, examples=30, iterations=32, draws=12)
    gram = task.split("train")[0][:30].numpy()
    values = np.linalg.eigvalsh(gram.T @ gram / 30)
    np.testing.assert_allclose(measured["largest"], values[-1], rtol=1e-10)
    # a positive semidefinite matrix: the smallest is 0 to float64 rounding of the largest
    np.testing.assert_allclose(measured["smallest"], values[0], atol=1e-10 * values[-1])
    np.testing.assert_allclose(measured["negative_mass"], 0, atol=1e-10)
    np.testing.assert_array_equal(measured["negative_share"], 0)
    expected = exact(np.repeat(values, 10))
    for name in ("bulk_share", "effective_number"):
        # four standard errors of 12 draws, themselves known to 1 / sqrt(2 * 11), 21 %; bias of a quotient 1 / 12
        bound = 4.85 * measured[f"{name}_error"] + expected[name] / 12
        assert (abs(measured[name] - expected[name]) < bound).all(), name
        assert (measured[f"{name}_error"] < 0.1 * expected[name]).all(), name


@pytest.fixture
def network(fleet):
    """Two replicas of a small MLP, their task, and all eigenvalues of each one's Hessian, by torch.func."""
    solution, task = fleet(model={"name": "mlp", "hidden": [3], "activation": "tanh"})
    small = Solution(solution.data.isel(setting=[0], seed=[0, 1], snapshot=[2]))
    x, y = (value[:20] for value in task.split("train"))
    spectra = []
    for place in range(2):
        weights = {name: torch.tensor(small.values(name, "final")[0, place]) for name in small.parameters}

        def single(vector, weights=weights):
            parts = vector.split([value.numel() for value in weights.values()])
            own = {name: part.view(weights[name].shape) for name, part in zip(weights, parts, strict=True)}
            return torch.nn.functional.cross_entropy(torch.func.functional_call(task.model, own, (x,)), y)

        flat_P = torch.cat([value.flatten() for value in weights.values()])
        spectra.append(torch.linalg.eigvalsh(torch.func.jacrev(torch.func.jacrev(single))(flat_P)).numpy())
    return small, task, spectra


def test_dense_hessian_of_a_small_network(network):
    """All the scalars, from all eigenvalues."""
    small, task, spectra = network
    measured = spectral_density.measure(small, task, examples=20, iterations=120).isel(setting=0, snapshot=0)
    for place, values in enumerate(spectra):
        cell = measured.isel(seed=place)
        # as many steps as there are weights: all that is not 0 is known to rounding
        np.testing.assert_allclose([cell["smallest"], cell["largest"]], values[[0, -1]], rtol=1e-9)
        for name, value in exact(values).items():
            assert cell[name].item() == pytest.approx(value, rel=1e-6), name


def test_a_quarter_of_the_steps_is_close(network):
    """25 of 91 dimensions: what is left to the starts is within four of their errors, and the error of the nodes."""
    small, task, spectra = network
    measured = spectral_density.measure(small, task, examples=20, iterations=25, draws=30).isel(setting=0, snapshot=0)
    for place, values in enumerate(spectra):
        cell, expected = measured.isel(seed=place), exact(values)
        np.testing.assert_allclose([cell["smallest"], cell["largest"]], values[[0, -1]], rtol=1e-6)
        for name in ("negative_mass", "effective_number", "bulk_share"):
            # errors are known to 13 %; 2 % for the nodes, as the docstring's continuous functions promise
            assert abs(cell[name] - expected[name]) < 4.5 * cell[f"{name}_error"] + 0.02 * expected[name], name


def test_a_hessian_of_zeros_has_no_shape():
    rule = spectral_density.quadrature(lambda vector: 0 * vector, starts(3, 4), 3, 3)
    found = spectral_density.summary(*rule, 4, 0.001, 0.01)
    assert found["largest"].tolist() == [0, 0, 0]
    assert all(value.isnan().all() for name, value in found.items() if name not in ("largest", "smallest"))


def test_scale_does_not_matter():
    dense_RPP = rotated(torch.linspace(-1, 3, 10, dtype=torch.float64), 4) * torch.tensor([1e-6, 1, 1e6]).view(3, 1, 1)
    found = spectral_density.summary(
        *spectral_density.quadrature(operator(dense_RPP), starts(3, 10), 3, 6), 10, 0.001, 0.01
    )
    for name in ("density", "negative_mass", "bulk_share", "effective_number"):
        first = found[name][:1].expand_as(found[name])
        torch.testing.assert_close(found[name], first, rtol=1e-9, atol=1e-9)  # rounding over six steps


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 1}, "draws=1 is at least 2"),
        ({"iterations": 0}, "iterations=0"),
        ({"bulk": 1.5}, r"bulk=1.5 are parts of the largest modulus, in \[0, 1\)"),
        ({"zero": -0.1}, "zero=-0.1"),
    ],
)
def test_impossible_options_are_refused(fleet, options, message):
    solution, task = fleet()
    with pytest.raises(ValueError, match=message):
        spectral_density.measure(solution, task, **options)
