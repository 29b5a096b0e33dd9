"""Softmax collapse against numbers as numpy and PyTorch round them."""

import numpy as np
import pytest
import torch

from imprint.probes.function.softmax_collapse import FORMATS, collapsed, measure, onset, others
from imprint.solution import Solution

NUMPY = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


@pytest.mark.parametrize("name", FORMATS)
def test_collapse_is_when_one_plus_the_rest_is_rounded_to_one(name):
    """The rest is put around the threshold in steps that numpy's own rounding tells apart."""
    eps = float(np.finfo(NUMPY[name]).eps)
    # not at 0.5 itself: the logarithm is known to 1e-15 only
    for factor in (0.01, 0.25, 0.499, 0.501, 0.75, 1.0, 30.0):
        rest = factor * eps
        rounded = np.longdouble(1) + np.longdouble(rest)
        zero = NUMPY[name](rounded) == 1
        log_s = torch.tensor([[np.log(rest)]], dtype=torch.float64)
        assert collapsed(log_s, FORMATS[name]).item() == zero


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_pytorch_s_own_loss_is_zero_there_with_two_classes(name):
    """One addition and one exponential: both round as here, but within 1 % of the threshold, which the grid leaves."""
    margin = torch.linspace(0, 60, 601, dtype=torch.float64)
    logits = torch.stack([margin, torch.zeros_like(margin)], 1)
    targets = torch.zeros(601, dtype=torch.int64)
    loss = torch.nn.functional.cross_entropy(logits.to(FORMATS[name]), targets, reduction="none")
    mine = collapsed(others(logits.unsqueeze(0), targets), FORMATS[name])[0]
    assert torch.equal(mine, loss == 0)
    assert 0 < mine.sum() < 601


def test_others_against_a_loop():
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, 3, (2, 5), generator=generator)
    found = others(logits, targets)
    for r in range(2):
        for n in range(5):
            z, y = logits[r, n].tolist(), targets[r, n].item()
            expected = np.log(sum(np.exp(z[k] - z[y]) for k in range(3) if k != y))
            # exponentials of numbers below 40
            assert found[r, n].item() == pytest.approx(expected, abs=1e-13)


def test_onset_of_planted_shares():
    shares = torch.tensor([[[0.0, 0.0], [0.5, 0.2], [0.9, 0.6], [0.4, 0.7]], [[0.0, 0.0]] * 4])
    steps = torch.tensor([[0, 10, 20, 30]]).expand(2, 4)
    assert onset(shares, steps).tolist() == [[10, 20], [30, 30]]


def grown(solution, factors):
    """The solution with its last layer at the final snapshot repeated at all, times factors that grow."""
    data = solution.data.copy(deep=True)
    for name in solution.parameters:
        for place, factor in enumerate(factors):
            last = data[f"weight.{name}"].isel(snapshot=-1)
            data[f"weight.{name}"][:, :, place] = (factor if name.startswith("layers.2") else 1.0) * last
    return Solution(data)


def test_a_planted_order_of_the_formats(fleet):
    """Targets are what the network says, so that a larger last layer makes every loss smaller."""
    solution, task = fleet()
    final = next(replicas for replicas in solution.snapshots(task) if replicas.snapshot == "final")
    said = final.logits("train")[0].argmax(-1)
    task.data = task.data.assign(y_train=(("train",), said.numpy()))
    task._tensors.pop("y_train", None)
    first, second = final.logits("train")[0].topk(2, -1).values.unbind(-1)
    margin = (first - second).median().item()
    # log odds lie between these and these less log 9; 7.6, 16.6 and 36.7 do not
    factors = [12 / margin, 20 / margin, 60 / margin]
    measured = measure(grown(solution, factors), task).isel(setting=0, seed=0)
    assert measured["onset"].sel(snapshot="final").values.tolist() == [0, 10, 20]
    assert measured["lead"].sel(snapshot="final").values.tolist() == [10, 10]
    assert measured["onset"].sel(snapshot="middle").values.tolist() == [0, 10, 10]
    shares = measured["share"].transpose("snapshot", "format").values
    assert (np.diff(shares, axis=1) <= 0).all() and (np.diff(shares, axis=0) >= 0).all()
    assert measured["zero_loss"].values == pytest.approx(shares[:, 2], abs=0.05)


def test_an_untrained_network_has_not_collapsed(fleet):
    solution, task = fleet()
    measured = measure(solution, task)
    assert (measured["share"].sel(snapshot="init", format="float32") == 0).all()
    assert (measured["zero_loss"].sel(snapshot="init") == 0).all()
