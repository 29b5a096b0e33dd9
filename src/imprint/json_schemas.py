"""JSON schemas of ``config.yaml``, ``recipes.yaml`` and ``experiments/*.yaml``, for editors: ``make schemas``.

They are those of the models of :mod:`imprint.schema`, and what a file may say beside: what a tier or a task changes,
which tasks a claim is about, several snapshots in a line. What only planning can tell is left to it.
"""

import ast
import inspect
import json
from pathlib import Path

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from imprint import schema
from imprint.study import COMMON

FOLDER = Path("schemas")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
CHANGED = "Changed"
NAMES = {"pattern": "^[a-z][a-z0-9_]*$"}


class Untitled(GenerateJsonSchema):
    """Leaves out the titles of keys, which repeat their names."""

    def field_title_should_be_set(self, schema: object) -> bool:
        """Return False for every key."""
        return False


def schemas() -> dict[str, dict]:
    """Return the schema of each kind of file by its name, ``config``, ``recipes``, ``experiment``."""
    return {"config": of(schema.Config), "recipes": recipes(), "experiment": experiment()}


def of(model: type[BaseModel]) -> dict:
    """Return the schema of a model, every key with its docstring, every model with the first paragraph of its own."""
    found = model.model_json_schema(schema_generator=Untitled)
    for name, part in {model.__name__: found, **found.get("$defs", {})}.items():
        described = getattr(schema, name)
        part["description"] = plain(inspect.getdoc(described).partition("\n\n")[0])
        for key, text in docstrings(described).items():
            part["properties"][key]["description"] = plain(text)
    return {"$schema": DIALECT, **found}


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings below the fields of a model, those of its bases too."""
    classes = {node.name: node.body for node in ast.parse(inspect.getsource(schema)).body if hasattr(node, "bases")}
    found = {}
    for base in reversed(model.__mro__):
        body = classes.get(base.__name__, [])
        for field, below in zip(body, body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                found[field.target.id] = inspect.cleandoc(ast.literal_eval(below.value))
    return found


def plain(text: str) -> str:
    """Return a docstring in one line, without the marks of code."""
    return " ".join(text.replace("``", "`").split())


def recipes() -> dict:
    """Return the schema of ``recipes.yaml``: recipes by name."""
    one = of(schema.Recipe)
    parts = one.pop("$defs")
    head = {"$schema": one.pop("$schema"), "title": "Recipes", "description": "Recipes by name."}
    each = {"type": "object", "additionalProperties": {"$ref": "#/$defs/Recipe"}}
    return {**head, "$defs": {**parts, "Recipe": one}, **each}


def experiment() -> dict:
    """Return the schema of a file of ``experiments/``.

    Without ``tasks`` and ``tiers``, which may say the rest, the file is a whole experiment.
    """
    whole = of(schema.Experiment)
    head, parts = {"$schema": whole.pop("$schema")}, whole.pop("$defs")
    _spread(parts["SnapshotRule"])
    parts["Claim"]["properties"]["task"] = _task_of_a_claim()
    parts |= {f"{CHANGED}{name}": changed(part) for name, part in parts.items()}
    change = changed(whole)
    of_task = {key: value for key, value in change["properties"].items() if key not in COMMON}
    tasks = {"tasks": _by_name("ChangedByTask", "What each task changes, by name; its networks are judged apart.")}
    tiers = {"tiers": _by_name("ChangedByTier", "What each tier changes, by name.")}
    parts["ChangedByTask"] = change | {"properties": of_task, **_about("task")}
    parts["ChangedByTier"] = change | {"properties": change["properties"] | tasks, **_about("tier")}
    parts["Experiment"] = whole
    own = {"claims": whole["properties"]["claims"], **tasks, **tiers}
    root = change | {"properties": change["properties"] | own, "required": ["title", "question", "claims"]}
    split = {"anyOf": [{"required": ["tasks"]}, {"required": ["tiers"]}]}
    return {**head, **root, "if": {"not": split}, "then": {"$ref": "#/$defs/Experiment"}, "$defs": parts}


def changed(part: dict) -> dict:
    """Return the schema of a change of what a schema describes: any of its keys, none of them required."""
    loose = {key: value for key, value in part.items() if key != "required"}
    return json.loads(json.dumps(loose).replace('"#/$defs/', f'"#/$defs/{CHANGED}'))


def _spread(rule: dict) -> None:
    for key, value in rule["properties"].items():
        one, *_ = value.pop("anyOf")
        rule["properties"][key] = {**value, "anyOf": [one, {"type": "array", "items": one}, {"type": "null"}]}


def _by_name(part: str, description: str) -> dict:
    values = {"anyOf": [{"$ref": f"#/$defs/{part}"}, {"type": "null"}]}
    return {"type": "object", "propertyNames": NAMES, "additionalProperties": values, "description": description}


def _about(word: str) -> dict:
    return {"title": f"{CHANGED}By{word.title()}", "description": f"What a {word} changes of its experiment."}


def _task_of_a_claim() -> dict:
    one = {"type": "string"}
    description = "The tasks whose networks it is about, or `all`; where the experiment has several."
    return {"anyOf": [one, {"type": "array", "items": one}], "description": description}


def main() -> None:
    """Write the schemas."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in schemas().items():
        (FOLDER / f"{name}.json").write_text(text(content), encoding="utf-8")


def text(content: dict) -> str:
    """Return a schema as it is committed."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
