"""Claims on atlases whose answer is known: values, pairing, divergence, preconditions, families, errors."""

import numpy as np
import pytest
import xarray as xr

from imprint.claims.evaluate import combine, evaluate
from imprint.claims.power import detectable, needed
from imprint.claims.readings import ClaimError
from imprint.claims.signflip import signflip

EIGHT = np.array([0.9, 1.0, 1.1, 1.2, 0.8, 1.0, 1.1, 0.9])
HIGH = {"prefer": "high", "units": "1"}


def contrast(**more):
    return {"measure": "a.x", "contrast": ["muon", "adam"], "expect": {"greater_by": 0.5}, **more}


def test_contrast_by_hand(toy):
    row = toy.row({"greater_by": 0.5}, EIGHT)
    # eight positive differences: only the identity and its mirror reach the sum
    assert (row["p"], row["p_adjusted"], row["n"], row["family"]) == (2 / 256, 2 / 256, 8, 1)
    assert (row["verdict"], row["beyond"], row["recipes"]) == ("supported", True, "muon - adam")
    assert (row["mode"], row["expect"], row["margin"]) == ("steps/best/final", "greater_by 0.5", 0.5)
    assert row["estimate"] == pytest.approx(1.0, rel=1e-15)  # one sum of eight
    deviations = EIGHT - 1.0
    sd = np.sqrt((deviations**2).sum() / 7)
    assert (row["sd"], row["effect"]) == pytest.approx((sd, 1 / sd), rel=1e-14)
    alone = signflip(EIGHT[:, None])
    assert (row["low"], row["high"]) == (alone.low[0], alone.high[0])


@pytest.mark.parametrize(
    ("expect", "difference", "word"),
    [
        ({"greater_by": 2.0}, EIGHT, "equivalent"),
        ({"greater_by": 0.5}, -EIGHT, "contradicted"),
        ({"less_by": 0.5}, -EIGHT, "supported"),
        ({"greater_by": 0.5}, EIGHT - 1.0, "equivalent"),
        ({"greater_by": 0.01}, EIGHT - 1.0, "inconclusive"),
        ({"equal_within": 1.5}, EIGHT, "supported"),
        ({"equal_within": 0.5}, EIGHT, "contradicted"),
        ({"equal_within": 1.0}, EIGHT, "inconclusive"),
        ({"at_most": 1.5}, EIGHT, "supported"),
        ({"at_most": 0.5}, EIGHT, "contradicted"),
        ({"at_most": 1.0}, EIGHT, "inconclusive"),
        ({"at_least": 0.5}, EIGHT, "supported"),
        ({"within": [0.5, 1.5]}, EIGHT, "supported"),
        ({"within": [0.0, 0.5]}, EIGHT, "contradicted"),
        ({"within": [1.5, 2.0]}, EIGHT, "contradicted"),
        ({"within": [1.0, 2.0]}, EIGHT, "inconclusive"),
    ],
)
def test_every_form_reaches_its_lines(toy, expect, difference, word):
    assert toy.row(expect, difference)["verdict"] == word


def test_pairing_removes_what_the_seeds_share(toy):
    shared = 100.0 * np.arange(8)
    row = toy.row({"greater_by": 0.5}, EIGHT, base=shared)
    assert row["verdict"] == "supported"
    assert row["sd"] == pytest.approx(toy.row({"greater_by": 0.5}, EIGHT)["sd"], rel=1e-10)  # 800 eps over .1


def test_relative_contrast_is_of_logarithms(toy):
    factors = 1.1 * np.array([1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.01, 0.99])
    row = toy.row({"greater_by": 0.05}, 4.0 * (factors - 1), base=4.0, relative=True)
    logs = np.log(factors)
    alone = signflip(logs[:, None])
    assert row["estimate"] == pytest.approx(np.expm1(logs.mean()), rel=1e-12)
    assert (row["low"], row["high"]) == pytest.approx(np.expm1([alone.low[0], alone.high[0]]), rel=1e-12)
    assert (row["margin"], row["unit"], row["verdict"], row["beyond"]) == (
        0.05,
        "fraction",
        "supported",
        True,
    )
    # 1.1 less by a fraction is 1/1.1: the margin is symmetric in logarithms
    less = toy.row({"less_by": 0.1}, 4.0 / 1.1001 - 4.0, base=4.0, relative=True)
    assert (less["verdict"], less["beyond"]) == ("supported", True)
    assert not toy.row({"less_by": 0.1}, 4.0 / 1.0999 - 4.0, base=4.0, relative=True)["beyond"]
    within = toy.row({"within": [0.05, 0.15]}, 4.0 * (factors - 1), base=4.0, relative=True)
    assert within["verdict"] == "supported" and within["estimate"] == row["estimate"]


