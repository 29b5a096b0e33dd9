import numpy as np
import pytest
import torch

from imprint.probes.dynamics import opposing_signals
from imprint.streams import generator


class Linear:
    """One linear output ``w' x`` with the squared error, or ``-x' w`` where no target is used."""

    seeded = False

    def __init__(self, loss):
        self.loss = loss

    def logits(self, weights, x):
        return (weights["w"].unsqueeze(-2) * x).sum(-1)


def cosine_of(task, weight, x, y, change, count):
    place, member = opposing_signals.extremes(change, count)
    return opposing_signals.group_cosine(task, {"w": weight}, x, y, place, member)


def test_two_groups_with_opposite_gradients():
    """Targets +1 and -1 at the same feature: at w = 0 the gradients are -x and x, so the cosine is -1 exactly.

    A step toward one group lowers its loss and raises the other's.
    """
    task = Linear(lambda output, y: torch.square(output - y) / 2)
    x = torch.tensor([[1.0, 0.0]]).double().expand(6, -1)
    y = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -1.0]).double()
    weight = torch.zeros(1, 2).double()
    change = task.loss(task.logits({"w": weight + torch.tensor([0.1, 0.0])}, x), y) - task.loss(
        task.logits({"w": weight}, x), y
    )
    assert cosine_of(task, weight, x, y, change, 2).item() == pytest.approx(-1, abs=1e-15)


def test_unrelated_examples_are_orthogonal():
    """Each example has an axis of its own."""
    task = Linear(lambda output, y: torch.square(output - y) / 2)
    x, y = torch.eye(8).double(), torch.ones(8).double()
    change = torch.linspace(-1, 1, 8).double().unsqueeze(0)
    assert cosine_of(task, torch.zeros(1, 8).double(), x, y, change, 3).item() == 0


def test_random_examples_are_nearly_orthogonal():
    """In P = 5000 dimensions the cosine of independent normal gradients has standard deviation 1 / sqrt(P)."""
    task = Linear(lambda output, y: output)
    stream = generator(0, "test")
    x = torch.randn(40, 5000, generator=stream, dtype=torch.float64)
    change = torch.randn(1, 40, generator=stream, dtype=torch.float64)
    found = cosine_of(task, torch.zeros(1, 5000).double(), x, torch.zeros(40), change, 5)
    assert abs(found.item()) < 4 / 5000**0.5


def test_an_empty_group_has_no_direction():
    task = Linear(lambda output, y: output)
    change = -torch.ones(1, 4).double()
    assert (
        cosine_of(task, torch.zeros(1, 3).double(), torch.ones(4, 3).double(), torch.zeros(4), change, 2).isnan().all()
    )


def test_each_replica_has_its_own_groups():
    """Replica 0: examples 0 against 1, equal gradients; replica 1: 0 against 2, opposite ones."""
    task = Linear(lambda output, y: output)
    x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]).double()
    change = torch.tensor([[2.0, -2.0, 0.0], [2.0, 0.0, -2.0]]).double()
    found = cosine_of(task, torch.zeros(2, 2).double(), x, torch.zeros(3), change, 1)
    torch.testing.assert_close(found, torch.tensor([1.0, -1.0]).double(), rtol=0, atol=1e-15)


def test_without_an_opposite_the_mean_ignores_the_step():
    found = opposing_signals.over_steps([{"cosine": torch.tensor([value])} for value in (-0.8, torch.nan, -0.2, -0.6)])
    assert found["cosine"].item() == pytest.approx(-1.6 / 3)
    assert found["opposed"].item() == 0.5


def by_hand(solution, task, rate, count):
    """One step for one replica, with one gradient per example from autograd."""
    weights = {name: torch.as_tensor(solution.values(name, "final")[1, 2]) for name in solution.parameters}
    x, y = task.split("train")
    x, y = x[:60], y[:60]

    def rows(own):
        return task.loss(task.logits({name: value.unsqueeze(0) for name, value in own.items()}, x), y)[0]

    jacobian = torch.func.jacrev(rows)(weights)
    gradients = torch.cat([value.flatten(1) for value in jacobian.values()], -1)
    after = {name: value - rate * jacobian[name].mean(0) for name, value in weights.items()}
    change = (rows(after) - rows(weights)).numpy()
    order = np.argsort(change)
    rising = [place for place in order[::-1][:count] if change[place] > 0]
    falling = [place for place in order[:count] if change[place] < 0]
    up, down = gradients[rising].mean(0), gradients[falling].mean(0)
    cosine = (up @ down / (up.norm() * down.norm())).item()
    both = np.abs(change[rising]).sum() + np.abs(change[falling]).sum()
    loss = (rows(after).mean() / rows(weights).mean()).item()
    return cosine, both / np.abs(change).sum(), (change > 0).mean(), loss


def test_one_step_by_hand(fleet):
    solution, task = fleet()
    found = opposing_signals.measure(solution, task, rate=0.5, steps=1, fraction=0.1, examples=60)
    cell = found.isel(setting=1, seed=2).sel(snapshot="final")
    expected = by_hand(solution, task, rate=0.5, count=6)
    names = ("cosine", "share", "rising", "loss")
    np.testing.assert_allclose([cell[name].item() for name in names], expected, rtol=1e-9)  # float64, losses of order 1


def test_a_copy_that_diverges_is_nan(fleet):
    found = opposing_signals.measure(*fleet(), rate=1e300, steps=3, examples=60)
    lost = np.isnan(found["loss"]).values
    assert lost.any()
    assert all(np.isnan(found[name].values[lost]).all() for name in found)
    assert not any(np.isinf(found[name]).any() for name in found)


def test_options_that_cannot_be(fleet):
    solution, task = fleet()
    for options in ({"steps": 0}, {"rate": 0.0}, {"fraction": 0.6}, {"examples": 1}):
        with pytest.raises(ValueError, match="needs at least 1 step, a positive rate, a fraction in"):
            opposing_signals.measure(solution, task, **options)
