"""Snakemake's events turned into lines and a status."""

import os
import re
import signal
import sys
import time
from logging import DEBUG, WARNING, LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from imprint import words
from snakemake_logger_plugin_imprint.plain import Plain
from snakemake_logger_plugin_imprint.run import Job, Run, duration, in_order, outlook

LAST_LINES = 15
TAIL_BYTES = 65536
REASON_WIDTH = 160
LOCKED = "Directory cannot be locked"
NOTHING_TO_DO = "Nothing to be done"
MISSING_OUTPUT = re.compile(r"Job (\d+)\s+completed successfully, but")
RESTART = re.compile(r"Trying to restart job (\d+)")
EXIT_STATUS = re.compile(r"returned non-zero exit status (\d+)\.$")
DEATH = re.compile(r"died with <Signals\.(\w+): \d+>\.$")
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SAID_BETTER = re.compile(
    r"Assuming unrestricted shared filesystem|Building DAG of jobs|Using shell:|host: |Select jobs to execute"
    r"|Group jobs: inactive|Conda environments: ignored|Singularity containers: ignored|Reasons:\n"
    r"|This was a dry-run|Complete log\(s\):|Elapsed time:|Exiting because a job execution failed"
    r"|WorkflowError:\s+At least one job did not complete successfully"
    r"|Some jobs were triggered by provenance|Rules with provenance triggered jobs"
    r"|\d+ jobs have (missing|outdated) provenance"
)


