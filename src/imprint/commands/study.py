"""``imprint study``: runs a study, here or on a cluster, and says where its report is."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from imprint import documents, lock, runs, seal, supervise, warm
from imprint import plan as planning
from imprint.errors import StudyError, nearest
from imprint.outstanding import outstanding
from imprint.plan import Plan
from imprint.words import NOTHING_TO_DO

PROFILES, FILE = Path("profiles"), "profile.yaml"
PRELOAD = ("pandas", "scipy.stats", "xarray", "zarr", "torch")
ALSO = {
    "pytorch_lightning": {"search", "train", "vary"},
    "sklearn.datasets": {"data", "probe", "figure"},
    "seaborn": {"figure"},
}


def main(argv: list[str]) -> int:
    """Run Snakemake on a study, its jobs in processes that need not import everything anew.

    At the end what is published is compared with its digests. What follows ``--`` goes to Snakemake.

    Raises:
        SealError: if a published file is not what was written.
    """
    own, rest = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    parser = argparse.ArgumentParser(prog="imprint study", description=__doc__)
    parser.add_argument("study", nargs="?", help="an entry of studies in config.yaml; default is the one it names")
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would run, and why: `imprint plan`")
    parser.add_argument("--cold", action="store_true", help="every job starts its own interpreter")
    parser.add_argument("--profile", help="where jobs run: a folder of profiles/, or of one of your own")
    arguments = parser.parse_args(own)
    if arguments.dry_run:
        from imprint.commands.plan import main as show  # its statistics take a second to import

        return show([arguments.study] if arguments.study else [])
    plan = planning.build(Path("."), arguments.study)
    status = execute(plan, rest, arguments.profile, arguments.cold)
    receipt, report = Path(plan.final.path), Path(planning.published(plan)[0])
    if status == 0 and receipt.exists() and report.exists():
        seal.check(receipt)
        print(f"report: {report.resolve()}")
    return status


def execute(plan: Plan, rest: list[str], profile: str | None = None, cold: bool = False) -> int:
    """Run what a plan needs and return the exit status; where all is there, nothing is started.

    Args:
        plan: of the study.
        rest: what Snakemake is asked for beside it.
        profile: where jobs run, as `find_profile` takes it.
        cold: every job starts its own interpreter.

    Raises:
        StudyError: if there is no such profile.
    """
    place = find_profile(profile) if profile else None
    if place:
        rest = [*rest, "--workflow-profile", str(place)]
    missing = {stage for stage, units in outstanding(plan, Path("."), rest).items() if units}
    if not missing and not rest:
        return nothing()
    command = snakemake(plan.study.name, plan.study.device, rest)
    return run(command, () if cold or elsewhere(place, rest) else preload(missing or plan.units))


def preload(stages: Iterable[str]) -> tuple[str, ...]:
    """Return the modules that the jobs of some stages need imported; none where nothing is to run."""
    wanted = set(stages)
    also = [module for module, users in ALSO.items() if wanted & users]
    return (*PRELOAD, *also) if wanted else ()


def nothing() -> int:
    """Say that all is there, without Snakemake, which takes seconds to find the same; return the exit status."""
    with cleared(Path(".")):
        lock.clear(Path("results/locks"))
        print(NOTHING_TO_DO, file=sys.stderr)
    return 0


def run(command: list[str], modules: tuple[str, ...]) -> int:
    """Run Snakemake on a study and return its exit status; what a dead run left locked is set free first.

    Without modules to import once, every job starts its own interpreter.
    """
    here = Path(".")
    with cleared(here):
        status = _supervised(command, modules)
        if status and (others := runs.living(here)):
            named = ", ".join(map(str, others))
            print(f"imprint: another run goes on in this folder: {named}; wait for it or stop it", file=sys.stderr)
    return status


@contextmanager
def cleared(here: Path) -> Iterator[None]:
    """Within, this run is known to others in this folder; at its beginning it says which dead runs it cleared."""
    with runs.entered(here):
        for line in runs.clear(here):
            print(f"imprint: {line}", file=sys.stderr, flush=True)
        yield


def _supervised(command: list[str], modules: tuple[str, ...]) -> int:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    if not modules:
        return supervise.run(command, environment)
    with warm.server(modules) as address:
        return supervise.run(command, {**environment, "IMPRINT_WARM": address})


def snakemake(study: str, device: str, rest: list[str]) -> list[str]:
    """Return the command that runs a study; ``rest`` may hold targets, which ``--config`` would swallow behind it.

    The device is said, because jobs on other machines plan again and must not look for one of their own.
    """
    settled = ["--config", f"study={study}", f"device={device}"]
    return [sys.executable, "-m", "snakemake", *rest, "--logger", "imprint", *settled]


def find_profile(name: str) -> Path:
    """Return the folder of a profile, given by its path or by its name in ``profiles/``.

    Raises:
        StudyError: if there is none.
    """
    for folder in (Path(name), PROFILES / name):
        if (folder / FILE).is_file():
            return folder
    known = [file.parent.name for file in PROFILES.glob(f"*/{FILE}")]
    raise StudyError(f"--profile: {name!r} is no folder with a {FILE}; {nearest(name, known)}")


def elsewhere(profile: Path | None, rest: list[str]) -> bool:
    """Return whether jobs run on other machines, where a helper on this one must not run them."""
    return "--executor" in rest or (profile is not None and "executor" in documents.load(profile / FILE))
