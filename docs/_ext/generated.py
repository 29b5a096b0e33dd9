"""The reference pages, written when the site is built: each directive says what the program says of itself.

A new command, key, probe, measure, task, model or figure is on its page without an edit.
"""

import ast
import importlib
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from imprint import cli, json_schemas, plugins
from imprint.schema import Recipe
from imprint.study import read_recipes

ROOT = Path(__file__).parents[2]
WIDTH = "100"
FILES = {"config": "config.yaml", "recipes": "recipes.yaml", "experiment": "experiments/*.yaml"}


class Generated(SphinxDirective):
    """Puts the reStructuredText of one of the functions below in its place."""

    def run(self) -> list[nodes.Node]:
        """Return the parsed text."""
        return self.parse_text_to_nodes("\n".join(PAGES[self.name]()), allow_section_headings=True)


def heading(text: str, mark: str = "-") -> list[str]:
    """Return a title."""
    return ["", text, mark * len(text), ""]


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return a table; cells are reStructuredText of one line."""
    lines = ["", ".. list-table::", "   :header-rows: 1", ""]
    for row in [head, *rows]:
        marks = ["   * - ", *["     - "] * (len(list(row)) - 1)]
        lines += [f"{mark}{cell}".rstrip() for mark, cell in zip(marks, row, strict=True)]
    return [*lines, ""]


def code(text: str) -> list[str]:
    """Return a block of text as it is."""
    return ["", ".. code-block:: text", "", *(f"   {line}".rstrip() for line in text.splitlines()), ""]


def name(text: object) -> str:
    """Return a name as code."""
    return f"``{text}``"


def plain(text: str) -> str:
    """Return a text of which nothing is markup."""
    return re.sub(r"([*|`\\]|_\b)", r"\\\1", text)


# ---------------------------------------------------------------- command line


def help_of(module: str) -> str:
    """Return what a command says of itself."""
    os.environ["COLUMNS"] = WIDTH
    with redirect_stdout(io.StringIO()) as said, suppress(SystemExit):
        importlib.import_module(module).main(["--help"])
    return said.getvalue()


def commands() -> Iterator[str]:
    """Yield the help of every command."""
    for command in cli.COMMANDS:
        yield from [*heading(f"imprint {command}"), *code(help_of(f"imprint.commands.{command}"))]


def stages() -> Iterator[str]:
    """Yield the help of every stage."""
    for stage in cli.STAGES:
        yield from [*heading(f"imprint {stage} (stage)"), *code(help_of(f"imprint.stages.{stage}"))]


# --------------------------------------------------------------- configuration


def configuration() -> Iterator[str]:
    """Yield the keys of every kind of file, as its schema has them; each model once."""
    shown = {"Experiment"}
    for kind, schema in json_schemas.schemas().items():
        parts = schema["$defs"]
        whole = schema if kind == "config" else parts[kind.title().removesuffix("s")]
        yield from [*heading(name(FILES[kind])), *keys({**schema, "required": whole["required"]})]
        for key in [key for key in parts if key not in shown and not key.startswith(json_schemas.CHANGED)]:
            shown.add(key)
            yield from ["", f".. _key-{key.lower()}:", *heading(key, "~"), *keys(parts[key])]


def keys(part: dict) -> list[str]:
    """Return what a mapping is, and a table of its keys."""
    needed = part.get("required", ())
    rows = [
        (name(key), kinds(value), "needed" if key in needed else default(value), rst(value["description"]))
        for key, value in part.get("properties", {}).items()
    ]
    return ["", rst(part["description"]), *(table(("key", "value", "left out", "meaning"), rows) if rows else [])]


def default(value: dict) -> str:
    """Return what a key is where it is left out."""
    found = value.get("default")
    return "" if found in (None, "", [], {}) else name(str(found).lower() if isinstance(found, bool) else found)


def rst(text: str) -> str:
    """Return a description with its marks of code doubled."""
    return text.replace("`", "``")


def kinds(value: dict) -> str:
    """Return in words what a value may be."""
    if "$ref" in value:
        key = value["$ref"].rpartition("/")[2].removeprefix(json_schemas.CHANGED)
        return "change of the experiment" if key.startswith("By") else f":ref:`{key} <key-{key.lower()}>`"
    if "anyOf" in value:
        words = dict.fromkeys(kinds(part) for part in value["anyOf"] if part.get("type") != "null")
        return " or ".join(words)
    if "enum" in value:
        return ", ".join(map(name, value["enum"]))
    if "const" in value:
        return name(value["const"])
    if value.get("type") == "array":
        return f"list of {kinds(value.get('items', {}))}"
    if value.get("type") == "object":
        inner = value.get("additionalProperties") or next(iter(value.get("patternProperties", {}).values()), True)
        return f"by name: {kinds(inner)}" if isinstance(inner, dict) and inner else "keys and values"
    return scalar(value)


def scalar(value: dict) -> str:
    """Return in words which number or text a value may be."""
    word = {"string": "text", "boolean": "true or false", None: "anything"}.get(value.get("type"), value.get("type"))
    bounds = {"exclusiveMinimum": "above", "minimum": "at least", "maximum": "at most"}
    told = [f"{text} {value[key]:g}" for key, text in bounds.items() if key in value]
    if value.get("pattern") == r"^\w+\.\w+$":
        return "``probe.measure``"
    return f"{word} {' and '.join(told)}".strip()


# -------------------------------------------------------------------- plug-ins


def docstring(kind: str, plugin: plugins.Plugin) -> str:
    """Return what the file of a plug-in says of itself."""
    tree = ast.parse(plugins.catalogue(kind)[plugin.name].read_text(encoding="utf-8"))
    return ast.get_docstring(tree) or ""


def options(plugin: plugins.Plugin) -> list[str]:
    """Return the options of a plug-in with their defaults."""
    told = [
        f"{name(key)} ({'needed' if value is plugins.REQUIRED else value})" for key, value in plugin.options.items()
    ]
    return ["", f"Options: {', '.join(told)}.", ""] if told else []


def described(kind: str, mark: str = "~") -> Iterator[str]:
    """Yield what each plug-in of a kind is, with its options."""
    for key in plugins.catalogue(kind):
        plugin = plugins.find(kind, key)
        yield from [*heading(key, mark), docstring(kind, plugin), *options(plugin)]


def probes() -> Iterator[str]:
    """Yield every probe with its measures, by folder."""
    files = plugins.catalogue("probes")
    for folder in dict.fromkeys(file.parent.name for file in files.values()):
        yield from heading(folder)
        for key, file in files.items():
            if file.parent.name == folder:
                yield from probe(plugins.find("probes", key))


def probe(plugin: plugins.Plugin) -> list[str]:
    """Return one probe: what it is, its options, its measures, how it is defined."""
    prefer = {"high": "high is better", "low": "low is better", None: ""}
    rows = [
        (name(key), plain(entry["long_name"]), entry["units"], ", ".join(entry["dims"]), prefer[entry["prefer"]])
        for key, entry in plugin.literals["MEASURES"].items()
    ]
    views = plugin.literals.get("NEEDS", ())
    needs = ["", f"Of tasks with the view {' and '.join(map(name, views))}."] if views else []
    about = [docstring("probes", plugin), *needs, *options(plugin)]
    sources = dict.fromkeys(entry["source"] for entry in plugin.literals["MEASURES"].values())
    measures = table(("measure", "what it is", "unit", "further dimensions", ""), rows)
    return [*heading(plugin.name, "~"), *about, *measures, plain(f"Source: {'; '.join(sources)}."), ""]


def figures() -> Iterator[str]:
    """Yield every figure with its caption."""
    scopes = {"experiment": "one for each experiment", "tasks": "one for tasks that share their protocol"}
    for key in plugins.catalogue("figures"):
        literals = plugins.find("figures", key).literals
        drawn = ", ".join(map(name, literals["PROBES"])) if literals.get("PROBES") else "whatever was measured"
        scope = scopes.get(literals.get("SCOPE", "experiment"), "one for the study")
        said = [f"**{plain(literals['TITLE'])}**", "", plain(literals["CAPTION"])]
        yield from [*heading(key), *said, "", f"From {drawn}; {scope}.", ""]


def tasks() -> Iterator[str]:
    """Yield every task with its options."""
    yield from described("tasks")


def models() -> Iterator[str]:
    """Yield every model with its options."""
    yield from described("models")


def recipes() -> Iterator[str]:
    """Yield a table of the known recipes."""
    known = read_recipes(ROOT / "recipes.yaml")
    yield from table(("recipe", "what it is", "searched", "source"), [recipe(key, known[key]) for key in known])


def recipe(key: str, known: Recipe) -> tuple[str, ...]:
    """Return the row of a recipe."""
    searched = ", ".join(f"{part} {low:g} to {high:g}" for part, (low, high) in (known.search or {}).items())
    return name(key), plain(known.says), searched or "fixed", known.source


PAGES = {
    "imprint-commands": commands,
    "imprint-stages": stages,
    "imprint-configuration": configuration,
    "imprint-probes": probes,
    "imprint-figures": figures,
    "imprint-tasks": tasks,
    "imprint-models": models,
    "imprint-recipes": recipes,
}


def setup(app: Sphinx) -> dict:
    """Add the directives."""
    for directive in PAGES:
        app.add_directive(directive, Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
