"""Barriers on lines whose values are known."""

import itertools

import numpy as np
import pytest
import torch

from imprint.models.permutations import permuted
from imprint.probes.landscape.connectivity import barrier, compare, line, matched, measure, partner_setting
from imprint.solution import Solution

SLOPE = 0.01
QUADRANT = {"first": ("unit_1", None), "first_bias": ("unit_1",), "second": ("unit_2", "unit_1")}
QUADRANT |= {"second_bias": ("unit_2",), "third": (None, "unit_2"), "third_bias": (None,)}


def quadrant(first, first_bias, second, second_bias):
    """A 2-2-2-1 network of the counter-example; its last layer takes the negative sum."""
    values = (first, first_bias, second, second_bias, [[-1, -1]], [0])
    return {name: torch.tensor([value], dtype=torch.float64) for name, value in zip(QUADRANT, values, strict=True)}


# The two solutions of Ainsworth et al. 2023: whether both inputs are positive, computed in different ways.
A = quadrant([[1, 0], [0, -1]], [1, 0], [[-1, 0], [0, 1]], [1, 0])
B = quadrant([[-1, 0], [0, 1]], [0, 1], [[1, 0], [0, -1]], [0, 1])


def output(weights, x_ND):
    """PReLU network of R replicas, ``[R, N]``."""
    hidden = x_ND.expand(len(weights["first"]), -1, -1)
    for name in ("first", "second"):
        hidden = hidden @ weights[name].mT + weights[f"{name}_bias"].unsqueeze(1)
        hidden = torch.where(hidden >= 0, hidden, SLOPE * hidden)
    return (hidden @ weights["third"].mT + weights["third_bias"].unsqueeze(1)).squeeze(-1)


def grid(size=41):
    """Points of the square without those on the axes, and whether both coordinates are positive."""
    ticks = torch.linspace(-1, 1, size + 1, dtype=torch.float64)[:-1] + 1 / size
    x = torch.cartesian_prod(ticks, ticks)
    return x, (x > 0).all(1)


def errors(weights):
    """Share of points that are classified wrongly, twice, ``[2, R]``."""
    x, y = grid()
    wrong = ((output(weights, x) >= 0) != y).double().mean(1)
    return torch.stack([wrong, 1 - wrong])


def orders():
    swap = torch.tensor([1, 0])
    both = [({"unit_1": swap} if one else {}) | ({"unit_2": swap} if two else {}) for one in (0, 1) for two in (0, 1)]
    return [{layer: order for layer, order in each.items()} for each in both]


def single(weights):
    return {name: value[0] for name, value in weights.items()}


def batch(weights):
    return {name: value.unsqueeze(0) for name, value in weights.items()}


@pytest.mark.parametrize("order", orders(), ids=["as they are", "second", "first", "both"])
def test_every_permutation_of_the_counter_example_keeps_a_barrier(order):
    """Both networks are right (but for the leak of the slope near an axis); no line between them stays so."""
    theirs = batch(permuted(single(B), QUADRANT, order))
    found = line(A, theirs, errors, 25)[0]
    # the leak moves the boundary by at most the slope: 0.01 of each axis' points
    assert found[0].item() <= 0.02 and found[-1].item() <= 0.02
    assert barrier(found).item() > 0.05
    torch.testing.assert_close(output(theirs, grid()[0]), output(B, grid()[0]), rtol=0, atol=1e-15)


def test_weight_matching_does_not_lower_the_counter_example_to_none():
    result = compare(A, B, QUADRANT, errors, 25)
    assert (result["loss_barrier"] > 0.05).all() and (result["accuracy_barrier"] > 0.05).all()
    assert result["permutation_error"].item() == 0


def test_a_parabola_has_the_barrier_of_its_vertex():
    """A loss of 4 h t (1 - t) + a + (b - a) t, taken on weights that are t."""
    ours, theirs = {"w": torch.zeros(2, 1).double()}, {"w": torch.ones(2, 1).double()}
    height = torch.tensor([0.7, 0.0], dtype=torch.float64)

    def values(weights):
        t = weights["w"][:, 0]
        return (4 * height * t * (1 - t) + 0.2 + 1.5 * t).unsqueeze(0)

    # numbers of order 1
    torch.testing.assert_close(barrier(line(ours, theirs, values, 11)[0]), height, rtol=0, atol=1e-15)


def test_a_valley_is_no_barrier():
    assert barrier(torch.tensor([[1.0], [0.1], [0.8]])).tolist() == [0.0]


def test_a_permuted_twin_has_a_barrier_that_matching_removes(fleet):
    """The same function with its units in another order: nothing lies between once they are put back."""
    solution, task = fleet()
    weights = next(iter(solution.snapshots(task))).weights
    axes = {"layers.0.weight": ("a", None), "layers.0.bias": ("a",), "layers.1.weight": ("b", "a")}
    axes |= {"layers.1.bias": ("b",), "layers.2.weight": (None, "b"), "layers.2.bias": (None,)}
    order = {"a": torch.tensor([3, 0, 5, 1, 2, 4]), "b": torch.tensor([4, 0, 1, 2, 3])}
    rows = [permuted({name: value[r] for name, value in weights.items()}, axes, order) for r in range(6)]
    twins = {name: torch.stack([row[name] for row in rows]) for name in weights}
    back = matched(weights, twins, axes)
    assert all(torch.equal(back[name], weights[name]) for name in weights)
    x = task.tensor("x_train")[:50]
    before = task.logits(weights, x)

    def far(weights):
        return torch.stack([(task.logits(weights, x) - before).square().mean((1, 2))] * 2)

    result = compare(weights, twins, axes, far, 11)
    assert (result["loss_barrier"][:, 0] > 1e-3).all()
    # the same weights to the bit, and lerp between equal numbers is exact
    assert (result["loss_barrier"][:, 1] == 0).all() and (result["distance"][:, 1] == 0).all()
    assert (result["distance"][:, 0] > 0.1).all()


