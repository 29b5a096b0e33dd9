"""Networks: they give what was measured of them, for every block, setting, snapshot and kind of data."""

import shutil

import numpy as np
import pytest
import torch

import imprint
from imprint.reader.index import ResultsError
from imprint.store import StoreError

pytestmark = pytest.mark.slow


def measured(study, experiment, recipe, seed, measure, snapshot="final", stop="steps"):
    """Return what the atlas holds of a replica at the setting that was chosen."""
    data = study.atlas[f"{experiment}/performance"][measure]
    return data.sel(stop=stop, select="best", recipe=recipe, seed=seed, snapshot=snapshot).item()


def performance(solution, module, seed, split="test"):
    """Return loss and accuracy of a network on its task."""
    x, y = solution.examples(split, seed)
    with torch.no_grad():
        logits = module(x)
    return solution.task(seed).loss(logits, y).double().mean().item(), (logits.argmax(-1) == y).double().mean().item()


@pytest.mark.parametrize("snapshot", ["init", "matched_loss", "final"])
@pytest.mark.parametrize("recipe", ["adam", "muon"])
@pytest.mark.parametrize("seed", [0, 3, 4, 5])
def test_a_network_performs_as_was_measured(study, recipe, seed, snapshot):
    solution = study.solution("digits", recipe)
    loss, accuracy = performance(solution, solution.module("best", seed=seed, snapshot=snapshot), seed)
    # float32, one forward pass against another; a mean of losses of size 1
    assert loss == pytest.approx(measured(study, "digits", recipe, seed, "test_loss", snapshot), rel=1e-5)
    assert accuracy == measured(study, "digits", recipe, seed, "test_accuracy", snapshot)


@pytest.mark.parametrize("experiment", ["pairs.wide", "pairs.narrow"])
@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_network_of_a_task_performs_on_its_own_seeds_data(study, experiment, seed, split):
    solution = study.solution(experiment, "muon")
    module = solution.module("best", seed=seed)
    assert next(module.parameters()).dtype == torch.float64
    loss, accuracy = performance(solution, module, seed, split)
    # float64: rounding of a forward pass
    assert loss == pytest.approx(measured(study, experiment, "muon", seed, f"{split}_loss"), rel=1e-12, abs=1e-14)
    assert accuracy == measured(study, experiment, "muon", seed, f"{split}_accuracy")


def test_another_stop_rule_left_other_networks(study):
    solution = study.solution("digits", "adam", stop="loss")
    loss, _ = performance(solution, solution.module(0, seed=1), 1)
    assert loss == pytest.approx(measured(study, "digits", "adam", 1, "test_loss", stop="loss"), rel=1e-5)


def test_the_hidden_widths_are_those_of_the_task(study):
    widths = {name: study.solution(f"pairs.{name}", "adam").module(0, seed=0).layers[0].out_features for name in TASKS}
    assert widths == TASKS


TASKS = {"wide": 8, "narrow": 4}


def test_each_call_returns_another_copy(study):
    solution = study.solution("digits", "adam")
    one, other = solution.module(0, seed=0), solution.module(0, seed=0)
    with torch.no_grad():
        one.layers[0].weight.zero_()
    assert other.layers[0].weight.abs().sum() > 0
    assert not one.training


def test_a_network_can_be_trained_on(study):
    solution = study.solution("digits", "adam")
    module, (x, y) = solution.module(0, seed=0), solution.examples("train", 0)
    torch.nn.functional.cross_entropy(module(x), y).backward()
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())


def test_settings_say_by_which_rule_they_were_chosen(study):
    settings = study.solution("digits", "adam").settings
    assert settings["chosen_by"].tolist() == [["best"]]
    assert settings["lr"].tolist() == [pytest.approx(study.atlas["digits/training"]["hyper.lr"].sel(
        stop="steps", select="best", recipe="adam").item())]  # fmt: skip


