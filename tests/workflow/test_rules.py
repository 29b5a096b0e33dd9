"""The rules keep to what Snakemake does well: one shell command each, with all that a cluster needs to know."""

import re
from pathlib import Path

import pytest
import yaml
from snakemake.cli import get_argument_parser

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]
NEEDED = {"output", "log", "benchmark", "conda", "threads", "resources", "params", "message", "shell"}
REFUSED = {"script", "run", "notebook", "wrapper", "cwl", "shadow", "cache", "retries", "group"}


def rules() -> dict[str, tuple[Path, dict[str, str]]]:
    """Return ``{rule: (file, {directive: text})}`` of all rules."""
    found = {}
    for file in FILES:
        for name, body in re.findall(r"^(?:rule|checkpoint) (\w+):\n((?:[ \t]+.*\n|\n)+)", file.read_text(), re.M):
            parts = re.split(r"^    (\w+):", body, flags=re.M)[1:]
            found[name] = (file, dict(zip(parts[::2], parts[1::2], strict=True)))
    return found


RULES = {name: rule for name, rule in rules().items() if name != "all"}


def test_rules_are_found():
    assert {"data", "recipe", "search", "select", "train", "probe", "gather", "claims", "figure", "report"} <= set(
        RULES
    )


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_all_that_it_needs_and_nothing_else(name):
    file, directives = RULES[name]
    assert file.stem == name, "one file per stage, named like it"
    assert NEEDED <= set(directives) <= NEEDED | {"input"}
    assert not REFUSED & set(directives)
    assert f"imprint {name} " in directives["shell"] and "{log:q}" in directives["shell"]
    assert "{output" in directives["shell"]
    assert "mem_mb" in directives["resources"] and "runtime" in directives["resources"]
    (environment,) = re.findall(r'"(.+)"', directives["conda"])
    assert (file.parent / environment).resolve() == ROOT / "envs" / "imprint.yaml"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_checkpoint_and_no_special_output(file):
    text = file.read_text()
    assert not re.search(r"^checkpoint ", text, re.M)
    assert not re.search(r"\b(directory|temp|temporary|pipe|service|touch|unpack|protected)\(", text)
    assert not re.search(r"\b(import (time|random|datetime)|os\.environ|open\()", text), "parsing is pure"


def test_the_snakefile_includes_every_file():
    included = re.findall(r'^include: "rules/(\w+\.smk)"$', FILES[0].read_text(), re.M)
    assert sorted(included) == [file.name for file in FILES[1:]]
    assert re.search(r"^rule all:\n    default_target: True$", FILES[0].read_text(), re.M)


@pytest.mark.parametrize("file", sorted((ROOT / "profiles").glob("*/*.yaml")), ids=lambda file: file.parent.name)
def test_a_profile_has_only_options_of_snakemake(file):
    known = {option.lstrip("-") for action in get_argument_parser()._actions for option in action.option_strings}
    content = yaml.safe_load(file.read_text())
    assert set(content) <= known


def test_the_default_profile_goes_on_and_trusts_names():
    content = yaml.safe_load((ROOT / "profiles/default/profile.yaml").read_text())
    assert content["keep-going"] is True and content["ignore-incomplete"] is True and "rerun-incomplete" not in content
    assert content["rerun-triggers"] == ["mtime"] and content["scheduler"] == "greedy"
