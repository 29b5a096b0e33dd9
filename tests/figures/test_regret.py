"""Regret: known answers on curves that are equal or parabolas, and what cannot be known is said."""

import atlas_example
import numpy as np
import pytest
import xarray as xr

from imprint.figures import curves, regret

RECIPES = ["sgd", "adam", "muon"]
SPEC = {"name": "toy", "recipes": RECIPES, "select": {"best": {"validation_loss": "min"}}}


def atlas(curve, rates, metric="validation_loss", status=None, least=np.argmin):
    """Searches of recipes whose criterion is a function of (recipe's place, rate); two seeds 2 apart."""
    rates = np.broadcast_to(np.asarray(rates, float), (len(RECIPES), np.shape(rates)[-1]))
    mean = np.array([[curve(k, rate) for rate in row] for k, row in enumerate(rates)])
    codes = np.zeros((*mean.shape, 2)) if status is None else status
    sound = np.where((codes == 0).all(-1), mean, np.inf if least is np.argmin else -np.inf)
    dims = ("stop", "recipe", "setting", "seed")
    values = np.where(codes == 1, np.nan, mean[..., None] + np.array([-1.0, 1.0]))
    data = {
        metric: (dims, values[None], {"units": "nat"}),
        "status": (dims, codes[None]),
        "lr": (dims[:3], rates[None]),
        "chosen": (("stop", "select", "recipe"), least(sound, -1).astype(float)[None, None]),
    }
    coords = {"stop": ["steps"], "select": ["best"], "recipe": RECIPES, "setting": range(rates.shape[1])}
    return atlas_example.tree({"toy": {"search": xr.Dataset(data, {**coords, "seed": [1000, 1001]})}})


def found(tree, spec=SPEC):
    table = regret.data(tree, None, spec)
    return table.set_index(["setting_of", "used_for"])


def parabola(k, rate):
    """Best at 10^-k."""
    return 0.3 + (np.log10(rate) + k) ** 2


RATES = [1e-3, 1e-2, 1e-1, 1.0]


def test_equal_curves_have_no_regret():
    table = found(atlas(lambda k, rate: parabola(1, rate), RATES))
    assert len(table) == 9 and (table["regret"] == 0).all()


def test_a_parabola_in_the_logarithm_of_the_rate():
    table = found(atlas(parabola, RATES))
    for i, one in enumerate(RECIPES):
        for j, other in enumerate(RECIPES):
            assert table.loc[(one, other), "regret"] == pytest.approx((i - j) ** 2, abs=1e-12)  # means of 2 near 10
            assert table.loc[(one, other), "value"] == 10.0**-i
            assert table.loc[(one, other), "best"] == pytest.approx(0.3)


def test_between_two_rates_it_is_linear_in_the_logarithm():
    rates = [[1e-3, 1e-2, 1e-1, 1.0], [10**-2.5, 10**-1.5, 10**-0.5, 10**0.5], [1e-3, 1e-2, 1e-1, 1.0]]
    table = found(atlas(lambda k, rate: parabola(1.5 if k == 1 else 1, rate), rates))
    # adam's best rate, 10^-1.5, lies halfway between rates at which sgd is 1 worse and at its best
    assert table.loc[("adam", "sgd"), "regret"] == pytest.approx(0.5, rel=1e-12)
    assert table.loc[("sgd", "adam"), "regret"] == pytest.approx(0.5, rel=1e-12)


def test_where_large_is_good_a_loss_of_it_is_a_regret():
    spec = {**SPEC, "select": {"best": {"learning_accuracy": "max"}}}
    tree = atlas(lambda k, rate: -parabola(k, rate), RATES, "learning_accuracy", least=np.argmax)
    table = found(tree, spec)
    assert table.loc[("sgd", "muon"), "regret"] == pytest.approx(4.0)
    assert table.loc[("sgd", "muon"), "best"] == pytest.approx(-0.3)


def test_outside_the_grid_nothing_is_known():
    table = found(atlas(lambda k, rate: parabola(k, rate), [[0.1, 1.0], [0.1, 1.0], [1e-3, 1e-2]]))
    assert table.loc[("sgd", "muon"), "state"] == "outside" and np.isnan(table.loc[("sgd", "muon"), "regret"])
    assert table.loc[("sgd", "sgd"), "state"] == ""


@pytest.mark.parametrize(("code", "word"), [(1, "diverges"), (2, "not reached")])
def test_a_rate_at_which_one_replica_fails_is_said(code, word):
    status = np.zeros((3, 4, 2))
    status[2, 3, 1] = code  # muon at 1.0, the rate that is best for sgd
    table = found(atlas(parabola, RATES, status=status))
    assert table.loc[("sgd", "muon"), "state"] == word and np.isnan(table.loc[("sgd", "muon"), "regret"])
    assert table.loc[("adam", "muon"), "regret"] == pytest.approx(1.0)
    status[0, :, :] = code  # nothing is chosen for sgd, and nothing known of it
    assert "sgd" not in found(atlas(parabola, RATES, status=status)).index.get_level_values(0)


def test_a_selection_with_a_target_has_no_best():
    spec = {**SPEC, "select": {"best": {"validation_loss": 0.5, "within": 0.1}}}
    assert found(atlas(parabola, RATES), spec).empty


def test_two_recipes_make_no_matrix():
    tree = atlas(parabola, RATES)
    two = tree["toy/search"].to_dataset().sel(recipe=["sgd", "adam"])
    assert found(atlas_example.tree({"toy": {"search": two}})).empty


def test_recipes_that_search_different_things_are_not_compared():
    search = atlas(parabola, RATES)["toy/search"].to_dataset()
    own = search["recipe"] == "muon"
    parted = search.assign(lr=search["lr"].where(~own), rho=search["lr"].where(own))
    assert found(atlas_example.tree({"toy": {"search": parted}})).empty


@pytest.mark.parametrize(("value", "answer"), [(1.0, 3.0), (10.0, 4.0), (100.0, 5.0), (0.5, np.nan), (200.0, np.nan)])
def test_a_curve_between_its_settings(value, answer):
    assert curves.at(value, np.array([1.0, 100.0]), np.array([3.0, 5.0])) == pytest.approx(answer, nan_ok=True)


def test_a_setting_tried_is_read_though_its_grid_was_rounded():
    tried = np.geomspace(1e-4, 0.1, 7)
    assert curves.at(0.1 * (1 + 1e-15), tried, np.arange(7.0)) == 6.0
    assert curves.inside(0.1 * (1 + 1e-15), tried) and not curves.inside(0.11, tried)


def test_a_diverged_neighbour_hides_what_lies_between():
    curve = np.array([1.0, 2.0, np.nan])
    assert np.isnan(curves.at(50.0, np.array([1.0, 10.0, 100.0]), curve))
    assert curves.span(10.0, np.array([1.0, 10.0, 100.0]), curve, 10.0) == 1.0
    assert np.isnan(curves.span(100.0, np.array([1.0, 10.0, 100.0]), curve, 2.0))
