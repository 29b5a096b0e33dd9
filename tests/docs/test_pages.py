"""What the pages say is so: their commands exist, their snippets are valid, and README and tutorial can be followed."""

import ast
import doctest
import importlib.util
import re
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
import yaml

from imprint import cli, code_version, json_schemas, plugins, study
from imprint.schema import Recipe

sys.path.insert(0, str(Path(__file__).parent))
from page_example import README, ROOT, TUTORIAL, WRITTEN, Reader, blocks, commands, help_of, repository  # noqa: E402

WORDS = (
    "study", "experiment", "task", "recipe", "setting", "seed", "replica", "fleet", "snapshot", "trace", "solution",
    "probe", "atlas", "claim", "verdict", "control",
)  # fmt: skip
MOST_WORDS, MOST_LINES = 8, 90
HOW_TO = ROOT / "docs" / "how-to"
EVERY = [block for page in WRITTEN for block in blocks(page)]


def plural(word):
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}es" if word.endswith("s") else f"{word}s"


def vocabulary(text):
    """Words of the project's vocabulary in a text, of which each is one that a new reader has to learn."""
    return [word for word in WORDS if re.search(rf"\b({word}|{plural(word)})\b", text, re.I)]


def snippet(page, name):
    """Return the text of the block of a page that is a file."""
    return next(block.text for block in blocks(page) if Path(block.file).name == name)


def loaded(text, folder, name):
    """Import a snippet as a module of that name."""
    file = folder / f"{name}.py"
    file.write_text(text)
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ------------------------------------------------------------------- vocabulary


def test_readme_asks_a_new_reader_to_learn_few_words():
    assert len(vocabulary(README.read_text())) <= MOST_WORDS, vocabulary(README.read_text())


def test_readme_is_read_in_two_minutes():
    assert len(README.read_text().splitlines()) <= MOST_LINES


def test_words_are_found_in_any_form():
    assert vocabulary("Two Studies of `atlases`, a fleet's seeds; retrace, settings") == [
        "study", "setting", "seed", "fleet", "atlas",
    ]  # fmt: skip


def test_the_page_of_words_has_them_all():
    page = (ROOT / "docs" / "explanation" / "vocabulary.md").read_text()
    assert re.findall(r"^\| \*\*(\w+)\*\*", page, re.M) == list(WORDS)


# --------------------------------------------------------- commands and snippets


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_every_command_that_is_named_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for line in commands(page):
        program, name = line.split()[:2]
        if program == "make":
            assert name in targets, f"{page}: {line}"
        else:
            assert name in cli.COMMANDS, f"{page}: {line}"


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_option_that_is_named_exists(command):
    said = help_of(command)
    named = [line for page in WRITTEN for line in commands(page) if line.startswith(f"imprint {command}")]
    for line in named:
        for option in re.findall(r" (--[a-z][a-z-]+)", line.partition(" -- ")[0]):
            assert option in said, line


@pytest.mark.parametrize("block", EVERY, ids=lambda block: f"{block.page.name}-{block.language}")
def test_every_snippet_can_be_read(block):
    page = block.page
    if block.language == "python":
        compile(block.text, str(page), "exec")
    elif block.language == "yaml":
        assert isinstance(yaml.safe_load(block.text), dict)
    elif block.language != "text":
        assert block.language == "sh", f"{page}: a block in {block.language!r}; sh, python and yaml are tested"
        assert page in (README, TUTORIAL), f"{page}: its shell blocks are followed by no test; indent them"


@pytest.mark.parametrize("page", [README, TUTORIAL], ids=lambda page: page.name)
def test_no_command_of_a_followed_page_is_left_unfenced(page):
    outside = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    assert not re.findall(r"^ {4}(?:make|imprint|git|python|source) .*", outside, re.M)


@pytest.mark.parametrize("page", [README, TUTORIAL], ids=lambda page: page.name)
def test_the_optimizer_of_the_page_descends(page, tmp_path):
    made = loaded(snippet(page, "my_optimizer.py"), tmp_path, "my_optimizer").MyOptimizer
    weight = torch.nn.Parameter(torch.tensor([3.0, -0.5]))
    weight.grad = torch.tensor([2.0, -0.5])
    made([weight], lr=0.1, clip=1.0).step()
    torch.testing.assert_close(weight.data, torch.tensor([2.9, -0.45]))


def test_readme_and_tutorial_have_the_same_optimizer():
    one, other = (
        code_version.normalized(ast.parse(snippet(page, "my_optimizer.py")).body) for page in (README, TUTORIAL)
    )
    assert one == other


def test_the_recipes_of_the_page_are_recipes():
    for block in [block for block in blocks(HOW_TO / "recipes.md") if block.language == "yaml"]:
        for name, content in yaml.safe_load(block.text).items():
            study.parse(Recipe, content, HOW_TO / "recipes.md", name)


def test_the_probe_of_the_page_measures(tmp_path, monkeypatch):
    text = snippet(HOW_TO / "add_probe.md", "largest_weight.py")
    module = loaded(text, tmp_path, "largest_weight")
    assert doctest.testmod(module).failed == 0 < doctest.testmod(module).attempted
    monkeypatch.syspath_prepend(tmp_path)
    assert plugins.find("probes", "largest_weight:measure").literals["MEASURES"] == module.MEASURES


def test_the_task_of_the_page_is_what_it_says(tmp_path):
    ring = loaded(snippet(HOW_TO / "add_task.md", "ring.py"), tmp_path, "ring")
    data = ring.build(**ring.EXAMPLE, gap=0.3, seed=1)
    radius = np.linalg.norm(data["x_train"], axis=-1)
    assert radius[data["y_train"] == 0].max() <= 1 and radius[data["y_train"] == 1].min() >= 1.3 - 1e-6
    assert data.sizes["train"] == ring.EXAMPLE["train"] and data.attrs["classes"] == 2


def test_the_experiment_of_the_page_is_one(tmp_path):
    text = snippet(HOW_TO / "add_experiment.md", "ring_width.yaml")
    schema = json_schemas.schemas()["experiment"]
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(text))
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "ring_width.yaml").write_text(text)
    for name in ("recipes.yaml", "references.bib"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "config.yaml").write_text("study: new\nstudies:\n  new: {tier: core, experiments: all}\n")
    assert list(study.load(tmp_path).experiments) == ["ring_width"]


# -------------------------------------------------------------- as a reader does


@pytest.fixture
def cloned(tmp_path):
    """A repository of the project with a study of seconds."""
    (tmp_path / "origin").mkdir()
    return repository(tmp_path / "origin")


def test_the_plan_of_readme_and_tutorial(cloned, monkeypatch, capsys):
    monkeypatch.chdir(cloned)
    for page in (README, TUTORIAL):
        (line,) = [line for block in blocks(page) for line in block.commands if line.startswith("imprint plan")]
        assert cli.main(line.split()[1:]) == 0
        assert "train: 3 of 3" in capsys.readouterr().out


@pytest.mark.slow
def test_readme_and_tutorial_can_be_followed(cloned, tmp_path):
    """A reader does what README says; another, with the results of the first, what the tutorial says."""
    first = Reader(tmp_path / "first", cloned)
    first.does(README)
    results = first.folder / "results"
    assert (results / "quick" / "report.html").is_file() and "results/quick/report.html" in first.said
    second = Reader(tmp_path / "second", cloned, results)
    second.does(TUTORIAL)
    for reader in (first, second):
        assert (reader.folder / "results" / "profile_my_optimizer" / "profile.html").is_file()
        assert "profile_my_optimizer/profile.html" in reader.said
