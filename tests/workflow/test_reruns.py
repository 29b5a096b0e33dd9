"""What reruns: the table of the design, as counts of jobs by rule."""

import json
import os
import re
import shutil

import pytest
import yaml

from imprint import documents, store

pytestmark = pytest.mark.slow

IMAGES, LINES = "experiments/images.yaml", "experiments/lines.yaml"
SPARSITY = "src/imprint/probes/weights/sparsity.py"

PUBLISHED = ("publish",)
DRAWN = ("figure", "finding", "report", "publish")
JUDGED = ("freeze", "claims", *DRAWN)
GATHERED = ("gather", *JUDGED)

MINE = """
import torch


class Mine(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.sub_(parameter.grad, alpha=group["lr"] * 0.5)
"""


def counted(project, products=(), **jobs):
    """Expected jobs: of the cells as given, of the products one each, and every figure and finding."""
    many = {
        "figure": len(list((project / "results/tiny/figures").glob("*.svg"))),
        "finding": len(list((project / "results/tiny/findings").glob("*.md"))),
    }
    return jobs | {rule: many.get(rule, 1) for rule in products}


def test_the_copy_runs_its_own_code(project):
    done = project.run("python", "-c", "import imprint.plan; print(imprint.plan.__file__)")
    assert done.stdout.strip() == str(project / "src/imprint/plan.py")


def test_nothing_changed(project):
    assert project.jobs() == {}
    assert "nothing to do" in project.study()


def test_a_finished_study_starts_no_snakemake(project):
    logs = set((project / ".snakemake/log").glob("*"))
    assert "nothing to do" in project.study()
    assert set((project / ".snakemake/log").glob("*")) == logs
    assert "nothing to do" in project.study("--", "--cores", "1")
    assert set((project / ".snakemake/log").glob("*")) > logs, "asked for, Snakemake says the same"


# Changes that mean nothing


def test_comments_docstrings_and_formatting_of_all_code(project):
    for file in sorted((project / "src/imprint").rglob("*.py")):
        if file.read_text().strip():
            project.reformat(str(file.relative_to(project.folder)))
    for file in [project / "Snakefile", *sorted((project / "rules").glob("*.smk"))]:
        file.write_text(file.read_text() + "\n\n# A comment.\n")
    assert project.jobs() == {}


def test_yaml_reordered(project):
    """Keys in the opposite order, except where the first one is the default: stop and select."""

    def turned(value, key=""):
        if not isinstance(value, dict):
            return value
        keys = list(value) if key in ("stop", "select") else reversed(value)
        return {name: turned(value[name], name) for name in keys}

    for file in ("config.yaml", "recipes.yaml", IMAGES, LINES):
        content = turned(documents.load(project / file))
        (project / file).write_text("# Reordered\n" + yaml.safe_dump(content, sort_keys=False, width=60))
    assert project.jobs() == {}


def test_numbers_respelled(project):
    project.replace(IMAGES, "0.002", "2.0e-3")
    project.replace(IMAGES, "equal_within: 0.05", "equal_within: 5e-2")
    project.replace("recipes.yaml", "lr: [0.01, 1.0]", "lr: [1e-2, 1]")
    project.replace("recipes.yaml", "eps: 1e-8", "eps: 0.00000001")
    project.replace("recipes.yaml", "hyper: {lr: 0.2}", "hyper: {lr: 2e-1}")
    assert project.jobs() == {}


def test_a_default_written_out(project):
    project.replace(IMAGES, "threshold: 0.002", "threshold: 0.002, share: 0.01")
    project.replace("recipes.yaml", "hyper: {lr: 0.2}", "hyper: {lr: 0.2}\n  sees: network")
    assert set(project.jobs()) <= set(GATHERED), "no job of a cell depends on it"


def test_changed_and_changed_back(project):
    before = (project / "recipes.yaml").read_text()
    project.replace("recipes.yaml", "eps: 1e-8", "eps: 1e-7")
    assert project.jobs()
    (project / "recipes.yaml").write_text(before)
    assert project.jobs() == {}


