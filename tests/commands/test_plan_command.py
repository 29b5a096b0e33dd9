"""``imprint plan``: how many jobs, why each, what they will take, what is stale; nothing is written."""

import json
import re
import shutil

import pytest

from imprint import code_version, store
from imprint import plan as planning
from imprint.earlier import Earlier
from imprint.forecast import forecast
from imprint.identity import Unit
from imprint.words import size


def block(out, stage):
    """Return the lines on a stage, without its head."""
    lines = out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{stage}: ")) + 1
    end = next(number for number, line in enumerate(lines[start:], start) if not line.startswith(" "))
    return lines[start:end]


def heads(out):
    return [line for line in out.splitlines() if " of " in line and line.split(":")[0] in planning.LIBRARIES]


def test_a_study_that_never_ran(run, project):
    status, out, err = run("plan", "--all")
    assert (status, err) == (0, "")
    made = project.plan()
    total = sum(len(units) for units in made.units.values())
    lines = out.splitlines()
    assert lines[0] == f"study quick: {total} of {total} jobs to run"
    assert lines[1].startswith("time: nothing is known yet of data 1, recipe 3, search 2")
    assert lines[2].startswith("disk: nothing is known yet, ") and lines[2].endswith(" are free")
    assert "train: 6 of 6" in lines
    assert block(out, "train")[:2] == ["  new", "    toy sgd seeds 0-1"]
    assert len([line for line in lines if line.startswith("    ")]) == total


def test_many_jobs_of_one_reason_are_named_in_part(run, project):
    project.toy["seeds"] = [str(seed) for seed in range(10)]
    assert block(run("plan")[1], "train")[-1] == "    and 10 more (--all)"
    assert len(block(run("plan", "--all")[1], "train")) == 1 + 30


def test_what_the_tests_can_find(run, project):
    project.toy["seeds"] = ["0-7"]
    lines = run("plan")[1].splitlines()
    assert lines[lines.index("power:") + 1].startswith("toy, claims: 8 seeds, 1 test: smallest adjusted p 0.0078; ")


def test_what_cannot_reach_the_level_is_refused(run, project):
    project.config["studies"]["quick"]["pilot"] = False
    for command in ("plan", "study"):
        status, out, err = run(command)
        assert (status, out) == (1, "")
        assert "toy.yaml: seeds: 3 paired seeds give p >= 0.25, and a verdict needs p <= 0.1" in err
    assert not (project.root / "results").exists()


def test_the_study_asked_for(run):
    assert run("plan", "core")[1].startswith("study core: ")


def test_nothing_is_written(run, project):
    run("plan")
    project.publish()
    project.toy["stop"] = {"steps": {"epochs": 3}}
    project.write()
    before = sorted((path, path.stat().st_mtime_ns) for path in project.root.rglob("*"))
    run("plan")
    after = sorted((path, path.stat().st_mtime_ns) for path in project.root.rglob("*"))
    assert [path for path, _ in after] == [path for path, _ in before]
    assert [pair for pair in after if "results" in pair[0].parts] == [p for p in before if "results" in p[0].parts]


# ------------------------------------------------- why, on a published study


def test_a_finished_study(run, project):
    made = project.publish()
    total = sum(len(units) for units in made.units.values())
    lines = run("plan")[1].splitlines()
    assert lines[0] == f"study quick: 0 of {total} jobs to run"
    assert lines[1] == "power:", "nothing to take, nothing stale"


