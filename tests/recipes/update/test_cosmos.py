"""COSMOS against a first step by hand, both ends of its dial, and a loop over plain matrices."""

import copy
import math

import numpy as np
import pytest
import torch

from imprint.recipes.update.cosmos import Cosmos
from imprint.recipes.update.muon import COEFFICIENTS, Muon

SHAPES = [(6, 6), (5, 9), (9, 5), (1, 4)]


def matrix(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def run(gradients, **options):
    weights = torch.nn.Parameter(torch.zeros_like(gradients[0]))
    optimizer = Cosmos([weights], **options)
    for gradient in gradients:
        weights.grad = gradient.clone()
        optimizer.step()
    return weights.detach()


def quintic(x):
    """Five Newton-Schulz iterations through the singular value decomposition."""
    a, b, c = COEFFICIENTS
    left, values, right = np.linalg.svd(x, full_matrices=False)
    values = values / (np.linalg.norm(values) + 1e-7)
    for _ in range(5):
        values = a * values + b * values**3 + c * values**5
    return left * values @ right


def soap(gradients, lr, beta1, beta2, beta3, eps):
    """One-sided SOAP: Adam in a basis that follows the averaged ``GG'`` by ``QR(C Q)``; a step has norm lr sqrt(mn)."""
    m, n = gradients[0].shape
    basis = None
    weights, first, second, covariance = np.zeros((m, n)), np.zeros((m, n)), np.zeros((m, n)), np.zeros((m, m))
    for t, g in enumerate(gradients, 1):
        covariance = beta3 * covariance + (1 - beta3) * g @ g.T
        basis = np.linalg.eigh(covariance)[1][:, ::-1] if basis is None else np.linalg.qr(covariance @ basis)[0]
        first, second = beta1 * first + (1 - beta1) * g, beta2 * second + (1 - beta2) * (basis.T @ g) ** 2
        adam = basis.T @ first / (1 - beta1**t) / (np.sqrt(second / (1 - beta2**t)) + eps)
        direction = basis @ adam
        weights = weights - lr * math.sqrt(m * n) * direction / np.linalg.norm(direction)
    return weights


def plain(gradients, lr, rank, ratio, beta1, beta2, beta3, eps):
    """COSMOS on one wide matrix, step by step, as its definition reads, with projections as full matrices."""
    m, n = gradients[0].shape
    weights, momentum, second, scale = np.zeros((m, n)), np.zeros((m, n)), np.zeros((rank, n)), math.sqrt(m * n)
    for t, g in enumerate(gradients, 1):
        if t == 1:
            basis = np.linalg.eigh(g @ g.T)[1][:, ::-1][:, :rank]
            average = (1 - beta3) * basis.T @ g @ g.T @ basis
        else:
            tracked = beta3 * basis @ average @ basis.T + (1 - beta3) * g @ g.T
            basis = np.linalg.qr(tracked @ basis)[0]
            average = basis.T @ tracked @ basis
        momentum, second = beta1 * momentum + (1 - beta1) * g, beta2 * second + (1 - beta2) * (basis.T @ g) ** 2
        adam = basis @ (basis.T @ momentum / (np.sqrt(second / (1 - beta2**t)) + eps)) / (1 - beta1**t)
        rest = (np.eye(m) - basis @ basis.T) @ momentum
        rest = quintic(rest / np.linalg.norm(rest))
        direction = adam + ratio * scale * rest / np.linalg.norm(rest)
        weights = weights - lr * scale * direction / np.linalg.norm(direction)
    return weights


@pytest.mark.parametrize("ratio", [0.1, 1.0])
def test_the_first_step_by_hand(ratio):
    """The leading direction takes Adam's first step, its sign; what remains is one direction, at norm ratio sqrt(6)."""
    gradient = torch.tensor([[3.0, 0, 0], [0, 1, 0]], dtype=torch.float64)
    found = -run([gradient], lr=0.1, rank=1, ratio=ratio)
    direction = torch.tensor([[1.0, 0, 0], [0, ratio * math.sqrt(6), 0]], dtype=torch.float64)
    expected = 0.1 * math.sqrt(6) * direction / direction.norm()
    # eps 1e-8 beside the root 3 of the second moment
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_rank_zero_is_muon_at_fixed_length(shape):
    ours, theirs = (torch.nn.Parameter(torch.zeros(*shape, dtype=torch.float64)) for _ in range(2))
    optimizers = Cosmos([ours], lr=0.1, rank=0, beta1=0.9), Muon([theirs], lr=1.0, momentum=0.9, nesterov=False)
    for seed in range(8):
        before = ours.detach().clone(), theirs.detach().clone()
        for weights, optimizer in zip((ours, theirs), optimizers, strict=True):
            weights.grad = matrix(*shape, seed=seed)
            optimizer.step()
        moved, other = ours.detach() - before[0], theirs.detach() - before[1]
        expected = 0.1 * math.sqrt(math.prod(shape)) * other / other.norm()
        # both divide by a norm + 1e-7, ours of 1, theirs above 1; five iterations multiply that by at most 3.9^5 = 900
        torch.testing.assert_close(moved, expected, rtol=0, atol=1e-4 * moved.norm().item())


@pytest.mark.parametrize("shape", SHAPES)
def test_full_rank_is_one_sided_soap(shape):
    gradients = [matrix(*shape, seed=seed) for seed in range(10)]
    options = {"lr": 0.1, "beta1": 0.9, "beta2": 0.95, "beta3": 0.8, "eps": 1e-8}
    found = run(gradients, rank=100, **options)
    tall = shape[0] > shape[1]
    expected = soap([(g.mT if tall else g).numpy() for g in gradients], **options)
    # singular vectors instead of eigenvectors: eps times the squared condition number, below 1e-11, times ten steps
    torch.testing.assert_close(found, torch.from_numpy(expected.T if tall else expected), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "options", [{}, {"ratio": 1.0}, {"beta1": 0.5, "beta2": 0.9, "beta3": 0.7}, {"eps": 0.1}], ids=str
)
@pytest.mark.parametrize(("shape", "rank"), [((6, 6), 1), ((6, 6), 5), ((5, 9), 2), ((9, 5), 3)])
def test_against_a_plain_loop(shape, rank, options):
    everything = {
        "lr": 0.1,
        "rank": rank,
        "ratio": 0.1,
        "beta1": 0.9,
        "beta2": 0.95,
        "beta3": 0.95,
        "eps": 1e-8,
        **options,
    }
    gradients = [matrix(*shape, seed=seed) for seed in range(10)]
    tall = shape[0] > shape[1]
    expected = plain([(g.mT if tall else g).numpy() for g in gradients], **everything)
    expected = torch.from_numpy(expected.T if tall else expected)
    # eigenvectors of GG' lose eps times the squared condition number, below 1e-11, and Newton-Schulz raises what is
    # small by 3.4^5 = 480, ten times
    torch.testing.assert_close(run(gradients, **everything), expected, rtol=0, atol=1e-8)
    assert not torch.allclose(run(gradients, **{**everything, "rank": rank - 1}), expected, rtol=0, atol=1e-2)


def test_the_spectrum_under_a_constant_gradient():
    """The basis stays the leading eigenvectors, and ``S`` the average of their eigenvalues, ``(1 - b3^t) s^2``."""
    gradient = matrix(6, 9)
    weights = torch.nn.Parameter(torch.zeros(6, 9, dtype=torch.float64))
    optimizer = Cosmos([weights], rank=3, beta3=0.8)
    for _ in range(5):
        weights.grad = gradient.clone()
        optimizer.step()
    left, values, _ = torch.linalg.svd(gradient)
    state = optimizer.state[weights]
    # five products of matrices of norm s^2 < 40, and as many QRs, which keep eigenvectors to eps times a ratio of s^2
    tolerance = {"rtol": 0, "atol": 1e-12}
    torch.testing.assert_close(state["basis"] @ state["basis"].mT, left[:, :3] @ left[:, :3].mT, **tolerance)
    torch.testing.assert_close(state["spectrum"], (1 - 0.8**5) * torch.diag(values[:3] ** 2), **tolerance)


def test_signs_of_the_basis_do_not_matter():
    weights = torch.nn.Parameter(torch.zeros(6, 9, dtype=torch.float64))
    optimizer = Cosmos([weights], lr=0.1, rank=3)
    for seed in range(6):
        if seed == 3:
            flipped = torch.nn.Parameter(weights.detach().clone())
            other = Cosmos([flipped], lr=0.1, rank=3)
            state = copy.deepcopy(optimizer.state[weights])
            signs = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
            state["basis"] *= signs
            state["spectrum"] *= signs[:, None] * signs
            other.state[flipped] = state
        weights.grad = matrix(6, 9, seed=seed)
        optimizer.step()
        if seed >= 3:
            flipped.grad = matrix(6, 9, seed=seed)
            other.step()
    # signs change no rounding but that of sums; three steps of rms 0.1
    torch.testing.assert_close(flipped.detach(), weights.detach(), rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(8, 20), (20, 8)])