def test_partners_are_the_next_seed_and_the_twin(fleet):
    """Against lines drawn one by one; seeds are 3, 0, 7, so 0 is followed by 3, 3 by 7 and 7 by 0."""
    solution, task = fleet()
    turned = Solution(solution.data.isel(seed=[1, 2, 0]).assign_coords(seed=solution.data["seed"]))
    measured = measure(solution, task, others={"own": solution, "turned": turned}, points=5, examples=60)
    replicas = {each.snapshot: each for each in solution.snapshots(task)}["final"]
    theirs = {each.snapshot: each for each in turned.snapshots(task)}["final"]
    place = torch.linspace(0, task.data.sizes["train"] - 1, 60, dtype=torch.float64).round().long()
    x, y = task.tensor("x_train")[place], task.tensor("y_train")[place]
    follows = {3: 7, 0: 3, 7: 0}
    seeds = [3, 0, 7]
    for (setting, column), start in itertools.product(replicas.cells.tolist(), ("same", "other")):
        seed = seeds[column] if start == "same" else follows[seeds[column]]
        ours = {name: value[3 * setting + column] for name, value in replicas.weights.items()}
        partner = {name: value[3 * setting + seeds.index(seed)] for name, value in theirs.weights.items()}
        losses = []
        for t in (0, 0.25, 0.5, 0.75, 1):
            between = {name: ((1 - t) * ours[name] + t * partner[name]).unsqueeze(0) for name in ours}
            losses.append(task.loss(task.logits(between, x), y).mean().item())
        chord = np.linspace(losses[0], losses[-1], 5)
        found = measured["loss_barrier"].sel(snapshot="final", partner="turned", start=start, units="given")
        expected = max(np.max(np.array(losses) - chord), 0)
        # losses of order 10 in float64
        assert found.values[setting, column] == pytest.approx(expected, abs=1e-12)
    own = measured.sel(snapshot="final", partner="own", start="same")
    assert (own["loss_barrier"] == 0).all() and (own["distance"] == 0).all()


def test_nothing_is_measured_at_the_initial_weights_or_towards_a_diverged_partner(fleet):
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    data["weight.layers.0.bias"].loc[{"setting": 0, "seed": 7, "snapshot": "final"}] = np.nan
    measured = measure(solution, task, others={"own": solution, "holed": Solution(data)})
    assert measured["loss_barrier"].sel(snapshot="init").isnull().all()
    holed = measured["loss_barrier"].sel(snapshot="final", partner="holed", units="given")
    lost = {(0, 7, "same"), (0, 3, "other")}  # 7 follows 3
    for setting, seed, start in itertools.product((0, 1), (3, 0, 7), ("same", "other")):
        gone = bool(holed.sel(setting=setting, seed=seed, start=start).isnull())
        assert gone == ((setting, seed, start) in lost)


def test_a_replica_that_missed_the_condition_is_nobody_s_partner(fleet):
    solution, task = fleet()
    missed = Solution(solution.data.assign(status=(("setting", "seed"), [[0, 2, 0], [0, 0, 0]])))
    measured = measure(solution, task, others={"missed": missed})
    same = measured["distance"].sel(snapshot="final", partner="missed", start="same", units="given")
    assert same.isnull().values.tolist() == [[False, True, False], [False, False, False]]


def test_settings_are_paired_by_the_rule_that_chose_them(fleet):
    solution, task = fleet()
    ours = Solution(solution.data.assign(role=("setting", ["best", "matched"])))
    theirs = Solution(solution.data.assign(role=("setting", ["matched", "best"])))
    measured = measure(ours, task, others={"theirs": theirs})
    same = measured["distance"].sel(snapshot="final", partner="theirs", start="same", units="given")
    # the best of ours is the partner's second setting, another random walk
    assert (same > 0.1).all()
    assert partner_setting("best", ["matched"]) is None


def test_within_one_recipe_every_seed_meets_the_next(fleet):
    solution, task = fleet()
    measured = measure(solution, task)
    assert measured["partner"].values.tolist() == ["own"]
    distance = measured["distance"].sel(snapshot="final", start="other", units="given", partner="own")
    assert np.isfinite(distance).all()
    assert (measured["distance"].sel(snapshot="final", units="matched") <= distance + 1e-12).sel(start="other").all()
    alone = measure(Solution(solution.data.isel(seed=[0])), task)
    assert alone["distance"].sel(start="other").isnull().all()


def test_the_reorder_changes_the_partner_s_loss_by_rounding_only(fleet):
    measured = measure(*fleet())
    assert (measured["permutation_error"].sel(snapshot="final") < 1e-12).all()


def test_a_partner_without_the_snapshots_is_refused(fleet):
    solution, task = fleet()
    other = Solution(solution.data.isel(snapshot=[0, 2]))
    with pytest.raises(ValueError, match="partner 'short' lacks the snapshots \\['middle'\\]"):
        measure(solution, task, others={"short": other})
