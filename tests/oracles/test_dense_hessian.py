"""Curvature against the dense Hessian, closed forms and complete enumeration."""

import itertools

import pytest
import torch

from imprint.losses import cross_entropy
from imprint.models import mlp
from imprint.probes.landscape import hessian

# float64 products of a few hundred terms; Lanczos runs to the end of the Krylov space
EXACT = {"rtol": 1e-9, "atol": 1e-10}


@pytest.fixture(scope="module")
def network():
    """Products with the Hessians of three small tanh networks, and the dense Hessians by torch.func."""
    generator = torch.Generator().manual_seed(0)
    module = mlp.build(inputs=3, classes=3, hidden=[4], activation="tanh").double()
    weights = {
        name: torch.randn(3, *weight.shape, generator=generator, dtype=torch.float64)
        for name, weight in module.named_parameters()
    }
    x = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    y = torch.randint(3, (20,), generator=generator)

    def loss(stacked):
        logits, _ = mlp.stacked(module, stacked, x)
        return cross_entropy(logits, y.expand(logits.shape[:-1])).mean(-1)

    def single(vector):
        pieces = vector.split([weight[0].numel() for weight in weights.values()])
        own = {name: piece.view(weights[name].shape[1:]) for name, piece in zip(weights, pieces, strict=True)}
        return torch.nn.functional.cross_entropy(torch.func.functional_call(module, own, (x,)), y)

    flat_RP = torch.cat([weight.flatten(1) for weight in weights.values()], -1)
    dense = torch.func.jacrev(torch.func.jacrev(single))
    dense_RPP = torch.stack([dense(vector) for vector in flat_RP])
    return hessian.hessian(loss, weights), dense_RPP


def start(dense_RPP):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(dense_RPP.shape[-1], generator=generator, dtype=torch.float64).expand(len(dense_RPP), -1)


def dense_operator(dense_RPP):
    return lambda vector_RP: torch.einsum("rpq,rq->rp", dense_RPP, vector_RP)


def test_products_are_the_dense_columns(network):
    operator, dense_RPP = network
    identity = torch.eye(dense_RPP.shape[-1], dtype=torch.float64)
    columns = torch.stack([operator(row.expand(3, -1)) for row in identity], -1)
    torch.testing.assert_close(columns, dense_RPP, **EXACT)


def test_top_eigenvalue_of_a_network(network):
    operator, dense_RPP = network
    value_R, residual_R = hessian.top_eigenvalue(operator, start(dense_RPP), 31)
    torch.testing.assert_close(value_R, torch.linalg.eigvalsh(dense_RPP)[:, -1], **EXACT)
    assert (residual_R < 1e-6).all()  # the last Krylov vector is rounding, and so is what it says


def test_three_largest_eigenvalues_of_a_network(network):
    operator, dense_RPP = network
    value_RK, residual_RK = hessian.top_eigenvalues(operator, start(dense_RPP), 31, 3)
    torch.testing.assert_close(value_RK, torch.linalg.eigvalsh(dense_RPP).flip(-1)[:, :3], **EXACT)
    assert (residual_RK < 1e-6).all()


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_an_eigenvalue_lies_within_the_residual(network, iterations):
    operator, dense_RPP = network
    value_R, residual_R = hessian.top_eigenvalue(operator, start(dense_RPP), iterations)
    values_RP = torch.linalg.eigvalsh(dense_RPP)
    assert ((values_RP - value_R[:, None]).abs().amin(-1) <= residual_R + 1e-12).all()
    assert (value_R <= values_RP[:, -1] + 1e-12).all()


