"""What lies in the results tree: what the studies refer to, what no study refers to any more, what no rule made."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from imprint import documents, equivalent, profiled, register
from imprint import plan as planning
from imprint.errors import ImprintError, StudyError
from imprint.naming import unit_name
from imprint.plan import LIBRARIES, Plan, Planner
from imprint.study import load

STAGES = ("plan", *LIBRARIES)
DEVICES = ("cpu", "cuda")
UNIT = re.compile(r"[A-Za-z0-9_.\-]+-[0-9a-f]{10}")
KEPT = {".gitignore", register.NAME, register.REMOVED}
PRODUCTS = re.compile(
    r"((report|profile)\.html|(claims|index|multiverse|profile)\.csv|(figures|findings)/[^/]+|\.?atlas\.(zarr|part)/.+)"
)
SCRATCH = re.compile(r"\.(.+)\.(\d+\.part|lock)")


@dataclass
class Tree:
    """The files of the results tree that are not simply in use.

    Attributes:
        stale: files that a rule made for what no study refers to.
        foreign: files that no rule makes.
    """

    stale: list[Path] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)


def survey(root: Path) -> Tree:
    """Sort the files of the results tree by what the studies, as they are now, refer to.

    Times of past jobs are kept, whatever they were of: they tell what later ones will take.

    Raises:
        ImprintError: if a study cannot be planned, so that what it refers to is not known.
    """
    results = root / "results"
    names = set(study_names(root))
    units = {(unit.stage, unit.name) for plan in plans(root, names) for unit in planning.all_units(plan)}
    tree = Tree()
    for file in sorted(path for path in results.rglob("*") if path.is_file() or path.is_symlink()):
        kind = _kind(file, results, units, names)
        if kind:
            getattr(tree, kind).append(file)
    return tree


def study_names(root: Path) -> Iterator[str]:
    """Yield the studies of ``config.yaml``, the profiles, and those of one experiment that have been run.

    The latter are named ``core.forgetting``.
    """
    studies = documents.load(root / "config.yaml").get("studies") or {}
    yield from studies
    profiles = profiled.names(root)
    yield from profiles
    files = [file.stem for file in (root / "experiments").glob("*.yaml")]
    for folder in sorted((root / "results").glob("*.*/")):
        study, _, only = folder.name.partition(".")
        declared = (studies.get(study) or {}).get("experiments", "all")
        if study in profiles or (study in studies and only in (files if declared == "all" else declared)):
            yield folder.name


def plans(root: Path, names: Iterable[str]) -> Iterator[Plan]:
    """Yield the plans of studies, for each kind of device: a file made on another machine is in use as well."""
    equivalences = equivalent.read(root / equivalent.NAME)
    for name in sorted(names):
        try:
            study = load(root, name)
            yield from (Planner(study.model_copy(update={"device": each}), equivalences).plan() for each in DEVICES)
        except StudyError as error:
            raise ImprintError(
                f"what study {name} refers to is not known, because it cannot be planned: {error}"
            ) from error


def _kind(file: Path, results: Path, units: set[tuple[str, str]], names: set[str]) -> str:
    """Return ``stale``, ``foreign``, or nothing for a file in use."""
    parts = file.relative_to(results).parts
    if len(parts) == 1:
        return "" if file.name in KEPT else "foreign"
    if parts[0] in ("store", "logs", "benchmarks", "locks") and len(parts) == 3 and parts[1] in STAGES:
        return _of_unit(file, units)
    if parts[0] == "resume":
        used = any((stage, parts[1]) in units for stage in STAGES)
        return "" if used else "stale" if UNIT.fullmatch(parts[1]) else "foreign"
    if parts[1:] == (profiled.NAME,) and parts[0] in names:
        return ""
    if PRODUCTS.fullmatch("/".join(parts[1:])) and (results / parts[0] / "index.csv").is_file():
        return "" if parts[0] in names else "stale"
    return "foreign"


def _of_unit(file: Path, units: set[tuple[str, str]]) -> str:
    scratch = SCRATCH.fullmatch(file.name)
    name = unit_name(scratch[1] if scratch else file.name.removesuffix(".lock"))
    if not UNIT.fullmatch(name):
        return "foreign"
    if scratch and file.with_name(scratch[1]).exists():
        return "stale"
    used = file.parts[-3] == "benchmarks" or (file.parts[-2], name) in units
    return "" if used else "stale"
