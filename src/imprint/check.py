"""Cross-checks of a study: every name that one file uses exists in another, before anything runs."""

import re
from pathlib import Path

from imprint import multiverse, plugins, search_probes
from imprint.claims.attainable import ALPHA, least_pairs, smallest_p
from imprint.errors import StudyError, nearest
from imprint.recipes.names import KINDS
from imprint.schema import Claim, Experiment, Recipe, Study

METRICS = ("learning_accuracy", "validation_loss")


def check(study: Study, root: Path) -> None:
    """Check every experiment.

    Sources are keys of ``references.bib``.

    Raises:
        StudyError: naming the file, the key, what was found and the nearest allowed names.
    """
    known = _references(root / "references.bib")
    for name, experiment in study.experiments.items():
        stem, _, part = name.partition(".")
        file = root / "experiments" / f"{stem}.yaml"
        try:
            for key in experiment.sources:
                if key not in known:
                    raise StudyError(f"sources: {key!r} is not in references.bib; {nearest(key, known)}")
            _check_recipes(experiment, study)
            task = _check_task(experiment)
            measures = _check_probes(experiment, task)
            _check_select(experiment)
            search_probes.check(experiment)
            for key, claim in experiment.claims.items():
                _check_claim(f"claims.{key}", claim, experiment, measures, "stages" in task.literals["VIEWS"])
                for other in (claim.between or [])[1:]:
                    _check_other(f"claims.{key}, task {other}", claim, study.experiments[f"{stem}.{other}"])
            _check_repeats(experiment)
            if experiment.claims and not study.pilot:
                _check_seeds("seeds", sum(len(block) for block in experiment.blocks))
            if experiment.multiverse:
                _check_multiverse([part for key, part in study.experiments.items() if key.partition(".")[0] == stem])
                if not study.pilot:
                    _check_seeds("multiverse.seeds", experiment.multiverse.seeds)
        except StudyError as error:
            raise StudyError(f"{file}: {f'task {part}: ' if part else ''}{error}") from None
    try:
        _check_calibration(study)
    except StudyError as error:
        raise StudyError(f"{root / 'config.yaml'}: calibration: {error}") from None


def _check_calibration(study: Study) -> None:
    if study.calibration is None:
        return
    name, experiment = study.calibration.recipe, study.calibration.experiment
    if name in study.recipes and study.recipes[name].search:
        raise StudyError(f"recipe: {name!r} has a search space; the replicas of a pool have one rate, in hyper")
    _check_recipes(experiment, study)
    measures = _check_probes(experiment, _check_task(experiment))
    for probe in experiment.probe_options:
        if plugins.find("probes", probe).literals.get("ACROSS"):
            raise StudyError(f"measures: {probe!r} looks across recipes, of which a pool has one; take another probe")
    for measure in study.calibration.measures:
        if measure not in measures:
            raise StudyError(f"measures: {measure!r} is of no probe; {nearest(measure, measures)}")
        if measures[measure]["dims"]:
            raise StudyError(f"measures: {measure!r} has dimensions; take a measure with one value per replica")


def _check_seeds(key: str, count: int) -> None:
    if count < least_pairs():
        raise StudyError(
            f"{key}: {count} paired seeds give p >= {smallest_p(count):.3g}, and a verdict needs p <= {2 * ALPHA:g} "
            f"(exact sign-flip test, two-sided): no claim can be decided; give at least {least_pairs()} seeds, or "
            "`pilot: true` to the study in config.yaml"
        )


def _check_multiverse(parts: list[Experiment]) -> None:
    known = {name for part in parts for name in multiverse.claims(part)}
    wrong = [name for name in parts[0].multiverse.claims or () if name not in known]
    if wrong or not known:
        told = f".claims: {wrong[0]!r} is no such claim" if wrong else ": there is no such claim; leave multiverse out"
        raise StudyError(
            f"multiverse{told} (a contrast of two recipes, kind claim, on probes that look at one solution alone)"
        )


def _references(file: Path) -> list[str]:
    if not file.is_file():
        raise StudyError(f"{file}: no such file")
    return re.findall(r"^@\w+\{([^,\s]+),", file.read_text(encoding="utf-8"), re.MULTILINE)


def _check_recipes(experiment: Experiment, study: Study) -> None:
    for name in experiment.recipes:
        if name not in study.recipes:
            raise StudyError(f"recipes: {name!r} is not in recipes.yaml; {nearest(name, study.recipes)}")
        recipe = study.recipes[name]
        if "lr" not in {**recipe.hyper, **(recipe.search or {})}:
            raise StudyError(f"recipes: {name!r} has no lr; give hyper: {{lr: ...}} or search: {{lr: [low, high]}}")
        _check_parts(name, recipe)
        if recipe.search and experiment.search is None:
            raise StudyError(f"recipes: {name!r} has a search space, but the experiment declares no search budget")


def _check_parts(name: str, recipe: Recipe) -> None:
    updates = [recipe.update, *([recipe.rest.update] if recipe.rest else [])]
    parts = [("update", update) for update in updates if ":" not in update]
    parts += [(kind, part["name"]) for kind in KINDS if (part := getattr(recipe, kind)) and "." not in part["name"]]
    for kind, part in parts:
        known = [file.stem for file in (plugins.ROOT / "recipes" / kind).glob("*.py") if file.stem != "__init__"]
        if part not in known:
            raise StudyError(f"recipes: {name!r}: no {kind} is named {part!r}; {nearest(part, known)}")


