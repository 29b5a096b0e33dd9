"""claims: judges every claim of a study."""

from pathlib import Path

import pandas as pd

from imprint import history, register, store
from imprint.claims import table
from imprint.claims.evaluate import combine, evaluate
from imprint.stages.common import Job
from imprint.stages.product import finish, job

EXPERIMENTS = Path("experiments")


def main(argv: list[str]) -> None:
    """Write the table of verdicts."""
    work = job("claims", argv)
    (path,) = work.inputs["atlas"]
    atlas = store.read_tree(path)
    families: dict[str, list[dict]] = {}
    for name, part in work.plan["experiments"].items():
        families.setdefault(name.partition(".")[0], []).append(part)
    frames = [evaluate(atlas, *parts) for parts in families.values() if any(part["claims"] for part in parts)]
    work.out.parent.mkdir(parents=True, exist_ok=True)
    table.write(declared(combine(frames), work), work.out)
    finish(work)


def declared(verdicts: pd.DataFrame, work: Job) -> pd.DataFrame:
    """Return the verdicts with when each claim was declared: after its measurements or before, and in which commit.

    A claim that no run has registered, because this stage was called by hand, is first seen now.
    """
    results = work.out.parents[2]
    register.record(work.plan, results)
    lines = register.read(results / register.NAME)
    names = [name.partition(".")[0] for name in verdicts["experiment"]]
    tier = work.plan["tier"]
    since = {name: history.introduced(EXPERIMENTS / f"{name}.yaml", tier) for name in dict.fromkeys(names)}
    return verdicts.assign(
        post_hoc=[lines[claim]["post_hoc"] for claim in verdicts["hash"]],
        commit=[since[name].get(claim, "") for name, claim in zip(names, verdicts["claim"], strict=True)],
    ).astype(table.COLUMNS)