def test_relative_needs_positive_values(toy):
    row = toy.row({"greater_by": 0.1}, EIGHT - 1.2, base=0.2, relative=True)
    assert (row["verdict"], row["flags"].split(";")[0]) == ("untested", "relative: muon has -0.2")


def test_value_claims_give_a_row_per_recipe_against_the_bound(toy):
    values = {"a.x": ([EIGHT, EIGHT + 1], HIGH)}
    claims = {"most": {"measure": "a.x", "recipe": "all", "expect": {"at_most": 1.5}}}
    claims["one"] = {"measure": "a.x", "recipe": "adam", "expect": {"within": [1.5, 2.5]}}
    claims["two"] = {"measure": "a.x", "recipe": ["adam"], "expect": {"at_least": 2.0}}
    rows = toy.rows(claims, values)
    assert rows["recipes"].tolist() == ["muon", "adam", "adam", "adam"]
    assert rows["verdict"].tolist() == ["supported", "contradicted", "supported", "inconclusive"]
    assert rows["estimate"].tolist() == pytest.approx([1, 2, 2, 2], rel=1e-15)
    assert rows["effect"].tolist() == pytest.approx(np.array([-0.5, 0.5, 0.5, 0.0]) / EIGHT.std(ddof=1), abs=1e-12)
    assert set(rows["family"]) == {5}  # within is two tests
    assert np.isnan(rows["margin"][2]) and rows["margin"][0] == 1.5


def test_last_bits_are_no_data(toy):
    """Sums that are 1 but for rounding leave the intervals of their family as they are where they are exactly 1."""
    claims = {"sum": {"measure": "a.y", "recipe": "all", "expect": {"within": [1 - 1e-6, 1 + 1e-6]}}}
    claims["good"] = {"measure": "a.x", "recipe": "all", "expect": {"at_least": 0.5}}
    ulp = np.finfo(float).eps / 2
    noisy = 1 - ulp * np.array([[1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0, 1, 0]])
    rough, exact = (
        toy.rows(claims, {"a.x": ([EIGHT, EIGHT + 1], HIGH), "a.y": (sums, HIGH)}) for sums in (noisy, np.ones((2, 8)))
    )
    columns = ["verdict", "low", "high", "p_adjusted"]
    assert np.isfinite(exact[exact["claim"] == "good"]["high"]).all()
    assert rough[columns].iloc[2:].equals(exact[columns].iloc[2:])
    assert rough["verdict"].tolist() == ["supported"] * 4


def test_a_difference_of_rounding_is_a_tie(toy):
    third = np.array([0.1 + 0.2] * 3 + [0.3] * 5)  # 0.1 + 0.2 is not 0.3 in the last bit
    row = toy.rows({"c": contrast()}, {"a.x": ([third, np.full(8, 0.3)], HIGH)}).iloc[0]
    assert (row["estimate"], row["low"], row["high"], row["flags"]) == (0.0, 0.0, 0.0, "ties: 8 of 8")


def test_values_on_the_bound_support_it(toy):
    rows = toy.rows(
        {"c": {"measure": "a.x", "recipe": "muon", "expect": {"at_least": 0.1}}},
        {"a.x": ([[0.1] * 8, [1] * 8], HIGH)},
    )
    assert (rows["verdict"][0], rows["low"][0], rows["p"][0]) == ("supported", 0.1, 1.0)


def test_p_and_verdict_agree_for_every_form(toy):
    rng = np.random.default_rng(3)
    met = set()
    for _ in range(60):
        values = {f"a.{name}": (rng.normal(size=(2, 8)) + rng.choice([0, 1, 3]), HIGH) for name in "xyz"}
        claims = {
            name: {"measure": f"a.{name}", "recipe": "all", "expect": expect}
            for name, expect in (
                ("x", {"within": [-0.5, 1.5]}),
                ("y", {"at_most": 0.5}),
                ("z", {"at_least": 0.5}),
            )
        }
        claims["d"] = contrast(expect={"greater_by": 0.0})
        rows = toy.rows(claims, values)
        met |= set(zip(rows["claim"], rows["verdict"], strict=True))
        assert (rows["verdict"].isin(["supported", "contradicted"]) == (rows["p_adjusted"] <= 0.1)).all()
    assert len(met) >= 11  # each of the four claims, each of three verdicts, but for a rare one


