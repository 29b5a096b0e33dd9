"""The search: the declared grid, extended at its edges and refined between settings, by one rule."""

import numpy as np
import pytest
import xarray as xr
from fleet_example import small_task, spec, weights_of

from imprint import store
from imprint.fleet.train import train
from imprint.stages import search as stage
from imprint.stages.common import Job

SGD = {"update": "torch.optim:SGD", "sees": "elements"}
BEST = {"best": {"validation_loss": "min"}}


def real(bench, space, settings=3, extend=2, select=None, stop=None):
    recipe = {**SGD, "search": {"lr": space}}
    fleet = {"stop": stop or {"steps": 12}, "snapshots": {}, "evaluate_every": 6}
    more = {"seeds": [1000, 1001], "settings": settings, "extend": extend, "select": select or BEST}
    return bench.run("search", bench.spec("search", recipe, **fleet, **more), data=bench.data())


def rates(found):
    return found["hyper.lr"].values


# ---------------------------------------------------------------- on a real task


def test_a_best_setting_inside_adds_nothing(bench):
    found = real(bench, [1e-4, 1e3])
    # three decades and more on either side of rates that train this task; the ends of a geometric grid are rounded
    np.testing.assert_allclose(rates(found), np.geomspace(1e-4, 1e3, 3), rtol=1e-14)
    assert found["seed"].values.tolist() == [1000, 1001]


@pytest.mark.parametrize("extend", [0, 1, 2])
def test_a_grid_that_ends_too_low_is_extended_upwards(bench, extend):
    found = real(bench, [1e-6, 1e-4], extend=extend)
    np.testing.assert_allclose(rates(found), 10.0 ** np.arange(-6, -3 + extend), rtol=1e-12)
    assert found["setting"].values.tolist() == list(range(3 + extend))


def test_a_grid_that_begins_too_high_is_extended_downwards(bench):
    found = real(bench, [1e3, 1e5])
    np.testing.assert_allclose(rates(found), 10.0 ** np.arange(1, 6), rtol=1e-12)


def test_an_added_setting_is_as_if_it_had_been_declared(bench):
    found = real(bench, [1e-6, 1e-4])
    plan = spec(SGD, stop={"steps": 12}, evaluate_every=6)
    whole = train(small_task(), plan, [{"lr": float(rate)} for rate in rates(found)], [1000, 1001])
    for place in range(found.sizes["setting"]):
        for seed in (1000, 1001):
            assert (weights_of(found, place, seed) == weights_of(whole, place, seed)).all()
    np.testing.assert_array_equal(found["validation_loss"].values, whole["validation_loss"].values)
    np.testing.assert_array_equal(found["step"].values, whole["step"].values)


def test_fleets_that_end_at_different_steps_are_padded(bench):
    stop = {"train_loss": 0.9, "at_most": {"steps": 120}}
    found = real(bench, [0.03, 0.3], stop=stop)
    assert found.sizes["setting"] > 3
    steps, loss = found["step"].values, found["train_loss"].values
    assert (np.diff(steps) > 0).all()
    for place in range(found.sizes["setting"]):
        for seed in (0, 1):
            end = found["status_step"].values[place, seed]
            assert np.isnan(loss[place, seed][steps > end]).all() and np.isfinite(loss[place, seed][steps <= end]).all()


def test_a_whole_space_that_diverges_is_recorded(bench):
    # each step multiplies some weight by at least the rate: above 1e308 after at most 31 steps
    recipe = {**SGD, "search": {"lr": [1e10, 1e12]}}
    fleet = {"stop": {"steps": 60}, "snapshots": {}, "evaluate_every": 60, "seeds": [1000, 1001], "settings": 3}
    plan = bench.spec("search", recipe, **fleet, extend=2, select=BEST, task={**bench.task, "loss": "squared_error"})
    found = bench.run("search", plan, data=bench.data())
    assert (found["status"].values == 1).all()
    assert found.sizes["setting"] == 3  # nothing is chosen, so nothing is at an edge


def test_tuning_never_sees_the_evaluation_s_data(bench):
    # a plain check that validation decides: poisoning test and the order of its labels changes nothing
    found = real(bench, [1e-4, 1e-2])
    data = store.read(bench.path("data"))
    clean = {key: value for key, value in data.attrs.items() if key in ("classes", "inputs")}
    data = data.assign(x_test=data["x_test"] * np.nan, y_test=data["y_test"] * 0)
    data.attrs = clean
    store.write(data, bench.path("poisoned"), stage="data")
    recipe = {**SGD, "search": {"lr": [1e-4, 1e-2]}}
    fleet = {"stop": {"steps": 12}, "snapshots": {}, "evaluate_every": 6, "seeds": [1000, 1001]}
    plan = bench.spec("search", recipe, **fleet, settings=3, extend=2, select=BEST)
    again = bench.run("search", plan, out="again", data=bench.path("poisoned"))
    assert again.drop_attrs().equals(found.drop_attrs())