def test_snakemake_folder_deleted(project):
    shutil.rmtree(project / ".snakemake")
    assert project.jobs() == {}


def test_results_copied_to_another_folder(project, fresh):
    shutil.rmtree(fresh / "results")
    shutil.copytree(project / "results", fresh / "results", copy_function=shutil.copyfile)
    assert fresh.jobs() == {}
    done = fresh.imprint("verify", str(project / "results"), "results", "--exact")
    assert done.returncode == 0 and done.stdout.endswith("\nequal\n"), done.stdout


def test_results_copied_to_another_folder_and_a_setting_changed(project, fresh):
    """Where names are fixed, Snakemake without its own records takes the copied results for those of the change."""
    shutil.rmtree(fresh / "results")
    shutil.copytree(project / "results", fresh / "results", copy_function=shutil.copyfile)
    fresh.replace("recipes.yaml", "eps: 1e-8", "eps: 1e-7")
    assert fresh.jobs() == counted(fresh, GATHERED, recipe=1, search=2, select=2, train=2, probe=4)
    assert "  changed: recipe.hyper.eps 1e-08 -> 1e-07" in fresh.imprint("plan").stdout


@pytest.mark.parametrize("date", [10**9, 4 * 10**9], ids=["old", "future"])
def test_stores_touched(project, date):
    for file in (project / "results/store").glob("*/*"):
        os.utime(file, (date, date))
    assert project.jobs() == {}


