"""The JSON schemas: those of the models, as committed, and every committed file is one of what they describe."""

import copy
import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest

from imprint import documents, json_schemas, schema

ROOT = Path(__file__).parents[1]
GENERATED = json_schemas.schemas()
LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


def committed():
    """Return the committed files of a study: config, recipes and experiments, of the project and of its tests."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.yaml"], cwd=ROOT, capture_output=True)
    files = [Path(name) for name in listed.stdout.decode().splitlines()]
    return [file for file in files if file.name in ("config.yaml", "recipes.yaml") or file.parent.name == "experiments"]


FILES = committed()


def kind(file):
    return "experiment" if file.parent.name == "experiments" else file.stem


def faults(name, content):
    found = jsonschema.Draft202012Validator(GENERATED[name]).iter_errors(content)
    return sorted({".".join(map(str, [*fault.absolute_path, fault.message])) for fault in found})


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_committed_is_what_the_models_say(name):
    file = ROOT / "schemas" / f"{name}.json"
    assert file.read_text() == json_schemas.text(GENERATED[name]), f"{file} is out of date; run `make schemas`"


@pytest.mark.parametrize("name", GENERATED)
def test_they_are_schemas(name):
    jsonschema.Draft202012Validator.check_schema(GENERATED[name])


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_committed_file_is_valid(file):
    assert faults(kind(file), documents.load(ROOT / file)) == []


@pytest.mark.parametrize("file", [file for file in FILES if file.parts[0] != "tests"], ids=str)
def test_editors_find_the_schema_from_the_first_line(file):
    found = LINE.match((ROOT / file).read_text())
    assert found, f"{file}: its first line names no schema for editors"
    assert (ROOT / file.parent / found[1]).resolve() == ROOT / "schemas" / f"{kind(file)}.json"


def test_every_kind_of_file_is_there():
    assert {kind(file) for file in FILES} == set(GENERATED)


EXPERIMENT = documents.load(ROOT / "experiments" / "slabs.yaml")
BY_TASK = documents.load(ROOT / "experiments" / "forgetting.yaml")
WRONG = {
    "an unknown key": (EXPERIMENT, lambda content: content.update(probs=["box"]), "'probs' was unexpected"),
    "no stop rule": (EXPERIMENT, lambda content: content.pop("stop"), "'stop' is a required property"),
    "no model": (EXPERIMENT, lambda content: content["task"].pop("model"), "'model' is a required property"),
    "a number as text": (EXPERIMENT, lambda content: content.update(evaluate_every="5"), "not of type 'integer'"),
    "a task that claims": (BY_TASK, lambda content: content["tasks"]["permuted"].update(claims={}), "permuted"),
    "a claim that says nothing": (
        BY_TASK,
        lambda content: next(iter(content["claims"].values())).pop("says"),
        "'says' is a required property",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused(name):
    content, spoil, told = WRONG[name]
    content = copy.deepcopy(content)
    assert faults("experiment", content) == []
    spoil(content)
    assert any(told in fault for fault in faults("experiment", content))


def test_a_task_may_give_what_the_experiment_leaves_out():
    content = copy.deepcopy(EXPERIMENT)
    content["tasks"] = {"only": {"stop": content.pop("stop"), "task": {"name": content["task"].pop("name")}}}
    assert faults("experiment", content) == []


def test_several_snapshots_in_a_line():
    content = EXPERIMENT | {"snapshots": {"path": {"step": [10, 20]}}}
    assert faults("experiment", content) == []
    assert faults("experiment", EXPERIMENT | {"snapshots": {"path": {"step": [0.5]}}})


def test_every_key_is_described():
    """An editor shows a sentence on each; a model without them would show nothing."""
    for name, content in GENERATED.items():
        for part in [content, *content["$defs"].values()]:
            for key, value in part.get("properties", {}).items():
                assert value.get("description"), f"{name}: {part['title']}.{key} has no docstring in schema.py"


def test_a_docstring_is_that_of_the_field_above_it():
    found = json_schemas.docstrings(schema.Recipe)
    assert set(found) == set(schema.Recipe.model_fields)
    assert found["deliver"] == "Which iterate is the solution; needed where there are two."
    assert json_schemas.plain("one\n``two``") == "one `two`"


def test_the_command_writes_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    json_schemas.main()
    written = {file.stem: json.loads(file.read_text()) for file in (tmp_path / "schemas").iterdir()}
    assert written == GENERATED
