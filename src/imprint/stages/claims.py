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
    families: dict[str, list[dict]] = {}
    for name, part in work.plan["experiments"].items():
        families.setdefault(name.partition(".")[0], []).append(part)
    frames = [evaluate(atlas, *parts) for parts in families.values() if any(part["claims"] for part in parts)]
    work.out.parent.mkdir(parents=True, exist_ok=True)
    table.write(combine(frames), work.out)