def _check_task(experiment: Experiment) -> plugins.Plugin:
    try:
        task = plugins.find("tasks", experiment.task.name)
        plugins.check_options(task, experiment.task.options)
    except StudyError as error:
        raise StudyError(f"task: {error}") from None
    model = dict(experiment.task.model)
    if "name" not in model:
        raise StudyError("task.model: a model needs a name")
    try:
        plugins.check_options(plugins.find("models", model.pop("name")), model)
    except StudyError as error:
        raise StudyError(f"task.model: {error}") from None
    return task


def _check_probes(experiment: Experiment, task: plugins.Plugin) -> dict[str, dict]:
    measures = {}
    for name, options in experiment.probe_options.items():
        try:
            probe = plugins.find("probes", name)
            plugins.check_options(probe, options)
        except StudyError as error:
            raise StudyError(f"probes: {error}") from None
        for view in probe.literals["NEEDS"]:
            views = task.literals["VIEWS"]
            if view not in views:
                raise StudyError(
                    f"probes: {name!r} needs the view {view!r}, which task {task.name!r} does not give"
                    f" (it gives {', '.join(views) or 'none'}); take the probe out or choose another task"
                )
        measures |= {f"{name}.{measure}": entry for measure, entry in probe.literals["MEASURES"].items()}
    return measures


def _check_select(experiment: Experiment) -> None:
    for name, rule in experiment.select.items():
        metrics = [key for key in rule if key != "within"]
        if len(metrics) != 1 or metrics[0] not in METRICS:
            raise StudyError(f"select.{name}: {metrics} names no metric; {nearest(metrics[:1], METRICS)}")
        target = rule[metrics[0]]
        if isinstance(target, str) and target not in ("min", "max"):
            raise StudyError(f"select.{name}.{metrics[0]}: {target!r} is not 'min', 'max' or a number")
        if isinstance(target, str) == ("within" in rule):
            raise StudyError(f"select.{name}: a number needs 'within', and 'min' or 'max' has none")
    for name in experiment.snapshots:
        if name in ("init", "final") or name.startswith("task_"):
            raise StudyError(f"snapshots: {name!r} is a snapshot that is always kept; choose another name")
    if experiment.search and not experiment.select:
        raise StudyError("select: a search needs a rule that selects, such as {best: {validation_loss: min}}")


def _check_claim(place: str, claim: Claim, experiment: Experiment, measures: dict[str, dict], sequence: bool) -> None:
    for measure in (claim.measure, *claim.requires, *(part.measure for part in claim.followed)):
        if measure not in measures:
            raise StudyError(f"{place}: measure {measure!r} is of no declared probe; {nearest(measure, measures)}")
        if measure in claim.requires and measures[measure]["dims"]:
            raise StudyError(f"{place}.requires: {measure!r} has dimensions; take a measure with one value per replica")
    _check_where(place, claim.measure, claim.where, measures)
    for part in claim.followed:
        _check_where(f"{place}.follows", part.measure, part.where, measures)
    for recipe in _recipes_of(claim):
        if recipe not in experiment.recipes and (recipe != "all" or claim.contrast is not None):
            raise StudyError(
                f"{place}: recipe {recipe!r} is not in this experiment; {nearest(recipe, experiment.recipes)}"
            )
    selects = [*experiment.select, "fixed"]
    allowed = {"stop": list(experiment.stop), "select": selects, "snapshot": ["init", *experiment.snapshots, "final"]}
    for mode in claim.modes:
        for key, value in mode.items():
            if key not in allowed:
                raise StudyError(f"{place}.at: {key!r} is unknown; {nearest(key, allowed)}")
            task = key == "snapshot" and sequence and value.startswith("task_")
            if value not in allowed[key] and not task:
                raise StudyError(f"{place}.at.{key}: {value!r} is not declared; {nearest(value, allowed[key])}")


def _check_other(place: str, claim: Claim, experiment: Experiment) -> None:
    task = _check_task(experiment)
    _check_claim(place, claim, experiment, _check_probes(experiment, task), "stages" in task.literals["VIEWS"])


def _check_where(place: str, measure: str, where: dict, measures: dict[str, dict]) -> None:
    dims = measures[measure]["dims"]
    for dim in where:
        if dim not in dims:
            raise StudyError(f"{place}.where: {measure!r} has no dimension {dim!r}; {nearest(dim, dims)}")
    missing = [dim for dim in dims if dim not in where]
    if missing:
        raise StudyError(f"{place}.where: {measure!r} has a dimension {missing[0]!r}; say which label is meant")


def _recipes_of(claim: Claim) -> list[str]:
    if claim.contrast is not None:
        return [name for side in claim.contrast for name in ([side] if isinstance(side, str) else side)]
    return [claim.recipe] if isinstance(claim.recipe, str) else list(claim.recipe)


def _check_repeats(experiment: Experiment) -> None:
    seen: dict[str, str] = {}
    for name, claim in experiment.claims.items():
        subject = claim.contrast if claim.contrast is not None else claim.recipe
        key = repr(
            (claim.measure, sorted(claim.where.items()), subject, claim.follows, claim.between, experiment.modes(claim))
        )
        if key in seen:
            raise StudyError(f"claims.{name}: same measure, contrast and mode as {seen[key]!r}; keep one")
        seen[key] = name
