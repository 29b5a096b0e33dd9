"""The typed model of ``config.yaml``, ``recipes.yaml`` and ``experiments/*.yaml``, and how they are read.

Strict: an unknown key, a wrong type or a value out of range is an error that names file and key. Nothing here imports
torch; what only the real classes can tell is checked by the recipe job.
"""

import math
import re
from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from imprint import documents
from imprint.errors import StudyError, nearest
from imprint.recipes.names import KINDS

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
TUNING = 1000
COMMON = {"title", "question", "sources", "seeds", "claims", "tasks", "tiers", "open", "deviations"}
NONNEGATIVE_HYPER = {"lr", "weight_decay", "momentum", "eps", "rho", "alpha"}


class Strict(BaseModel):
    """A mapping with these keys and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def check_hyper(values: dict) -> dict:
    """Refuse hyper-parameters outside the range that any optimizer can mean.

    Raises:
        ValueError: naming the hyper-parameter.
    """
    for name, value in values.items():
        numbers = value if isinstance(value, list) else [value]
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int | float):
                continue
            if not math.isfinite(number):
                raise ValueError(f"{name} is {number}; it is a finite number")
            if name == "lr" and number <= 0:
                raise ValueError(f"lr is {number}; a learning rate is positive")
            if name in NONNEGATIVE_HYPER and number < 0:
                raise ValueError(f"{name} is {number}; it is at least 0")
            if name.startswith("beta") and "decay" not in name and not 0 <= number < 1:
                raise ValueError(f"{name} is {number}; it lies in [0, 1)")
    return values


class Update(Strict):
    """One update: an optimizer class, its fixed hyper-parameters and what it sees."""

    update: str
    hyper: dict = {}
    sees: Literal["elements", "matrices", "network"] = "network"

    @field_validator("hyper")
    @classmethod
    def _range(cls, value: dict) -> dict:
        return check_hyper(value)


class Recipe(Update):
    """How weights are updated: an update with the other parts, the iterate that is delivered, and the search space."""

    says: str = ""
    source: str = ""
    rest: Update | None = None
    gradient: dict | None = None
    perturbation: dict | None = None
    decay: dict | None = None
    averaging: dict | None = None
    parametrization: dict | None = None
    schedule: dict | None = None
    deliver: Literal["last", "average", "evaluated"] | None = None
    search: dict[str, list[Positive]] | None = None

    @field_validator(*KINDS)
    @classmethod
    def _part_range(cls, value: dict | None) -> dict | None:
        if value is None:
            return value
        if not isinstance(value.get("name"), str):
            raise ValueError(f"{value} needs a name")
        return check_hyper(value)

    @model_validator(mode="after")
    def _space(self) -> "Recipe":
        for name, ends in (self.search or {}).items():
            if len(ends) != 2 or ends[0] >= ends[1]:
                raise ValueError(f"search.{name} is {ends}; it is [low, high] with low < high")
            if name in self.hyper:
                raise ValueError(f"{name!r} is both searched and fixed in hyper; keep one")
        if self.search and len(self.search) > 1:
            raise ValueError(f"search has {sorted(self.search)}; one hyper-parameter is searched, fix the others")
        return self


class TaskSpec(BaseModel):
    """Data, model, loss, batch, and how many replicas are computed at once; further keys are the task's own options.

    ``order`` is the seed of the order of the examples, the same for all replicas, whose own seeds then draw all else;
    without it a replica's order is of its own seed.
    """

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    name: str
    model: dict
    batch_size: Count | Literal["full"]
    precision: Literal["float32", "float64"] = "float32"
    block: Count | None = None
    order: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "TaskSpec":
        if self.order is not None and self.batch_size == "full":
            raise ValueError(f"order is {self.order}, but batch_size full has no order; leave it out")
        return self

    @property
    def options(self) -> dict:
        """The keys that belong to the task's own file."""
        return dict(self.model_extra or {})


class Length(Strict):
    """A length of training, in epochs or in steps."""

    epochs: Count | None = None
    steps: Count | None = None

    @model_validator(mode="after")
    def _one(self) -> "Length":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either epochs or steps")
        return self


class Stop(Strict):
    """When a task of the sequence ends: after a length, or at a training loss."""

    epochs: Count | None = None
    steps: Count | None = None
    train_loss: Positive | None = None
    at_most: Length | None = None

    @model_validator(mode="after")
    def _one(self) -> "Stop":
        if [self.epochs, self.steps, self.train_loss].count(None) != 2:
            raise ValueError("give one of epochs, steps, train_loss")
        if (self.train_loss is None) != (self.at_most is None):
            raise ValueError("train_loss needs at_most (and nothing else has it), so that training ends")
        return self


