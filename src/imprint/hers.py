"""An optimizer that someone else wrote: read as a recipe, and its errors told as hers, with her traceback."""

import importlib
import importlib.util
import inspect
import math
import re
import sys
import traceback
from pathlib import Path

from imprint import documents
from imprint.errors import ImprintError, StudyError
from imprint.schema import Recipe
from imprint.study import parse

OURS = ("<frozen ", str(Path(__file__).parent), importlib.__file__)
DECADES = 1.5
"""Decades of a search space on either side of a default, as the spaces of recipes.yaml have them."""


class HerError(ImprintError):
    """Her code raised; the message has her traceback."""


def interval(text: str) -> list[float]:
    """Return the two ends of ``LOW..HIGH``.

    Raises:
        StudyError: if it is not two positive numbers, the lower first.

    >>> interval("1e-4..1e-1")
    [0.0001, 0.1]
    """
    parts = text.split("..", 1)
    try:
        low, high = map(float, parts)
    except ValueError:
        raise StudyError(f"--lr: {text!r} is not LOW..HIGH; write two rates, as 1e-4..1e-1") from None
    if not 0 < low < high < float("inf"):
        raise StudyError(f"--lr: {text!r} has no positive LOW below HIGH; write the smaller rate first, as 1e-4..1e-1")
    return [low, high]


def entry(optimizer: str, rates: list[float] | None, name: str | None) -> tuple[str, dict]:
    """Return name and content of a recipe from a file, or from the import path of a class.

    Args:
        optimizer: the file or the path.
        rates: ends of the search of its learning rate, if they are given.
        name: what it is to be called, if that is given.

    Raises:
        ImprintError: if it is neither, or her code cannot be imported.
    """
    if optimizer.endswith((".yaml", ".yml")):
        found, content = from_file(Path(optimizer))
        content = content | ({"search": {"lr": rates}} if rates else {})
        parse(Recipe, content, Path(optimizer), found)
        if ":" in content["update"]:
            load(content["update"])
    elif re.fullmatch(r"[\w.]+:\w+", optimizer):
        cls = load(optimizer)
        found = snake(cls.__name__)
        content = {"update": optimizer, "search": {"lr": rates or space(cls)}}
    else:
        raise StudyError(f"{optimizer!r} is neither package.module:Class nor a YAML file with a recipe")
    name = name or found
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise StudyError(f"--name: {name!r} is no name of a recipe; use lower-case letters, digits and _")
    return name, content


def from_file(file: Path) -> tuple[str, dict]:
    """Return the one recipe of a file: its name and its content.

    Raises:
        StudyError: if there is not one.
    """
    content = documents.load(file)
    if len(content) != 1 or not all(isinstance(value, dict) for value in content.values()):
        raise StudyError(
            f"{file}: one entry as in recipes.yaml is expected, `name: {{update: package.module:Class, ...}}`; "
            f"found {', '.join(map(str, content)) or 'nothing'}"
        )
    return next((str(name), value) for name, value in content.items())


def load(path: str) -> type:
    """Import a class by ``package.module:Class``, found in the current folder or on ``PYTHONPATH``.

    Raises:
        StudyError: if there is no such module, or it has no such class that is an optimizer.
        HerError: if her module raises.
    """
    from imprint.recipes.resolve import update_class

    module = path.partition(":")[0]
    if not _there(module):
        places = f"the current folder ({Path.cwd()}) and PYTHONPATH were looked through"
        raise StudyError(f"{path}: there is no module {module!r}; {places}")
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise HerError(f"{module} cannot be imported. This is raised by it:\n\n{told(error)}") from error
    return update_class(path.partition(":")[2], path)


def _there(module: str) -> bool:
    top = module.partition(".")[0]
    return top in sys.modules or importlib.util.find_spec(top) is not None


def told(error: BaseException) -> str:
    """Return the traceback of an error without the frames of the import system and of this package."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(OURS)]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(own)] if own else []
    return "".join([*lines, *traceback.format_exception_only(error)]).rstrip()


def space(cls: type) -> list[float]:
    """Return the search space of a class that declares none: three decades around the default of its ``lr``.

    Raises:
        StudyError: if its constructor names no ``lr``, or has no positive default for it.
    """
    parameters = inspect.signature(cls).parameters
    if "lr" not in parameters:
        named = ", ".join(name for name in parameters if name != "params") or "nothing"
        raise StudyError(f"{cls.__qualname__} takes no 'lr' (it takes {named}); name the rate lr in its constructor")
    default = parameters["lr"].default
    if isinstance(default, bool) or not isinstance(default, int | float) or not 0 < default < math.inf:
        raise StudyError(f"{cls.__qualname__} has no positive default of lr to search around; give --lr 1e-4..1e-1")
    return [float(f"{default * 10**exponent:.3g}") for exponent in (-DECADES, DECADES)]


def snake(name: str) -> str:
    """Return the name of a class as a recipe's: ``MyOptimizer`` is ``my_optimizer``.

    >>> snake("MyOptimizer"), snake("SGDPlus"), snake("Adam2")
    ('my_optimizer', 'sgd_plus', 'adam2')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"_+", "_", words).strip("_").lower()


def raised(log: str, module: str) -> str:
    """Return the traceback that a job's log holds, if a frame of it is of her module; empty if none is.

    Args:
        log: what the job said.
        module: her module, whose file tells her frames.
    """
    from imprint.code_version import source_file

    file = source_file(module, installed=True)
    parts = re.findall(r"^Traceback \(most recent call last\):\n(?:[ \t]+.*\n)+.*", log, re.MULTILINE)
    hers = [part for part in parts if file is not None and f'File "{file}"' in part]
    return hers[0].rstrip() if hers else ""