def test_a_field_that_changed_is_told_where_it_was_declared_and_what_follows_where_it_leads(run, project):
    project.publish()
    project.toy["stop"] = {"steps": {"epochs": 3}}
    out = run("plan")[1]
    assert "study quick: " in out and "\ndata: " not in out and "\nrecipe: " not in out
    assert block(out, "search")[0] == "  changed: stop.epochs 2 -> 3"
    assert block(out, "select") == ["  made from other search", "    toy sgd", "    toy adam"]
    assert block(out, "train")[0] == "  changed: stop.epochs 2 -> 3"
    assert block(out, "probe")[0] == "  made from other train"
    assert block(out, "gather") == ["  follows search, select, train, probe", "    quick"]
    assert block(out, "claims") == ["  follows gather", "    quick"]
    assert "  changed: toy.stop.steps.epochs 2 -> 3" in block(out, "plan")
    assert "stale: results/quick shows an earlier plan until the study is run" in out.splitlines()


def test_all_fields_that_changed(run, project):
    project.publish()
    project.toy["task"]["batch_size"] = 16
    project.toy["evaluate_every"] = 4
    assert "  changed: batch_size 32 -> 16, evaluate_every 5 -> 4" in block(run("plan")[1], "train")


def test_a_recipe_that_is_new_is_not_told_as_another_one_changed(run, project):
    """Both are SGD on the same task: their names differ in the digest alone."""
    project.toy["recipes"] = ["sgd", "adam"]
    project.publish()
    project.toy["recipes"] = ["sgd", "adam", "plain"]
    out = run("plan")[1]
    assert block(out, "recipe") == ["  new", "    toy plain"]
    assert block(out, "train") == ["  new", "    toy plain seeds 0-1", "    toy plain seeds 2"]


def test_a_hyper_parameter_of_one_recipe(run, project):
    project.publish()
    project.recipes["plain"]["hyper"]["lr"] = 0.2
    out = run("plan")[1]
    assert block(out, "recipe") == ["  changed: recipe.hyper.lr 0.1 -> 0.2", "    toy plain"]
    assert heads(out)[:2] == ["recipe: 1 of 3", "train: 2 of 6"]


def test_where_the_earlier_training_is_not_kept_its_proof_is_compared_with_the_nearest(run, project):
    made = project.publish()
    for unit in made.units["train"].values():
        (project.root / unit.path).unlink()
    project.recipes["plain"]["hyper"]["lr"] = 0.2
    assert block(run("plan")[1], "recipe") == ["  changed: recipe.hyper.lr 0.1 -> 0.2", "    toy plain"]


def test_new_seeds(run, project):
    project.publish()
    project.toy["seeds"] = ["0-1", "2", "3-4"]
    out = run("plan")[1]
    assert block(out, "train") == ["  new", *(f"    toy {name} seeds 3-4" for name in ("sgd", "adam", "plain"))]


def test_code_that_changed_with_the_digests_that_a_declaration_needs(run, project, monkeypatch):
    project.publish()
    (data,) = {unit.spec["code"]["sources"]["imprint.store"] for unit in project.plan().units["data"].values()}
    real = code_version.version

    def version(*given):
        found = real(*given)
        return {**found, "sources": {k: "0" * 8 if k == "imprint.store" else v for k, v in found["sources"].items()}}

    monkeypatch.setattr(code_version, "version", version)
    out = run("plan")[1]
    assert block(out, "data")[0] == f"  changed: code of imprint.store {data} -> 00000000"
    row = f"all,imprint.store,00000000,{data},it only writes another message\n"
    (project.root / "equivalent.csv").write_text(f"stage,module,now,then,reason\n{row}")
    lines = run("plan")[1].splitlines()
    assert lines[0].startswith("study quick: 2 of "), "the page shows the declaration"
    told = f"imprint.store 00000000 counts as {data} (all: it only writes another message)"
    assert f"equivalent.csv: {told}" in lines
    monkeypatch.undo()
    assert f"equivalent.csv: not in use: {told}" in run("plan")[1].splitlines()


def test_a_margin(run, project):
    project.publish()
    project.claim["expect"] = {"greater_by": 0.2}
    out = run("plan")[1]
    assert heads(out)[0].startswith("claims: 1 of 1")
    assert "  changed: toy.claims.adam_is_better.expect.greater_by 0.1 -> 0.2" in block(out, "plan")
    assert block(out, "claims") == ["  what is declared, code or a library changed", "    quick"]


