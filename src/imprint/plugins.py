"""Finds tasks, models, probes and figures by their file names and reads what they declare without importing them.

Planning must be fast and pure, so signatures and literals come from the syntax tree.
"""

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

from imprint.errors import StudyError, nearest

ROOT = Path(__file__).parent
FUNCTIONS = {"tasks": "build", "models": "build", "probes": "measure", "figures": "draw"}
GIVEN = {"tasks": {"seed"}, "models": {"inputs", "classes"}, "probes": {"others"}}


@dataclass(frozen=True)
class Plugin:
    """What a plug-in's file declares.

    Attributes:
        kind: ``tasks``, ``models``, ``probes`` or ``figures``.
        name: the file's name.
        module: its import path.
        literals: its module constants in capitals that are plain values.
        options: its keyword-only parameters with their defaults; :data:`REQUIRED` where there is none.
    """

    kind: str
    name: str
    module: str
    literals: dict
    options: dict


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@functools.cache
def catalogue(kind: str) -> dict[str, Path]:
    """Return ``{name: file}`` of every plug-in of a kind."""
    function = f"\ndef {FUNCTIONS[kind]}("
    files = sorted((ROOT / kind).rglob("*.py"))
    found: dict[str, Path] = {}
    for file in files:
        if file.stem == "__init__" or function not in file.read_text(encoding="utf-8"):
            continue
        if file.stem in found:
            raise StudyError(f"two {kind} are named {file.stem!r}: {found[file.stem]} and {file}; rename one")
        found[file.stem] = file
    return found


@functools.cache
def find(kind: str, name: str) -> Plugin:
    """Return a plug-in by name, or by import path ``package.module:function``.

    Raises:
        StudyError: if there is none of that name, with the nearest ones.
    """
    if ":" in name:
        return _read(kind, name, *_outside(kind, name))
    files = catalogue(kind)
    if name not in files:
        raise StudyError(f"no {kind[:-1]} is named {name!r}; {nearest(name, files)}")
    relative = files[name].relative_to(ROOT).with_suffix("")
    return _read(kind, name, files[name], ".".join(("imprint", *relative.parts)), FUNCTIONS[kind])


def _outside(kind: str, name: str) -> tuple[Path, str, str]:
    from imprint.code_version import source_file

    module, _, function = name.partition(":")
    file = source_file(module, installed=True)
    if file is None:
        raise StudyError(f"{kind[:-1]} {name!r}: no source file for module {module!r} on the path")
    return file, module, function


def _read(kind: str, name: str, file: Path, module: str, function: str) -> Plugin:
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    literals, options = {}, None
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            literals |= _literal(node.targets[0].id, node.value)
        elif isinstance(node, ast.FunctionDef) and node.name == function:
            options = _options(node, GIVEN.get(kind, set()))
    if options is None:
        raise StudyError(f"{kind[:-1]} {name!r}: {file} has no function {function!r}")
    return Plugin(kind, name, module, literals, options)


def _literal(name: str, value: ast.expr) -> dict:
    try:
        return {name: ast.literal_eval(value)}
    except ValueError:
        return {}


def _options(function: ast.FunctionDef, given: set[str]) -> dict:
    options = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if argument.arg not in given:
            options[argument.arg] = REQUIRED if default is None else ast.literal_eval(default)
    return options


def check_options(plugin: Plugin, given: dict) -> dict:
    """Return the options that differ from their defaults.

    Raises:
        StudyError: for an option that the plug-in does not take, or one it needs and was not given.
    """
    for name in given:
        if name not in plugin.options:
            raise StudyError(f"{plugin.kind[:-1]} {plugin.name!r} takes no {name!r}; {nearest(name, plugin.options)}")
    for name, default in plugin.options.items():
        if default is REQUIRED and name not in given:
            raise StudyError(f"{plugin.kind[:-1]} {plugin.name!r} needs {name!r}")
    return {name: value for name, value in given.items() if _plain(value) != _plain(plugin.options[name])}


def _plain(value: object) -> object:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
