"""How large a study can be, as counts: lengths of commands, calls of planning, files that are read, chunks of an atlas.

`benchmarks/scale.py` measures the same studies in seconds.
"""

import cProfile
import pstats
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from imprint import code_version, identity, plan, store
from imprint.earlier import Earlier
from imprint.forecast import forecast
from imprint.outstanding import outstanding

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
import atlases  # noqa: E402
import studies  # noqa: E402
from studies import Shape  # noqa: E402

SMALL = Shape(experiments=2, recipes=4, blocks=2, probes=2)
GROWTH = ("experiments", "recipes", "blocks", "probes")
AROUND = 1000  # bytes of a rule's own words around the options: its prefix, output and log


@pytest.fixture
def planned(tmp_path):
    """Return a function that writes and plans a study of a shape."""

    def of(shape):
        folder = studies.write(shape, tmp_path / str(shape))
        return folder, plan.build(folder)

    return of


def units(made):
    return list(plan.all_units(made))


def counted(monkeypatch, module, name):
    """Count the calls of a function by their first argument."""
    seen, real = Counter(), getattr(module, name)

    def function(first, *rest, **named):
        seen[str(first)] += 1
        return real(first, *rest, **named)

    monkeypatch.setattr(module, name, function)
    return seen


def test_no_command_of_15_experiments_x_60_recipes_is_too_long(planned):
    _, made = planned(Shape(experiments=15, recipes=60, probes=7))
    assert len(units(made)) > 10_000
    commands = [plan.command(made, unit) for unit in units(made) if unit.stage != "plan"]
    assert max(len(text.encode()) for text in commands) + AROUND < 60_000


def test_the_wide_study_shares_no_cell(planned):
    _, made = planned(SMALL)
    cells = SMALL.experiments * SMALL.recipes
    counts = {"recipe": cells, "search": cells, "select": cells, "train": 2 * cells, "probe": 4 * cells}
    assert {stage: len(made.units[stage]) for stage in counts} == counts


def test_a_unit_is_named_once(planned, monkeypatch):
    names = counted(monkeypatch, identity, "of")
    _, made = planned(SMALL)
    total = Counter(unit.stage for unit in units(made))
    assert {stage: count for stage, count in names.items() if stage != "data"} == {
        stage: count for stage, count in total.items() if stage != "data"
    }
    assert names["data"] == total["recipe"] + total["search"] + total["train"], "once for each that is made from data"


@pytest.mark.parametrize("key", ["experiments", "blocks"])
def test_code_is_looked_up_once_for_all_that_run_it(planned, monkeypatch, key):
    versions = counted(monkeypatch, code_version, "version")
    planned(SMALL)
    few = versions.copy()
    versions.clear()
    planned(replace(SMALL, **{key: 2 * getattr(SMALL, key)}))
    assert versions == few


def operations(made, folder):
    """Number of calls that planning again makes, and finding what is to run."""
    profile = cProfile.Profile()
    profile.enable()
    again = plan.build(folder)
    outstanding(again, folder)
    profile.disable()
    assert again.digest == made.digest
    return pstats.Stats(profile).total_calls


@pytest.mark.parametrize("key", GROWTH)
def test_planning_grows_by_as_much_as_the_study(planned, key):
    shapes = [replace(SMALL, **{key: factor * getattr(SMALL, key)}) for factor in (1, 2, 4)]
    made = [planned(shape) for shape in shapes]
    jobs = [len(units(each)) for _, each in made]
    calls = [operations(each, folder) for folder, each in made]
    per_job = [(calls[i + 1] - calls[i]) / (jobs[i + 1] - jobs[i]) for i in range(2)]
    # a term that grows with the square makes the second step cost up to twice as much per job as the first
    assert per_job[1] < 1.2 * per_job[0]


@pytest.mark.parametrize("published", [True, False])
def test_a_store_is_opened_once_to_say_what_changed(planned, monkeypatch, published):
    folder, _ = planned(SMALL)
    studies.finish(folder)
    for file in (folder / "experiments").glob("*.yaml"):
        file.write_text(file.read_text().replace("epochs: 40", "epochs: 41"))
    if not published:
        (folder / "results/wide/index.csv").unlink()
    made = plan.build(folder)
    missing = [unit for of_stage in outstanding(made, folder).values() for unit in of_stage]
    opened = counted(monkeypatch, store, "attributes")
    earlier = Earlier(made, missing, folder)
    total = forecast(missing, earlier, folder)
    reasons = Counter(earlier.reason(unit) for unit in missing if unit.stage in ("search", "train"))
    assert reasons == {"changed: stop.epochs 40 -> 41": 2 * SMALL.recipes * (1 + SMALL.blocks)}
    assert total.seconds == 2.0 * len([unit for unit in missing if unit.stage != "plan"]) + 4.0
    stores = Counter(path.parent.name for path in (folder / "results/store").glob("*/*.zarr.zip"))
    assert set(opened.values()) == {1} and len(opened) <= sum(stores.values())


def test_a_variable_of_an_atlas_is_read_without_the_others(tmp_path):
    read = atlases.opened(atlases.write(tmp_path, probes=6))
    coordinates = {key.split("/")[-3] for key in read["open the tree"].chunks}
    assert coordinates == set(atlases.COORDS), "opening reads labels and no measure"
    assert [key for key in read["open the tree"].keys if key.endswith("zarr.json")] == ["zarr.json"], "consolidated"
    (folder,) = tmp_path.glob(f"*.zarr/{atlases.GROUP}/{atlases.VARIABLE}")
    stored = sum(file.stat().st_size for file in folder.rglob("c/**/*") if file.is_file())
    for name in ("one variable of the tree", "one variable of the group"):
        assert all(key.startswith(f"{atlases.GROUP}/{atlases.VARIABLE}/c") for key in read[name].keys)
        assert 0 < read[name].bytes <= stored