def test_group_contrast_is_of_means(toy):
    values = {"a.x": ([EIGHT, EIGHT + 2, np.zeros(8)], HIGH)}
    claim = {"measure": "a.x", "contrast": [["muon", "soap"], ["adam"]], "expect": {"greater_by": 1.0}}
    (row,) = toy.rows({"c": claim}, values, recipes=("muon", "soap", "adam")).to_dict("records")
    assert row["recipes"] == "mean(muon, soap) - adam"
    assert row["estimate"] == pytest.approx(2.0, rel=1e-15)


def test_diverged_replicas_have_the_worst_value_of_all_recipes(toy):
    values = np.array([EIGHT, np.zeros(8), np.full(8, -3.0)])
    values[0, :2] = np.nan
    status = np.zeros((3, 8))
    status[0, :2] = 1
    options = {"recipes": ("muon", "adam", "sgd"), "status": status}
    (row,) = toy.rows({"c": contrast()}, {"a.x": (values, HIGH)}, **options).to_dict("records")
    assert row["estimate"] == pytest.approx((EIGHT[2:].sum() - 6.0) / 8, rel=1e-14)
    assert (row["n"], row["flags"]) == (8, "diverged: 2 as worst")
    low = {"prefer": "low", "units": "1"}
    (row,) = toy.rows({"c": contrast()}, {"a.x": (values, low)}, **options).to_dict("records")
    assert row["estimate"] == pytest.approx((EIGHT[2:].sum() + 2 * 1.2) / 8, rel=1e-14)


def test_a_diverged_replica_that_holds_a_number_is_still_the_worst(toy):
    status = np.zeros((2, 8))
    status[0, 0] = 1
    values = {"a.x": (np.array([[99.0, *EIGHT[1:]], np.zeros(8)]), HIGH)}
    (row,) = toy.rows({"c": contrast()}, values, status=status).to_dict("records")
    assert row["estimate"] == pytest.approx(EIGHT[1:].sum() / 8, rel=1e-14)
    (row,) = toy.rows({"c": contrast(at={"snapshot": "init"})}, values, status=status).to_dict("records")
    assert row["flags"] == "ties: 8 of 8"  # before anything diverged


@pytest.mark.parametrize("prefer", [None, "none", ""])
def test_divergence_in_a_measure_without_order_is_untested(toy, prefer):
    status = np.zeros((2, 8))
    status[1, 3] = 1
    values = {"a.x": ([EIGHT, np.zeros(8)], {"prefer": prefer})}
    (row,) = toy.rows({"c": contrast()}, values, status=status).to_dict("records")
    assert (row["verdict"], row["n"]) == ("untested", 7)
    assert row["flags"].startswith("diverged: 1, measure has no order")


@pytest.mark.parametrize(("missing", "word"), [(2, "supported"), (3, "untested")])
def test_fewer_than_four_in_five_pairs_are_untested(toy, missing, word):
    seeds = range(10)
    values = np.array([np.linspace(1, 2, 10), np.zeros(10)])
    values[0, :missing] = np.nan
    (row,) = toy.rows({"c": contrast()}, {"a.x": (values, HIGH)}, seeds=seeds).to_dict("records")
    assert (row["n"], row["pairs_declared"], row["verdict"]) == (10 - missing, 10, word)
    assert row["flags"] == ("no value: muon 2" if word == "supported" else "reached: 7 of 10 pairs; no value: muon 3")


def test_a_replica_that_missed_the_stop_condition_is_missing(toy):
    status = np.zeros((2, 8))
    status[0, :2] = 2
    values = {"a.x": ([EIGHT, np.zeros(8)], HIGH)}
    options = {"status": status, "snapshots": ("init", "early", "final")}
    (row,) = toy.rows({"c": contrast()}, values, **options).to_dict("records")
    assert (row["n"], row["flags"]) == (6, "reached: 6 of 8 pairs; not reached: muon 2")
    claim, declared = contrast(at={"snapshot": "early"}), {"snapshots": {"early": {"step": 5}}}
    (row,) = toy.rows({"c": claim}, values, experiment=declared, **options).to_dict("records")
    assert row["n"] == 8  # a read-out has its own condition