class LogHandler(LogHandlerBase):
    """Shows a run of the pipeline to a person: live in a terminal, else as plain lines.

    Writes where Snakemake writes: to stderr, on a dry run to stdout.
    """

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        settings = self.common_settings
        quiet = {choice.name.lower() for choice in settings.quiet or ()}
        # with `--quiet progress` Snakemake does not tell which jobs end: only failures can be shown
        self.only_failures = bool(quiet & {"all", "progress"})
        self.job_lines = not self.only_failures and "rules" not in quiet
        self.run = Run()
        self.planned: dict[str, list[Job]] = {}
        self.endings: list[str] = []
        self.nothing_to_do = self.closed = False
        stream = sys.stdout if settings.dryrun else sys.stderr
        self.display: Any = Plain(stream)
        if stream.isatty() and os.environ.get("TERM") != "dumb" and not settings.dryrun:
            from snakemake_logger_plugin_imprint.terminal import Terminal

            self.display = Terminal(stream, color=not settings.nocolor)
        self.on = {
            None: self.message,
            LogEvent.ERROR: self.error,
            LogEvent.RUN_INFO: self.run_info,
            LogEvent.JOB_INFO: self.job_info,
            LogEvent.JOB_FINISHED: self.job_finished,
            LogEvent.JOB_ERROR: self.job_error,
            LogEvent.GROUP_ERROR: self.group_error,
            LogEvent.DEBUG_DAG: self.debug_dag,
        }

    def emit(self, record: LogRecord) -> None:
        """Take one record; an error here is reported by `logging` and never ends the run."""
        try:
            if record.levelno > DEBUG or self.common_settings.verbose or self.common_settings.debug_dag:
                self.on.get(getattr(record, "event", None), lambda _: None)(record)
        except Exception:
            self.handleError(record)

    def say(self, text: str, style: str = "") -> None:
        """Write a line, without the control characters that names and logs may bring."""
        self.display.say(CONTROL.sub("", text), style)

    def message(self, record: LogRecord) -> None:
        """Text of Snakemake itself: warnings, and information that is not shown in another form."""
        text = record.getMessage().strip()
        if restart := RESTART.match(text):
            self.again(int(restart[1]))
        elif text.startswith(NOTHING_TO_DO):
            self.nothing_to_do = True
            self.say(words.NOTHING_TO_DO)
        elif text and text != "None" and not SAID_BETTER.match(text):
            if record.levelno >= WARNING:
                self.say(text, "yellow")
            elif not self.only_failures:
                self.say(text)

    def error(self, record: LogRecord) -> None:
        """An exception: of a job, told with the job; of the workflow, told now."""
        text = record.getMessage().strip()
        missing = MISSING_OUTPUT.search(text)
        if missing and int(missing[1]) in self.run.jobs:
            self.failure(int(missing[1]), record.created, text.partition("\n")[2].strip())
        elif "CalledProcessError" in text and ending(text):
            self.endings.append(text)
        elif LOCKED in text:
            self.say("another run makes some of the same files: nothing was started", "red")
        elif not SAID_BETTER.match(text):
            self.say(text, "red")

    def run_info(self, record: LogRecord) -> None:
        """The jobs of the run by stage, in the order of the pipeline."""
        first = not self.run.total
        self.run.total = in_order({stage: n for stage, n in record.stats.items() if stage != "total"})
        if first and not self.common_settings.dryrun and not self.only_failures:
            self.say(f"{count(self.run.jobs_total)}: {listed(self.run.total)}")
            self.display.watch(self.run)

    def job_info(self, record: LogRecord) -> None:
        """A job starts; on a dry run, would start."""
        job = job_of(record)
        if self.common_settings.dryrun:
            self.planned.setdefault(job.stage, []).append(job)
        else:
            self.run.start(record.jobid, job)

    def job_finished(self, record: LogRecord) -> None:
        """One line per finished job."""
        ended = self.run.finish(record.job_id, record.created)
        if ended and self.job_lines:
            job, seconds = ended
            rest = outlook(self.run, record.created)
            self.say(f"{self.counter()} {job.name}  {duration(seconds)}" + (f"  ({rest})" if rest else ""), "green")

    def job_error(self, record: LogRecord) -> None:
        """A job failed."""
        job = self.run.jobs.setdefault(record.jobid, job_of(record))
        job.logs = list(record.log or job.logs)
        told = [text for text in self.endings if job.command and job.command in text]
        reason = ending(told[-1]) if told else getattr(record, "rule_msg", None) or "failed"
        self.endings = [text for text in self.endings if text not in told]
        self.failure(record.jobid, record.created, reason)

    def group_error(self, record: LogRecord) -> None:
        """A group of jobs failed; its jobs follow, here is what belongs to the group."""
        logs = "".join(f"\n  log: {path}" for path in record.aux_logs)
        self.say(f"FAILED group {record.groupid}{logs}", "bold red")

    def debug_dag(self, record: LogRecord) -> None:
        """What `--debug-dag` asks for, as Snakemake words it."""
        if self.common_settings.debug_dag:
            self.say(self.format(record))

    def failure(self, number: int, now: float, reason: str) -> None:
        """Tell at once that a job failed, with the place and the end of its log."""
        if number in self.run.failed:
            return
        job, seconds = self.run.fail(number, now)
        self.say(f"{self.counter()} FAILED {job.name} after {duration(seconds)}: {reason}", "bold red")
        shown = [f"  command: {job.command}"] if self.common_settings.printshellcmds and job.command else []
        for path in job.logs:
            lines, kept = last_lines(path, None if self.common_settings.show_failed_logs else LAST_LINES)
            shown += [f"  log: {path} ({kept})", *(f"    | {line}" for line in lines)]
        if shown:
            self.say("\n".join(shown))

    def again(self, number: int) -> None:
        """A failed job gets another attempt."""
        job = self.run.failed.pop(number, None) or self.run.jobs.get(number)
        if not self.only_failures:
            self.say(f"{self.counter()} trying again: {job.name if job else f'job {number}'}", "yellow")

    def counter(self) -> str:
        """Jobs done of all, in a fixed width."""
        total = str(self.run.jobs_total)
        return f"[{self.run.jobs_done:>{len(total)}}/{total}]"

    def close(self) -> None:
        """The end of the run: take the status away and sum up, once."""
        if not self.closed:
            self.closed = True
            self.display.close()
            if self.run.total and not self.nothing_to_do:
                lines = self.plan() if self.common_settings.dryrun else self.summary(time.time())
                for line in lines:
                    self.say(line)
        super().close()

    def plan(self) -> list[str]:
        """Dry run: per stage the number of jobs, per job the reason."""
        lines = [f"would run {count(self.run.jobs_total)}: {listed(self.run.total)}"]
        for stage, number in self.run.total.items():
            lines += ["", f"{stage}: {count(number)}"]
            for job in self.planned.get(stage, []):
                lines.append(f"  {job.unit or stage}: {job.reason}")
                if self.common_settings.printshellcmds and job.command:
                    lines.append(f"    {job.command}")
        return lines

    def summary(self, now: float) -> list[str]:
        """Jobs run, wall time by stage, failures."""
        run = self.run
        failed = [f"failed: {job.name}  {' '.join(job.logs)}".rstrip() for job in run.failed.values()]
        if self.only_failures:
            return failed
        unfinished = list(run.running.values())
        waiting = run.jobs_total - run.jobs_done - len(run.failed) - len(unfinished)
        parts = [f"{run.jobs_done} of {count(run.jobs_total)} done in {duration(now - (run.began or now))}"]
        for number, word in (
            (len(run.failed), "failed"),
            (len(unfinished), "stopped"),
            (waiting, "not started"),
        ):
            parts += [f"{number} {word}"] if number else []
        lines = ["", ", ".join(parts)]
        width = max(map(len, run.total))
        for stage in run.total:
            if stage in run.spent:
                each = f", {duration(run.useful[stage] / run.done[stage])} each" if run.done[stage] > 1 else ""
                jobs = f"{run.done[stage]} of {count(run.total[stage])}"
                lines.append(f"  {stage:<{width}}  {jobs}, {duration(run.spent[stage])} wall time{each}")
        return lines + failed + [f"stopped: {job.name}" for job in unfinished]


