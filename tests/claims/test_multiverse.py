"""Verdicts under other choices, on atlases whose answer is known."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from imprint.claims import multiverse
from imprint.claims.evaluate import evaluate
from tests.claims.conftest import small_atlas, spec

RECIPES, SEEDS, TUNING = ("muon", "adam"), tuple(range(8)), tuple(range(1000, 1005))
CHOICES = ["below", "half_batch", "no_decay"]
FIVE = np.array([0.9, 1.0, 1.1, 1.2, 0.8])
ABOUT = {"prefer": "high", "units": "1"}
CLAIM = {"measure": "a.x", "contrast": ["muon", "adam"], "expect": {"greater_by": 0.5}, "kind": "claim"}
CLAIM |= {"at": [{"stop": "steps", "select": "best", "snapshot": "final"}]}
VALUE = {"measure": "a.x", "recipe": "all", "expect": {"at_least": -9.0}, "kind": "claim", "at": CLAIM["at"]}


def experiment(claims=None, names=("c",), **more):
    declared = {"c": CLAIM} if claims is None else claims
    found = spec(declared, recipes=RECIPES, seeds=SEEDS, **more)
    return {**found, "multiverse": {"seeds": 5, "choices": CHOICES, "claims": list(names)}}


def atlas(values, declared=1.0, status=None):
    """An atlas in which muon - adam is ``declared``, and under each choice what ``values`` says by recipe.

    ``values`` maps a choice to the values of muon and adam over seeds; None: not trained.
    """
    coords = {"stop": ["steps"], "select": list(values), "recipe": list(RECIPES), "seed": list(TUNING)}
    x = np.full((1, len(values), 2, 5, 1), np.nan)
    for place, pair in enumerate(values.values()):
        for row, value in enumerate(pair):
            if value is not None:
                x[0, place, row, :, 0] = value
    codes = np.where(np.isnan(x[..., 0]), np.nan, 0.0) if status is None else status
    dims = (*coords, "snapshot")
    measured = xr.Dataset({"x": (dims, x, ABOUT)}, {**coords, "snapshot": ["final"]})
    trained = xr.Dataset({"status": (tuple(coords), codes)}, coords)
    whole = small_atlas(
        {"a.x": ([declared + 0.1 * np.arange(8), np.zeros(8)], ABOUT)}, recipes=RECIPES, seeds=SEEDS
    )  # fmt: skip
    groups = {node.path: node.to_dataset() for node in whole.subtree if node.path not in ("/", "/toy")}
    groups |= {"/toy/multiverse/a": measured, "/toy/multiverse/training": trained}
    return xr.DataTree.from_dict(groups)


def judged(values, part=None, **options):
    part = experiment() if part is None else part
    tree = atlas(values, **options)
    return multiverse.judge(tree, evaluate(tree, part), [part])


def by_choice(table):
    return {row["choice"]: row for row in table.to_dict("records")}


def test_a_choice_that_turns_the_direction():
    found = by_choice(judged({"chosen": (FIVE, 0), "half_batch": (-FIVE, 0), "below": (FIVE, 0.5)}))
    assert list(found) == ["declared", "chosen", "below", "half_batch"]
    assert {name: row["verdict"] for name, row in found.items()} == {
        "declared": "supported",
        "chosen": "supported",
        "below": "supported",
        "half_batch": "contradicted",
    }
    assert {name for name, row in found.items() if row["turned"]} == {"half_batch"}
    assert (found["chosen"]["estimate"], found["below"]["estimate"]) == pytest.approx((1.0, 0.5), rel=1e-15)
    assert {name: row["pairs_declared"] for name, row in found.items()} == {"declared": 8} | dict.fromkeys(
        ["chosen", "below", "half_batch"], 5
    )
    # five differences of one sign: the least p that five pairs give, enough for a verdict at 0.1
    assert found["half_batch"]["p_adjusted"] == found["chosen"]["p"] == 2 / 32


def test_the_declared_verdict_is_the_one_of_the_claims():
    part = experiment()
    tree = atlas({"chosen": (FIVE, 0)})
    verdicts = evaluate(tree, part)
    (row,) = multiverse.judge(tree, verdicts, [part]).query("choice == 'declared'").to_dict("records")
    shared = [name for name in multiverse.COLUMNS if name in verdicts]
    assert {name: row[name] for name in shared} == verdicts[shared].iloc[0].to_dict()


def test_the_nested_groups_change_no_verdict():
    part, tree = experiment(), atlas({"chosen": (FIVE, 0), "below": (-FIVE, 0)})
    bare = {node.path: node.to_dataset() for node in tree.subtree if node.path in ("/toy/a", "/toy/training")}
    pd.testing.assert_frame_equal(evaluate(tree, part), evaluate(xr.DataTree.from_dict(bare), part))


def test_a_recipe_without_the_choice_takes_part_as_chosen():
    found = by_choice(judged({"chosen": (FIVE, 0.25), "no_decay": (None, -1.0)}))
    assert found["no_decay"]["estimate"] == pytest.approx(2.0, rel=1e-15)  # chosen muon less adam without decay
    assert (found["no_decay"]["changes"], found["chosen"]["changes"]) == ("adam", "muon, adam")


def test_a_choice_that_neither_side_has_is_left_out():
    assert "no_decay" not in by_choice(judged({"chosen": (FIVE, 0), "no_decay": (None, None)}))
    assert "no_decay" not in by_choice(judged({"chosen": (FIVE, 0)}))


def test_each_choice_is_one_family_of_all_contrasts_that_are_judged_again():
    claims = {"c": CLAIM, "back": CLAIM | {"contrast": ["adam", "muon"]}, "value": VALUE}
    part = experiment(claims, names=("c", "back"))
    table = judged({"chosen": (FIVE, 0), "half_batch": (FIVE, 0)}, part)
    assert table.groupby("choice")["family"].unique().map(list).to_dict() == {
        "declared": [4],  # two contrasts, the values of two recipes
        "chosen": [2],
        "half_batch": [2],
    }
    assert set(table["claim"]) == {"c", "back"}
    alone = experiment({"c": CLAIM, "back": claims["back"]}, names=("c", "back"))
    tree = atlas({"chosen": (FIVE, 0)})
    direct = evaluate(
        xr.DataTree.from_dict(
            {f"/toy/{name}": node.to_dataset() for name, node in tree["toy/multiverse"].children.items()}
        ).map_over_datasets(lambda data: data.assign_coords(select=["best"]) if "select" in data.coords else data),
        {**alone, "seeds": list(TUNING)},
    )
    chosen = table[table["choice"] == "chosen"]
    for column in ("verdict", "estimate", "low", "high", "p", "p_adjusted"):
        assert chosen[column].tolist() == direct[column].tolist()


def test_modes_that_differ_in_the_rule_of_selection_alone_are_judged_once():
    at = [{"stop": "steps", "select": select, "snapshot": "final"} for select in ("best", "other")]
    part = experiment({"c": CLAIM | {"at": at}}, select=("best", "other"))
    tree = atlas({"chosen": (FIVE, 0)})
    table = multiverse.judge(tree, evaluate(tree, part), [part])
    assert table["mode"].tolist() == ["steps/best/final"] * 2


def test_a_diverged_replica_is_the_worst_of_its_choice():
    status = np.zeros((1, 2, 2, 5))
    status[0, 1, 0, 2] = 1
    found = by_choice(judged({"chosen": (FIVE, 0), "below": (FIVE, 0)}, status=status))
    assert found["below"]["flags"] == "diverged: 1 as worst" and found["chosen"]["flags"] == ""
    assert found["below"]["estimate"] == pytest.approx((FIVE.sum() - FIVE[2]) / 5, rel=1e-15)


def test_a_choice_that_diverges_altogether_is_untested_and_turns_nothing():
    status = np.zeros((1, 2, 2, 5))
    status[0, 1] = 1
    found = by_choice(judged({"chosen": (FIVE, 0), "below": (None, None)}, status=status))
    assert (found["below"]["verdict"], found["below"]["turned"]) == ("untested", False)


@pytest.mark.parametrize(
    ("declared", "other", "turned"),
    [
        ("supported", "contradicted", True),
        ("contradicted", "supported", True),
        ("supported", "supported", False),
        ("supported", "inconclusive", False),
        ("supported", "equivalent", False),
        ("inconclusive", "contradicted", False),
        ("equivalent", "contradicted", False),
        ("untested", "supported", False),
    ],
)
def test_what_turns_a_verdict(declared, other, turned):
    assert multiverse.turns({"verdict": declared}, {"verdict": other}) is turned


def test_a_study_without_a_multiverse_has_an_empty_table():
    tree = atlas({"chosen": (FIVE, 0)})
    part = {key: value for key, value in experiment().items() if key != "multiverse"}
    table = multiverse.judge(tree, evaluate(tree, part), [part])
    assert table.empty and list(table) == list(multiverse.COLUMNS)


def test_the_file_gives_back_the_table(tmp_path):
    status = np.zeros((1, 2, 2, 5))
    status[0, 1] = 1
    table = judged({"chosen": (FIVE, 0), "below": (None, None)}, status=status)
    multiverse.write(table, tmp_path / "a.csv")
    pd.testing.assert_frame_equal(multiverse.read(tmp_path / "a.csv"), table)


def test_where_nothing_was_chosen_only_the_declared_verdict_is_told():
    found = by_choice(judged({}))
    assert list(found) == ["declared"] and found["declared"]["verdict"] == "supported"


def test_the_tasks_of_an_experiment_are_one_family():
    one, tree = experiment(), atlas({"chosen": (FIVE, 0), "below": (FIVE, 0)})
    parts = [{**one, "name": f"toy.{task}"} for task in ("few", "many")]
    groups = {node.path: node.to_dataset() for node in tree["toy"].subtree if node.path != "/toy"}
    both = {path.replace("/toy", f"/{part['name']}", 1): data for part in parts for path, data in groups.items()}
    whole = xr.DataTree.from_dict(both)
    table = multiverse.judge(whole, evaluate(whole, *parts), parts)
    assert table["experiment"].tolist() == ["toy.few"] * 3 + ["toy.many"] * 3
    assert set(table["family"]) == {2}
    other = [parts[0], {**parts[1], "multiverse": {**one["multiverse"], "claims": []}}]
    assert set(multiverse.judge(whole, evaluate(whole, *other), other)["experiment"]) == {"toy.few"}
