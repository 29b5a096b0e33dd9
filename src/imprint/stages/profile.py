"""profile: the page of a recipe beside the known ones."""

import traceback

import yaml

from imprint import store
from imprint.claims import table
from imprint.recipes.cost import WHERE, relative
from imprint.report import profile
from imprint.stages.common import Job
from imprint.stages.product import finish, job


def main(argv: list[str]) -> None:
    """Write the page, and ``<unit>.csv`` with its numbers beside it."""
    work = job("profile", argv)
    (atlas,), (claims,) = work.inputs["atlas"], work.inputs["claims"]
    experiments, recipe = list(work.plan["experiments"].values()), work.spec["recipe"]
    tree, declared = store.read_tree(atlas), canonical(work)
    named = {name: None for each in experiments for name in profile.references(each, recipe)}
    costs = {name: cost(name, declared[name]) for name in [recipe, *named]}
    found = profile.find(tree, experiments, recipe, costs)
    numbers = work.out.with_suffix(".csv")
    work.out.parent.mkdir(parents=True, exist_ok=True)
    with store.replacing(numbers) as scratch:
        found.table().to_csv(scratch, index=False, lineterminator="\n")
    with store.replacing(work.out) as scratch:
        profile.build(tree, table.read(claims), experiments, found, about(work, declared[recipe]), scratch)
    finish(work, numbers)


def canonical(work: Job) -> dict[str, dict]:
    """Return what every recipe of the study does, as its training was told."""
    return {unit["recipe"]: unit["fields"]["recipe"] for unit in work.plan["units"] if unit["stage"] == "train"}


def cost(name: str, recipe: dict) -> tuple[float, float] | str:
    """Return the passes of a step and its time over that of SGD, or why they cannot be measured.

    Every replica is stepped by an optimizer of its own, as an unknown one is, so that times can be compared.
    """
    try:
        return relative({**recipe, "name": name}, alone=True)
    except Exception as error:  # hers, on a network that it may not be made for
        traceback.print_exc()
        return f"not measured: {type(error).__name__}: {error}"


def about(work: Job, recipe: dict) -> dict:
    """Return what the page tells of its origin."""
    libraries: dict[str, str] = {}
    for unit in work.plan["units"]:
        libraries |= unit["fields"]["code"]["libraries"]
    entry = yaml.safe_dump({work.spec["recipe"]: recipe}, sort_keys=False, default_flow_style=None)
    names = {"study": work.plan["study"], "plan": work.plan["digest"]}
    return {**names, "entry": entry, "cost_where": WHERE, "versions": dict(sorted(libraries.items()))}