def test_a_file_that_is_gone(run, project):
    made = project.publish()
    probe = next(iter(made.units["probe"].values()))
    for path in (probe.path, next(iter(made.units["gather"].values())).path, "results/quick/report.html"):
        (project.root / path).unlink()
    out = run("plan")[1]
    assert block(out, "probe") == ["  its file is gone", f"    {probe.label}"]
    assert block(out, "gather") == ["  its file is gone", "    quick"]
    assert block(out, "claims") == ["  one of its files, or of those that it reads, is gone", "    quick"]


# ------------------------------------- why, where the study was never published


def stored(unit, root, project, **spec):
    """Put a small store where a unit's would be, made with another spec."""
    other = Unit(unit.stage, unit.prefix, {**unit.spec, **spec}, unit.inputs)
    project.put(other, other.path)
    return root / other.path


@pytest.mark.parametrize("others", [{}, {"pool": 2}], ids=["alone", "the nearest"])
def test_what_changed_since_a_stored_result(run, project, others):
    made = project.plan()
    data = next(iter(made.units["data"].values()))
    stored(data, project.root, project, task={"name": "classification", "limit": 90})
    if others:
        stored(data, project.root, project, task={"name": "classification", "limit": 80, **others})
    assert "  changed: task.limit 90 -> 100" in block(run("plan")[1], "data")


def test_results_of_other_seeds_are_no_earlier_results(run, project):
    made = project.plan()
    train = next(iter(made.units["train"].values()))
    stored(train, project.root, project, seeds=[7])
    assert block(run("plan")[1], "train")[0] == "  new"


def test_a_damaged_result_beside(run, project):
    project.publish()
    made = project.plan()
    train = next(iter(made.units["train"].values()))
    (project.root / train.path).write_bytes((project.root / train.path).read_bytes()[:100])
    project.toy["evaluate_every"] = 4
    status, out, _ = run("plan")
    assert status == 0
    assert "  changed: evaluate_every 5 -> 4" in block(out, "train"), "the index has its fields"


def test_a_plan_cut_in_half_beside(run, project):
    made = project.publish()
    for frozen in made.units["plan"].values():
        file = project.root / frozen.path
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    project.toy["evaluate_every"] = 4
    status, out, _ = run("plan")
    assert status == 0
    assert "  changed: evaluate_every 5 -> 4" in block(out, "train")


def test_an_optimizer_in_the_studys_folder(run, project, monkeypatch):
    # a stage does: it looks for modules where the study is
    project.recipes["plain"]["update"] = "hers_beside_the_study:Mine"
    (project.write() / "hers_beside_the_study.py").write_text("RATE = 1\n")
    made = []
    real = planning.build
    monkeypatch.setattr(planning, "build", lambda *given: made.append(real(*given)) or made[-1])
    assert run("plan")[0] == 0
    sources = [unit.spec["code"]["sources"] for unit in made[-1].units["recipe"].values()]
    assert [found for found in sources if "hers_beside_the_study" in found]


# ------------------------------------------------------------ what it will take


def bench(project, stage, **seconds):
    folder = project.root / "results/benchmarks" / stage
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, value in seconds.items():
        (folder / f"{name.replace('__', '-')}.jsonl").write_text(json.dumps({"s": value}) + "\n")


def test_a_job_takes_what_the_one_in_its_place_took(run, project, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(2))
    made = project.publish()
    for unit in planning.all_units(made):
        file = project.root / f"results/benchmarks/{unit.stage}/{unit.name}.jsonl"
        file.write_text('{"s": 999.0}\n{"s": %s}\n' % (100.0 if unit.label == "toy plain seeds 2" else 1.0))
    project.recipes["plain"]["hyper"]["lr"] = 0.2
    lines = run("plan")[1].splitlines()
    jobs = int(lines[0].split()[2])
    expected = jobs - 1 + 100
    minutes = f"{expected // 60} min {expected % 60:02d} s"
    assert lines[1].startswith(f"time: about {minutes} of work, ")
    assert lines[1].endswith(" on 2 cores, as past jobs took")


