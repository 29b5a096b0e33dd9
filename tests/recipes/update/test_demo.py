"""DeMo against SciPy's transform block by block, and in the limits of all coefficients and of one."""

import math

import numpy as np
import pytest
import scipy.fft
import torch

from imprint.recipes.update.demo import Demo, cosines, fast_components, largest_divisor

SHAPES = [(), (1,), (10,), (12, 8), (67, 6), (6, 3, 2, 2)]
CPU = torch.device("cpu")
EPS = torch.finfo(torch.float64).eps


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def run(gradients, **options):
    weights = torch.nn.Parameter(torch.zeros_like(gradients[0]))
    optimizer = Demo([weights], **options)
    for gradient in gradients:
        weights.grad = gradient.clone()
        optimizer.step()
    return weights.detach(), optimizer.state[weights]["momentum"]


def plain(gradients, lr, decay, topk, chunk):
    """DeMo on one tensor, block by block."""
    shape = gradients[0].shape
    rows = shape[0] if len(shape) > 1 else 1
    weights, momentum = np.zeros((rows, math.prod(shape) // rows)), np.zeros((rows, math.prod(shape) // rows))
    h, w = (max(d for d in range(1, chunk + 1) if side % d == 0) for side in momentum.shape)
    for gradient in gradients:
        momentum = decay * momentum + lr * gradient.numpy().reshape(momentum.shape)
        fast = np.zeros_like(momentum)
        for i in range(0, momentum.shape[0], h):
            for j in range(0, momentum.shape[1], w):
                coefficients = scipy.fft.dctn(momentum[i : i + h, j : j + w], type=2, norm="ortho")
                small = np.argsort(-np.abs(coefficients), axis=None)[topk:]
                coefficients.reshape(-1)[small] = 0
                fast[i : i + h, j : j + w] = scipy.fft.idctn(coefficients, type=2, norm="ortho")
        momentum = momentum - fast
        # where a wave is zero, SciPy's is only nearly so
        weights = weights - lr * np.sign(fast) * (np.abs(fast) > 1e-14)
    return torch.from_numpy(weights.reshape(shape)), torch.from_numpy(momentum.reshape(shape))


@pytest.mark.parametrize("size", [1, 2, 3, 8, 50, 64])
def test_the_matrix_is_scipys_transform(size):
    found = cosines(size, torch.float64, CPU)
    # angles below 2 pi are rounded to eps of themselves; rows have norm 1
    tolerance = {"rtol": 0, "atol": 20 * EPS}
    torch.testing.assert_close(
        found, torch.from_numpy(scipy.fft.dct(np.eye(size), type=2, norm="ortho", axis=0)), **tolerance
    )
    torch.testing.assert_close(found @ found.mT, torch.eye(size, dtype=torch.float64), **tolerance)


@pytest.mark.parametrize(
    ("size", "limit", "divisor"), [(64, 64, 64), (100, 64, 50), (784, 64, 56), (67, 64, 1), (10, 64, 10), (1, 8, 1)]
)
def test_the_side_of_a_block(size, limit, divisor):
    assert largest_divisor(size, limit) == divisor


@pytest.mark.parametrize("chunk", [1, 4, 64])
def test_all_coefficients_give_the_matrix_back(chunk):
    matrices = draw(3, 12, 10)
    # four products with orthogonal matrices of at most 12 rows
    torch.testing.assert_close(fast_components(matrices, chunk, chunk**2), matrices, rtol=0, atol=100 * EPS)


@pytest.mark.parametrize("topk", [1, 3, 7])
def test_what_is_left_out_are_the_smallest_coefficients(topk):
    matrices = draw(2, 6, 5)
    rest = matrices - fast_components(matrices, 64, topk)
    coefficients = torch.from_numpy(scipy.fft.dctn(matrices.numpy(), type=2, norm="ortho", axes=(1, 2))).flatten(1)
    smallest = coefficients.abs().sort().values[:, : 30 - topk]
    torch.testing.assert_close(rest.norm(dim=(1, 2)), smallest.norm(dim=1), rtol=1e-13, atol=0)


def test_a_single_wave_is_one_coefficient():
    wave = 0.7 * torch.outer(cosines(8, torch.float64, CPU)[3], cosines(6, torch.float64, CPU)[2])
    torch.testing.assert_close(fast_components(wave[None], 64, 1)[0], wave, rtol=0, atol=20 * EPS)


@pytest.mark.parametrize(
    "options", [{}, {"topk": 5}, {"topk": 2, "decay": 0.5}, {"topk": 3, "chunk": 4}, {"lr": 0.3}], ids=str
)
@pytest.mark.parametrize("shape", SHAPES)
def test_against_a_plain_loop(shape, options):
    everything = {"lr": 0.1, "decay": 0.999, "topk": 32, "chunk": 64, **options}
    gradients = [draw(*shape, seed=seed) for seed in range(6)]
    (weights, momentum), (expected, left) = run(gradients, **everything), plain(gradients, **everything)
    # signs times the rate, six times; the momentum passes six pairs of orthogonal transforms of at most 12 or 10 terms
    torch.testing.assert_close(weights, expected, rtol=0, atol=10 * EPS)
    torch.testing.assert_close(momentum, left, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_with_all_coefficients_it_is_sign_descent(shape):
    gradients = [draw(*shape, seed=seed) for seed in range(5)]
    weights, momentum = run(gradients, lr=0.1, topk=10**6)
    expected = torch.zeros(shape, dtype=torch.float64)
    for gradient in gradients:
        expected -= 0.1 * gradient.sign()
    assert torch.equal(weights, expected)
    # nothing is kept back
    assert momentum.abs().max() < 100 * EPS


def test_the_size_of_gradients_does_not_matter():
    """Signs and the order of coefficients have no scale; a power of two changes no rounding."""
    gradients = [draw(12, 8, seed=seed) for seed in range(5)]
    assert torch.equal(run(gradients, topk=4)[0], run([2.0**-20 * gradient for gradient in gradients], topk=4)[0])


@pytest.mark.parametrize("shape", [(10,), (12, 8), (6, 3, 2, 2)])
def test_replicas_in_front_change_nothing_even_beside_a_broken_one(shape):
    gradients = [torch.stack([draw(*shape, seed=10 * t + r) for r in range(4)]) for t in range(5)]
    for gradient in gradients[3:]:
        gradient[2] = torch.nan
    together, _ = run(gradients, topk=3, chunk=6, leading=1)
    for r in (0, 1, 3):
        alone = run([gradient[r] for gradient in gradients], topk=3, chunk=6)[0]
        assert torch.equal(together[r], alone)
        assert torch.equal(
            together[r], run([gradient[r : r + 1] for gradient in gradients], topk=3, chunk=6, leading=1)[0][0]
        )
    # without saying that the first axis numbers replicas, blocks go across them
    assert not torch.equal(run(gradients[:3], topk=3, chunk=6)[0], run(gradients[:3], topk=3, chunk=6, leading=1)[0])


@pytest.mark.parametrize("name", ["topk", "chunk"])
def test_zero_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} 0 is not at least 1"):
        Demo([torch.nn.Parameter(torch.zeros(2))], **{name: 0})
