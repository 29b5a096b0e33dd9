"""Shampoo against closed forms, a loop over plain matrices, and pytorch_optimizer's."""

import pytest
import pytorch_optimizer
import torch

from imprint.recipes.update.shampoo import Shampoo, eigenvectors, inverse_root

SHAPES = [(6, 6), (8, 3), (3, 8)]


def matrix(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain_root(symmetric, power, eps):
    """(A + eps I)^-power, through the singular value decomposition instead of the eigenvalues."""
    left, values, _ = torch.linalg.svd(symmetric)
    return left @ torch.diag((values + eps) ** -power) @ left.mT


def plain(gradients, lr, momentum, accumulation, beta2, exponent, eps, refresh, graft):
    """Shampoo on one matrix, step by step, as its definition reads."""
    rows, columns = gradients[0].shape
    weights, buffer = torch.zeros(rows, columns, dtype=torch.float64), 0
    left, right, first, second = 0, 0, 0, 0
    for t, g in enumerate(gradients, 1):
        keep, add = (beta2, 1 - beta2) if accumulation == "average" else (1, 1)
        left, right = keep * left + add * g @ g.mT, keep * right + add * g.mT @ g
        if (t - 1) % refresh == 0:
            scale = 1 - beta2**t if accumulation == "average" else 1
            roots = plain_root(left / scale, exponent, eps), plain_root(right / scale, exponent, eps)
        buffer = momentum * buffer + g
        direction = roots[0] @ buffer @ roots[1]
        if graft == "adam":
            first, second = 0.9 * first + 0.1 * g, beta2 * second + (1 - beta2) * g**2
            adam = (first / (1 - 0.9**t)) / ((second / (1 - beta2**t)) ** 0.5 + 1e-8)
            direction = direction / direction.norm() * adam.norm()
        weights = weights - lr * direction
    return weights


def run(gradients, **options):
    weights = torch.nn.Parameter(torch.zeros_like(gradients[0]))
    optimizer = Shampoo([weights], **options)
    for gradient in gradients:
        weights.grad = gradient.clone()
        optimizer.step()
    return weights.detach()


@pytest.mark.parametrize("accumulation", ["sum", "average"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_first_step_is_the_polar_factor_up_to_eps(shape, accumulation):
    gradient, eps = matrix(*shape), 1e-6
    left, values, right = torch.linalg.svd(gradient, full_matrices=False)
    found = -run([gradient], lr=1.0, momentum=0.9, accumulation=accumulation, exponent=0.25, eps=eps)
    # (s^2 + eps)^(-1/4) s (s^2 + eps)^(-1/4), exactly; eigenvalues s^2 of the products lose eps * cond(G)^2 < 1e-11
    expected = left @ torch.diag(values / (values**2 + eps).sqrt()) @ right
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    # and that is U V' up to eps / (2 s^2)
    assert (found - left @ right).abs().max() <= eps / (2 * values.min() ** 2) + 1e-10


@pytest.mark.parametrize("exponent", [0.25, 0.5, 0.1])
def test_the_exponent(exponent):
    gradient = matrix(6, 4)
    left, values, right = torch.linalg.svd(gradient, full_matrices=False)
    found = -run([gradient], lr=1.0, accumulation="sum", exponent=exponent, eps=1e-6)
    expected = left @ torch.diag(values * (values**2 + 1e-6) ** (-2 * exponent)) @ right
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"accumulation": "sum"},
        {"refresh": 4},
        {"refresh": 3, "accumulation": "sum", "momentum": 0.0},
        {"exponent": 0.5, "beta2": 0.9},
        {"graft": "adam"},
        {"graft": "adam", "accumulation": "sum", "refresh": 5},
    ],
    ids=str,
)
def test_against_a_plain_loop(shape, options):
    everything = {
        "lr": 0.01, "momentum": 0.9, "accumulation": "average", "beta2": 0.99, "exponent": 0.25, "eps": 1e-4,
        "refresh": 1, "graft": "none", **options,
    }  # fmt: skip
    gradients = [matrix(*shape, seed=seed) for seed in range(10)]
    # the root of a singular factor divides rounding by eps: 1e-16 * (1e-4)^(-1/2 - 1), ten steps of 0.01
    tolerance = {"rtol": 0, "atol": 1e-9}
    torch.testing.assert_close(run(gradients, **everything), plain(gradients, **everything), **tolerance)