def test_a_second_invocation_in_another_shell(project):
    """Another order of hashes, time zone, language, umask and number of cores: nothing to do, nothing written."""
    before = project.results()
    strange = {"PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "LC_ALL": "C", "LANG": "C"}
    assert project.jobs(**strange) == {}
    shell = "umask 077; export COLUMNS=40; exec imprint study -- --cores 1"
    done = project.run("bash", "-c", shell, **strange)
    assert done.returncode == 0 and "nothing to do" in done.stdout, done.stdout
    assert project.results() == before


def test_planning_is_the_same_everywhere_and_writes_nothing(project):
    before = project.results()
    said = {
        project.imprint("plan", PYTHONHASHSEED=seed, TZ=zone, LC_ALL="C").stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    project.replace(IMAGES, "sparsity:", "distance: {}\n  sparsity:")
    dry = [project.jobs(PYTHONHASHSEED=seed) for seed in "34"]
    assert len(said) == 1 and "0 of" in said.pop() and dry[0] == dry[1]
    assert project.results() == before


# Changes of a probe


def test_a_constant_of_a_probe(project):
    project.append(SPARSITY, "\nLIMIT = 3\n")
    assert project.jobs() == counted(project, GATHERED, probe=4)


def test_a_module_that_a_probe_imports(project):
    project.append("src/imprint/probes/weights/effective_rank.py", "\nLIMIT = 3\n")
    assert project.jobs() == counted(project, GATHERED, probe=4), "sparsity takes its matrices from there"


@pytest.mark.parametrize(
    ("file", "products", "cells"),
    [
        ("fleet/order", GATHERED, {"recipe": 3, "search": 4, "select": 4, "train": 5, "probe": 9}),
        ("fleet/selection", GATHERED, {"search": 4, "select": 4, "train": 4, "probe": 8}),
        ("atlas", ("gather", "claims", *DRAWN), {}),
        ("claims/holm", ("claims", *DRAWN), {}),
        ("report/board", ("finding", "report", "publish"), {}),
        ("report/inline", ("report", "publish"), {}),
    ],
)
def test_a_helper_reruns_its_users_and_what_follows(project, file, products, cells):
    project.append(f"src/imprint/{file}.py", "\nLIMIT = 3\n")
    assert project.jobs() == counted(project, products, **cells)


def test_a_helper_of_one_probe_alone(project):
    project.append("src/imprint/probes/function/performance.py", "\nLIMIT = 3\n")
    users = project.users("probe", "imprint.probes.function.performance")
    assert {unit.partition("-")[2].split("-")[1] for unit in users} == {"performance"}
    assert project.jobs() == counted(project, GATHERED, probe=len(users))


def test_a_module_that_no_probe_of_the_study_imports(project):
    project.append("src/imprint/probes/landscape/hessian.py", "\nLIMIT = 3\n")
    assert project.jobs() == {}


def test_an_option_of_a_probe(project):
    project.replace(IMAGES, "threshold: 0.002", "threshold: 0.003")
    assert project.jobs() == counted(project, GATHERED, probe=4)


def test_a_probe_added(project):
    project.replace(LINES, "probes: [margins]", "probes: [margins, distance]")
    assert project.jobs() == counted(project, GATHERED, probe=1)


def test_a_probe_of_ones_own_is_one_new_file(project):
    shutil.copy(project / SPARSITY, project / "src/imprint/probes/weights/own.py")
    assert project.jobs() == {}
    project.replace(LINES, "probes: [margins]", "probes: [margins, own]")
    assert project.jobs() == counted(project, GATHERED, probe=1)


# Changes of what is trained


def test_a_seed_block_appended(project):
    project.replace(IMAGES, '["0-1"]', '["0-1", "2-3"]')
    expected = counted(project, GATHERED, train=4, probe=8)
    expected["figure"] += 1  # with three seeds and more there are shares of variance
    assert project.jobs() == expected


def test_a_seed_block_appended_where_data_are_drawn_per_seed(project):
    project.replace(LINES, '["0-1"]', '["0-1", 2]')
    assert project.jobs() == counted(project, GATHERED, data=1, train=1, probe=1)


def test_a_recipe_added_to_an_experiment(project):
    project.replace(IMAGES, "[sgd, adam]", "[sgd, adam, momentum]")
    expected = counted(project, GATHERED, recipe=1, train=2, probe=4)
    expected["figure"] += 1  # three recipes have a map
    assert project.jobs() == expected


def test_a_recipe_added_to_the_study(project):
    project.replace("config.yaml", "recipes: []", "recipes: [momentum]")
    expected = counted(project, GATHERED, recipe=2, train=3, probe=5)
    expected["figure"] += 1  # three recipes have a map
    assert project.jobs() == expected


def test_a_hyper_parameter_of_one_recipe(project):
    project.replace("recipes.yaml", "eps: 1e-8", "eps: 1e-7")
    assert project.jobs() == counted(project, GATHERED, recipe=1, search=2, select=2, train=2, probe=4)


def test_a_part_of_one_recipe(project):
    project.append("src/imprint/recipes/update/normalized_descent.py", "\nLIMIT = 3\n")
    assert project.jobs() == counted(project, GATHERED, recipe=1, train=1, probe=1)


def test_what_a_recipe_says_is_a_label(project):
    project.replace("recipes.yaml", "says: Adam.", "says: Adaptive moments.")
    assert not set(project.jobs()) & {"data", "recipe", "search", "select", "train", "probe", "gather"}


def test_the_authors_own_file(project):
    (project / "mine.py").write_text(MINE)
    project.append("recipes.yaml", "\nmine:\n  update: mine:Mine\n  search: {lr: [0.01, 1.0]}\n")
    project.replace(IMAGES, "[sgd, adam]", "[sgd, adam, mine]")
    cells = {"recipe": 1, "search": 2, "select": 2, "train": 2, "probe": 4}
    expected = counted(project, GATHERED, **cells)
    expected["figure"] += 2  # three recipes have a map, and regrets, as they search the rate
    assert project.jobs() == expected
    project.study("--", "--until", "claims")
    drawn = {stage: expected[stage] for stage in DRAWN}
    assert project.jobs() == drawn, "plan and pipeline name the same units"
    project.append("mine.py", "\n# A comment.\n")
    assert project.jobs() == drawn
    project.replace("mine.py", "* 0.5", "* 0.25")
    assert project.jobs() == expected


def test_the_training_length(project):
    project.replace(IMAGES, "epochs: 5", "epochs: 6")
    assert project.jobs() == counted(project, GATHERED, search=2, select=2, train=2, probe=4), "the other stop stays"


def test_the_model(project):
    project.replace(IMAGES, "hidden: [16]", "hidden: [17]")
    assert project.jobs() == counted(project, GATHERED, recipe=2, search=4, select=4, train=4, probe=8)


def test_the_task(project):
    project.replace(LINES, "points: 12", "points: 13")
    assert project.jobs() == counted(project, GATHERED, data=2, recipe=1, train=1, probe=1)


def test_an_experiment_removed(project):
    """What is left is judged again, together; nothing of it is measured again. And back."""
    text = (project / LINES).read_text()
    (project / LINES).unlink()
    jobs = project.jobs()
    assert set(jobs) == set(GATHERED)
    assert jobs["finding"] == 1 and jobs["figure"] < len(list((project / "results/tiny/figures").glob("*.svg")))
    (project / LINES).write_text(text)
    assert project.jobs() == {}


def test_an_experiment_added(project):
    text = (project / LINES).read_text().replace("steps: 40", "steps: 30")
    (project / "experiments/shorter.yaml").write_text(text)
    jobs = project.jobs()
    cells = {stage: jobs.get(stage) for stage in ("data", "recipe", "search", "train", "probe")}
    assert cells == {"data": None, "recipe": None, "search": None, "train": 1, "probe": 1}, "data and proof are shared"


def test_a_recipe_removed(project):
    project.replace(IMAGES, "[sgd, adam]", "[adam]")
    project.replace(IMAGES, "contrast: [adam, sgd]", "recipe: adam")
    project.replace(IMAGES, "expect: {equal_within: 0.05}", "expect: {at_least: 0.05}")
    assert set(project.jobs()) == set(GATHERED)


# Changes of what is said about it


def test_the_margin_of_a_claim(project):
    project.replace(IMAGES, "equal_within: 0.05", "equal_within: 0.04")
    assert project.jobs() == counted(project, JUDGED)


def test_a_claim_added(project):
    project.append(
        LINES,
        "  narrow: {says: No., source: none, measure: margins.ratio, where: {norm: l2}, recipe: all,"
        " expect: {at_most: 0.1}}\n",
    )
    assert project.jobs() == counted(project, JUDGED)


def test_a_title(project):
    project.replace(LINES, "title: Does", "title: How far does")
    jobs = project.jobs()
    assert not set(jobs) - set(JUDGED)
    assert jobs["report"] == jobs["publish"] == 1


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (IMAGES, "says: Both reach", "says: The two reach"),
        (IMAGES, "source: declared for this test", "source: a test"),
        (IMAGES, "  same_accuracy:", "  equal_accuracy:"),
        (IMAGES, "question: A search", "question: One search"),
    ],
    ids=["says", "source", "name of a claim", "question"],
)
def test_a_label_of_what_is_claimed(project, file, old, new):
    project.replace(file, old, new)
    assert not set(project.jobs()) - set(JUDGED), "words reach the tables and pages that print them"