def test_a_new_job_takes_what_others_of_its_prefix_took_else_of_its_stage(run, project):
    made = project.plan()
    units = list(made.units["train"].values())
    sgd, adam = (next(unit for unit in units if unit.prefix.endswith(name)) for name in ("SGD", "Adam"))
    earlier = Earlier(made, units, project.root)
    assert forecast([sgd], earlier, project.root).unknown == {"train": 1}
    bench(project, "train", **{f"{sgd.prefix}__{'a' * 10}": 10.0, f"{sgd.prefix}__{'b' * 10}": 30.0})
    assert forecast([sgd], earlier, project.root).seconds == 20.0
    assert forecast([adam], earlier, project.root).seconds == 20.0
    bench(project, "train", **{f"{sgd.prefix}__{'a' * 10}": 10.0, f"{adam.prefix}__{'b' * 10}": 30.0})
    assert forecast([adam, adam], earlier, project.root).seconds == 60.0


def test_a_benchmark_file_that_was_cut_off_tells_nothing(run, project):
    project.publish()
    for file in (project.root / "results/benchmarks").rglob("*.jsonl"):
        file.write_text('{"s": 2')
    project.toy["evaluate_every"] = 4
    assert run("plan")[1].splitlines()[1].startswith("time: nothing is known yet of search 2, ")


def test_disk_is_that_of_what_stood_there(run, project, monkeypatch):
    before = project.publish().units["train"].values()
    project.recipes["plain"]["hyper"]["lr"] = 0.2
    after = project.plan()
    units = [unit for unit in after.units["train"].values() if "plain" in unit.label]
    for number, unit in enumerate(before):
        with open(project.root / unit.path, "ab") as handle:
            handle.truncate(10_000 * 2**number)
    sizes = {unit.label: (project.root / unit.path).stat().st_size for unit in before}
    expected = forecast(units, Earlier(after, units, project.root), project.root).bytes
    assert expected == sum(sizes[unit.label] for unit in units) > 0
    assert re.fullmatch(r"disk: about \d+ kB, .* are free", run("plan")[1].splitlines()[2])
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    assert run("plan")[1].splitlines()[2].endswith("1 kB are free: NOT ENOUGH")


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 kB"), (1499, "1 kB"), (2.5e6, "2.5 MB"), (74.44e9, "74.4 GB"), (999e3, "999 kB")]
)
def test_sizes(number, told):
    assert size(number) == told


# -------------------------------------------------------------------- stale


def test_stale_and_foreign_files_are_counted_and_named(run, project):
    made = project.publish()
    data = next(iter(made.units["data"].values()))
    old = stored(data, project.root, project, task={"name": "classification", "limit": 90})
    (project.root / "results/notes.txt").write_text("mine")
    lines = run("plan")[1].splitlines()
    log = project.root / f"results/logs/data/{old.name.removesuffix('.zarr.zip')}.log"
    told = size(old.stat().st_size + log.stat().st_size)
    assert f"stale: 2 files, {told}, to which no study refers; `imprint clean --stale` shows and removes them" in lines
    assert "made by no rule: results/notes.txt" in lines


def test_stale_files_where_another_study_cannot_be_planned(run, project):
    project.publish()
    project.config["studies"]["core"]["experiments"] = ["gone"]
    status, out, _ = run("plan")
    assert status == 0
    assert "stale: what study core refers to is not known, because it cannot be planned: " in out


def test_a_store_is_not_read_to_plan_a_finished_study(run, project, monkeypatch):
    project.publish()
    monkeypatch.setattr(store, "attributes", lambda _: pytest.fail("a store was opened"))
    assert run("plan")[0] == 0
