"""From a study to its units: what the Snakefile reads. Pure, fast, without torch."""

import functools
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imprint import code_version, equivalent, multiverse, plugins, preregistration, profiled, seal, search_probes, shown
from imprint.claims import deal, design
from imprint.errors import StudyError, nearest
from imprint.identity import Unit, digest
from imprint.recipes.names import modules as recipe_modules
from imprint.recipes.names import update_path
from imprint.schema import TUNING, Experiment, Recipe, Study
from imprint.study import load

SHELL = ("report/shell.html", "report/shell.css")
REPORT_FILES = (*SHELL, "report/report.html", "report/report.css", "report/page.js", "report/evidence.js")
PROFILE_FILES = (*SHELL, "report/profile.html", "report/profile.css")
PRODUCTS = ("gather", "claims", "multiverse", "figure", "report", "finding", "profile", "publish")
BESIDE = {
    **dict.fromkeys(("figure", "finding"), (".png", ".csv", seal.SUFFIX)),
    "profile": (".csv", seal.SUFFIX),
    **dict.fromkeys(("claims", "multiverse", "report"), (seal.SUFFIX,)),
}
"""Other files that a stage writes beside its unit, by their suffix."""
LIBRARIES = {
    "data": ("numpy", "scikit-learn"),
    "recipe": ("torch",),
    "search": ("torch", "pytorch-lightning", "numpy"),
    "select": ("numpy",),
    "train": ("torch", "pytorch-lightning", "numpy"),
    "vary": ("torch", "pytorch-lightning", "numpy"),
    "probe": ("torch", "numpy", "scipy"),
    "gather": ("xarray",),
    "claims": ("numpy", "scipy"),
    "multiverse": ("numpy", "scipy", "xarray"),
    "calibrate": ("numpy", "scipy", "xarray"),
    "figure": ("matplotlib", "seaborn", "scikit-learn"),
    "report": ("jinja2", "numpy", "scipy"),
    "finding": ("jinja2",),
    "profile": ("jinja2", "numpy", "scipy", "matplotlib", "torch"),
    "publish": (),
}


@dataclass(frozen=True)
class Entry:
    """A unit's place in the study: the labels under which its result is gathered."""

    experiment: str
    kind: str
    unit: Unit
    recipe: str
    stop: str
    seeds: tuple[int, ...]
    probe: str = ""


@dataclass(frozen=True)
class Plan:
    """All units of a study by stage and name, and where their results belong."""

    study: Study
    units: dict[str, dict[str, Unit]]
    entries: list[Entry]
    digest: str

    def unit(self, stage: str, name: str) -> Unit:
        """Return the unit of a stage by name.

        Raises:
            StudyError: if the study, as it is now, has no such unit.
        """
        try:
            return self.units[stage][name]
        except KeyError:
            raise StudyError(
                f"no {stage} unit {name!r} in study {self.study.name!r}: study or code changed since it was planned"
            ) from None

    @property
    def final(self) -> Unit:
        """The last unit: publishing the study's products."""
        return next(iter(self.units["publish"].values()))


def build(root: Path, study: str | None = None, device: str | None = None) -> Plan:
    """Read a study and return its plan, for a device if that is settled already."""
    return Planner(load(root, study, device), equivalent.read(root / equivalent.NAME)).plan()