def test_the_name_of_a_recipe(project):
    for file, old, new in (("recipes.yaml", "adam:\n", "adaptive:\n"), (IMAGES, "[sgd, adam]", "[sgd, adaptive]")):
        project.replace(file, old, new)
    project.replace(IMAGES, "contrast: [adam, sgd]", "contrast: [adaptive, sgd]")
    assert project.jobs() == counted(project, GATHERED), "no cell has its recipe's name in it"


def test_the_name_of_a_stop_rule_and_of_a_selection(project):
    project.replace(IMAGES, "  early: {epochs: 2}", "  soon: {epochs: 2}")
    assert project.jobs() == counted(project, GATHERED)


def test_the_name_of_an_experiment(project):
    (project / LINES).rename(project / "experiments/margins.yaml")
    assert project.jobs() == counted(project, GATHERED)


def test_the_code_of_one_figure(project):
    project.append("src/imprint/figures/margin_ratio.py", "\nLIMIT = 3\n")
    assert project.jobs() == {"figure": 1, "finding": 1, "report": 1, "publish": 1}, "the page shows that figure"


def test_the_template_of_the_report(project):
    project.append("src/imprint/report/report.html", "<!-- another -->\n")
    assert project.jobs() == {"report": 1, "publish": 1}


# Changes of code that are declared to alter no result


