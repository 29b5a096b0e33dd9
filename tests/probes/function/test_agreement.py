"""Agreement of predictions made by hand, of copies, of independent guesses; and of fleets, one network at a time."""

import itertools
import json

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score

from imprint.labels import STATUS
from imprint.probes.function.agreement import error_consistency, measure, summaries
from imprint.solution import Solution

SEEDS = [3, 0, 7]


def recipe(solution, name):
    """The same solution as another recipe's."""
    data = solution.data.copy(deep=True)
    data.attrs["spec"] = json.dumps({"recipe": {"update": name}})
    return Solution(data)


def predictions(solution, task, setting, seed, x, snapshot="final"):
    """Classes that one network predicts, by torch alone."""
    weights = {
        name: torch.as_tensor(solution.values(name, snapshot)[setting, SEEDS.index(seed)])
        for name in solution.parameters
    }
    return torch.func.functional_call(task.model, weights, (torch.as_tensor(x),)).argmax(-1).numpy()


def test_kappa_of_a_table_by_hand():
    """Of 100 examples 60 right for both, 20 and 10 for one, 10 for neither: o = 0.7, e = 0.8 * 0.7 + 0.2 * 0.3."""
    first = torch.tensor([True] * 80 + [False] * 20)
    second = torch.tensor([True] * 60 + [False] * 20 + [True] * 10 + [False] * 10)
    # a few operations on numbers of order 1 in float64
    assert error_consistency(first, second).item() == pytest.approx((0.7 - 0.62) / 0.38, abs=1e-15)


def test_kappa_is_that_of_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    right = torch.rand(6, 200, generator=generator) < torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9, 0.95]).unsqueeze(1)
    found = error_consistency(right.unsqueeze(1), right.unsqueeze(0))
    for a, b in itertools.product(range(6), repeat=2):
        # a few operations on numbers of order 1 in float64
        assert found[a, b].item() == pytest.approx(cohen_kappa_score(right[a], right[b]), abs=1e-13)


def test_kappa_of_independent_errors_is_0():
    generator = torch.Generator().manual_seed(0)
    right = torch.rand(2, 400, 1000, generator=generator) < torch.tensor([[[0.9]], [[0.8]]])
    found = error_consistency(*right)
    # 400 independent tables: five standard errors of their mean, and a bias of order 1 / N of a ratio
    assert abs(found.mean()) < 5 * found.std() / 400**0.5 + 1 / 1000
    assert 0.02 < found.std() < 0.05  # about 1 / sqrt(1000)


def test_opposite_errors_have_kappa_minus_1():
    right = torch.tensor([True, True, False, False])
    assert error_consistency(right, ~right).item() == -1


def test_where_nobody_errs_kappa_is_not_known():
    right = torch.ones(5, dtype=torch.bool)
    assert error_consistency(right, right).isnan() and error_consistency(~right, ~right).isnan()


def test_pseudo_values_are_those_of_leaving_one_out():
    """``n U - (n - 1) U_{-i}`` from all pairs, and their mean is U."""
    generator = np.random.default_rng(0)
    values = generator.random((7, 7))
    values = (values + values.T) / 2

    def mean_of_pairs(members):
        return np.mean([values[pair] for pair in itertools.combinations(members, 2)])

    whole, found = mean_of_pairs(range(7)), []
    for i in range(7):
        rest = [j for j in range(7) if j != i]
        order = [i, *rest]
        mean, pseudo = summaries(torch.as_tensor(values[np.ix_(order, order)]))
        # sums of 21 numbers of order 1
        assert mean.item() == pytest.approx(values[i, rest].mean(), abs=1e-14)
        assert pseudo.item() == pytest.approx(7 * whole - 6 * mean_of_pairs(rest), abs=1e-13)
        found.append(pseudo.item())
    assert np.mean(found) == pytest.approx(whole, abs=1e-13)


def test_pseudo_values_have_the_standard_error_of_the_mean_over_pairs():
    """Pairs ``u_s + u_t``: their mean is twice that of u, and so is its standard error, which the means halve."""
    generator = np.random.default_rng(0)
    u = generator.standard_normal(50)
    means, pseudo = [], []
    for i in range(50):
        order = [i, *(j for j in range(50) if j != i)]
        mean, value = summaries(torch.as_tensor(u[order][:, None] + u[order]))
        means.append(mean.item())
        pseudo.append(value.item())
    # identities of sums, exact but for rounding: 2 a_i - U_{-i} = 2 u_i, and a_i = u_i (n - 2) / (n - 1) + const
    np.testing.assert_allclose(pseudo, 2 * u, atol=1e-12)
    np.testing.assert_allclose(np.std(means), np.std(u) * 48 / 49, rtol=1e-12)


