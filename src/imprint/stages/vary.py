"""vary: trains a recipe as other analysts could have, on tuning seeds."""

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from imprint import store
from imprint.fleet.resume import Checkpoint
from imprint.fleet.train import train
from imprint.identity import canonical
from imprint.recipes import alternatives
from imprint.stages.common import Job, job
from imprint.task import Task

CHOSEN = "chosen"
NONE = ""
BATCHES = {"half_batch": 0.5, "double_batch": 2.0}


@dataclass(frozen=True)
class Choice:
    """One way to train: the recipe, its setting, and the examples per step (None takes all)."""

    recipe: dict
    setting: dict[str, float]
    batch_size: int | None


def main(argv: list[str]) -> None:
    """Write the solution of a recipe under every choice, which is its ``role``."""
    work = job("vary", argv)
    task = work.task()
    select = work.read("select") if "select" in work.inputs else None
    found = choices(work.spec, select, most_examples(task))
    wanted = {name: choice for name, choice in found.items() if name in (NONE, CHOSEN, *work.spec["choices"])}
    store.write(vary(work, task, wanted), work.out, **work.provenance())
    work.forget()


def choices(fleet: dict, select: xr.Dataset | None, examples: int) -> dict[str, Choice]:
    """Return what each choice trains; a choice that is not there for the recipe is left out.

    ``chosen`` is what the first rule of selection chose, or the recipe's fixed rate; ``below`` and ``above`` are its
    neighbours on the grid of the search; ``default`` is what the update's constructor has for what is searched;
    ``half_batch``, ``double_batch`` and ``no_decay`` are the chosen setting with another batch or without decay. Where
    the rule chose nothing, the middle of the grid is trained for the record, and is no choice.

    Args:
        fleet: recipe and batch size as the experiment declares them, and ``rule``, the first rule of selection.
        select: what the rules chose, with the grid; None where nothing is searched.
        examples: no batch can be larger.
    """
    recipe, batch = fleet["recipe"], fleet["batch_size"]
    settings = {CHOSEN: {"lr": recipe["hyper"]["lr"]}} if select is None else searched(recipe, select, fleet["rule"])
    found = {name: Choice(recipe, setting, batch) for name, setting in settings.items()}
    if CHOSEN not in found:
        return found
    for name, factor in BATCHES.items():
        size = None if batch is None else max(1, round(batch * factor))
        if size is not None and size != batch and size <= examples:
            found[name] = Choice(recipe, settings[CHOSEN], size)
    plain = alternatives.without_decay(recipe)
    decay = {alternatives.DECAY: 0.0} if alternatives.DECAY in settings[CHOSEN] else {}
    if plain is not None or decay:
        found["no_decay"] = Choice(plain or recipe, settings[CHOSEN] | decay, batch)
    return found


def searched(recipe: dict, select: xr.Dataset, rule: str) -> dict[str, dict[str, float]]:
    """Return the setting that a rule chose, its neighbours and the default; the middle of the grid if it chose none."""
    (name,) = recipe["search"]
    grid = select[f"hyper.{name}"].values.tolist()
    place = int(select["chosen"].sel(select=rule))
    if place < 0:
        return {NONE: {name: grid[len(grid) // 2]}}
    places = {CHOSEN: place, "below": place - 1, "above": place + 1}
    values = {key: grid[at] for key, at in places.items() if 0 <= at < len(grid)}
    default = alternatives.default(recipe, name)
    values |= {} if default is None else {"default": default}
    return {key: {name: value} for key, value in values.items()}


def most_examples(task: Task) -> int:
    """Return how many training examples the smallest task of the sequence has."""
    return int(torch.bincount(task.stage_of("train").flatten(), minlength=task.stages).min())


def vary(work: Job, task: Task, found: dict[str, Choice]) -> xr.Dataset:
    """Train a fleet for each recipe and batch size; choices that come to the same setting are trained once.

    Epochs stay: with another batch size it is the number of steps that changes, see :func:`lasting`.
    """
    fleets: dict[str, list[str]] = {}
    for name, choice in found.items():
        fleets.setdefault(canonical([choice.recipe, choice.batch_size]), []).append(name)
    parts = []
    for number, names in enumerate(fleets.values()):
        first, roles = found[names[0]], {}
        for name in names:
            roles.setdefault(canonical(found[name].setting), []).append(name)
        settings = [found[own[0]].setting for own in roles.values()]
        spec = {**lasting(work.spec, first.batch_size), "recipe": first.recipe}
        solution = train(task, spec, settings, work.spec["seeds"], Checkpoint(work.resume / f"fleet_{number}"))
        parts.append(labelled(solution, [" ".join(own) for own in roles.values()], first.batch_size))
    return joined(parts)


def lasting(spec: dict, batch_size: int | None) -> dict:
    """Return what a fleet has in common for another batch: what is told in steps or passes is as many epochs as before.

    >>> spec = {"batch_size": 50, "stop": {"steps": 30}, "snapshots": {"paid": {"passes": 9}}}
    >>> lasting(spec, 100)
    {'batch_size': 100, 'stop': {'steps': 15}, 'snapshots': {'paid': {'passes': 4.5}}}
    """
    if batch_size == spec["batch_size"]:
        return spec
    factor = spec["batch_size"] / batch_size

    def scaled(rules: dict) -> dict:
        found = {key: scaled(value) if isinstance(value, dict) else value for key, value in rules.items()}
        found |= {key: max(1, round(found[key] * factor)) for key in ("step", "steps") if key in found}
        return found | ({"passes": found["passes"] * factor} if "passes" in found else {})

    return {**spec, "batch_size": batch_size, "stop": scaled(spec["stop"]), "snapshots": scaled(spec["snapshots"])}


def labelled(solution: xr.Dataset, roles: list[str], batch_size: int | None) -> xr.Dataset:
    """Return a solution with the choices that each setting is, and the examples per step (NaN for all)."""
    sizes = np.full(len(roles), np.nan if batch_size is None else float(batch_size))
    return solution.assign(
        {
            "role": ("setting", np.array(roles, dtype=str), {"long_name": "choices that are this", "units": "1"}),
            "hyper.batch_size": ("setting", sizes, {"long_name": "examples per step", "units": "1"}),
        }
    )


def joined(parts: list[xr.Dataset]) -> xr.Dataset:
    """Return fleets as one along ``setting``; a trace is NaN at steps at which its fleet was not evaluated."""
    steps = sorted({step for part in parts for step in part["step"].values.tolist()})
    indexed = [part.set_index(evaluation="step").reindex(evaluation=steps) for part in parts]
    whole = xr.concat(indexed, "setting", coords="minimal", compat="override", join="exact", data_vars="all")
    whole = whole.assign_coords(setting=range(whole.sizes["setting"]))
    return whole.drop_vars("evaluation").assign_coords(step=("evaluation", steps))