class Planner:
    """Builds the units of a study; each kind of unit has one method."""

    def __init__(self, study: Study, equivalences: Sequence[equivalent.Row] = ()):
        self.study = study
        self.equivalences = equivalences
        self.declared: dict[equivalent.Row, None] = {}
        self.units: dict[str, dict[str, Unit]] = {}
        self.entries: list[Entry] = []
        self.versions: dict[tuple, dict] = {}
        self.recipes = {name: canonical_recipe(recipe) for name, recipe in study.recipes.items()}

    def coded(self, stage: str, spec: dict, modules: tuple[str, ...] = (), files: tuple[str, ...] = ()) -> dict:
        """Return a spec with the version of the code that a stage runs for it."""
        key = (stage, modules, files)
        if key not in self.versions:
            entry = (f"imprint.stages.{stage}", *modules)
            version = code_version.version(entry, LIBRARIES[stage], files)
            sources, used = equivalent.counted(stage, version["sources"], self.equivalences)
            self.versions[key] = {**version, "sources": sources}
            self.declared |= dict.fromkeys(used)
        return {**spec, "code": {"modules": sorted(modules), "files": sorted(files), **self.versions[key]}}

    def add(self, unit: Unit) -> Unit:
        """Register a unit; one that is declared twice is shared."""
        known = self.units.setdefault(unit.stage, {}).setdefault(unit.name, unit)
        if known.spec != unit.spec:
            raise StudyError(f"two units share the name {unit.name!r}; rename one experiment's task or recipe")
        return known

    def plan(self) -> Plan:
        """Return the plan."""
        for name, experiment in self.study.experiments.items():
            for recipe in experiment.recipes:
                for stop in experiment.stop:
                    self.cell(name, experiment, recipe, stop)
            self.probes(name, experiment)
            self.search_probes(name, experiment)
        self.products()
        final = next(iter(self.units["publish"].values()))
        return Plan(self.study, self.units, self.entries, final.digest)

    def cell(self, name: str, experiment: Experiment, recipe: str, stop: str) -> None:
        """Plan a task x recipe under one stop rule."""
        label = f"{name} {recipe}" + (f" until {stop}" if len(experiment.stop) > 1 else "")
        fleet = self.fleet(experiment, recipe, stop)
        proof = self.proof(experiment, recipe, fleet, f"{name} {recipe}")
        chosen = None
        if fleet["recipe"].get("search"):
            search = self.search(experiment, fleet, proof, label)
            spec = self.coded("select", {"select": dict(experiment.select)})
            chosen = self.add(Unit("select", search.prefix, spec, {"search": [search]}, label))
            seeds = tuple(search.spec["seeds"])
            self.entries.append(Entry(name, "search", search, recipe, stop, seeds))
            self.entries.append(Entry(name, "select", chosen, recipe, stop, seeds))
        for block in experiment.blocks:
            train = self.block(experiment, fleet, proof, chosen, block, label)
            self.entries.append(Entry(name, "training", train, recipe, stop, tuple(block)))
        if probes := multiverse.cells(experiment).get((recipe, stop)):
            varied = self.varied(experiment, fleet, proof, chosen, f"{label} under other choices")
            units = {"": varied} | {probe: self.probe(experiment, probe, varied, []) for probe in sorted(probes)}
            seeds = tuple(varied.spec["seeds"])
            self.entries += [Entry(name, "multiverse", units[probe], recipe, stop, seeds, probe) for probe in units]

    def fleet(self, experiment: Experiment, recipe: str, stop: str) -> dict:
        """Return what all fleets of a cell have in common."""
        task = plugins.find("tasks", experiment.task.name)
        model = dict(experiment.task.model)
        architecture = plugins.find("models", model["name"])
        options = plugins.check_options(architecture, {k: v for k, v in model.items() if k != "name"})
        return {
            "task": {
                "model": {"name": model["name"], **options},
                "loss": task.literals["LOSS"],
                "precision": experiment.task.precision,
                "device": self.study.device,
            },
            "recipe": self.recipes[recipe],
            "batch_size": None if experiment.task.batch_size == "full" else experiment.task.batch_size,
            "executor": architecture.literals["EXECUTOR"][self.study.device],
            "block": experiment.task.block,
            "stop": experiment.stop[stop].model_dump(exclude_none=True),
            "snapshots": {key: rule.model_dump(exclude_none=True) for key, rule in experiment.snapshots.items()},
            "evaluate_every": experiment.evaluate_every,
            **({"keep": sorted(experiment.keep)} if experiment.keep else {}),
            **({"order": experiment.task.order} if experiment.task.order is not None else {}),
            **({"allow": self.study.allow} if self.study.allow else {}),
        }

    def data(self, experiment: Experiment, seeds: list[int]) -> Unit:
        """Plan the data, for these seeds if they are drawn per seed."""
        task = plugins.find("tasks", experiment.task.name)
        options = plugins.check_options(task, experiment.task.options)
        spec = {"task": {"name": task.name, **options}}
        if task.literals["SEEDED"]:
            spec["seeds"] = seeds
        label = task.name + (f" seeds {_range(seeds)}" if "seeds" in spec else "")
        return self.add(Unit("data", _stem(task.name), self.coded("data", spec, (task.module,)), {}, label))

    def proof(self, experiment: Experiment, recipe: str, fleet: dict, label: str) -> Unit:
        """Plan the recipe job: a few steps that prove the recipe on this task's model."""
        keys = ("task", "recipe", "batch_size", "executor", "block")
        spec = self.coded("recipe", {key: fleet[key] for key in keys}, self.modules(fleet))
        data = self.data(experiment, self.tuning(experiment))
        return self.add(Unit("recipe", self.prefix(experiment, fleet), spec, {"data": [data]}, label))

    def search(self, experiment: Experiment, fleet: dict, proof: Unit, label: str) -> Unit:
        """Plan the search: all settings x tuning seeds."""
        seeds = self.tuning(experiment)
        spec = {
            **{key: value for key, value in fleet.items() if key != "keep"},
            "snapshots": {},
            "seeds": seeds,
            "settings": experiment.search.settings,
            "extend": experiment.search.extend,
            "select": dict(experiment.select),
        }
        inputs = {"data": [self.data(experiment, seeds)], "recipe": [proof]}
        spec = self.coded("search", spec, self.modules(fleet))
        return self.add(Unit("search", self.prefix(experiment, fleet), spec, inputs, label))

    def block(self, experiment: Experiment, fleet: dict, proof: Unit, chosen: Unit | None, seeds, label) -> Unit:
        """Plan the training of one block of seeds."""
        inputs = {"data": [self.data(experiment, seeds)], "recipe": [proof]} | ({"select": [chosen]} if chosen else {})
        spec = self.coded("train", {**fleet, "seeds": seeds}, self.modules(fleet))
        return self.add(Unit("train", self.prefix(experiment, fleet), spec, inputs, f"{label} seeds {_range(seeds)}"))

    def varied(self, experiment: Experiment, fleet: dict, proof: Unit, chosen: Unit | None, label: str) -> Unit:
        """Plan the training of a recipe under the choices of other analysts."""
        declared = experiment.multiverse
        seeds = list(range(TUNING, TUNING + declared.seeds))
        inputs = {"data": [self.data(experiment, seeds)], "recipe": [proof]} | ({"select": [chosen]} if chosen else {})
        spec = {**fleet, "seeds": seeds, "choices": sorted(declared.choices)}
        spec |= {"rule": next(iter(experiment.select))} if chosen else {}
        spec = self.coded("vary", spec, self.modules(fleet))
        return self.add(Unit("vary", self.prefix(experiment, fleet), spec, inputs, label))

    def probes(self, name: str, experiment: Experiment) -> None:
        """Plan the probes of every block; one that looks across recipes gets the solutions of all, of all blocks."""
        trained = [entry for entry in self.entries if (entry.experiment, entry.kind) == (name, "training")]
        for entry in trained:
            others = [other for other in trained if other.stop == entry.stop]
            for probe in sorted(experiment.probe_options):
                unit = self.probe(experiment, probe, entry.unit, others)
                self.entries.append(Entry(name, "probe", unit, entry.recipe, entry.stop, entry.seeds, probe))

    def probe(self, experiment: Experiment, probe: str, train: Unit, others: list[Entry]) -> Unit:
        """Plan one probe of one block; ``others`` is what a probe that looks across recipes is given."""
        fleet, plugin = train.spec, plugins.find("probes", probe)
        inputs = {"train": [train], "data": train.inputs["data"]}
        options = plugins.check_options(plugin, experiment.probe_options[probe])
        spec = {"probe": probe, "options": options, "task": fleet["task"]}
        if plugin.literals.get("ACROSS"):
            spec["others"] = [other.recipe for other in others]
            inputs["others"] = [other.unit for other in others]
        architecture = plugins.find("models", fleet["task"]["model"]["name"]).module
        spec = self.coded("probe", spec, (plugin.module, architecture))
        prefix = f"{self.prefix(experiment, fleet)}-{_stem(plugin.module.rpartition('.')[2])}"
        of = " search" if train.stage == "search" else ""
        return self.add(Unit("probe", prefix, spec, inputs, f"{train.label}{of}: {probe}"))

    def search_probes(self, name: str, experiment: Experiment) -> None:
        """Plan the probes of every search."""
        for entry in [entry for entry in self.entries if (entry.experiment, entry.kind) == (name, "search")]:
            for probe in search_probes.chosen(experiment):
                unit = self.probe(experiment, probe, entry.unit, [])
                self.entries.append(Entry(name, "search_probe", unit, entry.recipe, entry.stop, entry.seeds, probe))

    def calibration(self) -> list[Unit]:
        """Plan how the judging is calibrated, at each number of seeds that the study's experiments have.

        The pool is trained and probed as any cell. Its first block is so twice, under two names.
        """
        declared = self.study.calibration
        if declared is None:
            return []
        pool = declared.experiment
        fleet = self.fleet(pool, declared.recipe, "steps")
        proof = self.proof(pool, declared.recipe, fleet, f"pool {declared.recipe}")
        blocks = [self.block(pool, fleet, proof, None, seeds, "pool") for seeds in pool.blocks]
        twin = self.block(pool, {**fleet, "name": "twin"}, proof, None, pool.blocks[0], "twin of the pool")
        inputs = {"pool": blocks, "twin": [twin]}
        for probe in pool.probe_options:
            inputs[f"pool.{probe}"] = [self.probe(pool, probe, block, []) for block in blocks]
            inputs[f"twin.{probe}"] = [self.probe(pool, probe, twin, [])]
        counts = {sum(map(len, experiment.blocks)) for experiment in self.study.experiments.values()}
        judged = deal.judged(counts, sum(map(len, pool.blocks)))
        return [self.calibrated(declared.measures, seeds, inputs) for seeds in judged]

    def calibrated(self, measures: list[str], seeds: int, inputs: dict[str, list[Unit]]) -> Unit:
        """Plan the calibration of what is judged on so many seeds."""
        spec = self.coded("calibrate", {"measures": measures, "seeds": seeds})
        return self.add(Unit("calibrate", f"{seeds}_seeds", spec, inputs, f"judging on {seeds} seeds"))

    def products(self) -> None:
        """Plan what is made once per study: atlas and claims; then figures and report, or the page of a profile."""
        name = self.study.name
        resolved = {key: resolve(key, value) for key, value in self.study.experiments.items()}
        for claim in declared(self.study):
            resolved[claim["experiment"]]["claims"][claim["key"]]["hash"] = claim["claim"]
        places = [[e.experiment, e.kind, e.recipe, e.stop, list(e.seeds), e.probe, e.unit.digest] for e in self.entries]
        units = list({entry.unit.name + entry.unit.stage: entry.unit for entry in self.entries}.values())
        frozen = {"study": name, "tier": self.study.tier, "experiments": resolved, "places": digest(places)}
        self.add(Unit("plan", name, frozen, {}, name))
        labels = {key: arrangement(value) for key, value in resolved.items()}
        ordered = ("stop", "select", "choices")
        order = digest([[value[key] for key in ordered if key in value] for value in labels.values()])
        arranged = {"study": name, "experiments": labels, "places": digest(places), "order": order}
        self.add(Unit("plan", f"{name}-places", arranged, {}, f"{name} places"))
        gather = self.coded("gather", {"places": digest(places), "order": order})
        atlas = self.add(Unit("gather", name, gather, {"units": units}, name))
        judged = {key: [value["claims"], value["recipes"]] for key, value in resolved.items()}
        spec = self.coded("claims", {"claims": digest(judged)})
        claims = self.add(Unit("claims", name, spec, {"atlas": [atlas]}, name))
        made = (
            self.profile(resolved, atlas, claims)
            if profiled.recipe(self.study)
            else self.report(resolved, atlas, claims)
        )
        self.add(Unit("publish", name, self.coded("publish", {"study": name}), made, name))

    def profile(self, resolved: dict, atlas: Unit, claims: Unit) -> dict[str, list[Unit]]:
        """Plan the page of a recipe that is profiled; return what is published, by role."""
        study, recipe = self.study.name, profiled.recipe(self.study)
        spec = {"study": study, "recipe": recipe, "experiments": digest(resolved)}
        spec |= {"equivalent": [row.plain() for row in self.declared]} if self.declared else {}
        spec = self.coded("profile", spec, tuple(sorted(recipe_modules(self.recipes[recipe]))), PROFILE_FILES)
        page = self.add(Unit("profile", study, spec, {"atlas": [atlas], "claims": [claims]}, study))
        return {"profile": [page], "claims": [claims], "atlas": [atlas]}

    def report(self, resolved: dict, atlas: Unit, claims: Unit) -> dict[str, list[Unit]]:
        """Plan figures, report and findings; return what is published, by role."""
        name = self.study.name
        judged = {key: [value["claims"], value["recipes"]] for key, value in resolved.items()}
        varied = {key: value["multiverse"] for key, value in resolved.items() if "multiverse" in value}
        spec = self.coded("multiverse", {"claims": digest(judged), "multiverse": digest(varied)})
        inputs = {"atlas": [atlas], "claims": [claims]}
        universes = {"multiverse": [self.add(Unit("multiverse", name, spec, inputs, name))]} if varied else {}
        figures = [self.figure(figure, of, atlas, claims) for figure, of in self.figures()]
        calibrated = self.calibration()
        spec = {"study": name, "experiments": digest(resolved)}
        spec |= {"equivalent": [row.plain() for row in self.declared]} if self.declared else {}
        spec = self.coded("report", spec, files=REPORT_FILES)
        inputs = {"atlas": [atlas], "claims": [claims], "figures": figures} | universes
        inputs |= {"calibration": calibrated} if calibrated else {}
        report = self.add(Unit("report", name, spec, inputs, name))
        families = {part.partition(".")[0]: None for part in resolved}
        findings = [self.finding(family, resolved, claims, figures, universes) for family in families]
        made = {"report": [report], "claims": [claims], "atlas": [atlas], "figures": figures, "findings": findings}
        return made | universes

    def finding(self, name: str, resolved: dict, claims: Unit, figures: list[Unit], universes: dict) -> Unit:
        """Plan the page of one experiment with the figure that it names, else the first of its own probes."""
        parts = {key: value for key, value in resolved.items() if key.partition(".")[0] == name}
        drawn = [figure for figure in figures if figure.spec["experiment"] in parts]
        wanted = {(key, value["figure"]) for key, value in parts.items() if "figure" in value}
        chosen = [figure for figure in drawn if (figure.spec["experiment"], figure.spec["figure"]) in wanted]
        if wanted and not chosen:
            names = sorted({figure.spec["figure"] for figure in drawn})
            asked = sorted(figure for _, figure in wanted)[0]
            raise StudyError(f"experiments/{name}.yaml: figure: {asked!r} is not drawn; {nearest(asked, names)}")
        own = sorted(drawn, key=lambda figure: not plugins.find("figures", figure.spec["figure"]).literals["PROBES"])
        figure = (chosen or own)[0]
        spec = {"study": self.study.name, "experiment": name, "figure": figure.spec["figure"], "content": digest(parts)}
        spec = self.coded("finding", spec)
        judged_again = universes if any("multiverse" in part for part in parts.values()) else {}
        inputs = {"claims": [claims], "figures": [figure]} | judged_again
        return self.add(Unit("finding", f"{self.study.name}-{name}", spec, inputs, f"{self.study.name} {name}"))

    @functools.cached_property
    def resolved(self) -> dict[str, dict]:
        """All experiments as figures read them."""
        return {key: resolve(key, content) for key, content in self.study.experiments.items()}

    def figures(self) -> Iterator[tuple[plugins.Plugin, str]]:
        """Yield each figure with the experiment that it shows; an empty name is the whole study.

        One of the study that says ``MULTIVERSE`` is drawn where some experiment declares one.
        """
        for name in plugins.catalogue("figures"):
            figure = plugins.find("figures", name)
            if figure.literals["SCOPE"] == "study":
                varied = any(content.multiverse for content in self.study.experiments.values())
                if varied or not figure.literals.get("MULTIVERSE", False):
                    yield figure, ""
                continue
            for experiment in self.study.experiments:
                if shown.of(figure.literals, experiment, self.study, self.resolved):
                    yield figure, experiment

    def figure(self, figure: plugins.Plugin, experiment: str, atlas: Unit, claims: Unit) -> Unit:
        """Plan one figure of one experiment, or of the study."""
        chosen = [experiment] if experiment else list(self.study.experiments)
        tasks = design.related(self.resolved, experiment) if figure.literals["SCOPE"] == "tasks" else []
        content = digest([self.resolved[key] for key in tasks or chosen])
        spec = {"figure": figure.name, "experiment": experiment, "content": content}
        spec |= {"tasks": tasks} if tasks else {}
        spec = self.coded("figure", spec, (figure.module,))
        prefix = f"{experiment or self.study.name}-{figure.name}"
        inputs = {"atlas": [atlas], "claims": [claims]}
        return self.add(Unit("figure", prefix, spec, inputs, prefix.replace("-", " ")))

    def tuning(self, experiment: Experiment) -> list[int]:
        """Return the tuning seeds, which no evaluation uses."""
        count = experiment.search.seeds if experiment.search else 1
        return list(range(TUNING, TUNING + count))

    def modules(self, fleet: dict) -> tuple[str, ...]:
        """Return the modules that a fleet names."""
        return (plugins.find("models", fleet["task"]["model"]["name"]).module, *recipe_modules(fleet["recipe"]))

    def prefix(self, experiment: Experiment, fleet: dict) -> str:
        """Return the readable part of a cell's names."""
        update = update_path(fleet["recipe"]["update"]).partition(":")[2]
        return f"{_stem(experiment.task.name)}-{_stem(update)}"


