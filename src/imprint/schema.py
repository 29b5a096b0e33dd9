"""The typed model of ``config.yaml``, ``recipes.yaml`` and ``experiments/*.yaml``.

Strict: an unknown key, a wrong type or a value out of range is an error. Nothing here imports torch; what only the
real classes can tell is checked by the recipe job.
"""

import math
import re
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from imprint.recipes.names import KINDS

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
TUNING = 1000
LEAST_POOL = 64
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
    """A file of ``recipes/update``, or ``package.module:Class`` of a ``torch.optim.Optimizer``."""
    hyper: dict = {}
    """Hyper-parameters that are fixed, by the names of the constructor."""
    sees: Literal["elements", "matrices", "network"] = "network"
    """What one call of it works on: each number alone, each matrix alone, or the network of a replica."""

    @field_validator("hyper")
    @classmethod
    def _range(cls, value: dict) -> dict:
        return check_hyper(value)


class Recipe(Update):
    """How weights are updated: an update with the other parts, the iterate that is delivered, and the search space."""

    says: str = ""
    """What it is, in a sentence for the report."""
    source: str = ""
    """The paper it comes from, a key of ``references.bib``."""
    rest: Update | None = None
    """The update of what is not a matrix, where ``sees`` is ``matrices``."""
    gradient: dict | None = None
    """How the gradient is found: a file of ``recipes/gradient`` with options; backpropagation if left out."""
    perturbation: dict | None = None
    """Where the gradient is taken: a file of ``recipes/perturbation`` with options."""
    decay: dict | None = None
    """How weights shrink: a file of ``recipes/decay`` with options."""
    averaging: dict | None = None
    """How iterates are averaged: a file of ``recipes/averaging`` with options."""
    parametrization: dict | None = None
    """Of what the weights are a function: a file of ``recipes/parametrization`` with options."""
    schedule: dict | None = None
    """How the rate goes over the steps: a file of ``recipes/schedule`` with options; constant if left out."""
    deliver: Literal["last", "average", "evaluated"] | None = None
    """Which iterate is the solution; needed where there are two."""
    search: dict[str, list[Positive]] | None = None
    """The hyper-parameter that is tuned, with the ends of its range: ``{lr: [0.001, 1.0]}``, a logarithmic grid."""

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
    """A file of ``src/imprint/tasks``."""
    model: dict
    """``name`` and options of a file of ``src/imprint/models``."""
    batch_size: Count | Literal["full"]
    """Examples per step, or all of them."""
    precision: Literal["float32", "float64"] = "float32"
    """The number format of weights and data."""
    block: Count | None = None
    """How many replicas are computed at once, at most; it changes no result."""
    order: Annotated[int, Field(ge=0)] | None = None
    """The seed of the order of the examples, for all replicas."""

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
    """Passes over the training data."""
    steps: Count | None = None
    """Updates of the weights."""

    @model_validator(mode="after")
    def _one(self) -> "Length":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either epochs or steps")
        return self


class Stop(Strict):
    """When a task of the sequence ends: after a length, or at a training loss."""

    epochs: Count | None = None
    """Train for so many passes over the data."""
    steps: Count | None = None
    """Train for so many updates."""
    train_loss: Positive | None = None
    """Train until the loss on all training data is at most this, at two evaluations in a row."""
    at_most: Length | None = None
    """The length after which training ends all the same."""

    @model_validator(mode="after")
    def _one(self) -> "Stop":
        if [self.epochs, self.steps, self.train_loss].count(None) != 2:
            raise ValueError("give one of epochs, steps, train_loss")
        if (self.train_loss is None) != (self.at_most is None):
            raise ValueError("train_loss needs at_most (and nothing else has it), so that training ends")
        return self