class SnapshotRule(Strict):
    """When weights are kept: at a step, or when the training loss first holds at two evaluations in a row."""

    step: Count | None = None
    train_loss: Positive | None = None

    @model_validator(mode="after")
    def _one(self) -> "SnapshotRule":
        if (self.step is None) == (self.train_loss is None):
            raise ValueError("give either step or train_loss")
        return self


class Search(Strict):
    """The tuning budget, the same for every recipe that has a search space."""

    settings: Annotated[int, Field(ge=3)]
    seeds: Count = 2
    extend: Annotated[int, Field(ge=0, le=2)] = 2


class Claim(Strict):
    """A statement on a measurement; see DESIGN for its verdicts."""

    says: str
    source: str
    measure: Annotated[str, Field(pattern=r"^\w+\.\w+$")]
    expect: dict[str, float | list[float]]
    kind: Literal["claim", "control"] = "claim"
    where: dict[str, str | int] = {}
    contrast: list[str | list[str]] | None = None
    recipe: str | list[str] | None = None
    relative: bool = False
    at: dict[str, str] | list[dict[str, str]] = {}
    requires: dict[str, dict[Literal["at_least", "at_most"], float]] = {}

    @property
    def modes(self) -> list[dict[str, str]]:
        """The comparison modes as declared, one mapping each."""
        return list(self.at) if isinstance(self.at, list) else [self.at]

    @model_validator(mode="after")
    def _form(self) -> "Claim":
        if (self.contrast is None) == (self.recipe is None):
            raise ValueError("give either contrast: [a, b] or recipe:")
        if self.contrast is not None and len(self.contrast) != 2:
            raise ValueError(f"contrast has {len(self.contrast)} sides; it has two")
        values = {"at_most", "at_least", "within"}
        allowed = values | {"greater_by", "less_by", "equal_within"} if self.contrast else values
        if len(self.expect) != 1 or not set(self.expect) <= allowed:
            raise ValueError(f"expect is {dict(self.expect)}; give exactly one of {sorted(allowed)}")
        ((form, value),) = self.expect.items()
        if (form == "within") != isinstance(value, list) or (isinstance(value, list) and len(value) != 2):
            raise ValueError(f"expect.{form} is {value}; within takes [low, high], the others a number")
        return self


class Experiment(Strict):
    """A question with its task, recipes, probes and claims: a preregistration."""

    title: str
    question: str
    task: TaskSpec
    recipes: list[str]
    stop: Annotated[dict[Name, Stop], Field(min_length=1)]
    seeds: list[int | str]
    evaluate_every: Count
    probes: list[str] | dict[str, dict]
    claims: dict[Name, Claim]
    sources: list[str] = []
    search: Search | None = None
    select: dict[Name, dict[str, float | str]] = {}
    snapshots: dict[Name, SnapshotRule] = {}
    keep: list[Literal["update", "optimizer_state"]] = []
    deviations: list[str] = []
    figure: str | None = None
    open: bool = True

    @field_validator("snapshots", mode="before")
    @classmethod
    def _one_each(cls, value: object) -> object:
        return spread(value) if isinstance(value, dict) else value

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, value: list) -> list:
        seeds = [seed for block in value for seed in seed_block(block)]
        twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
        if twice:
            raise ValueError(f"seeds {twice} are given twice; every seed is one replicate")
        if not seeds:
            raise ValueError("no seed is given; an evaluation needs at least one")
        if max(seeds) >= TUNING:
            raise ValueError(f"seed {max(seeds)}: seeds from {TUNING} on are for tuning; evaluate on smaller ones")
        return value

    @field_validator("recipes")
    @classmethod
    def _recipes(cls, value: list[str]) -> list[str]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"recipes {twice} are given twice")
        if not value:
            raise ValueError("no recipe is given")
        return value

    @field_validator("probes")
    @classmethod
    def _probes(cls, value: list[str] | dict) -> list[str] | dict:
        twice = sorted({name for name in value if list(value).count(name) > 1})
        if twice:
            raise ValueError(f"probes {twice} are given twice")
        return value

    @property
    def blocks(self) -> list[list[int]]:
        """The seed blocks, each trained as one fleet."""
        return [seed_block(block) for block in self.seeds]

    def modes(self, claim: Claim) -> list[dict[str, str]]:
        """Return a claim's comparison modes in full: left out means the first declared, and the final snapshot."""
        first = {"stop": next(iter(self.stop)), "select": next(iter(self.select), "fixed"), "snapshot": "final"}
        return [{**first, **mode} for mode in claim.modes]

    @property
    def probe_options(self) -> dict[str, dict]:
        """Probes by name with their options."""
        return {name: {} for name in self.probes} if isinstance(self.probes, list) else dict(self.probes)


