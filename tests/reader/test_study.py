"""What a study has: the atlas as it was gathered, the verdicts as they were written, experiments and recipes."""

import shutil

import pytest

import imprint
from imprint import store
from imprint.claims import table
from imprint.reader.index import ResultsError

pytestmark = pytest.mark.slow


def test_the_atlas_holds_what_was_gathered(finished, study):
    (packed,) = finished.parent.glob("store/gather/*.zarr.zip")
    gathered = store.read_tree(packed)
    assert {node.path for node in study.atlas.subtree} == {node.path for node in gathered.subtree}
    for node in gathered.subtree:
        if node.data_vars:
            group = study.measurements(node.path.strip("/"))
            assert set(group.data_vars) == set(node.data_vars)
            for name, array in node.data_vars.items():
                assert group[name].dims == array.dims and group[name].attrs == array.attrs
                assert store.array_digest(group[name].values) == store.array_digest(array.values)


def test_the_verdicts_are_those_of_the_table(finished, study):
    assert study.claims.equals(table.read(finished / "claims.csv"))
    assert study.claims["claim"].tolist() == ["lower_loss"]


def test_experiments_say_their_design(study):
    assert study.experiments.index.tolist() == ["digits", "pairs.wide", "pairs.narrow"]
    digits = study.experiments.loc["digits"]
    assert digits["recipes"] == ["adam", "muon"] and digits["stops"] == ["steps", "loss"]
    assert digits["selects"] == ["best"] and digits["snapshots"] == ["init", "matched_loss", "final"]
    assert digits["seeds"] == list(range(6))
    assert sorted(digits["probes"]) == ["effective_rank", "performance", "sparsity"]
    assert study.experiments.loc["pairs.wide", "selects"] == ["best", "fixed"]


def test_recipes_say_what_they_are(study):
    assert study.recipes.index.tolist() == ["adam", "muon", "burst"]
    burst = study.recipes.loc["burst"]
    assert burst["update"] == "torch.optim:SGD" and burst["hyper"] == {"lr": 1000} and burst["search"] == {}
    assert burst["parts"]["decay"] == {"name": "coupled", "weight_decay": 1}
    assert burst["experiments"] == ["pairs.wide", "pairs.narrow"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digts", "adam"), "there is no experiment 'digts'; did you mean 'digits'"),
        (("pairs", "adam"), "experiment pairs has several tasks; name one: pairs.wide, pairs.narrow"),
        (("pairs.wid", "adam"), "there is no experiment 'pairs.wid'; did you mean 'pairs.wide'"),
        (("digits", "adan"), "experiment digits: there is no recipe 'adan'; did you mean 'adam'"),
        (("digits", "burst"), "experiment digits: there is no recipe 'burst'; allowed: adam, muon"),
    ],
)
def test_a_solution_of_what_is_not_there(study, arguments, message):
    with pytest.raises(ResultsError, match=message):
        study.solution(*arguments)


def test_a_solution_under_another_stop_rule(study):
    with pytest.raises(ResultsError, match="there is no stop rule 'los'; did you mean 'loss'"):
        study.solution("digits", "adam", stop="los")


def test_a_recipe_without_a_search_has_no_solution_of_it(study):
    with pytest.raises(ResultsError, match="burst in pairs.wide was not searched: its hyper-parameters are set"):
        study.solution("pairs.wide", "burst", search=True)


def test_a_group_that_is_not_there(study):
    with pytest.raises(
        ResultsError, match=r"atlas.zarr: there is no group 'digits/sparsty'; did you mean 'digits/spar"
    ):
        study.measurements("digits/sparsty")


def test_a_damaged_atlas_is_refused_by_name(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "small")
    array = tmp_path / "small/atlas.zarr/digits/sparsity/hoyer/c"
    for chunk in [file for file in array.rglob("*") if file.is_file()]:
        chunk.unlink()  # zarr takes a chunk that is gone for one of fill values
    damaged = imprint.open(tmp_path / "small")
    with pytest.raises(ResultsError, match=r"atlas.zarr/digits/sparsity: \['hoyer'\] differ from their digests; run"):
        damaged.compare("muon", "adam", measures="sparsity")
    assert len(damaged.compare("muon", "adam", measures="performance").table)
