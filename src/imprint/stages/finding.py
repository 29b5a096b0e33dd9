"""finding: the page of one experiment, its figure and its verdicts."""

import importlib
import shutil
from pathlib import Path

from imprint import store
from imprint.claims import multiverse, table
from imprint.report import finding
from imprint.stages.common import Job
from imprint.stages.product import finish, job


def main(argv: list[str]) -> None:
    """Write ``<unit>.png`` and ``<unit>.csv`` beside ``<unit>.md``."""
    work = job("finding", argv)
    name = work.spec["experiment"]
    parts = [part for key, part in work.plan["experiments"].items() if key.partition(".")[0] == name]
    (verdicts,), (figure,) = work.inputs["claims"], work.inputs["figures"]
    claims = table.read(verdicts)
    names = [part["name"] for part in parts]
    own = claims[claims["experiment"].isin(names)]
    again = [multiverse.read(path) for path in work.inputs.get("multiverse", [])]
    jobs = finding.timed(_stores(work, name), work.out.parents[2] / "benchmarks")
    work.out.parent.mkdir(parents=True, exist_ok=True)
    picture, rows = work.out.with_suffix(".png"), work.out.with_suffix(".csv")
    table.write(own, rows)
    with store.replacing(picture) as scratch:
        shutil.copyfile(figure.with_suffix(".png"), scratch)
    with store.replacing(work.out) as scratch:
        caption = importlib.import_module(f"imprint.figures.{work.spec['figure']}").CAPTION
        under = again[0][again[0]["experiment"].isin(names)] if again else None
        page = finding.page(work.spec["study"], parts, own, jobs, f"{name}.png", caption, under)
        scratch.write_text(page, encoding="utf-8")
    finish(work, picture, rows)


def _stores(work: Job, name: str) -> list[Path]:
    """Return what was searched, selected, trained and probed for this experiment."""
    places = work.plan["places"]
    return sorted({Path(place["file"]) for place in places if place["experiment"].partition(".")[0] == name})
