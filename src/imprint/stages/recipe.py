"""recipe: a named optimizer proves itself on the task's model, in seconds, before anything trains with it."""

import time
import traceback

import numpy as np
import torch
import xarray as xr

from imprint import code_version, store
from imprint.fleet.fleet import Fleet
from imprint.recipes.part import Part
from imprint.recipes.resolve import RecipeError
from imprint.stages.common import Job, job
from imprint.task import Task

STEPS = 3
SEEDS = (1000, 1001)


def main(argv: list[str]) -> None:
    """Write what the recipe is when it runs: class, module, version, hyper-parameters, passes, cost."""
    work = job("recipe", argv)
    recipe = {**work.spec["recipe"], "name": work.label or work.spec["recipe"]["update"]}
    try:
        result, ran = prove(work, recipe)
    except RecipeError as error:
        raise RecipeError(f"recipes.yaml: {error}") from error
    except Exception as error:
        traceback.print_exc()
        told = f"a step with {recipe['update']} raised {type(error).__name__}: {error}"
        raise RecipeError(f"recipes.yaml: recipe {recipe['name']!r}: {told}") from error
    store.write(result, work.out, **work.provenance(), ran=ran)


def prove(work: Job, recipe: dict) -> tuple[xr.Dataset, list[dict]]:
    """Make three steps with two replicas at each end of the search space, together and alone.

    Raises:
        RecipeError: if replicas change one another, a searched hyper-parameter has no effect, or weights stay put.
    """
    single = {**work.spec["task"], "device": "cpu"}
    data = work.read("data")
    exact = Task(data, **{**single, "precision": "float64"})
    seeds = list(SEEDS)
    if exact.seeded:
        seeds = (data["seed"].values.tolist() * 2)[:2]
    ends = _ends(recipe)
    together, _ = _steps(exact, recipe, ends, seeds, work)
    if together.isnan().any(1).all():
        raise RecipeError(f"recipe {recipe['name']!r} diverges within {STEPS} steps at {ends}")
    for setting in range(len(ends)):
        for place, seed in enumerate(seeds):
            alone, _ = _steps(exact, recipe, [ends[setting]], [seed], work)
            if not _same(alone[0], together[setting * len(seeds) + place]):
                raise RecipeError(
                    f"recipe {recipe['name']!r} says it sees {recipe.get('sees', 'network')!r}, but a replica's steps "
                    "depend on its neighbours; leave 'sees' out and every replica gets its own optimizer"
                )
    if len(ends) == 2 and _same(together[0], together[len(seeds)]):
        (searched,) = recipe["search"]
        raise RecipeError(f"recipe {recipe['name']!r}: {searched!r} is searched but does not change the steps")
    _, fleet = _steps(Task(data, **single), recipe, ends[:1], seeds[:1], work)
    seconds = fleet["seconds"]
    about = {"units": "1", "long_name": "forward-backward passes per step"}
    result = xr.Dataset({"passes": ((), np.float64(fleet["passes"]), about)})
    return result, [*fleet["ran"], {"seconds_per_step": seconds, "searched": sorted(recipe.get("search", {}))}]


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def _ends(recipe: dict) -> list[dict]:
    if not recipe.get("search"):
        return [{}]
    ((name, (low, high)),) = recipe["search"].items()
    return [{name: low}, {name: high}]


def _steps(task: Task, recipe: dict, settings: list[dict], seeds: list[int], work: Job) -> tuple[torch.Tensor, dict]:
    plan = (work.spec["batch_size"], work.spec["executor"], {"steps": STEPS}, work.spec["block"])
    fleet = Fleet(task, recipe, settings, seeds, *plan)
    before, ran = fleet.flat.clone(), _ran(fleet)
    start = time.perf_counter()
    for _ in range(STEPS):
        if len(fleet):
            fleet.step()
    seconds = (time.perf_counter() - start) / STEPS
    if len(fleet) and torch.equal(before[fleet.ids], fleet.flat):
        raise RecipeError(f"recipe {recipe['name']!r}: {STEPS} steps did not change any weight")
    full = torch.full_like(before, torch.nan)
    full[fleet.ids] = fleet.flat
    return full, {"seconds": seconds, "ran": ran, "passes": fleet.passes.mean().item() / STEPS}


def _ran(fleet: Fleet) -> list[dict]:
    composition = fleet.blocks[0].composition
    parts = zip(composition.parts, composition.hyperparameters(), strict=True)
    return [{"class": _class(part), "hyper": {k: repr(v) for k, v in hyper.items()}} for part, hyper in parts]


def _class(part: Part) -> str:
    cls = type(part.optimizers[0])
    found = [code_version.library(name) for name in code_version.distributions(cls.__module__)]
    return f"{cls.__module__}.{cls.__qualname__} ({', '.join(found) or 'local'})"
