"""Reading a study: ``config.yaml``, ``recipes.yaml`` and ``experiments/*.yaml`` into their typed models.

A fault is an error that names file and key.
"""

import re
from pathlib import Path

import pydantic
from pydantic import BaseModel

from imprint import documents, profiled
from imprint.cli import STAGES
from imprint.errors import StudyError, nearest
from imprint.schema import Config, Experiment, Needs, Recipe, Study, StudyEntry

COMMON = {"title", "question", "sources", "seeds", "claims", "tasks", "tiers", "open", "deviations", "multiverse"}


def parse(model: type[BaseModel], content: dict, file: Path, key: str = ""):
    """Return the typed model of a mapping.

    Raises:
        StudyError: one line per fault, with file and key.
    """
    try:
        return model.model_validate(content)
    except pydantic.ValidationError as error:
        lines = [_line(model, fault, file, key) for fault in error.errors()]
        raise StudyError("\n".join(lines)) from None


def _line(model: type[BaseModel], fault: dict, file: Path, key: str) -> str:
    place = ".".join(str(part) for part in (*([key] if key else []), *fault["loc"]))
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = f"unknown key; {nearest(fault['loc'][-1], _keys(model, fault['loc'][:-1]))}"
    elif fault["type"] != "value_error" and not isinstance(fault["input"], dict):
        message += f" (found {fault['input']!r})"
    return f"{file}: {place}: {message}"


def _keys(model: type[BaseModel], location: tuple) -> list[str]:
    for part in location:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        inner = [kind for kind in _inside(field.annotation) if issubclass(kind, BaseModel)] if field else []
        model = inner[0] if inner else model
    return list(model.model_fields)


def _inside(annotation: object) -> list[type]:
    arguments = getattr(annotation, "__args__", None)
    if arguments is None:
        return [annotation] if isinstance(annotation, type) else []
    return [kind for argument in arguments for kind in _inside(argument)]


def load(root: Path, study: str | None = None, device: str | None = None) -> Study:
    """Read and check a study.

    Args:
        root: the folder of ``config.yaml``.
        device: where it runs, if that is settled already; default is what ``config.yaml`` says.
        study: an entry of ``studies``; default is the one that ``config.yaml`` names. ``core.forgetting`` is that
            entry with one of its experiments only, ``profile_mine`` what `imprint profile` wrote for the recipe mine.

    Raises:
        StudyError: naming file, key, value and the nearest allowed values.
    """
    from imprint.check import check

    file = root / "config.yaml"
    config = parse(Config, documents.load(file), file)
    name, _, only = (study or config.study).partition(".")
    name = name or config.study
    known = [*config.studies, *profiled.names(root)]
    if name not in known:
        raise StudyError(f"{file}: study: {name!r} is not in studies; {nearest(name, known)}")
    profile = None if name in config.studies else _profile(root, name, config)
    base, _, part = profile.base.partition(".") if profile else (name, "", "")
    entry = config.studies[base]
    recipes = read_recipes(root / "recipes.yaml")
    tiers = {each.tier for each in config.studies.values()}
    experiments = _experiments(root / "experiments", entry, file, tiers, only or part)
    name = f"{name}.{only}" if only else name
    experiments = {key: _with_recipes(value, config.recipes) for key, value in experiments.items()}
    machine = {"device": _device(device or config.device), "allow": sorted(set(config.allow))}
    declared = {"recipes": recipes, "experiments": experiments, "calibration": config.calibration}
    declared["resources"] = _resources(file, name, entry)
    if profile:
        declared |= profiled.laid_over(profile, recipes, experiments)
    kind = profiled.ProfiledStudy if profile else Study
    loaded = kind(name=name, tier=entry.tier, pilot=entry.pilot, **machine, **declared)
    twice = sorted({name for name in config.recipes if config.recipes.count(name) > 1})
    if twice:
        raise StudyError(f"{file}: recipes: {twice} are given twice")
    unknown = [recipe for recipe in config.recipes if recipe not in recipes]
    if unknown:
        raise StudyError(f"{file}: recipes: {unknown[0]!r} is not in recipes.yaml; {nearest(unknown[0], recipes)}")
    check(loaded, root)
    return loaded


