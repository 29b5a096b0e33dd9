"""``imprint profile``: what an optimizer of your own leaves on the solution, beside the known ones."""

import argparse
import sys
from pathlib import Path

from imprint import documents, hers, jobs, profiled, seal
from imprint import plan as planning
from imprint.commands.study import execute
from imprint.errors import ImprintError, StudyError
from imprint.identity import Unit
from imprint.outstanding import outstanding
from imprint.plan import Plan
from imprint.recipes.names import update_path
from imprint.study import parse, read_recipes
from snakemake_logger_plugin_imprint.handler import LAST_LINES, last_lines

ROOT = Path(".")
STAGES = ("recipe", "search", "select", "train", "probe")
FIRST = "digits"
"""The experiment of which the first page is made: the fastest."""


def main(argv: list[str]) -> int:
    """Write a study with her recipe, run it, and say where its page is; exit 0 if that is complete.

    The page of one experiment comes first. What follows ``--`` goes to Snakemake.

    Raises:
        ImprintError: if the recipe cannot be planned, or her code raises.
    """
    own, rest = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    parser = argparse.ArgumentParser(prog="imprint profile", description=__doc__)
    parser.add_argument("optimizer", help="package.module:Class, or a YAML file with an entry as in recipes.yaml")
    parser.add_argument("--lr", metavar="LOW..HIGH", help="the learning rates to search; default is three decades")
    parser.add_argument("--name", help="what to call it; default is the name of the class, or the entry's")
    parser.add_argument("--study", help="the study whose open experiments it joins; default is the one of config.yaml")
    parser.add_argument("--profile", help="where jobs run, as of `imprint study`")
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would run, and why: `imprint plan`")
    arguments = parser.parse_args(own)
    plan = declare(arguments.optimizer, arguments.lr, arguments.name, arguments.study)
    if arguments.dry_run:
        from imprint.commands.plan import main as show  # its statistics take a second to import

        return show([plan.study.name])
    return make(plan, rest, arguments.profile)


def declare(optimizer: str, lr: str | None, name: str | None, base: str | None) -> Plan:
    """Write the study of a profile and return its plan; nothing is written if it cannot be planned.

    Raises:
        ImprintError: naming what is wrong.
    """
    if not (ROOT / "config.yaml").is_file():
        told = f"run this in the folder of the project; PYTHONPATH={Path.cwd()} lets it find what is here"
        raise StudyError(f"config.yaml: no such file in {Path.cwd()}; {told}")
    name, recipe = hers.entry(optimizer, hers.interval(lr) if lr else None, name)
    known = read_recipes(ROOT / "recipes.yaml")
    if name in known:
        raise StudyError(f"{name!r} is a known recipe, of recipes.yaml; give yours another name: --name my_{name}")
    file = profiled.file(ROOT, profiled.PREFIX + name)
    base = base or documents.load(ROOT / "config.yaml").get("study", "")
    profile = parse(profiled.Profile, {"base": base, "recipe": {name: recipe}}, file)
    before = file.read_bytes() if file.is_file() else None
    study = profiled.write(ROOT, profile)
    try:
        return planning.build(ROOT, study)
    except ImprintError:
        file.unlink() if before is None else file.write_bytes(before)
        raise


def make(plan: Plan, rest: list[str], profile: str | None) -> int:
    """Run the study of a profile, one experiment first, and return the exit status."""
    families = dict.fromkeys(name.partition(".")[0] for name in plan.study.experiments)
    if len(families) > 1 and any(outstanding(plan, ROOT).values()):
        first = FIRST if FIRST in families else next(iter(families))
        alone = planning.build(ROOT, f"{plan.study.name}.{first}")
        if status := run(alone, rest, profile):
            return status
        tell(alone, f"first page, {first} alone")
    if status := run(plan, rest, profile):
        return status
    tell(plan, "page")
    return 0


def tell(plan: Plan, what: str) -> None:
    """Say where a page is that was made, after comparing what was published with its digests.

    Raises:
        SealError: if a published file is not what was written.
    """
    receipt = Path(plan.final.path)
    if receipt.exists():  # not where Snakemake was asked for something else
        seal.check(receipt)
        print(f"{what}: {Path(planning.published(plan)[0]).resolve()}", flush=True)


def run(plan: Plan, rest: list[str], profile: str | None) -> int:
    """Run a plan and return the exit status; if her jobs failed, say why."""
    status = execute(plan, rest, profile)
    if status == 1 and (failed := failures(plan)):
        print("\n".join(account(plan, failed)), file=sys.stderr)
    return status


def failures(plan: Plan) -> list[Unit]:
    """Return the jobs that failed and are of the profiled recipe alone, the first stage first."""
    own = [each.unit for each in plan.entries if each.recipe == profiled.recipe(plan.study)]
    proofs = [proof for unit in own for proof in unit.inputs.get("recipe", [])]
    hers_only = {unit.path for unit in [*own, *proofs]}
    failed = jobs.states(plan, ROOT).failed
    return sorted((unit for unit in failed if unit.path in hers_only), key=lambda unit: STAGES.index(unit.stage))


def account(plan: Plan, failed: list[Unit]) -> list[str]:
    """Return the lines on jobs of her recipe that failed: her traceback where her code raised, else the log's end."""
    name = profiled.recipe(plan.study)
    module = update_path(plan.study.recipes[name].update).partition(":")[0]
    end = f"What was finished is kept, the known recipes' results are as they were. Mend {name} and run this again."
    for unit in failed:
        log = jobs.log(unit, ROOT).read_text(encoding="utf-8", errors="replace")
        if said := hers.raised(log, module):
            head = f"imprint profile: {name} raised an error in {unit.stage} {unit.label}; it is of {module}:"
            return ["", head, "", said, "", end]
    log = jobs.log(failed[0], ROOT)
    lines, _ = last_lines(str(log), LAST_LINES)
    head = f"imprint profile: {failed[0].stage} {failed[0].label} failed, a job of {name} alone; {log} ends:"
    return ["", head, *(f"    | {line}" for line in lines), end]