def test_seeds_that_were_never_run_count_as_missing(toy):
    values = {"a.x": ([EIGHT, np.zeros(8)], HIGH)}
    (row,) = toy.rows({"c": contrast()}, values, experiment={"seeds": list(range(12))}).to_dict("records")
    assert row["flags"] == "reached: 8 of 12 pairs"


def test_four_pairs_cannot_decide(toy):
    values = {"a.x": ([EIGHT[:4], np.zeros(4)], HIGH)}
    (row,) = toy.rows({"c": contrast()}, values, seeds=range(4)).to_dict("records")
    assert (row["verdict"], row["flags"]) == ("untested", "n below test: 4 pairs give p >= 0.125")
    assert np.isnan(row["p"]) and np.isnan(row["low"]) and row["estimate"] == pytest.approx(1.05)
    (row,) = toy.rows({"c": contrast()}, values, seeds=range(4), alpha=0.0625).to_dict("records")
    assert (row["verdict"], row["p"]) == ("supported", 0.125)


def test_one_pair_and_none(toy):
    (row,) = toy.rows({"c": contrast()}, {"a.x": ([[1.0], [0.0]], HIGH)}, seeds=[0]).to_dict("records")
    assert (row["n"], row["verdict"], np.isnan(row["sd"])) == (1, "untested", True)
    values = {"a.x": ([EIGHT, np.full(8, np.nan)], HIGH)}
    (row,) = toy.rows({"c": contrast()}, values).to_dict("records")
    assert (row["n"], row["verdict"]) == (0, "untested")
    assert row["flags"].startswith("absent: adam; reached: 0 of 8 pairs")


def test_requires(toy):
    learned = np.array([np.full(8, 0.99), np.full(8, 0.95)])
    values = {"a.x": ([EIGHT, np.zeros(8)], HIGH), "b.learned": (learned, HIGH)}
    met = contrast(requires={"b.learned": {"at_least": 0.95}, "a.x": {"at_most": 2}})
    failed = contrast(requires={"b.learned": {"at_least": 0.97}})
    unmeasured = contrast(requires={"b.empty": {"at_least": 0.97}})
    values["b.empty"] = (np.full((2, 8), np.nan), HIGH)
    rows = toy.rows({"met": met, "failed": failed, "unmeasured": unmeasured}, values)
    assert rows["verdict"].tolist() == ["supported", "untested", "untested"]
    assert rows["flags"][1] == "requires failed: b.learned of adam is 0.95, at_least 0.97"
    assert "requires failed: b.empty of muon is nan" in rows["flags"][2]
    assert rows["family"].tolist() == [1, 1, 1]  # what is not tested costs nothing


def test_requires_counts_diverged_replicas_as_worst(toy):
    learned = np.array([np.full(8, 0.99), np.full(8, 0.2)])
    learned[0, 0] = np.nan
    status = np.zeros((2, 8))
    status[0, 0] = 1
    values = {"a.x": ([EIGHT, np.zeros(8)], HIGH), "b.learned": (learned, HIGH)}
    claim = {
        "measure": "a.x",
        "recipe": "muon",
        "expect": {"at_least": 0},
        "requires": {"b.learned": {"at_least": 0.97}},
    }
    (row,) = toy.rows({"c": claim}, values, status=status).to_dict("records")
    assert "requires failed: b.learned of muon is 0.8912" in row["flags"]  # (7 * .99 + .2) / 8


def test_a_recipe_without_search_is_read_at_fixed(toy):
    atlas = toy.atlas({"a.x": ([EIGHT, np.zeros(8)], HIGH)}, select=("best", "fixed"))
    for array in (atlas["toy/a/x"], atlas["toy/training/status"]):
        adam = array.sel(recipe="adam")
        adam.loc[{"select": "fixed"}] = adam.sel(select="best").values
        adam.loc[{"select": "best"}] = np.nan
    rows = evaluate(atlas, toy.spec({"c": contrast()}))
    assert (rows["verdict"][0], rows["n"][0], rows["mode"][0]) == ("supported", 8, "steps/best/final")


