"""Linear references against the same training by autograd, and agreement with a network that is one of them."""

import numpy as np
import pytest
import torch

from imprint.probes.function import linear_agreement
from imprint.solution import Solution
from imprint.streams import generator

LINEAR = {"name": "mlp", "hidden": [], "bias": False}


def data(sets=2, examples=50, features=6, classes=3):
    draws = torch.Generator().manual_seed(0)
    x_SND = torch.randn(sets, examples, features, generator=draws, dtype=torch.float64)
    return x_SND, torch.randint(classes, (sets, examples), generator=draws), classes


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_fit_is_a_linear_layer_trained_by_autograd(optimizer):
    """A ``torch.nn.Linear`` per training set, its cross-entropy by autograd, batches of 20 of 50: two per epoch."""
    x_SND, y_SN, classes = data()
    found = linear_agreement.fit(x_SND, y_SN, classes, optimizer, 0.1, 25, 20, 5)
    for x_ND, y_N, weight_CD in zip(x_SND, y_SN, found, strict=True):
        layer = torch.nn.Linear(6, classes, bias=False).double()
        torch.nn.init.zeros_(layer.weight)
        made = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer](layer.parameters(), lr=0.1)
        order = generator(5, "linear_agreement")
        for step in range(25):
            if step % 2 == 0:
                shuffled = torch.randperm(50, generator=order)
            batch = shuffled[20 * (step % 2) :][:20]
            made.zero_grad()
            torch.nn.functional.cross_entropy(layer(x_ND[batch]), y_N[batch]).backward()
            made.step()
        # 25 steps, each with roundings of 1e-16; Adam divides by gradients that are not small
        torch.testing.assert_close(weight_CD, layer.weight.detach(), rtol=1e-10, atol=1e-12)


def test_whole_batches_where_there_are_few_examples():
    x_SND, y_SN, classes = data()
    many = linear_agreement.fit(x_SND, y_SN, classes, "sgd", 0.1, 7, 500, 0)
    weight_SCD = torch.zeros(2, classes, 6, dtype=torch.float64)
    for _ in range(7):
        error = (x_SND @ weight_SCD.mT).softmax(-1) - torch.nn.functional.one_hot(y_SN)
        weight_SCD = weight_SCD - 0.1 * error.mT @ x_SND / 50
    torch.testing.assert_close(many, weight_SCD, rtol=1e-12, atol=1e-14)  # sums in the order of a shuffle


@pytest.mark.parametrize("reference", ["sgd", "adam"])
def test_a_network_that_is_the_reference_agrees_with_it(fleet, reference):
    solution, task = fleet("patches", LINEAR)
    x, y = task.split("train")
    lr, steps = {"sgd": (0.1, 12), "adam": (0.001, 30)}[reference]
    weight = linear_agreement.fit(x.unsqueeze(0), y.unsqueeze(0), 2, reference, lr, steps, 64, 0)
    stored = solution.data.copy(deep=True)
    stored["weight.layers.0.weight"][:] = weight[0].numpy()
    solution = Solution(stored)
    options = {"inputs": "flipped_test", "sgd_steps": 12, "adam_steps": 30}
    measured = linear_agreement.measure(solution, task, **options)
    assert measured["reference"].values.tolist() == ["sgd", "adam"]
    assert (measured["agreement"].sel(reference=reference) == 1).all()
    hits = (task.data["flipped_test"].values @ weight[0].numpy().T).argmax(-1) == task.data["y_test"].values
    np.testing.assert_allclose(measured["reference_accuracy"].sel(reference=reference), hits.mean(), rtol=1e-14)
    loss = torch.nn.functional.cross_entropy(x @ weight[0].mT, y)
    np.testing.assert_allclose(measured["reference_loss"].sel(reference=reference), loss, rtol=1e-12)


def test_agreement_of_opposite_networks_adds_up_to_one(fleet):
    solution, task = fleet("clusters", LINEAR)
    measured = linear_agreement.measure(solution, task, sgd_steps=10, adam_steps=10)["agreement"]
    stored = solution.data.copy(deep=True)
    stored["weight.layers.0.weight"] *= -1
    turned = linear_agreement.measure(Solution(stored), task, sgd_steps=10, adam_steps=10)["agreement"]
    np.testing.assert_allclose(measured + turned, 1, rtol=1e-14)
    assert (measured > 0).any() and (measured < 1).any()


def test_references_belong_to_the_seed_s_own_data(fleet):
    """After one small step the references of three seeds differ; each replica is that of its own seed."""
    solution, task = fleet("clusters", LINEAR)
    own = linear_agreement.fit(*task.split("train"), 2, "sgd", 0.1, 1, 3, 0)
    stored = solution.data.copy(deep=True)
    stored["weight.layers.0.weight"][:] = own[:, None].numpy()
    options = {"sgd_steps": 1, "adam_steps": 1, "batch_size": 3}
    measured = linear_agreement.measure(Solution(stored), task, **options)
    assert (measured["agreement"].sel(reference="sgd") == 1).all()
    loss = measured["reference_loss"].sel(reference="sgd")
    assert len(np.unique(loss.isel(setting=0, snapshot=0))) == 3
    stored["weight.layers.0.weight"][:] = own[[1, 2, 0], None].numpy()
    turned = linear_agreement.measure(Solution(stored), task, **options)["agreement"]
    assert (turned.sel(reference="sgd") < 1).any()


def test_unknown_inputs_are_refused(fleet):
    solution, task = fleet("patches")
    with pytest.raises(ValueError, match=r"inputs 'flipped' is no variable .*\['x_test', 'flipped_test'\]"):
        linear_agreement.measure(solution, task, inputs="flipped")
