"""What all stages share: their command line, and the refusal to run other code than was planned."""

import argparse
import importlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import xarray as xr

from imprint import code_version, equivalent, store
from imprint.errors import ImprintError
from imprint.naming import is_sealed
from imprint.task import Task


class StageError(ImprintError):
    """A stage that cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class Job:
    """A stage's command line.

    Attributes:
        stage: the stage's name.
        spec: what to do.
        inputs: files by role.
        out: the file to write.
        plan: the frozen plan, for the products of a study.
        label: what a person calls this job.
        ran: digest of the code that runs, of each module whose code only counts as the planned one.
    """

    stage: str
    spec: dict
    inputs: dict[str, list[Path]]
    out: Path
    plan: dict
    label: str
    ran: dict[str, str] = field(default_factory=dict)

    def read(self, role: str) -> xr.Dataset:
        """Read the one store of a role."""
        (path,) = self.inputs[role]
        return store.read(path)

    @property
    def resume(self) -> Path:
        """Folder of what continues this job if it is interrupted; its name holds the unit's digest."""
        return self.out.parent.parent.parent / "resume" / self.out.name.partition(".")[0]

    def forget(self) -> None:
        """Remove what would continue this job: it is complete."""
        shutil.rmtree(self.resume, ignore_errors=True)

    def plugin(self, name: str, function: str) -> Callable:
        """Return a plug-in's function: of the planned module of that name, or of ``package.module:function``."""
        module, _, named = name.partition(":")
        if not named:
            module = next(path for path in self.spec["code"]["modules"] if path.rpartition(".")[2] == name)
        return getattr(importlib.import_module(module), named or function)

    def provenance(self) -> dict:
        """Return the attributes that a store carries: spec, inputs by file name, and code that counts as other code."""
        names = {role: [path.name for path in paths] for role, paths in self.inputs.items()}
        ran = {"code_that_ran": self.ran} if self.ran else {}
        return {"created_by": "imprint", "stage": self.stage, "spec": self.spec, "made_from": names, **ran}

    def task(self) -> Task:
        """Return the task at run time."""
        return Task(self.read("data"), **self.spec["task"])


def job(stage: str, argv: list[str]) -> Job:
    """Parse a stage's command line and check that the code is the one that was planned.

    Raises:
        StageError: if code or libraries changed since planning.
    """
    parser = argparse.ArgumentParser(prog=f"imprint {stage}")
    parser.add_argument("--spec", type=json.loads, required=True, help="JSON of the unit's spec")
    parser.add_argument("--input", action="append", default=[], metavar="ROLE=FILE", help="an input file")
    parser.add_argument("--plan", type=Path, help="the frozen plan")
    parser.add_argument("--label", default="")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    arguments = parser.parse_args(argv)
    inputs: dict[str, list[Path]] = {}
    for item in arguments.input:
        role, _, path = item.partition("=")
        inputs.setdefault(role, []).append(Path(path))
    plan = _frozen(arguments.plan) if arguments.plan else {}
    ran = _check_code(stage, arguments.spec)
    return Job(stage, arguments.spec, inputs, arguments.out, plan, arguments.label, ran)


def _frozen(file: Path) -> dict:
    try:
        plan = json.loads(file.read_bytes())
    except ValueError:
        plan = None
    if not is_sealed(plan):
        raise StageError(f"{file}: damaged or not a plan; delete this file and run again")
    return plan


def _check_code(stage: str, spec: dict) -> dict[str, str]:
    """Return the digests of code that counts as the planned code without being it."""
    planned = spec["code"]
    now = code_version.version((f"imprint.stages.{stage}", *planned["modules"]), planned["libraries"], planned["files"])
    real = now["sources"]
    now["sources"], used = equivalent.counted(stage, real, equivalent.read(Path(equivalent.NAME)))
    changed = [
        name
        for kind in now
        for name in sorted({**now[kind], **planned[kind]})
        if now[kind].get(name) != planned[kind].get(name)
    ]
    if changed:
        raise StageError(
            f"{stage}: {', '.join(changed)} changed since this job was planned; run the study again to plan with what "
            "is there now"
        )
    return {row.module: real.get(row.module, "") for row in used}