# ---------------------------------------------------------------- the rule itself, with a metric that is known


def accuracy_at(rate):
    """A curve with its maximum 1 at a rate of 0.1, rising with its logarithm."""
    return 1 - abs(np.log10(rate) + 1) / 4


@pytest.fixture
def known(monkeypatch, tmp_path):
    """Return a function that searches a known curve, with the rates of each fleet that was trained."""
    trained = []

    def fake(work, task, name, values, number):
        trained.append(list(values))
        accuracy = np.array([[accuracy_at(value)] * 2 for value in values])
        return xr.Dataset(
            {
                "learned": (("setting", "seed", "stage_learned"), accuracy[..., None]),
                "validation_loss": (("setting", "seed", "evaluation"), 1 - accuracy[..., None]),
                "status": (("setting", "seed"), np.zeros_like(accuracy)),
                "hyper.lr": ("setting", list(values)),
            },
            coords={"setting": range(len(values)), "seed": [1000, 1001], "step": ("evaluation", [0])},
        )

    def search(space, select, settings=3, extend=2):
        monkeypatch.setattr(stage, "_train", fake)
        monkeypatch.setattr(Job, "task", lambda self: None)
        plan = {"recipe": {"search": {"lr": space}}, "settings": settings, "extend": extend, "select": select}
        return stage.search(Job("search", plan, {}, tmp_path / "a" / "b" / "c.zarr.zip", {}, "")), trained

    return search


MAX = {"best": {"learning_accuracy": "max"}}


def test_one_setting_per_round_and_only_while_it_is_at_the_edge(known):
    found, trained = known([1e-4, 1e-2], MAX)
    np.testing.assert_allclose(rates(found), 10.0 ** np.arange(-4.0, 1.0), rtol=1e-12)
    assert [len(fleet) for fleet in trained] == [3, 1, 1]
    # 0.1 was the best after the first round; it was at the edge, so a second was added, and it lies inside
    assert found["learned"].values[3].max() == pytest.approx(1)


def test_at_most_extend_per_side(known):
    found, _ = known([1e-7, 1e-6], MAX, extend=1)
    assert found.sizes["setting"] == 4


def test_both_sides_at_once(known):
    # the highest accuracy at one edge, the target at the other
    rules = {**MAX, "matched": {"learning_accuracy": accuracy_at(1e-4), "within": 0.001}}
    found, trained = known([1e-4, 1e-2], rules)
    assert len(trained[1]) == 2 and trained[1] == sorted(trained[1])
    np.testing.assert_allclose(rates(found)[0], 1e-5, rtol=1e-12)
    # the target at the low edge is met inside as soon as one setting lies beyond it
    assert found.sizes["setting"] == 3 + 1 + 2


def test_a_target_between_two_settings_is_refined(known):
    # the geometric mean of the two settings around the target
    target = {"matched": {"learning_accuracy": accuracy_at(10**-2.3), "within": 0.06}}
    found, trained = known([1e-4, 1e-2], target)
    assert trained[1:] == [[pytest.approx(10**-2.5)]]
    assert (np.diff(rates(found)) > 0).all()


def test_and_then_the_half_in_which_the_target_lies(known):
    narrow = {"matched": {"learning_accuracy": accuracy_at(10**-2.3), "within": 0.02}}
    found, trained = known([1e-4, 1e-2], narrow)
    assert trained[1:] == [[pytest.approx(10**-2.5)], [pytest.approx(10**-2.25)]]
    assert (np.diff(rates(found)) > 0).all()


def test_refinement_ends_after_extend_settings(known):
    target = {"matched": {"learning_accuracy": accuracy_at(10**-2.3), "within": 1e-9}}
    found, _ = known([1e-4, 1e-2], target)
    assert found.sizes["setting"] == 5


def test_two_rules_that_want_the_same_setting_get_one(known):
    found, trained = known([1e-4, 1e-2], {**MAX, "least": {"validation_loss": "min"}})
    assert len(trained[1]) == 1 and len(set(rates(found).tolist())) == found.sizes["setting"]
