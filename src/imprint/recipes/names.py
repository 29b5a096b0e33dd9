"""Where a recipe's parts live, by name; imports nothing heavy, so that planning can use it."""

import re
import sys
from pathlib import Path

KINDS = ("gradient", "perturbation", "decay", "averaging", "parametrization", "schedule")
DEFAULTS = {"gradient": "backprop", "schedule": "constant"}


def update_path(update: str) -> str:
    """Return ``module:Class`` of an update; a bare name is a file of :mod:`imprint.recipes.update`."""
    if ":" in update:
        return update
    return f"imprint.recipes.update.{update}:{update.title().replace('_', '')}"


def module_path(kind: str, name: str) -> str:
    """Return the module of a part; a bare name is a file of ``imprint.recipes.<kind>``, a dotted one is itself."""
    return name if "." in name else f"imprint.recipes.{kind}.{name}"


def libraries(update: str) -> list[str]:
    """Return the packages beside torch that an update of this project imports; their versions count as its code."""
    file = Path(__file__).with_name("update") / f"{update}.py"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    found = {line.group(1) for line in re.finditer(r"^ *(?:from|import) (\w+)", text, re.MULTILINE)}
    return sorted(found - sys.stdlib_module_names - {"torch", "imprint"})


def modules(recipe: dict) -> list[str]:
    """Return the modules that a recipe names by its parts."""
    updates = [recipe["update"]] + ([recipe["rest"]["update"]] if recipe.get("rest") else [])
    found = [update_path(update).partition(":")[0] for update in updates]
    found += [library for update in updates if ":" not in update for library in libraries(update)]
    for kind in KINDS:
        name = (recipe.get(kind) or {}).get("name", DEFAULTS.get(kind))
        if name:
            found.append(module_path(kind, name))
    return found