def test_an_experiment_without_selection_is_read_at_fixed(toy):
    values = {"a.x": ([EIGHT, np.zeros(8)], HIGH)}
    rows = toy.rows({"c": contrast()}, values, select=("fixed",), experiment={"select": ()})
    assert (rows["mode"][0], rows["verdict"][0]) == ("steps/fixed/final", "supported")


def test_modes_give_a_row_each(toy):
    values = {"a.x": ([EIGHT, np.zeros(8)], HIGH)}
    at = [{"stop": "steps"}, {"select": "matched"}, {"snapshot": "init"}]
    rows = toy.rows(
        {"c": contrast(at=at)}, values, select=("best", "matched"), experiment={"select": ("best", "matched")}
    )
    assert rows["mode"].tolist() == ["steps/best/final", "steps/matched/final", "steps/best/init"]
    assert rows["verdict"].tolist() == ["supported", "untested", "equivalent"]
    assert rows["flags"][1].startswith("absent: muon; absent: adam")


def test_where_names_the_other_dimensions(toy):
    atlas = toy.atlas({"a.x": ([EIGHT, np.zeros(8)], HIGH)})
    layered = xr.concat([atlas["toy/a/x"] * k for k in (0.0, 1.0)], dim=xr.IndexVariable("layer", ["one", "two"]))
    atlas["toy/a"] = xr.DataTree(xr.Dataset({"x": layered.assign_attrs(HIGH)}))

    def rows(**more):
        return evaluate(atlas, toy.spec({"c": contrast(**more)}))

    assert rows(where={"layer": "two"})[["where", "verdict"]].values.tolist() == [["layer=two", "supported"]]
    assert rows(where={"layer": "one"})["verdict"][0] == "equivalent"
    with pytest.raises(
        ClaimError, match="toy, claim c: measure 'a.x' has the dimension layer; give where: .*one of one, two"
    ):
        rows()
    with pytest.raises(ClaimError, match="where: layer is 'too', which is not there; did you mean 'two'"):
        rows(where={"layer": "too"})
    with pytest.raises(ClaimError, match="measure a.x, where is 'layers', which is not there; did you mean 'layer'"):
        rows(where={"layers": "two"})
    with pytest.raises(ClaimError, match="requires 'a.x' has the dimension layer; give a measure without it"):
        rows(where={"layer": "two"}, requires={"a.x": {"at_least": 0}})


def test_flags_for_ties_and_edges(toy):
    tied = np.where(np.arange(8) < 4, 0.0, EIGHT)
    row = toy.row({"greater_by": 0.1}, tied, edge=[0.0, 1.0])
    assert row["flags"] == "at edge: adam; ties: 4 of 8"
    assert toy.row({"greater_by": 0.1}, np.where(np.arange(8) < 3, 0.0, EIGHT))["flags"] == ""


def test_bca_is_beside_from_twenty_pairs(toy):
    for n, given in ((19, False), (20, True)):
        x = np.linspace(1, 2, n) ** 2
        (row,) = toy.rows({"c": contrast()}, {"a.x": ([x, 0 * x], HIGH)}, seeds=range(n)).to_dict("records")
        assert np.isfinite([row["bca_low"], row["bca_high"]]).all() == given
    assert row["bca_low"] < row["estimate"] < row["bca_high"]


def test_controls_are_a_family_of_their_own(toy):
    rng = np.random.default_rng(0)
    values = {f"a.{name}": (rng.normal(size=(2, 8)) + [[0.4], [0]], HIGH) for name in "xyzuv"}
    claims = {name: {**contrast(), "measure": f"a.{name}", "kind": "claim"} for name in "xyz"}
    controls = {name: {**contrast(), "measure": f"a.{name}", "kind": "control"} for name in "uv"}
    rows = toy.rows({"u": controls["u"], **claims, "v": controls["v"]}, values).set_index("claim")
    assert rows["family"].to_dict() == {"u": 2, "x": 3, "y": 3, "z": 3, "v": 2}
    differences = np.stack([values[f"a.{name}"][0][0] - values[f"a.{name}"][0][1] for name in "xyz"], axis=1)
    assert rows["p_adjusted"][["x", "y", "z"]].tolist() == signflip(differences).p_adjusted.tolist()
    assert (rows["p_adjusted"] > rows["p"]).any()