@functools.cache
def _stem(text: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in text)


def _range(seeds: list[int]) -> str:
    return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]}-{seeds[-1]}"


def canonical_recipe(recipe: Recipe) -> dict:
    """Return what a recipe does, without labels and without what equals a default."""
    return recipe.model_dump(mode="json", exclude={"says", "source"}, exclude_defaults=True)


def resolve(name: str, experiment: Experiment) -> dict:
    """Return an experiment as claims, figures and report read it."""
    resolved = experiment.model_dump(mode="json", exclude_none=True)
    for key, claim in experiment.claims.items():
        resolved["claims"][key]["at"] = experiment.modes(claim)
    if experiment.search and experiment.search.probes:
        resolved["search"]["probes"] = search_probes.chosen(experiment)
        resolved["search"] |= {"left_out": left_out} if (left_out := search_probes.left_out(experiment)) else {}
    if experiment.multiverse:
        resolved["multiverse"]["claims"] = list(multiverse.claims(experiment))
    seeds = [seed for block in experiment.blocks for seed in block]
    task = name.partition(".")[2]
    return {
        **resolved,
        "name": name,
        "title": f"{experiment.title} ({task.replace('_', ' ')})" if task else experiment.title,
        "seeds": seeds,
        "blocks": experiment.blocks,
        "probes": experiment.probe_options,
    }