def test_copies_agree_in_everything(fleet):
    solution, task = fleet()
    copies = Solution(solution.data.isel(seed=[1, 1, 1]).assign_coords(seed=SEEDS))
    found = measure(copies, task)
    for name in found:
        # 2 - 1 and quotients of equal numbers: exact but for rounding
        np.testing.assert_allclose(found[name], 1, atol=1e-14)


@pytest.mark.parametrize("name", ["classification", "slabs"])
def test_against_one_network_at_a_time(fleet, name):
    """On the examples of every seed, where data are drawn per seed."""
    solution, task = fleet(name)
    turned = recipe(Solution(solution.data.isel(seed=[1, 2, 0]).assign_coords(seed=SEEDS)), "turned")
    measured = measure(solution, task, others={"turned": turned, "mine": solution}).sel(snapshot="final")
    for setting, seed in itertools.product(range(2), SEEDS):
        x, y = (task.data[f"{part}_test"] for part in "xy")
        x, y = ((part.sel(seed=seed) if task.seeded else part).values for part in (x, y))
        classes = {other: predictions(solution, task, setting, other, x.astype(float)) for other in SEEDS}
        rest = [other for other in SEEDS if other != seed]
        right = {other: value == y for other, value in classes.items()}
        alike = {pair: (classes[pair[0]] == classes[pair[1]]).mean() for pair in itertools.permutations(SEEDS, 2)}
        kappas = {pair: cohen_kappa_score(right[pair[0]], right[pair[1]]) for pair in alike}
        here = measured.isel(setting=setting).sel(seed=seed)
        for values, measure_name in ((alike, "agreement"), (kappas, "kappa")):
            mean = np.mean([values[seed, other] for other in rest])
            # a few operations on numbers of order 1 in float64
            assert here[measure_name].item() == pytest.approx(mean, abs=1e-13)
            pseudo = 2 * mean - values[tuple(rest)]
            assert here[f"{measure_name}_jackknife"].item() == pytest.approx(pseudo, abs=1e-13)
        follows = {3: 0, 0: 7, 7: 3}[seed]
        assert here["twin_agreement"].sel(partner="turned").item() == pytest.approx(alike[seed, follows], abs=1e-15)
        assert here["twin_kappa"].sel(partner="turned").item() == pytest.approx(kappas[seed, follows], abs=1e-13)
        assert here["twin_agreement"].sel(partner="mine").item() == 1


def test_the_recipes_other_seeds_count_wherever_they_were_trained(fleet):
    """A block of one seed has its partners in the whole."""
    solution, task = fleet()
    block = Solution(solution.data.isel(seed=[1]))
    whole, part = (measure(each, task, others={"mine": solution}) for each in (solution, block))
    np.testing.assert_array_equal(whole["agreement"].isel(seed=[1]), part["agreement"])
    assert np.isnan(measure(block, task)["agreement"]).all()


def test_who_did_not_reach_the_condition_is_nobodys_partner(fleet):
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    status = np.full((2, 3), STATUS["finished"])
    status[0, 2] = STATUS["condition not reached"]
    data["status"] = (("setting", "seed"), status)
    found = measure(Solution(data), task).sel(snapshot="final")
    x = task.data["x_test"].values.astype(float)
    three, zero = (predictions(solution, task, 0, seed, x) for seed in (3, 0))
    assert found["agreement"].isel(setting=0).sel(seed=3).item() == pytest.approx((three == zero).mean(), abs=1e-15)
    assert np.isnan(found["agreement_jackknife"].isel(setting=0).sel(seed=[3, 0])).all()
    assert np.isfinite(found["agreement_jackknife"].isel(setting=1)).all()


def test_a_solution_whose_recipe_is_missing_is_refused(fleet):
    solution, task = fleet()
    others = {"first": recipe(solution, "first"), "second": recipe(solution, "second")}
    with pytest.raises(ValueError, match="the recipe of this solution is none of first, second; give the solutions"):
        measure(solution, task, others=others)
    nameless = Solution(solution.data.drop_attrs(deep=False))
    with pytest.raises(ValueError, match="agreement needs the recipe, and a solution has no attribute 'spec'"):
        measure(nameless, task, others=others)