def test_a_remainder_of_rounding_is_no_step(shape, dtype):
    """A gradient of rank 2 leaves nothing outside of two directions; Muon of its rounding would be a full step."""
    gradient = (matrix(shape[0], 2) @ matrix(2, shape[1], seed=1)).to(dtype)
    found = run([gradient], lr=0.1, rank=2, ratio=1.0)
    # Adam's first step is the sign of the gradient in the eigenbasis
    wide = gradient if shape[0] < shape[1] else gradient.mT
    basis = torch.linalg.svd(wide.double())[0][:, :2]
    expected = -0.1 * math.sqrt(80) * (basis @ (basis.mT @ wide.double()).sign()) / math.sqrt(20)
    expected = expected if shape[0] < shape[1] else expected.mT
    # eps 1e-8 beside elements above 0.01, or float32's basis
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rank", [0, 2, 4])
@pytest.mark.parametrize("shape", [(4, 7), (7, 4)])
def test_a_step_has_the_root_mean_square_of_the_rate(shape, rank):
    found = run([matrix(*shape)], lr=0.1, rank=rank)
    # a few roundings in each of the norms
    assert found.square().mean().sqrt().item() == pytest.approx(0.1, rel=1e-13)
    assert not run([torch.zeros(*shape, dtype=torch.float64)], lr=0.1, rank=rank).any()


