"""What code a result depends on: a digest of normalized source, and library versions.

Comments, docstrings, spacing and line breaks do not count. A stage's version covers its entry module, the project
modules that it imports, recursively, and the plug-ins that its spec names. Nothing is imported to find out.
"""

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from imprint.cache import Cache

PROJECT = "imprint"
DIGITS = 8
NEUTRAL = {
    "imprint.errors",
    "imprint.cache",
    "imprint.code_version",
    "imprint.equivalent",
}  # they refuse and explain; no result passes through them
PARSER = (Path(__file__), sys.version)
"""What a syntax tree and its digest are a matter of."""
METADATA = (".dist-info", ".egg-info", ".egg", ".egg-link")
"""What the names of installed distributions end with."""
POSITIONS = {"ctx", "type_comment", "kind", "type_ignores", "type_params"}


def source_file(module: str, installed: bool = False) -> Path | None:
    """Return the file of a module of this project, or of a loose file on the path; None for anything else."""
    parts = module.split(".")
    if parts[0] == PROJECT:
        base = Path(__file__).parent.joinpath(*parts[1:])
        return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)
    if parts[0] in sys.stdlib_module_names or (distributions(module) and not installed):
        return None
    spec = importlib.util.find_spec(parts[0])
    if spec is None:
        return None
    tops = [Path(place) for place in spec.submodule_search_locations or ()]
    if len(parts) == 1:
        files = [Path(spec.origin)] if spec.origin else []
    else:
        bases = [top.joinpath(*parts[1:]) for top in tops]
        files = [path for base in bases for path in (base.with_suffix(".py"), base / "__init__.py")]
    return next((path for path in files if path.is_file() and path.suffix == ".py"), None)


@functools.cache
def _packages() -> dict[str, list[str]]:
    """The distributions of every top-level package: they are found out once for each state of what is installed."""
    known, key = Cache("packages", limit=20), _installed()
    if key not in known.entries:
        known.add(key, dict(importlib.metadata.packages_distributions()))
        known.save()
    return known.entries[key]


def _installed() -> str:
    """Digest of the metadata folders on the path, with the times of their last change."""
    found = []
    for place in sys.path:
        with suppress(OSError), os.scandir(place or ".") as inside:
            metadata = (entry for entry in inside if entry.name.endswith(METADATA))
            found.append(sorted((entry.name, entry.stat(follow_symlinks=False).st_mtime_ns) for entry in metadata))
    return hashlib.sha256(json.dumps([sys.version, found]).encode()).hexdigest()


@functools.cache
def distributions(module: str) -> tuple[str, ...]:
    """Return the installed distributions that provide a module's top-level package."""
    return tuple(sorted(set(_packages().get(module.split(".")[0], ()))))


@functools.cache
def library(name: str) -> str:
    """Return an installed distribution's version without a local build tag such as ``+cpu``."""
    return importlib.metadata.version(name).split("+")[0]


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def normalized(node: object) -> object:
    """Return the meaning of a syntax tree as JSON values: no positions, comments or docstrings."""
    if isinstance(node, list):
        return [normalized(item) for item in node if not _is_docstring(item)]
    if isinstance(node, ast.JoinedStr):
        return ["JoinedStr", _joined(node.values)]
    if isinstance(node, ast.AST):
        fields = [
            [name, normalized(value)]
            for name, value in ast.iter_fields(node)
            if name not in POSITIONS and value is not None and value != []
        ]
        return [type(node).__name__, fields]
    return f"{type(node).__name__}:{node!r}"


def _joined(values: list) -> list:
    parts: list = []
    for value in values:
        if isinstance(value, ast.Constant):
            if parts and isinstance(parts[-1], str):
                parts[-1] += value.value
            elif value.value:
                parts.append(value.value)
        else:
            parts.append(normalized(value))
    return parts


@functools.cache
def _parsed(path: Path, modified: int, package: tuple[str, ...]) -> tuple[str, frozenset[str]]:
    """Return a module's digest and what it imports, as parsed now or whenever it had this content before."""
    content = path.read_bytes()
    key = hashlib.sha256(json.dumps(package).encode() + content).hexdigest()
    if key not in _known().entries:
        _known().add(key, _parse(content, path, package))
    digest, names = _known().entries[key]
    return digest, frozenset(names)


@functools.cache
def _known() -> Cache:
    """What parsing told, of this parser."""
    own, python = PARSER
    parser = hashlib.sha256(own.read_bytes() + python.encode()).hexdigest()
    return Cache(f"modules-{parser[:DIGITS]}")


def _parse(content: bytes, path: Path, package: tuple[str, ...]) -> tuple[str, list[str]]:
    tree = ast.parse(content, filename=str(path))
    text = json.dumps(normalized(tree.body))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return hashlib.sha256(text.encode()).hexdigest(), sorted(names)


def closure(modules: Iterable[str]) -> dict[str, str]:
    """Return ``{module: digest}`` of modules and of all project files that they import."""
    found: dict[str, str] = {}
    pending = list(modules)
    while pending:
        module = pending.pop()
        if module in found or module in NEUTRAL:
            continue
        path = source_file(module)
        if path is None:
            continue
        parts = tuple(module.split("."))
        package = parts if path.stem == "__init__" else parts[:-1]
        digest, names = _parsed(path, path.stat().st_mtime_ns, package)
        found[module] = digest
        project = module.split(".")[0] == PROJECT
        pending.extend(sorted(name for name in names if name.split(".")[0] == PROJECT or not project))
    _known().save()
    return found


def version(modules: Iterable[str], libraries: Iterable[str] = (), files: Iterable[str] = ()) -> dict:
    """Return the code version of a stage.

    Args:
        modules: the stage's entry module and the modules that its spec names.
        libraries: distributions whose version matters to the stage.
        files: other files of this package, such as templates, from the package's folder.

    Returns:
        ``{"sources": {module: digest}, "libraries": {name: version}}``; a named module of an installed distribution
        counts by the distribution's version.
    """
    modules = sorted(set(modules))
    names = set(libraries)
    for module in modules:
        if module.split(".")[0] != PROJECT:
            names.update(distributions(module))
    sources = {module: digest[:DIGITS] for module, digest in closure(modules).items()}
    for file in files:
        sources[file] = hashlib.sha256((Path(__file__).parent / file).read_bytes()).hexdigest()[:DIGITS]
    return {"sources": sources, "libraries": {name: library(name) for name in sorted(names)}}
