"""Which claims are the same claim, and which measurements the same, whatever they are called and whatever code ran."""

from imprint import plugins
from imprint.history import LABELS
from imprint.identity import Unit, canonical, digest
from imprint.schema import Claim, Experiment

MACHINE = ("device", "executor", "block", "allow")
"""What a fleet's spec says of where and how it is computed."""


def claim_hash(claim: Claim, *experiments: Experiment) -> str:
    """Return ten hex digits of what a claim states, the same under another name, label or code.

    It covers measure, contrast or recipes, expectation, preconditions and comparison modes, each with the rules behind
    its names, the options of the probes, and the task. Seeds, the budget of the search and other claims are not in it.

    Args:
        claim: as declared.
        experiments: whose networks are measured: the one that has the claim, or those of two tasks.
    """
    stated = claim.model_dump(mode="json", exclude=LABELS | {"at", "between"}, exclude_defaults=True)
    return digest({"claim": stated, "about": [_about(claim, experiment) for experiment in experiments]})


def probes(claim: Claim) -> set[str]:
    """Return the probes whose values decide a claim; those of its preconditions do not."""
    return {measure.partition(".")[0] for measure in (claim.measure, *(part.measure for part in claim.followed))}


def sides(claim: Claim, names: list[str], experiments: list[Experiment]) -> list[list[tuple[str, str]]]:
    """Return what is compared: the (experiment, recipe) of each side of a contrast, of each task, or of a value."""
    if claim.contrast is not None:
        groups = [[side] if isinstance(side, str) else side for side in claim.contrast]
        return [[(names[0], recipe) for recipe in group] for group in groups]
    recipes = [claim.recipe] if isinstance(claim.recipe, str) else claim.recipe
    return [
        [(name, recipe) for recipe in (experiment.recipes if recipes == ["all"] else recipes)]
        for name, experiment in zip(names, experiments, strict=True)
    ]


def subject(unit: Unit) -> str:
    """Return a digest of what a unit computes: on which seeds, on what machine and by which code is left out."""
    found = unit.__dict__.get("_subject")
    if found is None:
        spec = {key: value for key, value in unit.spec.items() if key not in ("code", "seeds", *MACHINE)}
        if "task" in spec:
            spec["task"] = {key: value for key, value in spec["task"].items() if key not in MACHINE}
        if "others" in spec:
            spec["others"] = sorted(set(spec["others"]))
        inputs = {role: sorted({subject(other) for other in units}) for role, units in unit.inputs.items()}
        found = digest({"stage": unit.stage, "spec": spec, "inputs": inputs})
        unit.__dict__["_subject"] = found
    return found


def _about(claim: Claim, experiment: Experiment) -> dict:
    task = experiment.task.model_dump(mode="json", exclude={"block"}, exclude_none=True)
    options = plugins.check_options(plugins.find("tasks", experiment.task.name), experiment.task.options)
    model = dict(experiment.task.model)
    architecture = plugins.find("models", model.pop("name"))
    named = {key: value for key, value in task.items() if key not in experiment.task.options}
    measures = {*probes(claim), *(measure.partition(".")[0] for measure in claim.requires)}
    return {
        "task": named | options | {"model": {"name": architecture.name, **plugins.check_options(architecture, model)}},
        "probes": {
            name: plugins.check_options(plugins.find("probes", name), experiment.probe_options[name])
            for name in sorted(measures)
        },
        "at": sorted((_rules(experiment, mode) for mode in experiment.modes(claim)), key=canonical),
    }


def _rules(experiment: Experiment, mode: dict[str, str]) -> dict:
    """Return the rules that a comparison mode names; what has none stands for itself."""
    snapshot = experiment.snapshots.get(mode["snapshot"])
    return {
        "stop": experiment.stop[mode["stop"]].model_dump(exclude_none=True),
        "select": experiment.select.get(mode["select"], mode["select"]),
        "snapshot": snapshot.model_dump(exclude_none=True) if snapshot else mode["snapshot"],
    }