def job_of(record: LogRecord) -> Job:
    """The job that a record of Snakemake describes."""
    wildcards = dict(getattr(record, "wildcards", None) or {})
    said = getattr(record, "rule_msg", None) or wildcards.pop("unit", None)
    unit = said or ", ".join(f"{name}={value}" for name, value in wildcards.items())
    reason = " ".join((getattr(record, "reason", None) or "").split())
    if len(reason) > REASON_WIDTH:
        reason = f"{reason[: REASON_WIDTH - 3]}..."
    logs = list(record.log or [])
    return Job(record.rule_name, unit, record.created, logs, reason or "asked for", record.shellcmd or "")


def ending(text: str) -> str:
    """How a shell command ended, from Python's message; empty if the message says nothing of it."""
    if death := DEATH.search(text):
        return f"killed by {death[1]}"
    if not (status := EXIT_STATUS.search(text)):
        return ""
    names = {128 + number: f" ({number.name})" for number in signal.Signals}
    return f"exit status {status[1]}{names.get(int(status[1]), '')}"


def last_lines(path: str, number: int | None) -> tuple[list[str], str]:
    """The last lines of a log (all for None) without control characters, and what part of it they are."""
    try:
        with open(path, "rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(0 if number is None else max(size - TAIL_BYTES, 0))
            text = stream.read().decode(errors="replace")
    except OSError as error:
        return [], error.strerror or "not readable"
    lines = [CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2]) for line in text.rstrip().split("\n")]
    if lines == [""]:
        return [], "empty"
    if number is None or (len(lines) <= number and size <= TAIL_BYTES):
        return lines, "whole log"
    return lines[-number:], f"last {min(number, len(lines))} lines"


def count(jobs: int) -> str:
    """A number of jobs, in words."""
    return f"{jobs} job{'s' * (jobs != 1)}"


def listed(counts: dict[str, int]) -> str:
    """Numbers of jobs by stage, on one line."""
    return ", ".join(f"{stage} {number}" for stage, number in counts.items())