def arrangement(resolved: dict) -> dict:
    """Return the labels under which an experiment's results are gathered, in their order."""
    lists = {key: list(resolved[key]) for key in ("recipes", "stop", "select")}
    choices = {"choices": resolved["multiverse"]["choices"]} if "multiverse" in resolved else {}
    return {**lists, "probes": sorted(resolved["probes"]), **choices}


def declared(study: Study) -> list[dict]:
    """Return the claims of a study as the register of claims knows them."""
    listed = []
    for name, experiment in study.experiments.items():
        family = name.partition(".")[0]
        for key, claim in experiment.claims.items():
            names = [f"{family}.{task}" for task in claim.between] if claim.between else [name]
            compared = [study.experiments[each] for each in names]
            listed.append(
                {
                    "claim": preregistration.claim_hash(claim, *compared),
                    "experiment": name,
                    "key": key,
                    "name": f"{name}.{key}",
                    "seeds": sum(len(block) for block in experiment.blocks),
                    "probes": sorted(preregistration.probes(claim)),
                    "stops": sorted({mode["stop"] for each in compared for mode in each.modes(claim)}),
                    "sides": preregistration.sides(claim, names, compared),
                }
            )
    return listed


def frozen(plan: Plan) -> dict:
    """Return the plan as it is written down: the experiments, their claims, and where every result belongs."""
    return written(plan, next(iter(plan.units["plan"].values())))


