"""``imprint clean --stale``: removes results to which no study refers, after showing them."""

import argparse
import sys
from pathlib import Path

from imprint import jobs, register, results
from imprint.errors import ImprintError
from imprint.words import count, size

ROOT = Path(".")


def main(argv: list[str]) -> int:
    """Show what no study of ``config.yaml`` refers to, ask, and remove it; exit 1 if nothing was agreed to.

    Files that no rule makes are named and never removed, times of past jobs are kept.

    Raises:
        ImprintError: while jobs run here, or if a study cannot be planned, so that what it refers to is not known.
    """
    parser = argparse.ArgumentParser(prog="imprint clean", description=__doc__)
    parser.add_argument("--stale", action="store_true", required=True, help="what no study refers to")
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    arguments = parser.parse_args(argv)
    _refuse_while_running()
    tree = results.survey(ROOT)
    for file in tree.foreign:
        print(f"made by no rule, kept: {file}")
    if not tree.stale:
        print("nothing is stale: a study refers to every result")
        return 0
    print("\n".join(shown(tree.stale)))
    if not arguments.yes and not agreed():
        print("nothing was removed")
        return 1
    remove(tree.stale)
    print(f"removed {count(len(tree.stale), 'file')}")
    return 0


def shown(files: list[Path]) -> list[str]:
    """Return the lines on what would be removed: every file with its size, and the sum."""
    sizes = {file: file.lstat().st_size for file in files}
    lines = [f"{size(number):>9}  {file}" for file, number in sizes.items()]
    return [*lines, f"{count(len(files), 'file')}, {size(sum(sizes.values()))}, to which no study refers"]


def agreed() -> bool:
    """Ask whether to remove what was shown; where nobody can answer, say how to."""
    if not sys.stdin.isatty():
        print("nobody to ask; `imprint clean --stale --yes` removes without asking")
        return False
    return input("remove them? [y/N] ").strip().lower() in ("y", "yes")


def remove(files: list[Path]) -> None:
    """Remove files, and the folders that are empty then; which measurements had been there is kept."""
    register.forget({str(file) for file in files}, ROOT / "results")
    for file in files:
        file.unlink(missing_ok=True)
        for folder in list(file.parents)[:-2]:
            if not any(folder.iterdir()):
                folder.rmdir()


def _refuse_while_running() -> None:
    here = (ROOT / "results").resolve()
    running = {out: process for out, process in jobs.writers().items() if here in out.parents}
    if running:
        out, process = next(iter(running.items()))
        raise ImprintError(f"{out} is being made by process {process.pid}; clean when the study has ended")
    locks = ROOT / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        raise ImprintError(
            f"{locks}: Snakemake runs here; clean when it has ended (`snakemake --unlock` if it was killed)"
        )
