"""multiverse: judges the contrasts of a study under the choices of other analysts."""

from imprint import store
from imprint.claims import multiverse, table
from imprint.stages.product import finish, job


def main(argv: list[str]) -> None:
    """Write the verdict of every contrast under every choice."""
    work = job("multiverse", argv)
    (atlas,), (claims,) = work.inputs["atlas"], work.inputs["claims"]
    experiments = list(work.plan["experiments"].values())
    found = multiverse.judge(store.read_tree(atlas), table.read(claims), experiments)
    multiverse.write(found, work.out)
    finish(work)