def test_combine_adjusts_between_experiments(toy):
    x = {"a.x": ([EIGHT, np.zeros(8)], HIGH)}
    y = {"a.x": ([EIGHT - 0.9, np.zeros(8)], HIGH)}
    control, few = contrast(kind="control"), {"a.x": ([EIGHT[:4], np.zeros(4)], HIGH)}
    one = toy.rows({"c": contrast(), "d": contrast(at={"snapshot": "init"}), "e": control}, x)
    y["a.k"] = x["a.x"]  # a control of smaller p, which does not count
    two = toy.rows({"c": contrast(), "k": control | {"measure": "a.k"}}, y).assign(experiment="second")
    three = toy.rows({"c": contrast()}, few, seeds=range(4)).assign(experiment="third")
    full = combine([one, two, three])
    p = two["p_adjusted"][0]
    assert p > 2 * 2 / 256
    assert full["p_holm"][[0, 1, 3]].tolist() == [2 * 2 / 256, 2 * 2 / 256, p]  # 2 p_(1), then 1 p_(2)
    assert full["p_holm"][[2, 4, 5]].isna().all()  # controls, and nothing tested
    assert full["experiment"].tolist() == ["toy"] * 3 + ["second"] * 2 + ["third"]


def test_combine_of_nothing():
    assert len(combine([])) == 0


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (
            {"measure": "a.y"},
            "experiment toy, claim c: measure is 'a.y', which is not there; did you mean 'a.x'",
        ),
        (
            {"contrast": ["moun", "adam"]},
            "claim c: contrast is 'moun', which is not there; did you mean 'muon'",
        ),
        ({"at": {"stop": "step"}}, "at: stop is 'step', which is not there; did you mean 'steps'"),
        ({"at": {"select": "bset"}}, "at: select is 'bset', which is not there; did you mean 'best'"),
        (
            {"at": {"snapshot": "finale"}},
            "at: snapshot is 'finale', which is not there; did you mean 'final'",
        ),
        ({"at": {"snap": "final"}}, "at is 'snap', which is not there; did you mean 'snapshot'"),
        ({"expect": {"greater": 1}}, "expect is 'greater', which is not there; did you mean 'greater_by'"),
        ({"requires": {"a.z": {"at_least": 1}}}, "requires is 'a.z', which is not there; did you mean 'a.x'"),
        (
            {"requires": {"a.x": {"atleast": 1}}},
            "requires a.x is 'atleast', which is not there; did you mean 'at_least'",
        ),
        (
            {"measure": "a.flat"},
            "measure is 'a.flat', which has the dimensions stop and lacks select, recipe, seed",
        ),
        (
            {"expect": {"at_least": -1.5}, "relative": True},
            "expect: at_least is -1.5; a relative bound is above -1",
        ),
    ],
)
def test_refuses_what_is_not_there(toy, claim, message):
    atlas = toy.atlas({"a.x": ([EIGHT, np.zeros(8)], HIGH)})
    atlas["toy/a/flat"] = xr.DataArray([1.0], {"stop": ["steps"]})
    with pytest.raises(ClaimError, match=message):
        evaluate(atlas, toy.spec({"c": contrast(**claim)}))


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (
            {"recipe": "addam", "expect": {"at_most": 1}},
            "recipe is 'addam', which is not there; did you mean 'adam'",
        ),
        (
            {"recipe": "adam", "expect": {"greater_by": 1}},
            "expect is 'greater_by', which is not there; allowed: at_least",
        ),
        (
            {"recipe": "adam", "expect": {"at_most": 1}, "relative": True},
            "relative is true for the value of 'adam'",
        ),
    ],
)
def test_refuses_wrong_value_claims(toy, claim, message):
    with pytest.raises(ClaimError, match=message):
        toy.rows({"c": {"measure": "a.x", **claim}}, {"a.x": ([EIGHT, np.zeros(8)], HIGH)})


def test_refuses_a_foreign_atlas(toy):
    atlas = toy.atlas({"a.x": ([EIGHT, np.zeros(8)], HIGH)})
    experiment = toy.spec({"c": contrast()})
    with pytest.raises(ClaimError, match="experiment other: it is not in the atlas, which has toy; gather it again"):
        evaluate(atlas, {**experiment, "name": "other"})
    del atlas["toy"]["training"]
    with pytest.raises(ClaimError, match="experiment toy: the atlas has no training/status; gather it again"):
        evaluate(atlas, experiment)


