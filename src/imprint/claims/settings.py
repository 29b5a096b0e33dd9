"""Which recipes are settings of one optimizer: those whose names begin with the same word."""

from collections.abc import Iterable


def by_optimizer(recipes: Iterable[str], least: int = 1) -> dict[str, list[str]]:
    """Return the recipes of each optimizer that has at least so many, in their order.

    >>> by_optimizer(["sgd_half", "adam_fast", "sgd_tenth", "adam_slow", "muon"], least=2)
    {'sgd': ['sgd_half', 'sgd_tenth'], 'adam': ['adam_fast', 'adam_slow']}
    """
    groups: dict[str, list[str]] = {}
    for recipe in recipes:
        groups.setdefault(recipe.partition("_")[0], []).append(recipe)
    return {optimizer: group for optimizer, group in groups.items() if len(group) >= least}


def matched_loss(snapshots: dict[str, dict]) -> str:
    """Return the snapshot at the lowest training loss that all runs are taken at; empty if there is none.

    Args:
        snapshots: rules by name, as an experiment declares them.

    >>> matched_loss({"early": {"step": 100}, "half": {"train_loss": 1.0}, "low": {"train_loss": 0.1}})
    'low'
    """
    losses = {name: rule["train_loss"] for name, rule in snapshots.items() if rule.get("train_loss") is not None}
    return min(losses, key=lambda name: losses[name], default="")
