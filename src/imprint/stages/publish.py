"""publish: puts a study's products under their fixed names in ``results/<study>``."""

import csv
import json
import shutil
from pathlib import Path

from imprint import seal, store
from imprint.stages.common import Job
from imprint.stages.product import job

TABLES = ("claims.csv", "index.csv", "multiverse.csv", "profile.csv")
PUBLISHED = ("report.html", "profile.html", *TABLES, "figures", "findings", "atlas.zarr")
INDEX = ("digest", "stage", "experiment", "recipe", "stop", "seeds", "probe", "file", "fields")


def main(argv: list[str]) -> None:
    """Copy pages, claims, figures and index, unpack the atlas, and leave a receipt: a seal named by the digest.

    What a run that was killed left half written is removed.
    """
    work = job("publish", argv)
    folder = Path("results") / work.spec["study"]
    folder.mkdir(parents=True, exist_ok=True)
    for scratch in folder.glob(".*.[0-9]*.part"):
        scratch.unlink(missing_ok=True)
    for receipt in work.out.parent.glob(f"{work.spec['study']}-*{work.out.suffix}"):
        receipt.unlink()
    for role, name in (("report", "report.html"), ("profile", "profile.html"), ("claims", "claims.csv")):
        for path in work.inputs.get(role, []):
            _copy(path, folder / name)
    for page in work.inputs.get("profile", []):
        _copy(page.with_suffix(".csv"), folder / "profile.csv")
    (folder / "multiverse.csv").unlink(missing_ok=True)
    for path in work.inputs.get("multiverse", []):
        _copy(path, folder / "multiverse.csv")
    _figures(work, folder)
    _findings(work, folder / "findings")
    _index(work, folder / "index.csv")
    scratch = folder / ".atlas.part"
    shutil.rmtree(scratch, ignore_errors=True)
    store.unpack(work.inputs["atlas"][0], scratch)
    shutil.rmtree(folder / "atlas.zarr", ignore_errors=True)
    scratch.rename(folder / "atlas.zarr")
    places = [path for name in PUBLISHED for path in (folder / name, *(folder / name).rglob("*"))]
    published = sorted(path for path in places if path.is_file())
    with store.replacing(work.out) as part:
        files = seal.listed(published, work.out.parent)
        receipt = {**work.provenance(), "plan": work.plan["digest"], "files": files}
        part.write_text(seal.text(receipt), encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    with store.replacing(target) as scratch:
        shutil.copyfile(source, scratch)


def _figures(work: Job, folder: Path) -> None:
    target = folder / "figures"
    shutil.rmtree(target, ignore_errors=True)
    for svg in work.inputs.get("figures", []):
        for suffix in (".svg", ".png", ".csv"):
            _copy(svg.with_suffix(suffix), target / (svg.stem.rpartition("-")[0] + suffix))


def _findings(work: Job, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for page in work.inputs.get("findings", []):
        name = page.stem.rpartition("-")[0].removeprefix(f"{work.spec['study']}-")
        for suffix in (".md", ".png", ".csv"):
            _copy(page.with_suffix(suffix), target / (name + suffix))


def _index(work: Job, path: Path) -> None:
    with store.replacing(path) as scratch, open(scratch, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, INDEX, lineterminator="\n")
        writer.writeheader()
        for unit in work.plan["units"]:
            writer.writerow({**unit, "fields": json.dumps(unit["fields"], sort_keys=True)})