def test_claims_of_all_tasks_are_one_family(toy):
    rng = np.random.default_rng(0)
    parts, groups = [], {}
    for task in ("few", "many"):
        adam = rng.normal(size=8)
        values = {"a.x": ([adam + rng.normal(0.5, 1, 8), adam], {"prefer": "high", "units": "1"})}
        groups[f"/toy.{task}"] = toy.atlas(values)["toy"]
        claim = {"measure": "a.x", "contrast": ["muon", "adam"], "expect": {"greater_by": 0.1}}
        parts.append({**toy.spec({"c": claim}), "name": f"toy.{task}"})
    atlas = xr.DataTree.from_dict(groups)
    rows = combine([evaluate(atlas, *parts)])
    assert rows["experiment"].tolist() == ["toy.few", "toy.many"]
    assert rows["family"].tolist() == [2, 2]
    assert rows["p_holm"].nunique() == 1
    alone = [evaluate(atlas, part) for part in parts]
    assert all(row["family"].tolist() == [1] for row in alone)
    assert (rows["p_adjusted"].to_numpy() >= [row["p_adjusted"].item() for row in alone]).all()


# ----------------------------------------------------------------------- power


def test_what_the_test_can_find_is_of_the_data(toy):
    row = toy.row({"greater_by": 0.05}, EIGHT)
    assert (row["p_smallest"], row["sd_from"]) == (2 / 256, "data")
    assert row["detectable"] == row["sd"] * detectable(8)
    assert row["n_needed"] == needed(0.05 / row["sd"])


def test_a_declared_deviation_comes_first(toy):
    row = toy.row({"greater_by": 0.05}, EIGHT, claim={"sd": 0.2})
    assert row["sd_from"] == "declared" and row["sd"] == pytest.approx(EIGHT.std(ddof=1))
    assert (row["detectable"], row["n_needed"]) == (0.2 * detectable(8), needed(0.25))


def test_the_family_counts_in_what_is_found(toy):
    values = {"a.x": ([EIGHT, EIGHT + 1], HIGH)}
    claims = {"most": {"measure": "a.x", "recipe": "all", "expect": {"at_most": 1.5}}, "one": contrast()}
    rows = toy.rows(claims, values)
    assert set(rows["family"]) == {3}
    assert rows["detectable"].tolist() == [sd * detectable(8, 3) for sd in rows["sd"]]


def test_a_relative_effect_is_a_fraction(toy):
    factors = 1.1 * np.array([1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.01, 0.99])
    row = toy.row({"greater_by": 0.05}, 4.0 * (factors - 1), base=4.0, relative=True)
    assert row["detectable"] == pytest.approx(np.expm1(row["sd"] * detectable(8)), rel=1e-12)
    assert row["n_needed"] == needed(np.log1p(0.05) / row["sd"])


def test_an_untested_row_says_what_it_could_find(toy):
    requires = {"b.learned": {"at_least": 0.97}}
    values = {"a.x": ([EIGHT, np.zeros(8)], HIGH), "b.learned": (np.full((2, 8), 0.9), HIGH)}
    (row,) = toy.rows({"c": contrast(requires=requires)}, values).to_dict("records")
    assert (row["verdict"], row["family"]) == ("untested", 0)
    assert row["detectable"] == row["sd"] * detectable(8)


# ------------------------------------------------------------------ what is missing


def test_replicas_that_never_reach_a_condition_are_counted(toy):
    """Of a read-out: trained, ended well, never at the condition; of each side, beside the pairs that are left."""
    values = np.array([EIGHT, np.zeros(8)])
    values[0, 3] = values[1, 5] = np.nan
    coords = {"snapshots": ("init", "final", "matched")}
    claim, declared = contrast(at={"snapshot": "matched"}), {"snapshots": {"matched": {"train_loss": 0.1}}}
    (row,) = toy.rows({"c": claim}, {"a.x": (values, HIGH)}, experiment=declared, **coords).to_dict("records")
    assert (row["n"], row["flags"]) == (6, "reached: 6 of 8 pairs; not reached: muon 1, adam 1")
    values[1, 5] = 0.0
    (row,) = toy.rows({"c": claim}, {"a.x": (values, HIGH)}, experiment=declared, **coords).to_dict("records")
    assert (row["n"], row["verdict"], row["flags"]) == (7, "supported", "not reached: muon 1")