class StudyEntry(Strict):
    """An entry of ``studies`` in ``config.yaml``."""

    tier: str
    experiments: Literal["all"] | list[str] = "all"


class Config(Strict):
    """``config.yaml``."""

    study: str
    studies: dict[Name, StudyEntry]
    recipes: list[str] = []
    device: Literal["auto", "cpu", "cuda"] = "auto"
    allow: list[Literal["tf32", "bfloat16"]] = []


class Study(Strict):
    """Everything that a study declares, read and checked."""

    name: str
    tier: str
    device: str
    allow: list[str]
    recipes: dict[str, Recipe]
    experiments: dict[str, Experiment]


def spread(snapshots: dict) -> dict:
    """Return snapshot rules with one value each: ``path: {step: [10, 20]}`` is ``path_10`` and ``path_20``."""
    single = {}
    for name, rule in snapshots.items():
        lists = {key: value for key, value in rule.items() if isinstance(value, list)} if isinstance(rule, dict) else {}
        if not lists:
            single[name] = rule
        for key, values in lists.items():
            single |= {f"{name}_{str(value).replace('.', '_')}": {**rule, key: value} for value in values}
    return single


def seed_block(block: int | str) -> list[int]:
    """Return the seeds of a block: ``3``, ``"3"``, ``"0-7"``.

    Raises:
        ValueError: if it is neither a seed nor a range.
    """
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", str(block))
    if not match or (match[2] is not None and int(match[2]) < int(match[1])):
        raise ValueError(f"seed block {block!r} is neither a seed nor a range such as '0-7'")
    return list(range(int(match[1]), int(match[2] or match[1]) + 1))


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


def load(root: Path, study: str | None = None) -> Study:
    """Read and check a study.

    Args:
        root: the folder of ``config.yaml``.
        study: an entry of ``studies``; default is the one that ``config.yaml`` names. ``core.forgetting`` is that
            entry with one of its experiments only.

    Raises:
        StudyError: naming file, key, value and the nearest allowed values.
    """
    from imprint.check import check

    file = root / "config.yaml"
    config = parse(Config, documents.load(file), file)
    name, _, only = (study or config.study).partition(".")
    name = name or config.study
    if name not in config.studies:
        raise StudyError(f"{file}: study: {name!r} is not in studies; {nearest(name, config.studies)}")
    entry = config.studies[name]
    recipes = read_recipes(root / "recipes.yaml")
    experiments = _experiments(root / "experiments", entry, file, {each.tier for each in config.studies.values()}, only)
    name = f"{name}.{only}" if only else name
    experiments = {key: _with_recipes(value, config.recipes) for key, value in experiments.items()}
    machine = {"device": _device(config.device), "allow": sorted(set(config.allow))}
    loaded = Study(name=name, tier=entry.tier, **machine, recipes=recipes, experiments=experiments)
    twice = sorted({name for name in config.recipes if config.recipes.count(name) > 1})
    if twice:
        raise StudyError(f"{file}: recipes: {twice} are given twice")
    unknown = [recipe for recipe in config.recipes if recipe not in recipes]
    if unknown:
        raise StudyError(f"{file}: recipes: {unknown[0]!r} is not in recipes.yaml; {nearest(unknown[0], recipes)}")
    check(loaded, root)
    return loaded


def _device(wish: str) -> str:
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

    What ``tasks`` says of a task is laid over the experiment; a claim goes to the tasks that its ``task`` names.

    Raises:
        StudyError: if a task changes what all share, or a claim does not say which tasks it is about.
    """
    content = dict(content)
    tasks = content.pop("tasks", None)
    claims = content.get("claims") or {}
    for key, claim in claims.items():
        named = claim.get("task") if isinstance(claim, dict) else None
        for task in [named] if isinstance(named, str) else named or [None]:
            if task != ("all" if tasks else None) and task not in (tasks or {}):
                raise StudyError(f"{file}: claims.{key}.task: {task!r} is no task; {nearest(str(task), tasks or ())}")
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
        if claim["task"] == "all" or task in ([claim["task"]] if isinstance(claim["task"], str) else claim["task"]):
            own[key] = {field: value for field, value in claim.items() if field != "task"}
    return own


def _with_recipes(experiment: Experiment, added: list[str]) -> Experiment:
    if not experiment.open:
        return experiment
    new = [name for name in added if name not in experiment.recipes]
    return experiment.model_copy(update={"recipes": [*experiment.recipes, *new]})