@pytest.mark.parametrize("rank", [0, 2, 100])
@pytest.mark.parametrize("shape", [(5, 8), (8, 5)])
def test_replicas_in_front_change_nothing_even_beside_a_broken_one(shape, rank):
    gradients = [torch.stack([matrix(*shape, seed=10 * t + r) for r in range(4)]) for t in range(6)]
    gradients[0][3] = torch.nan
    for gradient in gradients[3:]:
        gradient[2] = torch.nan
    together = run(gradients, rank=rank)
    for r in (0, 1):
        assert torch.equal(together[r], run([gradient[r : r + 1] for gradient in gradients], rank=rank)[0])
    assert torch.isnan(together[2:]).all()


def test_a_stored_state_goes_on_exactly():
    gradients = [matrix(5, 8, seed=seed) for seed in range(8)]
    weights = torch.nn.Parameter(torch.zeros(5, 8, dtype=torch.float64))
    optimizer = Cosmos([weights], rank=2)
    for t, gradient in enumerate(gradients):
        if t == 4:
            weights = torch.nn.Parameter(weights.detach().clone())
            stored, optimizer = optimizer.state_dict(), Cosmos([weights], rank=2)
            optimizer.load_state_dict(copy.deepcopy(stored))
        weights.grad = gradient
        optimizer.step()
    assert torch.equal(weights.detach(), run(gradients, rank=2))


def test_a_negative_rank_is_refused():
    with pytest.raises(ValueError, match="rank -1 is negative; 0 is Muon"):
        Cosmos([torch.nn.Parameter(torch.zeros(2, 2))], rank=-1)
