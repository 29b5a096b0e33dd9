"""From a recipe's words to classes and functions, with every hyper-parameter checked against the real signature."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from imprint.errors import ImprintError, nearest
from imprint.recipes.names import module_path, update_path


class RecipeError(ImprintError):
    """A recipe that cannot be what it says; the message names the recipe, what was found and what is allowed."""


def update_class(recipe: str, update: str) -> type[torch.optim.Optimizer]:
    """Import an optimizer class.

    Raises:
        RecipeError: if module or class do not exist, or the class is no ``torch.optim.Optimizer``.
    """
    module_name, _, class_name = update_path(update).partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise RecipeError(f"recipe {recipe!r}: update {update!r}: cannot import {module_name!r} ({error})") from error
    found = getattr(module, class_name, None)
    if found is None:
        raise RecipeError(
            f"recipe {recipe!r}: update {update!r}: module {module_name!r} has no class {class_name!r}; "
            + nearest(class_name, [name for name in dir(module) if name[:1].isupper()])
        )
    if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)):
        raise RecipeError(f"recipe {recipe!r}: update {update!r} is {found!r}, not a torch.optim.Optimizer class")
    return found


def functions(recipe: str, kind: str, name: str) -> dict[str, Callable]:
    """Return the functions of a part by its kind and name.

    Raises:
        RecipeError: if there is no such part.
    """
    path = module_path(kind, name)
    try:
        module = importlib.import_module(path)
    except ImportError as error:
        known = [file.stem for file in Path(__file__).with_name(kind).glob("*.py") if file.stem != "__init__"]
        raise RecipeError(
            f"recipe {recipe!r}: {kind} {name!r}: cannot import {path!r} ({error}); {nearest(name, known)}"
        ) from error
    return {name: value for name, value in vars(module).items() if inspect.isfunction(value)}


def check_options(recipe: str, function: Callable, options: Mapping[str, object]) -> None:
    """Refuse options that are not in a callable's explicit signature: nothing may vanish in ``**kwargs``.

    A class takes its constructor's hyper-parameters, a part's function its keyword-only ones.

    Raises:
        RecipeError: naming the option and the nearest real ones.
    """
    signature = inspect.signature(function)
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    keywords = [name for name, p in signature.parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY]
    named = [name for name, p in signature.parameters.items() if p.kind in kinds and name not in ("self", "params")]
    allowed = named if isinstance(function, type) else keywords
    label = getattr(function, "__qualname__", str(function))
    if not isinstance(function, type):
        label = f"{function.__module__.rpartition('.')[2]}.{label}"
        for name in keywords:
            if signature.parameters[name].default is inspect.Parameter.empty and name not in options:
                raise RecipeError(f"recipe {recipe!r}: {label} needs {name!r}")
    for name in options:
        if name not in allowed:
            raise RecipeError(
                f"recipe {recipe!r}: {label} takes no {name!r} (it takes {', '.join(sorted(allowed)) or 'nothing'}); "
                + nearest(name, allowed)
            )
