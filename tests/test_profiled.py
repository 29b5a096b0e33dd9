"""The study of a profile: the open experiments with one recipe more, planned from units that the base study has."""

import sys
from pathlib import Path

import pytest

from imprint import plan as planning
from imprint import profiled, results
from imprint.errors import StudyError

sys.path.insert(0, str(Path(__file__).parent))
import study_example  # noqa: E402

HERS = {"update": "torch.optim:RMSprop", "search": {"lr": [1e-4, 0.1]}}
TRAINED = ("data", "recipe", "search", "select", "train")


@pytest.fixture
def project(tmp_path):
    return study_example.Project(tmp_path / "study")


def declare(project, base="quick", name="mine", **changes):
    """Write the study of a profile, as the command does."""
    return profiled.write(project.write(), profiled.Profile(base=base, recipe={name: {**HERS, **changes}}))


def plan(project, **options):
    return planning.build(project.root, declare(project, **options))


def names(plan, *stages):
    return {unit.path for stage in stages for unit in plan.units.get(stage, {}).values()}


def test_known_cells_are_those_of_the_base_study(project):
    base, made = project.plan(), plan(project)
    assert names(base, *TRAINED) < names(made, *TRAINED)
    assert names(base, "probe") < names(made, "probe")
    assert {e.recipe for e in made.entries if e.unit.path not in names(base, *TRAINED, "probe")} == {"mine"}


def test_its_products_are_a_page_and_the_atlas(project):
    made = plan(project)
    assert set(made.units) == {*TRAINED, "probe", "plan", "gather", "claims", "profile", "publish"}
    assert planning.published(made) == [
        f"results/profile_mine/{name}" for name in ("profile.html", "profile.csv", "claims.csv", "index.csv")
    ]
    (page,) = made.units["profile"].values()
    assert planning.files(page) == [page.path, page.path.replace(".html", ".csv"), page.path.replace(".html", ".seal")]


def test_what_its_page_does_not_show_is_not_made(project):
    project.toy["search"]["probes"] = "all"
    project.toy.update(multiverse={"seeds": 2}, seeds=["0-7"])
    project.config["calibration"] = {
        "task": project.toy["task"], "recipe": "plain", "stop": {"epochs": 1}, "evaluate_every": 5,
        "seeds": ["0-63"], "measures": ["performance.test_loss"],
    }  # fmt: skip
    base, made = project.plan(), plan(project)
    assert {"vary", "calibrate", "multiverse", "figure"} <= set(base.units)
    assert not {"vary", "calibrate", "multiverse", "figure"} & set(made.units)
    assert {entry.kind for entry in made.entries} == {"search", "select", "training", "probe"}


def test_closed_experiments_and_those_without_a_search_are_left_out(project):
    project.experiments["shut"] = {**project.toy, "open": False}
    project.experiments["fixed"] = {**project.toy, "recipes": ["plain"], "claims": {}}
    del project.experiments["fixed"]["search"], project.experiments["fixed"]["select"]
    assert set(planning.build(project.root, declare(project)).study.experiments) == {"toy"}
    fixed = plan(project, search=None, hyper={"lr": 0.1})
    assert set(fixed.study.experiments) == {"toy", "fixed"}


def test_one_experiment_of_a_base(project):
    project.experiments["more"] = {**project.toy}
    assert set(plan(project, base="quick.more").study.experiments) == {"more"}
    made = planning.build(project.root, declare(project) + ".toy")
    assert set(made.study.experiments) == {"toy"} and made.study.name == "profile_mine.toy"
    assert planning.published(made)[0] == "results/profile_mine.toy/profile.html"


def test_her_rate_reruns_her_cells_alone(project):
    before, after = plan(project), plan(project, search={"lr": [1e-3, 0.1]})
    new = names(after, *TRAINED, "probe") - names(before, *TRAINED, "probe")
    assert new and all("RMSprop" in path for path in new)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "base: quick\nrecipe: {adam: {update: torch.optim:Adam, hyper: {lr: 1}}}",
            "'adam' is a known one.*--name my_adam",
        ),
        (
            "base: quik\nrecipe: {mine: {update: torch.optim:Adam}}",
            "base: 'quik' is not in studies.*did you mean 'quick'",
        ),
        ("base: quick\nrecipe: {}", "recipe: 0 recipes are given; a profile is of one"),
        ("base: quick\nrecipes: {}", "recipes: unknown key; did you mean 'recipe'"),
        ("base: quick\nrecipe: {mine: {update: torch.optim:Adam, hyper: {beta: 0.1}}}", "'mine' has no lr"),
    ],
)
def test_a_file_that_is_no_profile(project, content, words):
    file = profiled.file(project.write(), "profile_mine")
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(StudyError, match=words):
        planning.build(project.root, "profile_mine")


def test_no_experiment_is_open(project):
    project.toy["open"] = False
    with pytest.raises(StudyError, match="no experiment of 'quick' is open to a recipe like 'mine': toy"):
        plan(project)


def test_an_unknown_profile_names_those_that_are_there(project):
    declare(project)
    with pytest.raises(StudyError, match="'profile_mina' is not in studies; did you mean 'profile_mine'"):
        planning.build(project.root, "profile_mina")


def test_its_results_are_not_stale(project):
    """Nor is its file; when it is removed, its units are."""
    project.publish()
    declare(project)
    made = project.publish("profile_mine")
    tree = results.survey(project.root)
    assert (tree.stale, tree.foreign) == ([], [])
    profiled.file(project.root, "profile_mine").unlink()
    stale = {str(file.relative_to(project.root)) for file in results.survey(project.root).stale}
    assert {unit.path for unit in made.units["train"].values() if "RMSprop" in unit.path} < stale
    assert not names(project.plan(), *TRAINED) & stale
