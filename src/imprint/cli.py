"""The console program: stages of the pipeline, and what a person asks before and after.

Each stage is a command, so that every job of a study can be run, debugged and profiled by hand.
"""

import importlib
import sys
import traceback
from pathlib import Path

from imprint import fault, parent, slots
from imprint.errors import ImprintError, nearest
from imprint.writer import sole_writer

STAGES = (
    "data", "recipe", "search", "select", "train", "vary", "probe", "gather", "claims", "multiverse", "calibrate",
    "figure", "report", "finding", "profile", "publish", "freeze",
)  # fmt: skip
COMMANDS = {
    "plan": "show what a study would run, and why",
    "study": "run a study",
    "profile": "find out what an optimizer of your own leaves on the solution",
    "status": "show how far a study is, and why jobs failed",
    "verify": "compare two results trees",
    "clean": "remove results to which no study refers",
    "recipes": "list the recipes",
    "calibrate": "measure how often verdicts are wrong, and how often right",
    "new": "write a starting file for a recipe, probe, task or experiment, with its test",
    "findings": "put the pages of a finished study into docs/findings",
}


def usage() -> str:
    """Return what the program says of itself."""
    lines = [f"  imprint {name:<9} {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        ["imprint: what does an optimizer leave on the solution?", "", *lines, "", f"stages: {', '.join(STAGES)}"]
    )


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code: 0 only if its work is complete."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0
    name, rest = argv[0], argv[1:]
    sys.path.insert(0, str(Path.cwd()))
    try:
        if name in STAGES and (name not in COMMANDS or "--spec" in rest):
            return _stage(name, rest)
        if name in COMMANDS:
            return importlib.import_module(f"imprint.commands.{name}").main(rest)
    except BrokenPipeError:
        return 1
    except ImprintError as error:
        print(f"imprint {name}: error: {error}", file=sys.stderr)
        return 1
    print(f"imprint: no command {name!r}; {nearest(name, {*STAGES, *COMMANDS})}", file=sys.stderr)
    return 2


def _stage(name: str, argv: list[str]) -> int:
    parent.watch()
    if name in ("search", "train", "vary", "probe"):
        slots.take()
    if name in ("data", "recipe", "search", "train", "vary", "probe"):
        import torch

        torch.set_num_threads(1)
    try:
        with sole_writer(argv) as there:
            if not there:
                importlib.import_module(f"imprint.stages.{name}").main(argv)
    except (ImprintError, BrokenPipeError):
        raise
    except Exception as error:
        traceback.print_exc()
        print(f"imprint {name}: error: {fault.told(error)}", file=sys.stderr)
        return 1
    except SystemExit as stop:
        # Lightning leaves with 0 when it is told to stop
        if stop.code or {"-h", "--help"} & set(argv):
            raise
        print(f"imprint {name}: error: stopped before its output was complete", file=sys.stderr)
        return 1
    return 0
