"""SOAP against a loop over plain matrices, pytorch_optimizer's, and what follows from its definition."""

from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_optimizer
import torch
from pytorch_optimizer.optimizer import soap as package

from imprint.recipes.update.soap import Soap, power_iteration

SHAPES = [(6, 6), (8, 3), (3, 8), (1, 5), (5, 1)]
VARIANTS = [
    {},
    {"precondition_frequency": 1},
    {"precondition_frequency": 3, "shampoo_beta": 0.8},
    {"precondition_frequency": 4, "betas": (0.9, 0.99), "eps": 1e-3},
    {"precondition_frequency": 3, "correct_bias": False},
    {"precondition_frequency": 3, "normalize_gradient": True},
]
# rounding decides the QR of a factor that misses several directions: the first must have seen enough gradients
DETERMINED = [
    (shape, options)
    for shape in SHAPES
    for options in VARIANTS
    if min(shape) * (options.get("precondition_frequency", 10) + 1) >= max(shape) - 1
]
STEPS = 40
# forty steps of at most about lr / (1 - b1) = 0.2; a refresh multiplies roundings of 1e-16 by the factors' condition
TOLERANCE = {"rtol": 0, "atol": 1e-10}


def matrix(*shape, seed=0):
    """Normal numbers whose columns, and the more so rows, are of different sizes."""
    draw = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rows = torch.linspace(1, 2, shape[-2], dtype=torch.float64).unsqueeze(1)
    return draw * rows * torch.linspace(1, 1.5, shape[-1], dtype=torch.float64)


def gradients_of(*shape, count=STEPS):
    return [matrix(*shape, seed=seed) for seed in range(count)]


def started(gradients, **options):
    """An optimizer after its first step, and its weights."""
    weights = torch.nn.Parameter(torch.zeros_like(gradients[0]), requires_grad=False)
    optimizer = Soap([weights], lr=0.01, **options)
    weights.grad = gradients[0].clone()
    optimizer.step()
    return optimizer, weights


def path(optimizer, weights, gradients):
    """The weights after each further step."""
    found = []
    for gradient in gradients[1:]:
        weights.grad = gradient.clone()
        optimizer.step()
        found.append(weights.detach().clone())
    return torch.stack(found)


def run(gradients, **options):
    return path(*started(gradients, **options), gradients)


def bases(optimizer):
    """Eigenvectors as columns: where a factor is singular, they are not determined by the gradients."""
    (state,) = optimizer.state.values()
    return state["left_basis"].mT.numpy().copy(), state["right_basis"].mT.numpy().copy()


def plain(gradients, left, right, betas, shampoo_beta, eps, precondition_frequency, correct_bias, normalize_gradient):
    """SOAP on one matrix as the paper's algorithm reads, the momentum outside of the bases; in NumPy."""
    gradients = [g.numpy() for g in gradients]
    memory = betas[1] if shampoo_beta is None else shampoo_beta
    covariances = [(1 - memory) * gradients[0] @ gradients[0].T, (1 - memory) * gradients[0].T @ gradients[0]]
    weights, momentum, second, found = 0 * gradients[0], 0 * gradients[0], 0 * gradients[0], []
    for t, g in enumerate(gradients[1:], 1):
        momentum = betas[0] * momentum + (1 - betas[0]) * g
        second = betas[1] * second + (1 - betas[1]) * (left.T @ g @ right) ** 2
        step = left @ (left.T @ momentum @ right / (np.sqrt(second) + eps)) @ right.T
        if normalize_gradient:
            step = step / (np.sqrt((step**2).mean()) + eps)
        scale = np.sqrt(1 - betas[1] ** t) / (1 - betas[0] ** t) if correct_bias else 1.0
        weights = weights - 0.01 * scale * step
        covariances = [memory * c + (1 - memory) * new for c, new in zip(covariances, (g @ g.T, g.T @ g), strict=True)]
        if t % precondition_frequency == 0:
            rows, columns = (np.argsort(-np.diag(q.T @ c @ q)) for c, q in zip(covariances, (left, right), strict=True))
            second = second[rows][:, columns]
            left = np.linalg.qr((covariances[0] @ left)[:, rows])[0]
            right = np.linalg.qr((covariances[1] @ right)[:, columns])[0]
        found.append(weights)
    return torch.from_numpy(np.stack(found))


