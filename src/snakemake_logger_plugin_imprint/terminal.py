"""The live display of a run in a terminal."""

import time
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snakemake_logger_plugin_imprint.run import TARGET, Run, duration, outlook

REFRESH_PER_SECOND = 4
ROWS_BESIDE_JOBS = 6


class Terminal:
    """Lines that scroll, and below them, while jobs run, a status that is redrawn in place."""

    def __init__(self, stream: TextIO, color: bool = True):
        self.console = Console(file=stream, force_terminal=True, no_color=not color, highlight=False)
        self.live: Live | None = None

    def say(self, text: str, style: str = "") -> None:
        """Print a line above the status."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def watch(self, run: Run) -> None:
        """Show the status of a run until `close`."""
        self.live = Live(
            get_renderable=lambda: status(run, time.time(), self.console.height),
            console=self.console,
            refresh_per_second=REFRESH_PER_SECOND,
            transient=True,
        )
        self.live.start(refresh=True)

    def close(self) -> None:
        """Take the status away and give the cursor back."""
        if self.live:
            self.live.stop()
            self.live = None


def status(run: Run, now: float, height: int) -> RenderableType:
    """How many jobs of how many, what runs, what is left by stage, how long it may take."""
    done, total = run.jobs_done, run.jobs_total
    head = Table.grid(padding=(0, 2))
    elapsed = duration(now - run.began) if run.began else ""
    failed = Text(f"{len(run.failed)} failed", style="bold red") if run.failed else ""
    bar = ProgressBar(total=max(total, 1), completed=done, width=30)
    head.add_row(f"{done} of {total} jobs", bar, elapsed, outlook(run, now), failed)

    jobs = Table.grid(padding=(0, 2))
    running = sorted(run.running.values(), key=lambda job: job.started)
    shown = running[: max(height - ROWS_BESIDE_JOBS, 1)]
    for job in shown:
        jobs.add_row("  running", Text(job.stage, style="cyan"), unit(job.unit), duration(now - job.started))
    if len(running) > len(shown):
        jobs.add_row("", "", f"and {len(running) - len(shown)} more", "")

    counts = [f"{stage} {count}" for stage, count in run.left().items() if stage != TARGET]
    left = Text("  left     " + ", ".join(counts), overflow="ellipsis", no_wrap=True)
    return Group(head, jobs, left) if running else Group(head, left)


def unit(name: str) -> Text:
    """A unit with its readable part first to the eye: the digits of its digest are dim."""
    prefix, dash, digest = name.rpartition("-")
    if not dash or len(digest) != 10:
        return Text(name)
    return Text.assemble(prefix, (dash + digest, "dim"))
