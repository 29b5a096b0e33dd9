"""The atlas on the page: what a cell says, where it leads, and what is behind it."""

import json

import numpy as np
import pandas as pd
import pytest

from imprint.claims import against
from imprint.figures.search import criterion
from imprint.report import evidence, heat
from imprint.report.sources import Sources

CELL = {"effect": 5.0, "p_adjusted": 0.01, "found": "more", "estimate": 0.1, "flags": ""}


@pytest.fixture(scope="module")
def digits(study):
    """The experiment digits of the example study: spec, what was found, its section and what lies behind it."""
    atlas, _, specs = study
    experiment = specs["digits"]
    found = against.against(atlas, experiment, heat.modes(experiment))
    table = against.between([found.table])
    return (
        experiment,
        found,
        heat.section(experiment, found, table),
        evidence.content(atlas, experiment, found, Sources()),
    )


@pytest.mark.parametrize(
    ("changes", "text", "way", "depth"),
    [
        ({}, "+5.0", "more", heat.DEEPEST),
        ({"effect": -2.0, "found": "less"}, "−2.0", "less", round(heat.DEEPEST / 2)),
        ({"effect": 123.4}, "+123", "more", heat.DEEPEST),
        ({"effect": np.inf}, "+∞", "more", heat.DEEPEST),
        ({"effect": 0.04, "p_adjusted": 0.8, "found": "not told apart"}, "+0.0", "", 0),
        ({"effect": np.nan, "estimate": 0.0, "p_adjusted": 1.0, "found": "not told apart"}, "0", "", 0),
        ({"effect": np.nan, "estimate": np.nan, "p_adjusted": np.nan, "found": "untested"}, "–", "", 0),
    ],
)
def test_a_cell(changes, text, way, depth):
    cell = heat.cell(CELL | changes)
    assert (cell["text"], cell["way"], cell["depth"]) == (text, way, depth)


@pytest.mark.parametrize(
    ("parts", "modes"),
    [
        ({"select": {"best": {}}, "snapshots": {"early": {}}}, ["steps/best/early", "steps/best/final"]),
        ({"select": {}, "snapshots": {}}, ["steps/fixed/final"]),
        ({"select": {}, "snapshots": {"passes_100": {}, "passes_200": {}}}, ["steps/fixed/final"]),  # a series
    ],
)
def test_modes_of_an_experiment(parts, modes):
    assert [str(mode) for mode in heat.modes({"stop": {"steps": {}}, **parts})] == modes


def test_every_measure_and_recipe_has_a_cell_that_leads_to_its_own_evidence(digits):
    experiment, found, section, behind = digits
    assert len(section["tables"]) == len(heat.modes(experiment)) == len(behind["modes"])
    count = 0
    for table in section["tables"]:
        for row in (row for probe in table["probes"] for row in probe["rows"]):
            assert [cell["key"].split()[2] for cell in row["cells"]] == section["recipes"]
            for cell in row["cells"]:
                mode, measure, recipe = cell["key"].split()
                assert behind["modes"][int(mode)] == table["mode"]
                assert behind["measures"][int(measure)]["name"] == row["measure"]
                told = dict(zip(behind["told"], behind["tests"][int(mode)][int(measure)][recipe], strict=True))
                sure = told["p_adjusted"] is not None and told["p_adjusted"] <= 0.1
                assert cell["way"] == (told["found"] if sure else "")
                count += 1
    assert count == len(found.table) > 100


def test_the_family_and_its_number_of_tests_are_those_of_the_table(digits):
    _, found, section, _ = digits
    for table, (_, rows) in zip(section["tables"], found.table.groupby("mode", sort=False), strict=True):
        tested = rows[rows["found"] != "untested"]
        assert table["tests"] == len(tested) == rows["family"].iloc[0]
        assert table["sure"] == (tested["p_adjusted"] <= 0.1).sum() > 0


def test_behind_a_cell_are_the_runs_that_were_compared(digits):
    _, found, _, behind = digits
    row = found.table.iloc[50].to_dict()
    mode, measure = behind["modes"].index(heat.mode_words(row["mode"])), 0
    keys = heat.measures(found)
    measure = keys.index((row["measure"], row["where"]))
    held = behind["values"][mode][measure]
    difference = np.mean(np.subtract(held[row["recipe"]], held[behind["reference"]]))
    assert difference == pytest.approx(row["estimate"], rel=1e-3)  # values are told to five digits
    assert behind["tests"][mode][measure][row["recipe"]][0] == evidence.short(row["estimate"])


def test_what_lies_behind_is_plain_json(digits):
    text = json.dumps(digits[3], allow_nan=False)
    assert json.loads(text)["reference"] == "sgd"


def test_curves_are_those_of_the_search(study, digits):
    atlas, _, specs = study
    experiment, found, _, behind = digits
    tried = atlas["digits/search"].to_dataset()
    search = behind["search"]
    assert search["hyper"] == "learning rate"
    lr = tried["lr"].sel(stop="steps", recipe="muon").values
    assert search["at"]["steps"]["muon"] == [evidence.short(value) for value in lr]
    metric = tried[criterion(tried, experiment)].sel(stop="steps", recipe="muon").transpose("setting", "seed").values
    assert search["criterion"]["steps"]["muon"] == [[evidence.short(v) for v in seeds] for seeds in metric.tolist()]
    assert search["chosen"][0]["muon"] == int(tried["chosen"].sel(stop="steps", select="best", recipe="muon"))
    place = heat.measures(found).index(("hessian.top_eigenvalue", ""))
    space = atlas["digits/search_space/hessian"]["top_eigenvalue"].sel(stop="steps", recipe="muon", snapshot="final")
    expected = space.transpose("setting", "seed").values.tolist()
    assert search["of"]["steps"][place]["muon"] == [[evidence.short(v) for v in seeds] for seeds in expected]
    labelled = heat.measures(found).index(("activation_rank.effective_rank", "layer=hidden_2"))
    space = atlas["digits/search_space/activation_rank"]["effective_rank"].sel(stop="steps", recipe="adam")
    expected = space.sel(snapshot="final", layer="hidden_2").transpose("setting", "seed").values.tolist()
    assert search["of"]["steps"][labelled]["adam"] == [[evidence.short(v) for v in seeds] for seeds in expected]


def test_an_experiment_without_a_search_has_no_curve(study):
    atlas, _, specs = study
    found = against.against(atlas, specs["margins"], heat.modes(specs["margins"]))
    assert evidence.content(atlas, specs["margins"], found, Sources())["search"] is None


def test_stores_behind_a_cell(study):
    atlas, _, specs = study
    experiment = specs["margins"]
    found = against.against(atlas, experiment, heat.modes(experiment))
    place = {"experiment": "margins", "kind": "probe", "recipe": "adam_limit", "stop": "steps", "seeds": [0]}
    sources = Sources([place | {"probe": "margins", "file": "results/store/probe/x.zarr.zip"}])
    stores = evidence.content(atlas, experiment, found, sources)["stores"]
    assert stores == {"steps": {"margins": {"adam_limit": ["../store/probe/x.zarr.zip"]}}}


def test_significance_is_the_claims_level():
    rows = pd.DataFrame({"p_adjusted": [0.0999, 0.1, 0.1001, np.nan]})
    assert heat.sure(rows).tolist() == [True, True, False, False]
