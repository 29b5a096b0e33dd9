"""The gradient orthogonal to the weights: identities, a null space, pytorch_optimizer's."""

import pytest
import pytorch_optimizer
import torch
from parts_example import LAYOUT, numbers

from imprint.recipes.gradient.orthogonal import gradient


class Given:
    """An oracle with a given gradient."""

    def __init__(self, value):
        self.value = value

    def gradient(self, weights):
        return weights.sum(1), self.value


def pairs(*flats):
    return zip(*(flat.split(LAYOUT.sizes, dim=1) for flat in flats), strict=True)


@pytest.fixture
def made():
    weights, plain = numbers(3, LAYOUT.columns, seed=1), numbers(3, LAYOUT.columns, seed=2)
    loss, found = gradient(Given(plain), weights, LAYOUT)
    return weights, plain, loss, found


def test_orthogonal_to_the_weights_and_as_long_as_the_gradient(made):
    weights, plain, loss, found = made
    assert torch.equal(loss, weights.sum(1))
    for w, g, p in pairs(weights, plain, found):
        if w.shape[1] == 1:
            continue
        # a dot product of 24 terms, each rounded
        assert ((w * p).sum(1).abs() <= 24 * 2.3e-16 * w.norm(dim=1) * g.norm(dim=1)).all()
        torch.testing.assert_close(p.norm(dim=1), g.norm(dim=1), rtol=1e-14, atol=0)


def test_against_the_null_space(made):
    """Another way: coordinates in an orthonormal basis of what is orthogonal to the weights."""
    weights, plain, _, found = made
    for w, g, p in pairs(weights, plain, found):
        for r in range(len(w)):
            basis = torch.linalg.svd(w[r : r + 1]).Vh[1:]
            rest = basis.mT @ (basis @ g[r])
            expected = rest * (g[r].norm() / rest.norm()) if len(basis) else torch.zeros_like(rest)
            torch.testing.assert_close(p[r], expected, rtol=0, atol=1e-13)


def test_against_pytorch_optimizer(made):
    weights, plain, _, found = made
    tensors = LAYOUT.unflatten(weights[0])
    parameters = [torch.nn.Parameter(tensor.clone()) for tensor in tensors.values()]
    for parameter, value in zip(parameters, LAYOUT.unflatten(plain[0]).values(), strict=True):
        parameter.grad = value.clone()
    pytorch_optimizer.OrthoGrad(torch.optim.SGD(parameters, lr=1.0)).step()
    moved = torch.cat([parameter.detach().flatten() for parameter in parameters])
    # differences of numbers near 1
    torch.testing.assert_close(weights[0] - moved, found[0], rtol=0, atol=1e-14)


def test_without_weights_the_gradient_stays():
    plain = numbers(2, LAYOUT.columns)
    assert torch.equal(gradient(Given(plain), torch.zeros_like(plain), LAYOUT)[1], plain)


def test_along_the_weights_nothing_is_left():
    weights = numbers(2, LAYOUT.columns)
    assert not gradient(Given(-3 * weights), weights, LAYOUT)[1].any()


def test_a_nearly_parallel_gradient_of_single_precision():
    weights = numbers(4, LAYOUT.columns, dtype=torch.float32)
    plain = weights + 1e-4 * numbers(4, LAYOUT.columns, seed=3, dtype=torch.float32)
    _, found = gradient(Given(plain), weights, LAYOUT)
    for w, g, p in pairs(weights.double(), plain.double(), found.double()):
        if w.shape[1] > 1:
            # roundings of single precision; one projection would leave them 1e4 times larger
            assert ((w * p).sum(1).abs() <= 1e-6 * w.norm(dim=1) * g.norm(dim=1)).all()