class SnapshotRule(Strict):
    """When weights are kept: at a step, at the first evaluation after so many passes, or when a condition holds.

    A loss at most, or an accuracy at least, the one given must hold at two evaluations in a row.
    """

    step: Count | None = None
    """After so many updates."""
    passes: Positive | None = None
    """At the first evaluation after so many forward-backward passes."""
    train_loss: Positive | None = None
    """Where the loss on all training data is at most this."""
    validation_loss: Positive | None = None
    """Where the loss on validation data is at most this."""
    validation_accuracy: Annotated[float, Field(gt=0, le=1)] | None = None
    """Where the accuracy on validation data is at least this."""

    @model_validator(mode="after")
    def _one(self) -> "SnapshotRule":
        rules = list(type(self).model_fields)
        given = [name for name in rules if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a snapshot has {given or 'no rule'}; give one of {', '.join(rules)}")
        return self


class Search(Strict):
    """The tuning budget, the same for every recipe that has a search space; its solutions may be probed too."""

    settings: Annotated[int, Field(ge=3)]
    """Points of the grid, at least three."""
    seeds: Count = 2
    """Tuning seeds per point, other than those of the evaluation."""
    extend: Annotated[int, Field(ge=0, le=4)] = 2
    """So many points may be added beyond each end, and so many between two."""
    probes: Literal["all"] | Annotated[list[str], Field(min_length=1)] | None = None
    """Probes that measure the solutions of the search too."""


Choice = Literal["below", "above", "default", "half_batch", "double_batch", "no_decay"]


class Multiverse(Strict):
    """Under which choices of an analyst the contrasts are judged again (a multiverse analysis: Steegen et al. 2016).

    Each choice is trained on so many tuning seeds beside the ``chosen`` setting, which is that of the first rule of
    ``select``: ``below`` and ``above`` are its neighbours on the grid of the search, ``default`` is what the update's
    constructor has by default for the searched hyper-parameter; the other choices are the chosen setting with half the
    batch, with twice the batch (epochs stay, steps change, the rate stays), and with every decay at 0. A recipe for
    which a choice is not there takes part as ``chosen``. ``claims`` names the contrasts, all where it is left out.
    """

    seeds: Count = 5
    """Tuning seeds per choice."""
    choices: Annotated[list[Choice], Field(min_length=1)] = list(get_args(Choice))
    """The choices of another analyst."""
    claims: list[Name] | None = None
    """The contrasts that are judged again; all if left out."""

    @field_validator("choices", "claims")
    @classmethod
    def _different(cls, value: list[str] | None) -> list[str] | None:
        twice = sorted({name for name in value or [] if value.count(name) > 1})
        if twice:
            raise ValueError(f"{twice} are given twice")
        return value


Measure = Annotated[str, Field(pattern=r"^\w+\.\w+$")]


class Followed(Strict):
    """The measure that another is said to follow from recipe to recipe."""

    measure: Measure
    """``probe.measure``."""
    where: dict[str, str | int] = {}
    """Labels on its further dimensions."""


class Claim(Strict):
    """A statement on a measurement; see DESIGN for its verdicts.

    ``sd`` is the standard deviation over seeds that a pilot found of what is tested (of logarithms if ``relative``);
    it serves the power that is stated, and no verdict.
    """

    says: str
    """The statement, in a sentence."""
    source: str
    """Who says so."""
    measure: Measure
    """What is judged: ``probe.measure``."""
    expect: dict[str, float | list[float]]
    """One of ``greater_by``, ``less_by``, ``equal_within`` (of a difference), ``at_most``, ``at_least``, ``within``."""
    kind: Literal["claim", "control"] = "claim"
    """A control is about the instrument: its answer is known."""
    where: dict[str, str | int] = {}
    """Labels on further dimensions of the measure: ``{layer: layers.1.weight}``."""
    contrast: list[str | list[str]] | None = None
    """Two recipes, or two lists of them, whose difference is judged."""
    recipe: str | list[str] | None = None
    """The recipe whose value is judged; a list, or ``all``, judges each."""
    follows: Literal["order"] | Followed | list[Followed] | None = None
    """The measure, or the order of the recipes, with which the rank correlation over recipes is judged."""
    between: list[str] | None = None
    """Two tasks of the experiment, whose difference is judged for each recipe."""
    relative: bool = False
    """Judge the ratio minus one in place of the difference."""
    at: dict[str, str] | list[dict[str, str]] = {}
    """The comparison mode, ``{stop: , select: , snapshot: }``, or several; left out is the first, and the end."""
    requires: dict[str, dict[Literal["at_least", "at_most"], float]] = {}
    """Preconditions: ``{probe.measure: {at_least: 0.9}}``; where one fails the claim is untested."""
    sd: Positive | None = None
    """The standard deviation over seeds that a pilot found."""

    @property
    def modes(self) -> list[dict[str, str]]:
        """The comparison modes as declared, one mapping each."""
        return list(self.at) if isinstance(self.at, list) else [self.at]

    @property
    def followed(self) -> list[Followed]:
        """The measures that this one is said to follow."""
        return [part for part in _listed(self.follows) if isinstance(part, Followed)]

    @property
    def differs(self) -> bool:
        """Whether a difference is judged, of two recipes, of two tasks or of two correlations."""
        return self.contrast is not None or self.between is not None or len(self.followed) == 2

    def _rank_correlation(self) -> None:
        if len(_listed(self.follows)) > 2:
            raise ValueError(f"follows names {len(self.followed)} measures; it has one, or two that are compared")
        if self.recipe is None or self.relative:
            raise ValueError("follows is a correlation over recipes; give recipe:, without contrast or relative")
        recipes = [self.recipe] if isinstance(self.recipe, str) else self.recipe
        if recipes != ["all"] and len(recipes) < 3:
            raise ValueError(f"follows is a correlation over recipes; {len(recipes)} are too few, give at least 3")

    @model_validator(mode="after")
    def _form(self) -> "Claim":
        if (self.contrast is None) == (self.recipe is None):
            raise ValueError("give either contrast: [a, b] or recipe:")
        if self.contrast is not None and len(self.contrast) != 2:
            raise ValueError(f"contrast has {len(self.contrast)} sides; it has two")
        if self.follows is not None:
            self._rank_correlation()
        if self.between is not None and (len(set(self.between)) != 2 or len(self.between) != 2):
            raise ValueError(f"between is {self.between}; give two tasks, whose difference is judged for each recipe")
        if self.between is not None and (self.recipe is None or self.follows is not None):
            raise ValueError(
                "between compares a recipe's networks in two tasks; give recipe:, without contrast or follows"
            )
        values = {"at_most", "at_least", "within"}
        allowed = values | {"greater_by", "less_by", "equal_within"} if self.differs else values
        if len(self.expect) != 1 or not set(self.expect) <= allowed:
            raise ValueError(f"expect is {dict(self.expect)}; give exactly one of {sorted(allowed)}")
        ((form, value),) = self.expect.items()
        if (form == "within") != isinstance(value, list) or (isinstance(value, list) and len(value) != 2):
            raise ValueError(f"expect.{form} is {value}; within takes [low, high], the others a number")
        return self


def evaluated(value: list[int | str]) -> list[int | str]:
    """Refuse seed blocks that overlap, or that reach into the tuning seeds.

    Raises:
        ValueError: naming the seeds.
    """
    seeds = [seed for block in value for seed in seed_block(block)]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise ValueError(f"seeds {twice} are given twice; every seed is one replicate")
    if not seeds:
        raise ValueError("no seed is given; an evaluation needs at least one")
    if max(seeds) >= TUNING:
        raise ValueError(f"seed {max(seeds)}: seeds from {TUNING} on are for tuning; evaluate on smaller ones")
    return value


Seeds = Annotated[list[int | str], AfterValidator(evaluated)]


class Experiment(Strict):
    """A question with its task, recipes, probes and claims: a preregistration."""

    title: str
    """The question in a few words, the heading of its page."""
    question: str
    """The question in full."""
    task: TaskSpec
    """What is learned, by which network."""
    recipes: list[str]
    """Names of ``recipes.yaml``."""
    stop: Annotated[dict[Name, Stop], Field(min_length=1)]
    """When training ends, by name; every recipe is trained once under each."""
    seeds: Seeds
    """Seeds of the evaluation in blocks: ``["0-7", "8-15"]``; a block is a unit of work."""
    evaluate_every: Count
    """Steps between two evaluations on all data."""
    probes: list[str] | dict[str, dict]
    """What is measured: names, or names with options."""
    claims: dict[Name, Claim]
    """What is expected, by name, with the margin that matters."""
    sources: list[str] = []
    """Keys of ``references.bib``."""
    search: Search | None = None
    """The budget of the tuning."""
    select: dict[Name, dict[str, float | str]] = {}
    """Which point of the search is evaluated, by name: ``{best: {validation_loss: min}}``."""
    snapshots: dict[Name, SnapshotRule] = {}
    """Places of the trajectory beside its ends where weights are kept, by name."""
    keep: list[Literal["update", "optimizer_state"]] = []
    """What a snapshot keeps beside the weights."""
    deviations: list[str] = []
    """How the protocol differs from the published one."""
    figure: str | None = None
    """The figure that opens the page of the experiment."""
    multiverse: Multiverse | None = None
    """Judge the contrasts again under the choices of other analysts."""
    open: bool = True
    """Whether recipes of ``config.yaml`` and of a profile join it."""

    @field_validator("snapshots", mode="before")
    @classmethod
    def _one_each(cls, value: object) -> object:
        return spread(value) if isinstance(value, dict) else value

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


class Calibration(Strict):
    """The pool from which the judging is calibrated: replicas of one cell, alike but for their seeds.

    It has the keys of an experiment that make a cell, one recipe at one fixed rate, and the measures that are judged.
    """

    task: TaskSpec
    """What is learned, by which network."""
    recipe: str
    """The one recipe, at a fixed rate."""
    stop: Stop
    """When training ends."""
    evaluate_every: Count
    """Steps between two evaluations on all data."""
    seeds: Seeds
    """At least 64, in blocks; the first block is trained twice."""
    measures: Annotated[list[Measure], Field(min_length=1)]
    """What is judged: ``probe.measure``."""

    @model_validator(mode="after")
    def _enough(self) -> "Calibration":
        count = sum(len(seed_block(block)) for block in self.seeds)
        if count < LEAST_POOL:
            raise ValueError(f"{count} seeds are too few to draw from; give at least {LEAST_POOL}")
        twice = sorted({name for name in self.measures if self.measures.count(name) > 1})
        if twice:
            raise ValueError(f"measures {twice} are given twice")
        return self

    @property
    def experiment(self) -> Experiment:
        """The pool as an experiment of one cell, without claims."""
        return Experiment(
            title="Calibration",
            question="How far can the verdicts be trusted?",
            task=self.task,
            recipes=[self.recipe],
            stop={"steps": self.stop},
            seeds=self.seeds,
            evaluate_every=self.evaluate_every,
            probes=list(dict.fromkeys(measure.partition(".")[0] for measure in self.measures)),
            claims={},
            open=False,
        )


class Needs(Strict):
    """What the jobs of one stage ask of a scheduler where the rule's own numbers do not fit; no result depends on it.

    ``mem_mb`` and ``runtime`` (minutes) are those of the first attempt, later ones ask for a multiple.
    """

    mem_mb: int | None = Field(default=None, gt=0)
    """Memory in MB."""
    runtime: int | None = Field(default=None, gt=0)
    """Time in minutes."""


class StudyEntry(Strict):
    """An entry of ``studies`` in ``config.yaml``; a ``pilot`` may have too few seeds for any verdict."""

    tier: str
    """Which ``tiers`` of the experiments are laid over them."""
    experiments: Literal["all"] | list[str] = "all"
    """Names of files of ``experiments/``, or all of them."""
    pilot: bool = False
    """A trial: it may have too few seeds for any verdict."""
    resources: dict[str, Needs] = {}
    """What the jobs of a stage ask of a scheduler."""


class Config(Strict):
    """What is studied, where it runs, and which recipes join."""

    study: str
    """The entry of ``studies`` that runs where none is named."""
    studies: dict[Name, StudyEntry]
    """Studies by name."""
    recipes: list[str] = []
    """Recipes that join every experiment that is open to new ones."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where fleets are trained and probed; part of what a result is named by."""
    allow: list[Literal["tf32", "bfloat16"]] = []
    """Shortened number formats that training may use."""
    calibration: Calibration | None = None
    """The replicas from which it is learned how far the verdicts can be trusted."""


class Study(Strict):
    """Everything that a study declares, read and checked."""

    name: str
    tier: str
    pilot: bool
    device: str
    allow: list[str]
    recipes: dict[str, Recipe]
    experiments: dict[str, Experiment]
    calibration: Calibration | None = None
    resources: dict[str, Needs] = {}


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value]


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
