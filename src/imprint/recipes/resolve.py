"""From a recipe's words to classes and functions, with every hyper-parameter checked against the real signature."""

import importlib
import inspect
from collections.abc import Callable, Mapping

import torch

from imprint.errors import ImprintError, nearest
from imprint.recipes.names import update_path


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


def part(kind: str, name: str) -> Callable:
    """Return the function of a decay or a schedule by its name."""
    function = {"decay": "decay", "schedule": "multiplier"}[kind]
    return getattr(importlib.import_module(f"imprint.recipes.{kind}.{name}"), function)


def check_options(recipe: str, function: Callable, options: Mapping[str, object]) -> None:
    """Refuse options that are not in a callable's explicit signature: nothing may vanish in ``**kwargs``.

    Raises:
        RecipeError: naming the option and the nearest real ones.
    """
    signature = inspect.signature(function)
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    allowed = [name for name, p in signature.parameters.items() if p.kind in kinds and name not in ("self", "params")]
    for name in options:
        if name not in allowed:
            label = getattr(function, "__qualname__", str(function))
            raise RecipeError(
                f"recipe {recipe!r}: {label} takes no {name!r} (it takes {', '.join(sorted(allowed))}); "
                + nearest(name, allowed)
            )
