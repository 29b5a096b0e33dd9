"""What else an analyst could have taken of a recipe: the rate that its class has by default, or no decay."""

import inspect
import math

from imprint.recipes.resolve import update_class

DECAY = "weight_decay"


def default(recipe: dict, hyper: str) -> float | None:
    """Return the value that the constructor of a recipe's update has for a hyper-parameter, None if it has none.

    >>> default({"update": "torch.optim:Adam"}, "lr")
    0.001
    """
    value = _signature(recipe, recipe).get(hyper)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def without_decay(recipe: dict) -> dict | None:
    """Return a recipe with its decay at 0, the part's and that of its updates; None if none decays anything.

    >>> without_decay({"update": "torch.optim:SGD", "hyper": {"weight_decay": 0.1}})
    {'update': 'torch.optim:SGD', 'hyper': {'weight_decay': 0.0}}
    """
    changed = {key: value for key, value in recipe.items() if key != "decay"}
    if _decays(recipe, recipe):
        changed["hyper"] = {**recipe.get("hyper", {}), DECAY: 0.0}
    rest = recipe.get("rest")
    if rest and _decays(recipe, rest):
        changed["rest"] = {**rest, "hyper": {**rest.get("hyper", {}), DECAY: 0.0}}
    return changed if changed != recipe else None


def _decays(recipe: dict, update: dict) -> bool:
    """Whether an update decays weights by itself: as its hyper-parameters say, else as its constructor does."""
    value = update.get("hyper", {}).get(DECAY, _signature(recipe, update).get(DECAY))
    return isinstance(value, int | float) and value != 0


def _signature(recipe: dict, update: dict) -> dict[str, object]:
    """Return the defaults of an update's constructor."""
    found = update_class(recipe.get("name", recipe["update"]), update["update"])
    return {name: parameter.default for name, parameter in inspect.signature(found).parameters.items()}