@pytest.mark.parametrize("shape", SHAPES)
def test_against_pytorch_optimizer(shape):
    """Its Shampoo starts the factors at eps I and sums: the same as adding eps to the eigenvalues of the sum."""
    theirs = torch.nn.Parameter(torch.zeros(*shape, dtype=torch.float64))
    other = pytorch_optimizer.Shampoo([theirs], lr=0.1, momentum=0.0, matrix_eps=1e-3, preconditioning_compute_steps=1)
    gradients = [matrix(*shape, seed=seed) for seed in range(8)]
    for gradient in gradients:
        theirs.grad = gradient.clone()
        other.step()
    found = run(gradients, lr=0.1, momentum=0.0, accumulation="sum", exponent=0.25, eps=1e-3, refresh=1)
    # singular values instead of eigenvalues of factors with condition below 1e6, eight steps
    torch.testing.assert_close(found, theirs.detach(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", [(5, 4), (1, 1), (1, 33), (33, 1), (33, 10)])
def test_replicas_in_front_change_nothing_even_beside_a_broken_one(shape):
    gradients = [torch.stack([matrix(*shape, seed=10 * t + r) for r in range(4)]) for t in range(6)]
    options = {"lr": 0.1, "refresh": 2, "graft": "adam"}
    for gradient in gradients[3:]:
        gradient[2] = torch.nan
    together = run(gradients, **options)
    for r in (0, 1, 3):
        assert torch.equal(together[r], run([gradient[r : r + 1] for gradient in gradients], **options)[0])
    assert torch.isnan(together[2]).all()


def test_inverse_root_of_a_diagonal():
    found = inverse_root(torch.diag(torch.tensor([16.0, 1.0, 0.0], dtype=torch.float64)), 0.25, 1e-4)
    expected = torch.tensor([16.0001, 1.0001, 0.0001], dtype=torch.float64) ** -0.25
    torch.testing.assert_close(found, torch.diag(expected), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulation": "mean"}, "accumulation 'mean' is not 'sum' or 'average'"),
        ({"graft": "sgd"}, "graft 'sgd' is not"),
    ],
)
def test_unknown_variants_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Shampoo([torch.nn.Parameter(torch.zeros(2, 2))], **options)


def test_a_matrix_on_which_eigh_fails_is_taken_in_double_precision(monkeypatch):
    """LAPACK fails on few matrices, and on others from version to version: the failure is made, the rest is real."""
    real = torch.linalg.eigh
    draw = torch.randn(4, 5, 5, generator=torch.Generator().manual_seed(0))
    matrices = draw @ draw.mT
    hard, hopeless = matrices[1, 0, 0].item(), matrices[3, 0, 0].item()

    def failing(matrix):
        corners = matrix[..., 0, 0].flatten().tolist()
        if hopeless in corners or (hard in corners and matrix.dtype == torch.float32):
            raise torch.linalg.LinAlgError("the algorithm failed to converge")
        return real(matrix)

    expected = real(matrices)
    monkeypatch.setattr(torch.linalg, "eigh", failing)
    values, vectors = eigenvectors(matrices)
    for row in (0, 2):
        assert torch.equal(values[row], expected[0][row]) and torch.equal(vectors[row], expected[1][row])
    assert values.dtype == vectors.dtype == torch.float32
    # single precision, eigenvalues near ten
    torch.testing.assert_close(values[1], real(matrices[1].double())[0].float(), rtol=1e-5, atol=1e-5)
    assert torch.isnan(values[3]).all() and torch.isnan(vectors[3]).all()
