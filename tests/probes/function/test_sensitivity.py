"""Jacobians of linear networks by their weights, of others by differences and by torch.func."""

import numpy as np
import pytest
import torch

from imprint.probes.function import sensitivity


def replica(solution, setting=1, seed=2):
    return {name: torch.as_tensor(solution.values(name, "final")[setting, seed])[None] for name in solution.parameters}


def test_a_linear_network_is_as_sensitive_as_its_weights(fleet):
    solution, task = fleet(model={"name": "mlp", "hidden": []})
    found = sensitivity.measure(solution, task).sel(snapshot="final")
    weight = solution.values("layers.0.weight", "final")
    centred = weight - weight.mean(2, keepdims=True)
    # sums of squares, and a mean of equal numbers
    np.testing.assert_allclose(found["logits"], np.linalg.norm(centred, axis=(2, 3)), rtol=1e-12)


def test_probabilities_of_a_linear_network_in_closed_form(fleet):
    solution, task = fleet(model={"name": "mlp", "hidden": []})
    found = sensitivity.measure(solution, task, examples=7).isel(setting=1, seed=2).sel(snapshot="final")
    (weight,), (bias,) = replica(solution).values()
    x = task.split("test")[0][:7]
    p = (x @ weight.T + bias).softmax(-1)
    slopes = [torch.linalg.matrix_norm((torch.diag(row) - torch.outer(row, row)) @ weight) for row in p]
    assert found["probabilities"].item() == pytest.approx(torch.stack(slopes).mean().item(), rel=1e-12)


def test_jacobian_of_a_network_is_that_of_torch_func(fleet):
    solution, task = fleet()
    weights, x = replica(solution), task.split("test")[0][:5]
    single = {name: value[0] for name, value in weights.items()}
    expected = torch.func.vmap(torch.func.jacrev(lambda one: torch.func.functional_call(task.model, single, (one,))))(x)
    logits, found = sensitivity.jacobian(task, weights, x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)  # the same products in another order
    torch.testing.assert_close(logits, torch.func.functional_call(task.model, single, (x,)), rtol=1e-12, atol=1e-12)


def test_a_small_change_of_the_input_is_predicted(fleet):
    solution, task = fleet(model={"name": "mlp", "hidden": [6, 5], "activation": "tanh"})
    weights, x = replica(solution), task.split("test")[0][:5]
    logits, slope = sensitivity.jacobian(task, weights, x)
    change = 1e-6 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = (task.logits(weights, x + change) - task.logits(weights, x - change))[0] / 2
    # central differences: the third derivative times 1e-18, and rounding of logits of size 10
    torch.testing.assert_close(moved, torch.einsum("ncd,nd->nc", slope, change), rtol=1e-4, atol=1e-14)


def test_what_the_softmax_ignores_does_not_count(fleet):
    _, task = fleet()
    stream = torch.Generator().manual_seed(0)
    logits, slope = (torch.randn(*shape, generator=stream, dtype=torch.float64) for shape in ((4, 3), (4, 3, 6)))
    shift = torch.randn(4, 1, 6, generator=stream, dtype=torch.float64)
    plain, shifted = sensitivity.sizes(logits, slope), sensitivity.sizes(logits + 2, slope + shift)
    for name in plain:
        torch.testing.assert_close(plain[name], shifted[name], rtol=1e-12, atol=0)


def test_errors(fleet):
    solution, task = fleet()
    with pytest.raises(ValueError, match="examples 0 is less than 1"):
        sensitivity.measure(solution, task, examples=0)
    task._tensors["x_test"] = torch.zeros(3, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="sensitivity needs real inputs and those of this task are torch.int64"):
        sensitivity.measure(solution, task)
