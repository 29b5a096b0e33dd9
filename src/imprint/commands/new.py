"""``imprint new``: writes a commented starting file for a recipe, probe, task or experiment, and a test of it."""

import argparse
import importlib.util
import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from imprint import documents
from imprint.errors import ImprintError, nearest

ROOTS = {
    "probe": Path("src/imprint/probes"),
    "task": Path("src/imprint/tasks"),
    "experiment": Path("experiments"),
}
PLACES = {
    "recipe": {"recipe.py": "$name.py", "test_recipe.py": "test_$name.py"},
    "probe": {
        "probe.py": "src/imprint/probes/$folder/$name.py",
        "test_probe.py": "tests/probes/$folder/test_$name.py",
    },
    "task": {"task.py": "src/imprint/tasks/$name.py", "test_task.py": "tests/tasks/test_$name.py"},
    "experiment": {
        "experiment.yaml": "experiments/$name.yaml",
        "test_experiment.py": "tests/experiments/test_$name.py",
    },
}
"""Which starting file is written where, by kind."""
NEXT = {
    "recipe": """\
python -m pytest test_$name.py    # its test
imprint profile $name:$class_name --lr 3e-4..3e-1    # what it leaves on the solution

To put it into every experiment that is open to new recipes, add it to recipes.yaml and say `recipes: [$name]` in
config.yaml:

$name:
  says: What it does.
  update: $name:$class_name
  hyper: {momentum: 0.9}
  search: {lr: [0.0003, 0.3]}
""",
    "probe": """\
python -m pytest tests/probes/$folder/test_$name.py    # its test
python -m pytest tests/probes/test_conformance.py -k $name    # what every probe promises

To measure with it, add `$name` to the `probes` of an experiment: stored solutions are measured, nothing is trained.
""",
    "task": """\
python -m pytest tests/tasks/test_$name.py    # its test
python -m pytest tests/tasks/test_conformance.py -k $name    # what every task promises

To train on it, say `name: $name` under the `task` of an experiment.
""",
    "experiment": """\
python -m pytest tests/experiments/test_$name.py    # its test
imprint plan $study.$name    # what it would run, how long, and what its tests can find
imprint study $study.$name    # run it
""",
}
"""What a person does next, by kind."""


def main(argv: list[str]) -> int:
    """Write a starting file and its test, and say what to do next. Nothing is overwritten.

    Raises:
        ImprintError: if the name will not do, a file is there already, or this is not where such a file belongs.
    """
    parser = argparse.ArgumentParser(prog="imprint new", description=__doc__)
    parser.add_argument("kind", choices=PLACES, help="a recipe's optimizer may lie anywhere; the others are files here")
    parser.add_argument("name", help="lower-case letters, digits and _")
    parser.add_argument("--folder", help="of a probe: one of src/imprint/probes; default weights")
    arguments = parser.parse_args(argv)
    kind, folder = arguments.kind, arguments.folder or "weights"
    if arguments.folder and kind != "probe":
        parser.error(f"--folder: a {kind} has none")
    check_here(kind, folder)
    check_name(kind, arguments.name)
    words = {"name": arguments.name, "folder": folder, "class_name": class_name(arguments.name)}
    words["study"] = whole_study() if kind == "experiment" else ""
    write({Template(place).substitute(words): source for source, place in PLACES[kind].items()}, words)
    print("\n" + Template(NEXT[kind]).substitute(words), end="")
    return 0


def write(targets: dict[str, str], words: dict[str, str]) -> None:
    """Write starting files, ``{target: starter}``; all of them or none.

    Raises:
        ImprintError: if one is there.
    """
    for target in targets:
        if Path(target).exists():
            raise ImprintError(f"{target} is there already; nothing is overwritten")
    for target, starter in targets.items():
        template = files("imprint") / "starters" / f"{starter}.template"
        Path(target).parent.mkdir(exist_ok=True)
        with open(target, "x", encoding="utf-8") as file:
            file.write(Template(template.read_text(encoding="utf-8")).substitute(words))
        print(f"wrote {target}")


def class_name(name: str) -> str:
    """Return the name of a class for the name of a module.

    >>> class_name("my_optimizer")
    'MyOptimizer'
    """
    return "".join(part.capitalize() for part in name.split("_"))


def check_here(kind: str, folder: str) -> None:
    """Refuse to write where files of a kind do not belong.

    Raises:
        ImprintError: naming the folder that is missing.
    """
    root = ROOTS.get(kind, Path("."))
    if not root.is_dir():
        raise ImprintError(f"no folder {root} here; a new {kind} is written in the folder that has the Snakefile")
    if kind == "probe" and not (root / folder / "__init__.py").is_file():
        known = [file.parent.name for file in root.glob("*/__init__.py")]
        raise ImprintError(f"--folder: {folder!r} is no folder of {root}; {nearest(folder, known)}")


def check_name(kind: str, name: str) -> None:
    """Refuse a name that could not be imported, or that something has already.

    Raises:
        ImprintError: with the reason.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ImprintError(f"{name!r} is no name; use lower-case letters, digits and _, a letter first")
    if keyword.iskeyword(name):
        raise ImprintError(f"{name!r} is a word of Python; choose another name")
    if kind == "recipe":
        _check_module(name)
    elif kind in ("probe", "task"):
        for file in sorted(ROOTS[kind].rglob(f"{name}.py")):
            raise ImprintError(f"{file} is there already, and names are unique; choose another name")


def _check_module(name: str) -> None:
    recipes = Path("recipes.yaml")
    if recipes.is_file() and name in documents.load(recipes):
        raise ImprintError(f"recipes.yaml has a recipe {name!r}; choose another name")
    found = importlib.util.find_spec(name)
    if found is not None and not Path(f"{name}.py").exists():
        where = found.origin or "a package"
        raise ImprintError(f"{name!r} is a module already ({where}), which would hide it; choose another name")


def whole_study() -> str:
    """Return a study of ``config.yaml`` that has all experiments, and so a new one.

    Raises:
        ImprintError: if there is none.
    """
    studies = documents.load(Path("config.yaml")).get("studies") or {}
    whole = [name for name, study in studies.items() if (study or {}).get("experiments", "all") == "all"]
    if not whole:
        raise ImprintError("config.yaml: no study has `experiments: all`; add one, or the new one is in none")
    return whole[0]
