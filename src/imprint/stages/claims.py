"""claims: judges every claim of a study."""

from imprint import store
from imprint.claims import table
from imprint.claims.evaluate import combine, evaluate
from imprint.stages.common import job


def main(argv: list[str]) -> None:
    """Write the table of verdicts."""
    work = job("claims", argv)
    (path,) = work.inputs["atlas"]
    atlas = store.read_tree(path)
    frames = [evaluate(atlas, experiment) for experiment in work.plan["experiments"].values() if experiment["claims"]]
    work.out.parent.mkdir(parents=True, exist_ok=True)
    table.write(combine(frames), work.out)
