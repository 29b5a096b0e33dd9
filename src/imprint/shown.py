"""Which figures are drawn of an experiment, from what they say of themselves in literals.

``PROBES``: what they read. ``SEARCH``: a search. ``SEARCHED``: its solutions, probed. ``ALIKE``: so many recipes that
search the same hyper-parameter, and a selection that takes the best setting. ``SETTINGS``: two optimizers or more with
so many settings each, compared at a training loss. ``RECIPES``: so many recipes. ``SCOPE`` ``tasks``: the tasks that
share a design, named by the first.
"""

from imprint import search_probes
from imprint.claims import design, settings
from imprint.schema import Experiment, Study


def of(wants: dict, name: str, study: Study, resolved: dict[str, dict]) -> bool:
    """Return whether a figure is drawn of an experiment.

    Args:
        wants: the figure's literals.
        name: of the experiment.
        study: that has it.
        resolved: all its experiments, as figures read them.
    """
    experiment = study.experiments[name]
    return (
        set(wants["PROBES"]) <= set(experiment.probe_options)
        and len(experiment.recipes) >= wants.get("RECIPES", 0)
        and (wants["SCOPE"] != "tasks" or design.drawn(resolved, name))
        and _searched(wants, experiment, study)
        and ("SETTINGS" not in wants or _settings(wants["SETTINGS"], name, experiment, resolved))
    )


def _searched(wants: dict, experiment: Experiment, study: Study) -> bool:
    if experiment.search is None:
        return not {"SEARCH", "SEARCHED", "ALIKE"} & set(wants)
    names = [name for recipe in experiment.recipes for name in study.recipes[recipe].search or {}]
    best = any({"min", "max"} & set(rule.values()) for rule in experiment.select.values())
    alike = max((names.count(name) for name in names if best), default=0)
    probed = bool(search_probes.chosen(experiment))
    return alike >= wants.get("ALIKE", 0) and probed >= wants.get("SEARCHED", False)


def _settings(least: int, name: str, experiment: Experiment, resolved: dict[str, dict]) -> bool:
    """Whether enough optimizers have enough settings; tasks that fix the order are drawn once."""
    once = experiment.task.order is None or design.related(resolved, name)[0] == name
    rules = {key: rule.model_dump() for key, rule in experiment.snapshots.items()}
    optimizers = settings.by_optimizer(experiment.recipes, least)
    return once and len(optimizers) > 1 and settings.matched_loss(rules) != ""