def written(plan: Plan, unit: Unit) -> dict:
    """Return what a unit of the stage ``plan`` holds."""
    listed = {"places": places(plan), "units": index(plan), "claims": declared(plan.study)}
    return {**unit.spec, "digest": unit.digest, **listed}


def places(plan: Plan) -> list[dict]:
    """Return where each result belongs in the atlas."""
    return [
        {
            "experiment": entry.experiment,
            "kind": entry.kind,
            "recipe": entry.recipe,
            "stop": entry.stop,
            "seeds": list(entry.seeds),
            "probe": entry.probe,
            "file": entry.unit.path,
            "subject": preregistration.subject(entry.unit) if entry.kind == "probe" else "",
        }
        for entry in plan.entries
    ]


def index(plan: Plan) -> list[dict]:
    """Return one row per result: digest, where it belongs, its file and the fields of its spec."""
    return [
        {
            "digest": entry.unit.digest,
            "stage": entry.unit.stage,
            "experiment": entry.experiment,
            "recipe": entry.recipe,
            "stop": entry.stop,
            "seeds": _range(list(entry.seeds)),
            "probe": entry.probe,
            "file": entry.unit.path,
            "fields": entry.unit.spec,
        }
        for entry in plan.entries
    ]


def frozen_for(plan: Plan, unit: Unit) -> Unit:
    """Return the frozen plan that a product reads: for the atlas where results belong, else the whole study."""
    study, arranged = plan.units["plan"].values()
    return arranged if unit.stage == "gather" else study