def declared(project, module: str, stage: str = "all") -> None:
    """Change a module, and declare it with the digests that `imprint plan` prints."""
    project.append(f"src/{module.replace('.', '/')}.py", "\nLIMIT = 3\n")
    then, now = re.search(rf"code of {module} (\w+) -> (\w+)", project.imprint("plan").stdout).groups()
    project.append("equivalent.csv", f"{stage},{module},{now},{then},a constant that nothing reads\n")


def test_a_neutral_change_of_what_all_stages_import(project):
    before = project.results()
    declared(project, "imprint.store")
    assert project.jobs() == {"report": 1, "publish": 1}, "the page shows the declaration"
    project.study()
    assert project.jobs() == {}
    page = (project / "results/tiny/report.html").read_text()
    assert "a constant that nothing reads" in page and "imprint.store" in page
    kept = {name: digest for name, digest in before.items() if name.endswith(".zarr.zip")}
    assert {name: digest for name, digest in project.results().items() if name in kept} == kept


def test_what_is_made_after_a_neutral_change_says_by_which_code(project):
    declared(project, "imprint.probes.weights.effective_rank")
    project.replace(LINES, "probes: [margins]", "probes: [margins, sparsity]")
    assert project.jobs() == counted(project, GATHERED, probe=1)
    project.study("--", "--until", "probe")
    (made,) = [path for path in project.stores("probe", "separable") if "-sparsity-" in path.name]
    attributes = store.attributes(made)
    assert "imprint.probes.weights.effective_rank" in json.loads(attributes["code_that_ran"])


def test_a_neutral_change_declared_for_one_stage(project):
    declared(project, "imprint.losses", stage="train")
    jobs = project.jobs()
    assert jobs["search"] == 4, "of search it is not said"


# Libraries


def installed(project, name: str, version: str) -> None:
    """Pretend that another version of a library is installed, for planning."""
    folder = project / f"src/{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_another_version_of_a_library_that_matters(project):
    installed(project, "torch", "99.0")
    units = project.units()
    stages = {stage: units[stage] for stage in ("recipe", "search", "select", "train", "probe")}
    assert project.jobs() == counted(project, GATHERED, **stages)
    assert 'code.libraries.torch "' in project.imprint("plan").stdout


def test_another_build_of_the_same_version(project):
    done = project.run("python", "-c", "from importlib.metadata import version; print(version('torch'))")
    installed(project, "torch", done.stdout.strip().partition("+")[0] + "+other")
    assert project.jobs() == {}


def test_another_version_of_a_library_of_figures(project):
    installed(project, "seaborn", "99.0")
    assert project.jobs() == counted(project, DRAWN)


# Files deleted


def test_a_published_report_deleted(project):
    (project / "results/tiny/report.html").unlink()
    assert project.jobs() == {"publish": 1}


def test_an_intermediate_store_deleted_that_nothing_missing_needs(project):
    project.stores("train")[0].unlink()
    assert project.jobs() == {}


def test_a_store_deleted_that_the_products_need(project):
    (atlas,) = project.stores("gather")
    atlas.unlink()
    assert project.jobs() == {}, "as long as they are there"
    (project / "results/tiny/claims.csv").unlink()
    reading = ("claims", "figure", "report")
    assert project.jobs() == counted(project, ("gather", *reading, "publish")), "pages do not read the atlas"


def test_a_store_deleted_that_a_new_probe_needs(project):
    (store,) = project.stores("train", "separable")
    store.unlink()
    project.replace(LINES, "probes: [margins]", "probes: [margins, distance]")
    jobs = project.jobs()
    assert (jobs["train"], jobs.get("search"), jobs.get("data")) == (1, None, None)


def test_part_of_a_figure_deleted(project):
    """A figure is three files; publishing needs all of them."""
    project.stores("figure", "images-seeds")[1].unlink()
    (project / "results/tiny/report.html").unlink()
    assert project.jobs()["figure"] == 1
