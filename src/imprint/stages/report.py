"""report: the study's page."""

import importlib
import json
from pathlib import Path

from imprint import store
from imprint.claims import multiverse, table, trust
from imprint.report.build import build
from imprint.report.calibration import Calibration
from imprint.stages.common import Job
from imprint.stages.product import finish, job

DECLARED = "code changes declared to alter no result (equivalent.csv)"


def main(argv: list[str]) -> None:
    """Write the report."""
    work = job("report", argv)
    (atlas,), (claims,) = work.inputs["atlas"], work.inputs["claims"]
    experiments = list(work.plan["experiments"].values())
    figures = [_figure(path) for path in work.inputs.get("figures", [])]
    work.out.parent.mkdir(parents=True, exist_ok=True)
    calibrated = [_calibration(path) for path in work.inputs.get("calibration", [])]
    content = (store.read_tree(atlas), table.read(claims), experiments, figures, provenance(work))
    universes = [multiverse.read(path) for path in work.inputs.get("multiverse", [])] or [None]
    with store.replacing(work.out) as scratch:
        build(*content, scratch, calibrated, *universes, places=work.plan["places"])
    finish(work)


def _figure(path: Path) -> dict:
    experiment, _, name = path.stem.rpartition("-")[0].partition("-")
    module = importlib.import_module(f"imprint.figures.{name}")
    return {
        "name": name,
        "experiment": "" if module.SCOPE == "study" else experiment,
        "title": module.TITLE,
        "caption": module.CAPTION,
        "file": path.stem.rpartition("-")[0],
        "svg": path,
        "csv": path.with_suffix(".csv"),
    }


def _calibration(path: Path) -> Calibration:
    data = store.read(path)
    return Calibration(json.loads(data.attrs["spec"])["seeds"], trust.read(data), str(path))


def provenance(work: Job) -> dict:
    """Return what the page prints of its origin: plan, library versions, and every store with its place."""
    libraries: dict[str, str] = {}
    for unit in work.plan["units"]:
        libraries |= unit["fields"]["code"]["libraries"]
    stores = [
        {
            "experiment": unit["experiment"],
            "recipe": unit["recipe"],
            "stop": unit["stop"],
            "seeds": unit["seeds"],
            "what": unit["probe"] or unit["stage"],
            "store": unit["file"],
        }
        for unit in work.plan["units"]
    ]
    declared = {DECLARED: work.spec["equivalent"]} if "equivalent" in work.spec else {}
    versions = dict(sorted(libraries.items()))
    plan = work.plan["digest"]
    return {"study": work.plan["study"], "plan": plan, "versions": versions, **declared, "stores": stores}