def input_paths(plan: Plan, unit: Unit) -> list[str]:
    """Return the files that a unit needs to be there."""
    paths = [file for units in unit.inputs.values() for other in units for file in files(other)]
    if unit.stage in PRODUCTS:
        paths.append(frozen_for(plan, unit).path)
    return paths


def command(plan: Plan, unit: Unit) -> str:
    """Return the options that make a unit, quoted for the shell; inputs of a whole study come by the frozen plan."""
    words = ["--spec", json.dumps(unit.spec, sort_keys=True, separators=(",", ":")), "--label", unit.label]
    if unit.stage in PRODUCTS:
        words += ["--plan", frozen_for(plan, unit).path]
    if unit.stage != "gather":
        for role, units in unit.inputs.items():
            words += [word for other in units for word in ("--input", f"{role}={other.path}")]
    return shlex.join(words)


def files(unit: Unit) -> list[str]:
    """Return the files that a unit writes."""
    return [unit.path, *(str(Path(unit.path).with_suffix(suffix)) for suffix in BESIDE.get(unit.stage, ()))]


def published(plan: Plan) -> list[str]:
    """Return the files under fixed names that a study is asked for."""
    pages = ("profile.html", "profile.csv") if profiled.recipe(plan.study) else ("report.html",)
    return [f"results/{plan.study.name}/{name}" for name in (*pages, "claims.csv", "index.csv")]


def all_units(plan: Plan) -> Iterator[Unit]:
    """Yield the units of all stages."""
    return (unit for units in plan.units.values() for unit in units.values())


def read_by(plan: Plan, unit: Unit) -> list[Unit]:
    """Return the units whose files a unit reads."""
    read = [other for units in unit.inputs.values() for other in units]
    return [*read, frozen_for(plan, unit)] if unit.stage in PRODUCTS else read
