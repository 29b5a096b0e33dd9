"""Runs of the tasks of an experiment as one array over the axes of their design."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from imprint.claims.design import Design, optimizers

TASK = ("task", "stop", "snapshots")  # of an experiment, what its task is but for its name


def places(experiments: Sequence[dict]) -> dict[str, dict]:
    """Return the columns that tell each experiment's place in the design: its task and, if it is fixed, its order.

    Experiments that differ in the order of the examples alone are one task.

    >>> places([{"name": "x.a", "task": {"order": 3}}, {"name": "x.b", "task": {"order": 4}}])
    {'x.a': {'task': 'a', 'order': 3}, 'x.b': {'task': 'a', 'order': 4}}
    >>> places([{"name": "x.a", "task": {"depth": 1}}, {"name": "x.b", "task": {"depth": 2}}])
    {'x.a': {'task': 'a'}, 'x.b': {'task': 'b'}}
    """
    found, tasks = {}, {}
    for experiment in experiments:
        own = experiment["name"].partition(".")[2] or experiment["name"]
        order = experiment["task"].get("order")
        if order is None:
            found[experiment["name"]] = {"task": own}
            continue
        content = {key: experiment.get(key) for key in TASK} | {"task": {**experiment["task"], "order": None}}
        task = tasks.setdefault(json.dumps(content, sort_keys=True), own)
        found[experiment["name"]] = {"task": task, "order": order}
    return found


def arranged(runs: pd.DataFrame, recipes: Sequence[str]) -> tuple[Design, np.ndarray]:
    """Return the design of some runs and their values, of shape ``(*axes)``, NaN where there is none.

    An axis is there if it has two levels with a value. Where the order is fixed, the seed is that of all else.

    Args:
        runs: columns ``task``, ``recipe``, ``seed``, ``value``, and ``order`` if it is fixed; one row per value.
        recipes: of the experiment, also those without a value.

    >>> rows = [("a", recipe, seed, 10 * k + seed) for k, recipe in enumerate(["sgd", "adam"]) for seed in range(3)]
    >>> design, y = arranged(pd.DataFrame(rows, columns=["task", "recipe", "seed", "value"]), ["sgd", "adam"])
    >>> design.axes, y.tolist()
    (('optimizer', 'seed'), [[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]])
    """
    fixed = "order" in runs
    inner, seed = ("rate", "init") if fixed else ("setting", "seed")
    known = optimizers(list(recipes))
    columns = {
        "task": runs["task"],
        "optimizer": [known[recipe][0] for recipe in runs["recipe"]],
        inner: [known[recipe][1] for recipe in runs["recipe"]],
        seed: runs["seed"],
        **({"order": runs["order"]} if fixed else {}),
    }
    levels = {axis: pd.factorize(np.asarray(column)) for axis, column in columns.items()}
    levels = {axis: (codes, found) for axis, (codes, found) in levels.items() if len(found) > 1}
    y = np.full([len(found) for _, found in levels.values()], np.nan)
    y[tuple(codes for codes, _ in levels.values())] = runs["value"]
    return Design(tuple(levels)), y
