"""What the stages of a study's products share: they read sealed files only, and seal what they write."""

from pathlib import Path

from imprint import seal, store
from imprint.stages import common
from imprint.stages.common import Job


def job(stage: str, argv: list[str]) -> Job:
    """Parse a stage's command line as all stages do, and check the seals of what it reads.

    Raises:
        SealError: if an input without digests of its own is not what was written.
    """
    work = common.job(stage, argv)
    for path in (path for paths in work.inputs.values() for path in paths if path.suffix != ".zip"):
        seal.check(path.with_suffix(seal.SUFFIX))
    return work


def finish(work: Job, *others: Path) -> None:
    """Seal a job's output and the other files that it wrote, as its last act."""
    place = work.out.with_suffix(seal.SUFFIX)
    with store.replacing(place) as scratch:
        scratch.write_text(seal.text({"files": seal.listed([work.out, *others], place.parent)}), encoding="utf-8")