@pytest.mark.parametrize("iterations", [3, 4, 40])
@pytest.mark.parametrize(
    "diagonal", [[3.0, 1.0, 0.5], [-1.0, -2.0, -4.0], [2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [5.0, 0.0, -9.0]]
)
def test_the_krylov_space_ends_early(diagonal, iterations):
    """A quadratic with at most three eigenvalues, also negative or zero; no invented eigenvalue 0 may win."""
    dense_RPP = torch.tensor([diagonal], dtype=torch.float64).diag_embed()
    value_R, residual_R = hessian.top_eigenvalue(dense_operator(dense_RPP), start(dense_RPP), iterations)
    torch.testing.assert_close(value_R, torch.tensor([max(diagonal)], dtype=torch.float64), **EXACT)
    torch.testing.assert_close(residual_R, torch.zeros(1, dtype=torch.float64), **EXACT)


def test_no_more_eigenvalues_than_the_space_gave():
    """Two different eigenvalues, and a space of two vectors: the third is unknown, not invented."""
    dense_RPP = torch.tensor([[-5.0, -5.0, -1.0, -1.0], [3.0, 2.0, 1.0, 0.0]], dtype=torch.float64).diag_embed()
    value_RK, residual_RK = hessian.top_eigenvalues(dense_operator(dense_RPP), start(dense_RPP), 4, 3)
    torch.testing.assert_close(value_RK[0, :2], torch.tensor([-1.0, -5.0], dtype=torch.float64), **EXACT)
    torch.testing.assert_close(value_RK[1], torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64), **EXACT)
    value_RK, residual_RK = hessian.top_eigenvalues(dense_operator(dense_RPP), start(dense_RPP), 2, 3)
    assert value_RK[:, 2].isnan().all() and residual_RK[:, 2].isnan().all() and value_RK[:, :2].isfinite().all()


def test_the_end_of_a_space_is_seen():
    """A start vector inside an invariant plane: exact arithmetic ends there, and so does this."""
    dense_RPP = torch.tensor([[4.0, 2.0, 1.0]], dtype=torch.float64).diag_embed()
    begin_RP = torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64)
    value_RK, _ = hessian.top_eigenvalues(dense_operator(dense_RPP), begin_RP, 3, 3)
    torch.testing.assert_close(value_RK[:, :2], torch.tensor([[4.0, 2.0]], dtype=torch.float64), **EXACT)
    assert value_RK[0, 2].isnan()


def test_exact_trace_of_a_network(network):
    operator, dense_RPP = network
    trace_R = hessian.exact_trace(operator, start(dense_RPP))
    torch.testing.assert_close(trace_R, dense_RPP.diagonal(dim1=-2, dim2=-1).sum(-1), **EXACT)


def test_a_finished_neighbour_stops_nobody():
    generator = torch.Generator().manual_seed(2)
    factor = torch.randn(12, 12, generator=generator, dtype=torch.float64)
    dense_RPP = torch.stack([torch.eye(12, dtype=torch.float64), factor + factor.T])
    value_R, _ = hessian.top_eigenvalue(dense_operator(dense_RPP), start(dense_RPP), 12)
    torch.testing.assert_close(value_R, torch.linalg.eigvalsh(dense_RPP)[:, -1], **EXACT)


def test_large_and_small_replicas_side_by_side():
    """Scale does not matter: eigenvalues 12 orders of magnitude apart in one fleet."""
    scales = torch.tensor([1e-6, 1.0, 1e6], dtype=torch.float64)
    dense_RPP = scales[:, None, None] * torch.linspace(-1, 2, 8, dtype=torch.float64).diag_embed()
    value_R, _ = hessian.top_eigenvalue(dense_operator(dense_RPP), start(dense_RPP), 20)
    torch.testing.assert_close(value_R, 2 * scales, rtol=1e-9, atol=0)


def test_trace_over_all_signs_is_exact(network):
    """The mean of s'Hs over all 2^P sign vectors is the trace, here of the leading block of P = 5."""
    dense_RPP = network[1][:, :5, :5]
    signs_MP = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=5)), dtype=torch.float64)
    trace_R, error_R = hessian.trace(dense_operator(dense_RPP), signs_MP, 3)
    torch.testing.assert_close(trace_R, dense_RPP.diagonal(dim1=-2, dim2=-1).sum(-1), **EXACT)
    off_RPP = dense_RPP - dense_RPP.diagonal(dim1=-2, dim2=-1).diag_embed()
    variance_R = 2 * torch.square(off_RPP).sum((-2, -1))  # of one draw (Hutchinson 1990)
    torch.testing.assert_close(error_R, (variance_R * 32 / 31 / 32).sqrt(), **EXACT)


def test_trace_of_a_diagonal_matrix_needs_one_draw():
    dense_RPP = torch.tensor([[1.0, -2.0, 4.0]], dtype=torch.float64).diag_embed()
    signs_MP = torch.tensor([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]], dtype=torch.float64)
    trace_R, error_R = hessian.trace(dense_operator(dense_RPP), signs_MP, 1)
    assert (trace_R.item(), error_R.item()) == (3.0, 0.0)