def _profile(root: Path, name: str, config: Config) -> profiled.Profile:
    file = profiled.file(root, name)
    profile = parse(profiled.Profile, documents.load(file), file)
    base = profile.base.partition(".")[0]
    if base not in config.studies:
        raise StudyError(f"{file}: base: {base!r} is not in studies of config.yaml; {nearest(base, config.studies)}")
    return profile


def _resources(file: Path, name: str, entry: StudyEntry) -> dict[str, Needs]:
    for stage in entry.resources:
        if stage not in STAGES:
            raise StudyError(f"{file}: studies.{name}.resources: {stage!r} is no stage; {nearest(stage, STAGES)}")
    return entry.resources


def _device(wish: str) -> str:
    """Return the device: ``auto`` is settled once, where the study is planned, since other machines may differ."""
    if wish == "auto":
        return "cuda" if Path("/dev/nvidia0").exists() else "cpu"
    return wish


def read_recipes(file: Path) -> dict[str, Recipe]:
    """Return the recipes of a file.

    Raises:
        StudyError: naming file and key.
    """
    return {
        name: parse(Recipe, content if isinstance(content, dict) else {}, file, name)
        for name, content in documents.load(file).items()
    }


def _experiments(folder: Path, entry: StudyEntry, config: Path, known: set[str], only: str) -> dict[str, Experiment]:
    files = {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    names = list(files) if entry.experiments == "all" else entry.experiments
    for name in names:
        if name not in files:
            raise StudyError(f"{config}: experiments: {name!r} has no file in {folder}; {nearest(name, files)}")
    if only and only not in names:
        raise StudyError(f"study: {only!r} is not one of its experiments; {nearest(only, names)}")
    experiments = {}
    for name in [only] if only else names:
        content = documents.load(files[name])
        tiers = content.pop("tiers", None) or {}
        for tier in tiers:
            if tier not in known:
                raise StudyError(f"{files[name]}: tiers: {tier!r} is the tier of no study; {nearest(tier, known)}")
        if entry.tier in tiers:
            content = documents.merge(content, tiers[entry.tier])
        experiments |= {
            key: parse(Experiment, part, files[name]) for key, part in by_task(name, content, files[name]).items()
        }
    return experiments


def by_task(name: str, content: dict, file: Path) -> dict[str, dict]:
    """Return an experiment by its tasks: ``{"name.task": content}``, or itself where ``tasks`` names none.

    What ``tasks`` says of a task is laid over the experiment; a claim goes to the tasks that its ``task`` names, one
    that compares two tasks (``between``) to the first of them.

    Raises:
        StudyError: if a task changes what all share, or a claim does not say which tasks it is about.
    """
    content = dict(content)
    tasks = content.pop("tasks", None)
    claims = content.get("claims") or {}
    for key, claim in claims.items():
        word = "between" if isinstance(claim, dict) and "between" in claim else "task"
        named = claim.get(word) if isinstance(claim, dict) else None
        for task in [named] if isinstance(named, str) else named or [None]:
            whole = "all" if tasks and word == "task" else None
            if task != whole and task not in (tasks or {}):
                raise StudyError(f"{file}: claims.{key}.{word}: {task!r} is no task; {nearest(str(task), tasks or ())}")
    if not tasks:
        return {name: content}
    for task, change in tasks.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", str(task)):
            raise StudyError(f"{file}: tasks: {task!r} is no name; use lower-case letters, digits and _")
        common = sorted(set(change or {}) & COMMON)
        if common:
            raise StudyError(f"{file}: tasks.{task}: {common[0]!r} is common to all tasks; give it once, outside")
    return {
        f"{name}.{task}": {**documents.merge(content, change or {}), "claims": _about(claims, task)}
        for task, change in tasks.items()
    }


def _about(claims: dict, task: str) -> dict:
    own = {}
    for key, claim in claims.items():
        named = claim["between"][:1] if "between" in claim else claim["task"]
        if named == "all" or task in ([named] if isinstance(named, str) else named):
            own[key] = {field: value for field, value in claim.items() if field != "task"}
    return own


def _with_recipes(experiment: Experiment, added: list[str]) -> Experiment:
    if not experiment.open:
        return experiment
    new = [name for name in added if name not in experiment.recipes]
    return experiment.model_copy(update={"recipes": [*experiment.recipes, *new]})