def test_blocks_are_one_solution(study):
    data = study.solution("digits", "muon").data
    assert data["seed"].values.tolist() == [0, 1, 2, 3, 4, 5] and data.sizes["setting"] == 1
    atlas = study.measurements("digits/training")["train_loss"].sel(stop="steps", select="best", recipe="muon")
    for seed in range(6):
        kept = data.sel(seed=seed, snapshot="matched_loss").isel(setting=0)
        (place,) = np.flatnonzero(kept["step"].values == kept["snapshot_step"].item())
        assert kept["train_loss"].values[place] == atlas.sel(seed=seed, snapshot="matched_loss").item()


def test_blocks_that_ended_at_other_steps_are_padded(study):
    solution = study.solution("digits", "muon", stop="loss")
    steps = [block.data["step"].values.tolist() for block in solution.blocks]
    assert solution.data["step"].values.tolist() == sorted({*steps[0], *steps[1]})
    for block in solution.blocks:
        own = solution.data.sel(seed=block.data["seed"].values)["train_loss"]
        held = own.values[..., np.isin(solution.data["step"].values, block.data["step"].values)]
        assert np.array_equal(held, block.data["train_loss"].values, equal_nan=True)
    assert set(solution.data.data_vars) == set(solution.blocks[0].data.data_vars)


@pytest.mark.parametrize(
    ("setting", "options", "message"),
    [
        ("bset", {"seed": 0}, "digits adam: there is no setting 'bset'; did you mean 'best'"),
        (1, {"seed": 0}, "digits adam: there is no setting 1; allowed: 0, best"),
        (0, {"seed": 7}, "digits adam: there is no seed 7; allowed: 0, 1, 2, 3, 4, 5"),
        (
            0,
            {"seed": 0, "snapshot": "matched_los"},
            "digits adam: there is no snapshot 'matched_los'; did you mean 'matched_loss'",
        ),
    ],
)
def test_what_is_not_there_names_the_nearest(study, setting, options, message):
    with pytest.raises(ResultsError, match=message):
        study.solution("digits", "adam").module(setting, **options)


def test_a_split_that_is_not_there(study):
    with pytest.raises(ResultsError, match="there is no split 'tests'; did you mean 'test'"):
        study.solution("digits", "adam").examples("tests", 0)


def test_a_snapshot_that_a_replica_never_reached(study):
    with pytest.raises(
        ResultsError, match="pairs.wide adam: seed 2, setting 0 has no 'never': its condition never held"
    ):
        study.solution("pairs.wide", "adam").module(0, seed=2, snapshot="never")


def test_a_replica_that_diverged(study):
    solution = study.solution("pairs.wide", "burst")
    with pytest.raises(
        ResultsError, match=r"pairs.wide burst: seed 1, setting fixed has no 'final': diverged at step \d+"
    ):
        solution.module("fixed", seed=1)
    assert all(
        parameter.isfinite().all() for parameter in solution.module("fixed", seed=1, snapshot="init").parameters()
    )


def test_the_search_has_all_settings_and_fewer_snapshots(study):
    search = study.solution("digits", "muon", search=True)
    assert search.seeds == [1000] and len(search.settings) == 3 and search.snapshots == ["init", "final"]
    assert search.settings["chosen_by"].tolist() == [[], [], []]
    found = {
        setting: performance(search, search.module(setting, seed=1000), 1000, "validation")[0] for setting in range(3)
    }
    tried = study.atlas["digits/search"]["validation_loss"].sel(stop="steps", recipe="muon", seed=1000).values
    assert list(found.values()) == pytest.approx(tried.tolist(), rel=1e-5)
    with pytest.raises(
        ResultsError, match=r"'matched_loss' is not stored: a search keeps init, final alone, the evaluat"
    ):
        search.module(0, seed=1000, snapshot="matched_loss")


def test_a_damaged_store_is_refused_by_name(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "small")
    shutil.copytree(finished.parent / "store", tmp_path / "store")
    solution = imprint.open(tmp_path / "small").solution("digits", "adam")
    path = solution.blocks[0].path
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match=rf"{path.name}: truncated or not a store"):
        solution.module(0, seed=0)


def test_what_a_solution_says_of_itself(study):
    assert repr(study.solution("pairs.narrow", "adam")) == "<solution of pairs.narrow adam: seeds [0, 1, 2, 3, 4, 5]>"
    assert repr(study.solution("digits", "adam", search=True)) == "<solution of digits adam (search): seeds [1000]>"
