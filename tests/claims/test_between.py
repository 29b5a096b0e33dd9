"""Claims that compare a recipe's networks in two tasks, seed by seed."""

import numpy as np
import pytest
import xarray as xr

from imprint.claims.evaluate import evaluate
from imprint.claims.readings import ClaimError
from tests.claims.conftest import small_atlas, spec

HIGH = {"prefer": "high", "units": "1"}
RECIPES, SEEDS = ("sgd", "adam"), range(8)
SHARED_N = 100.0 * np.arange(8)
GAIN_N = np.array([0.9, 1.0, 1.1, 1.2, 0.8, 1.0, 1.1, 0.9])


def judged(claim, small_RN, large_RN, **status):
    """Rows of a claim of task "small" against task "large"."""
    values = {"small": small_RN, "large": large_RN}
    groups, parts = {}, []
    for name, x_RN in values.items():
        tree = small_atlas({"a.x": (x_RN, HIGH)}, recipes=RECIPES, seeds=SEEDS, status=status.get(name))
        groups |= {f"/toy.{name}/{node}": tree[f"toy/{node}"].to_dataset() for node in ("training", "a")}
        claims = {"c": {"measure": "a.x", "recipe": "all", **claim}} if name == "small" else {}
        parts.append({**spec(claims, recipes=RECIPES, seeds=SEEDS), "name": f"toy.{name}"})
    return evaluate(xr.DataTree.from_dict(groups), *parts)


def claim(**more):
    return {"between": ["small", "large"], "expect": {"greater_by": 0.5}, **more}


def test_the_difference_is_paired_by_seed_for_each_recipe():
    rows = judged(claim(), np.stack([SHARED_N + GAIN_N, SHARED_N]), np.stack([SHARED_N, SHARED_N + GAIN_N]))
    assert rows["recipes"].tolist() == ["sgd: small - large", "adam: small - large"]
    assert rows["verdict"].tolist() == ["supported", "contradicted"]
    assert rows["estimate"].tolist() == pytest.approx([1.0, -1.0])
    assert rows["p"].tolist() == [2 / 256, 2 / 256]
    assert set(rows["experiment"]) == {"toy.small"}


def test_the_tasks_may_be_swapped():
    one_RN, other_RN = np.stack([GAIN_N, GAIN_N]), np.zeros((2, 8))
    swapped = judged(claim(between=["large", "small"], expect={"less_by": 0.5}), one_RN, other_RN)
    assert swapped["estimate"].tolist() == pytest.approx([-1.0, -1.0])
    assert swapped["verdict"].tolist() == ["supported", "supported"]


def test_relative_to_the_second_task():
    rows = judged(claim(relative=True, expect={"greater_by": 0.05}), np.full((2, 8), 4.4), np.full((2, 8), 4.0))
    assert rows["estimate"].tolist() == pytest.approx([0.1, 0.1])
    assert set(rows["unit"]) == {"fraction"}


def test_a_precondition_must_hold_in_both_tasks():
    one_RN, other_RN = np.stack([GAIN_N + 2, GAIN_N + 2]), np.zeros((2, 8))
    rows = judged(claim(requires={"a.x": {"at_least": 1.0}}), one_RN, other_RN)
    assert set(rows["verdict"]) == {"untested"}
    assert rows["flags"].str.contains("requires failed: a.x of sgd is 0").iloc[0]


def test_divergence_in_either_task_is_told():
    status_RN = np.zeros((2, 8))
    status_RN[0, :2] = 1
    rows = judged(claim(), np.stack([GAIN_N, GAIN_N]), np.zeros((2, 8)), large=status_RN)
    assert "diverged: 2 as worst" in rows["flags"].iloc[0]
    assert "diverged" not in rows["flags"].iloc[1]


def test_a_task_that_is_not_there():
    with pytest.raises(ClaimError, match="between is 'larg', which is not there; did you mean 'large'"):
        judged(claim(between=["small", "larg"]), np.zeros((2, 8)), np.zeros((2, 8)))
