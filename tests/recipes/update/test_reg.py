"""REG against closed forms on matrices of rank one, on diagonals, and by what its scaling leaves unchanged."""

import pytest
import torch

from imprint.recipes.update.muon import Muon
from imprint.recipes.update.reg import NORMS, SCHEMES, Reg, scale_rows_and_columns

SHAPES = [(6, 6), (5, 9), (9, 5), (1, 4)]
EPS = torch.finfo(torch.float64).eps


def matrix(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scaled(values, norm=2, scheme="rows_first"):
    return scale_rows_and_columns(values, norm, scheme, 0.0)


def run(gradients, **options):
    weights = torch.nn.Parameter(torch.zeros_like(gradients[0]))
    optimizer = Reg([weights], **options)
    for gradient in gradients:
        weights.grad = gradient.clone()
        optimizer.step()
    return weights.detach()


# a handful of roundings on numbers up to 1
TOLERANCE = {"rtol": 0, "atol": 20 * EPS}


@pytest.mark.parametrize("norm", NORMS)
def test_a_matrix_of_rank_one(norm):
    """In a sequence only its signs are left, at the norm of the last scaling; symmetric, the roots of its elements."""
    left, right = matrix(6, 1), matrix(1, 4, seed=1)
    signs, ones = left.sign() @ right.sign(), torch.ones(6, dtype=torch.float64)
    columns, rows = torch.linalg.vector_norm(ones, NORMS[norm]), torch.linalg.vector_norm(ones[:4], NORMS[norm])
    torch.testing.assert_close(scaled(left @ right, norm, "rows_first"), signs / columns, **TOLERANCE)
    torch.testing.assert_close(scaled(left @ right, norm, "columns_first"), signs / rows, **TOLERANCE)
    norms = torch.linalg.vector_norm(left, NORMS[norm]) * torch.linalg.vector_norm(right, NORMS[norm])
    roots = signs * ((left @ right).abs() / norms).sqrt()
    torch.testing.assert_close(scaled(left @ right, norm, "symmetric"), roots, **TOLERANCE)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_diagonal_becomes_its_signs(scheme, norm):
    diagonal = torch.diag(torch.tensor([1e-6, -3.0, 0.5, -1e5], dtype=torch.float64))
    torch.testing.assert_close(scaled(diagonal, norm, scheme), diagonal.sign(), **TOLERANCE)


def test_rows_and_columns_by_hand():
    values = torch.tensor([[3.0, 4.0], [1.0, 0.0]], dtype=torch.float64)
    # rows / (5, 1) = [[.6, .8], [1, 0]], then columns / (sqrt(1.36), .8)
    first = torch.tensor([[0.6 / 1.36**0.5, 1.0], [1 / 1.36**0.5, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(scaled(values), first, **TOLERANCE)
    # columns / (sqrt(10), 4), then rows / (sqrt(1.9), sqrt(.1))
    second = torch.tensor([[0.9**0.5 / 1.9**0.5, 1 / 1.9**0.5], [1.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(scaled(values, scheme="columns_first"), second, **TOLERANCE)
    root = torch.tensor([[3 / (5 * 10**0.5) ** 0.5, 4 / 20**0.5], [1 / 10**0.25, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(scaled(values, scheme="symmetric"), root, **TOLERANCE)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_it_leaves_unchanged(shape, norm):
    values = matrix(*shape)
    rows, columns = matrix(shape[0], 1, seed=1).exp(), matrix(1, shape[1], seed=2).exp()
    # a sequence forgets the scales that it takes first, and leaves unit norms where it ends
    torch.testing.assert_close(scaled(rows * values, norm), scaled(values, norm), **TOLERANCE)
    ends = torch.linalg.vector_norm(scaled(values, norm), NORMS[norm], dim=0)
    torch.testing.assert_close(ends, torch.ones_like(ends), **TOLERANCE)
    other = scaled(values * columns, norm, "columns_first")
    torch.testing.assert_close(other, scaled(values, norm, "columns_first"), **TOLERANCE)
    torch.testing.assert_close(other, scaled((values * columns).mT, norm, "rows_first").mT, **TOLERANCE)
    for scheme in SCHEMES:
        torch.testing.assert_close(scaled(7 * values, norm, scheme), scaled(values, norm, scheme), **TOLERANCE)
        torch.testing.assert_close(
            scaled(-values.flip(0), norm, scheme), -scaled(values, norm, scheme).flip(0), **TOLERANCE
        )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_on_an_orthogonal_matrix_it_is_muon(scheme):
    """Rows and columns of a Hadamard matrix are balanced, and it is its own polar factor: both go along it."""
    small = torch.tensor([[1.0, 1], [1, -1]], dtype=torch.float64)
    hadamard = torch.kron(torch.kron(small, small), small)
    muon = torch.nn.Parameter(torch.zeros(8, 8, dtype=torch.float64))
    muon.grad = 0.3 * hadamard
    Muon([muon], lr=0.1).step()
    ours = run([0.3 * hadamard], lr=0.1, scheme=scheme)
    torch.testing.assert_close(ours, -0.1 * hadamard, **TOLERANCE)
    # Newton-Schulz sends equal singular values to equal ones
    torch.testing.assert_close(ours / ours.norm(), muon.detach() / muon.detach().norm(), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "options", [{}, {"momentum": 0.5}, {"norm": 1}, {"scheme": "symmetric"}, {"eps": 0.1}], ids=str
)
@pytest.mark.parametrize("shape", SHAPES)
def test_against_a_plain_loop(shape, options):
    everything = {"momentum": 0.95, "norm": 2, "scheme": "rows_first", "eps": 1e-8, **options}
    gradients = [matrix(*shape, seed=seed) for seed in range(8)]
    momentum, expected = 0, 0
    for gradient in gradients:
        momentum = everything["momentum"] * momentum + (1 - everything["momentum"]) * gradient
        direction = scale_rows_and_columns(momentum, everything["norm"], everything["scheme"], everything["eps"])
        expected = expected - 0.1 * direction / direction.square().mean().sqrt()
    # eight steps with a few roundings of numbers up to 0.1 sqrt(mn) < 1
    torch.testing.assert_close(run(gradients, lr=0.1, **everything), expected, rtol=0, atol=100 * EPS)


def test_rows_without_a_gradient_stay():
    gradient = matrix(4, 3)
    gradient[1] = 0
    moved = run([gradient] * 3)
    assert not moved[1].any() and moved[[0, 2, 3]].all()
    assert not run([torch.zeros(4, 3, dtype=torch.float64)]).any()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("norm", NORMS)
def test_replicas_in_front_change_nothing_even_beside_a_broken_one(norm, scheme):
    gradients = [torch.stack([matrix(5, 7, seed=10 * t + r) for r in range(4)]) for t in range(4)]
    gradients[2][1] = torch.nan
    options = {"norm": norm, "scheme": scheme}
    together = run(gradients, **options)
    for r in (0, 2, 3):
        assert torch.equal(together[r], run([gradient[r : r + 1] for gradient in gradients], **options)[0])
    assert torch.isnan(together[1]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"norm": 3}, "norm 3 is not 1, 2 or 'max'"), ({"scheme": "both"}, "scheme 'both' is not one of rows_first")],
)
def test_unknown_variants_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Reg([torch.nn.Parameter(torch.zeros(2, 2))], **options)