def theirs(gradients, left, right, **options):
    """The package's path from the same bases."""
    weights = torch.nn.Parameter(torch.zeros_like(gradients[0]), requires_grad=False)
    optimizer = pytorch_optimizer.SOAP([weights], lr=0.01, weight_decay=0.0, **options)
    weights.grad = gradients[0].clone()
    optimizer.step()
    optimizer.state[weights]["Q"] = [torch.from_numpy(left), torch.from_numpy(right)]
    return path(optimizer, weights, gradients)


@pytest.mark.parametrize(("shape", "options"), DETERMINED, ids=str)
def test_against_a_plain_loop(shape, options):
    everything = {
        "betas": (0.95, 0.95), "shampoo_beta": None, "eps": 1e-8, "precondition_frequency": 10, "correct_bias": True,
        "normalize_gradient": False, **options,
    }  # fmt: skip
    gradients = gradients_of(*shape)
    optimizer, weights = started(gradients, **options)
    left, right = bases(optimizer)
    expected = plain(gradients, left, right, **everything)
    torch.testing.assert_close(path(optimizer, weights, gradients), expected, **TOLERANCE)


@pytest.mark.parametrize(("shape", "options"), DETERMINED, ids=str)
def test_it_is_the_package_s_with_a_qr_in_double_precision(monkeypatch, shape, options):
    monkeypatch.setattr(package, "torch", SimpleNamespace(**{**vars(torch), "float32": torch.float64}))
    gradients = gradients_of(*shape)
    optimizer, weights = started(gradients, **options)
    expected = theirs(gradients, *bases(optimizer), **options)
    torch.testing.assert_close(path(optimizer, weights, gradients), expected, **TOLERANCE)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_package_s_but_for_the_qr_in_single_precision(shape):
    gradients = gradients_of(*shape, count=26)
    optimizer, weights = started(gradients)
    expected = theirs(gradients, *bases(optimizer))
    found = path(optimizer, weights, gradients)
    # steps 2 to 11 are made in the first bases; each has numbers near 0.01
    torch.testing.assert_close(found[:10], expected[:10], rtol=0, atol=1e-12)
    # 6e-8 in a vector, times the spread of a factor's eigenvalues, here below 1e3, in steps of 0.2 in all
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)
    if min(shape) > 1:
        assert not torch.allclose(found[10:], expected[10:], rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_first_step_starts_the_bases_and_moves_nothing(shape):
    gradient = matrix(*shape)
    optimizer, weights = started([gradient])
    assert not weights.any()
    products = gradient @ gradient.mT, gradient.mT @ gradient
    for basis, product in zip(bases(optimizer), products, strict=True):
        values = basis.T @ product.numpy() @ basis
        expected = np.linalg.svd(product)[1]  # the largest first
        # eigenvalues below 1e3, each to some roundings of the largest
        np.testing.assert_allclose(values, np.diag(expected), rtol=0, atol=1e-12 * max(expected))


def test_power_iteration_turns_towards_the_largest_eigenvalue():
    values = torch.tensor([1.0, 100.0, 10.0], dtype=torch.float64)
    start = torch.linalg.qr(torch.eye(3, dtype=torch.float64) + 0.1 * matrix(3, 3))[0].mT
    basis, order = power_iteration(torch.diag(values), start)
    assert order.tolist() == [1, 2, 0]
    for _ in range(9):
        basis, order = power_iteration(torch.diag(values), basis)
    assert order.tolist() == [0, 1, 2]
    # angles shrink by the ratio of eigenvalues, ten, at each of ten iterations
    torch.testing.assert_close(basis.abs(), torch.eye(3, dtype=torch.float64)[[1, 2, 0]], rtol=0, atol=1e-9)


def test_turning_the_gradients_turns_the_weights():
    gradients = gradients_of(5, 5)
    left, right = (torch.linalg.qr(matrix(5, 5, seed=seed))[0] for seed in (101, 102))
    options = {"precondition_frequency": 3}
    expected = left @ run(gradients, **options) @ right.mT
    found = run([left @ g @ right.mT for g in gradients], **options)
    # roundings of 1e-16, times the inverse distance of the first factors' eigenvalues and of a power iteration's
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    # and Adam, which has no bases, does not do that
    adam = [torch.optim.Adam([torch.nn.Parameter(torch.zeros(5, 5, dtype=torch.float64))]) for _ in range(2)]
    for optimizer, g in zip(adam, (gradients[0], left @ gradients[0] @ right.mT), strict=True):
        optimizer.param_groups[0]["params"][0].grad = g
        optimizer.step()
    one, other = (optimizer.param_groups[0]["params"][0].detach() for optimizer in adam)
    assert (left @ one @ right.mT - other).abs().max() > 1e-4


def test_a_normalized_step_is_as_long_as_the_rate():
    gradients = gradients_of(6, 4)
    steps = run(gradients, normalize_gradient=True, correct_bias=False, precondition_frequency=3).diff(dim=0)
    # eps 1e-8 over directions near 1
    torch.testing.assert_close(steps.square().mean((1, 2)).sqrt(), torch.full((38,), 0.01).double(), rtol=1e-6, atol=0)


STACKED = [*SHAPES, (1, 1), (2, 1), (7, 5), (5, 7), (33, 10), (33, 1), (1, 33)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("shape", STACKED)
def test_replicas_in_front_change_nothing_even_beside_broken_ones(shape, dtype):
    gradients = [torch.stack([matrix(*shape, seed=10 * t + r).to(dtype) for r in range(5)]) for t in range(12)]
    options = {"precondition_frequency": 2, "normalize_gradient": True}
    for gradient in gradients[4:]:
        gradient[2, -1, 0] = torch.nan
    gradients[0][3, 0, -1] = torch.inf
    together = run(gradients, **options)
    for r in (0, 1, 4):
        assert torch.equal(together[:, r], run([gradient[r : r + 1] for gradient in gradients], **options)[:, 0])
    assert torch.isnan(together[3:, 2]).all() and torch.isnan(together[:, 3]).all()


@pytest.mark.parametrize("shape", [(7, 5), (1, 6)])
def test_those_who_stay_go_on_as_if_nobody_had_left(shape):
    gradients = [torch.stack([matrix(*shape, seed=10 * t + r) for r in range(5)]) for t in range(16)]
    expected = run(gradients, precondition_frequency=2)
    keep = torch.tensor([True, False, False, True, True])
    optimizer, weights = started(gradients, precondition_frequency=2)
    path(optimizer, weights, gradients[:8])
    state = {key: value[keep] if torch.is_tensor(value) else value for key, value in optimizer.state[weights].items()}
    weights.data = weights.data[keep]
    optimizer.state[weights] = state
    found = path(optimizer, weights, [gradient[keep] for gradient in gradients[7:]])
    assert torch.equal(found, expected[7:, keep])


def test_without_a_gradient_nothing_moves():
    assert not run([torch.zeros(2, 4, 3, dtype=torch.float64)] * 12, precondition_frequency=2).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"betas": (0.9, 1.0)}, r"a memory of 1.0 is not in \[0, 1\)"),
        ({"shampoo_beta": -0.1}, "a memory of -0.1"),
        ({"precondition_frequency": 0}, "precondition_frequency 0 is below 1 step"),
    ],
)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Soap([torch.nn.Parameter(torch.zeros(2, 2))], **options)
