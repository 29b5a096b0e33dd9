"""The design of an experiment: the axes along which its runs differ, and the terms into which their variance divides.

Axes are, in this order: the task, the optimizer, the setting of the optimizer, and the seeds. Settings are those of one
optimizer, so no term has them without it. All else is crossed with all else.
"""

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from imprint.claims.settings import by_optimizer

RECIPE = ("optimizer", "rate", "setting")
WITHIN = {"rate": "optimizer", "setting": "optimizer"}
SEEDS = ("seed", "init", "order")
RESIDUAL = "residual"
LEAST_RECIPES = 2
LEAST_SEEDS = 3


@dataclass(frozen=True)
class Design:
    """Axes with two levels or more, in order.

    >>> Design(("optimizer", "seed")).terms
    {'optimizer': ('optimizer',), 'seed': ('seed',), 'residual': ('optimizer', 'seed')}
    >>> list(Design(("optimizer", "rate", "seed")).terms)
    ['optimizer', 'rate', 'seed', 'optimizer x seed', 'residual']
    """

    axes: tuple[str, ...]

    @functools.cached_property
    def terms(self) -> dict[str, tuple[str, ...]]:
        """Axes of each term by its name: all that may be, terms inside another before it, the residual last.

        The residual has all axes: it is their interaction, and what differs between equal runs.
        """
        subsets = itertools.chain.from_iterable(
            itertools.combinations(self.axes, size) for size in range(1, len(self.axes))
        )
        whole = [term for term in subsets if all(self._outer(axis) in (None, *term) for axis in term)]
        named = sorted(whole, key=lambda term: (len(self._told(term)), [self.axes.index(a) for a in self._told(term)]))
        return {self.label(term): term for term in named} | {RESIDUAL: self.axes}

    @property
    def seeds(self) -> tuple[str, ...]:
        """Axes whose levels are drawn: those of the seeds."""
        return tuple(axis for axis in self.axes if axis in SEEDS)

    def label(self, term: tuple[str, ...]) -> str:
        """Return the axes of a term in words; a setting tells its optimizer.

        >>> Design(("optimizer", "rate", "init", "order")).label(("optimizer", "rate", "order"))
        'rate x order'
        """
        return " x ".join(self._told(term))

    def _told(self, term: tuple[str, ...]) -> list[str]:
        outer = {self._outer(axis) for axis in term}
        return [axis for axis in term if axis not in outer]

    def _outer(self, axis: str) -> str | None:
        outer = WITHIN.get(axis)
        return outer if outer in self.axes else None


def related(experiments: Mapping[str, dict], name: str) -> list[str]:
    """Return the tasks of an experiment that share one design with ``name``, in their order, itself among them.

    They have the same recipes, seeds, stop rules and selections, and all or none fix the order of the examples.

    Args:
        experiments: resolved experiments by name; what is before the dot is common to the tasks of one.
        name: one of them.
    """

    def common(spec: dict) -> tuple:
        ordered = spec["task"].get("order") is not None
        return ordered, *(list(spec.get(key) or ()) for key in ("recipes", "seeds", "stop", "select"))

    family = [other for other in experiments if other.partition(".")[0] == name.partition(".")[0]]
    return [other for other in family if common(experiments[other]) == common(experiments[name])]


def drawn(experiments: Mapping[str, dict], name: str) -> bool:
    """Return whether the shares of variance of an experiment are shown under its name.

    It must have the recipes and seeds that they need, and be the first of the tasks that share its design.
    """
    spec = experiments[name]
    enough = len(spec["recipes"]) >= LEAST_RECIPES and len(spec["seeds"]) >= LEAST_SEEDS
    return enough and related(experiments, name)[0] == name


def optimizers(recipes: list[str]) -> dict[str, tuple[str, int]]:
    """Return the optimizer of each recipe and the number of its setting.

    The optimizer is the first word of a name where each has equally many recipes, two or more. Else it is the recipe.

    >>> optimizers(["sgd_half", "adam_fast", "sgd_tenth", "adam_slow"])["adam_slow"]
    ('adam', 1)
    >>> optimizers(["sgd", "adam", "adam_slow"])
    {'sgd': ('sgd', 0), 'adam': ('adam', 0), 'adam_slow': ('adam_slow', 0)}
    """
    groups = by_optimizer(recipes)
    sizes = {len(group) for group in groups.values()}
    if len(sizes) > 1 or sizes == {1}:
        return {recipe: (recipe, 0) for recipe in recipes}
    return {recipe: (word, place) for word, group in groups.items() for place, recipe in enumerate(group)}
