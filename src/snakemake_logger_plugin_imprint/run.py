"""The state of one run of the pipeline: its jobs, how long they took, and how long the rest may take."""

from collections import Counter
from dataclasses import dataclass, field

STAGES = (
    *("data", "recipe", "search", "select", "train", "vary", "probe"),
    *("gather", "calibrate", "claims", "multiverse", "figure", "finding", "report", "profile", "publish"),
)
TARGET = "all"


@dataclass
class Job:
    """One job: its stage (the rule), its name (the rule's message, else its unit), when it began (seconds)."""

    stage: str
    unit: str
    started: float
    logs: list[str] = field(default_factory=list)
    reason: str = ""
    command: str = ""

    @property
    def name(self) -> str:
        """Stage and unit, as on the command line."""
        return f"{self.stage} {self.unit}".rstrip()


class Run:
    """Counts and times by stage.

    Methods that read copy what they iterate over, so that a display may call them from its own thread.
    """

    def __init__(self) -> None:
        self.total: dict[str, int] = {}
        self.jobs: dict[int, Job] = {}
        self.running: dict[int, Job] = {}
        self.failed: dict[int, Job] = {}
        self.done: Counter[str] = Counter()
        self.useful: Counter[str] = Counter()
        self.spent: Counter[str] = Counter()
        self.began: float | None = None

    def start(self, number: int, job: Job) -> None:
        """A job starts, or starts again."""
        self.began = job.started if self.began is None else self.began
        self.failed.pop(number, None)
        self.jobs[number] = self.running[number] = job

    def finish(self, number: int, now: float) -> tuple[Job, float] | None:
        """A job ended well: the job and its seconds, None if it is not known."""
        ended = self.stop(number, now)
        if ended:
            job, seconds = ended
            self.done[job.stage] += 1
            self.useful[job.stage] += seconds
        return ended

    def fail(self, number: int, now: float) -> tuple[Job, float]:
        """A known job failed: the job and its seconds, 0 if it was not running."""
        ended = self.stop(number, now) or (self.jobs[number], 0.0)
        self.failed[number] = ended[0]
        return ended

    def stop(self, number: int, now: float) -> tuple[Job, float] | None:
        """An attempt is over; its seconds count for its stage."""
        job = self.running.pop(number, None)
        if job is None:
            return None
        self.spent[job.stage] += now - job.started
        return job, now - job.started

    @property
    def jobs_total(self) -> int:
        """Number of jobs of the run."""
        return sum(dict(self.total).values())

    @property
    def jobs_done(self) -> int:
        """Number of jobs that ended well."""
        return sum(dict(self.done).values())

    def left(self) -> dict[str, int]:
        """Jobs that run or have yet to run, by stage, in the order of the pipeline."""
        over = Counter(self.done) + Counter(job.stage for job in list(self.failed.values()))
        counts = {stage: count - over[stage] for stage, count in dict(self.total).items()}
        return {stage: count for stage, count in counts.items() if count > 0}

    def seconds_left(self, now: float) -> tuple[float | None, int]:
        """Estimated seconds to the end, and the number of jobs of stages that nothing is known about yet.

        Work left / parallelism: sum over stages of (jobs left x mean seconds of the stage) less what running
        jobs have done of it, over the mean number of jobs that ran at a time. None before a job ended.
        """
        useful, spent, running = dict(self.useful), dict(self.spent), list(self.running.values())
        mean = {stage: useful[stage] / count for stage, count in dict(self.done).items() if count}
        left = self.left()
        untimed = sum(count for stage, count in left.items() if stage not in mean and stage != TARGET)
        busy = sum(spent.values()) + sum(now - job.started for job in running)
        if self.began is None or not mean or busy <= 0 or now <= self.began:
            return None, untimed
        work = sum(count * mean[stage] for stage, count in left.items() if stage in mean)
        work -= sum(min(now - job.started, mean[job.stage]) for job in running if job.stage in mean)
        return max(0.0, work) * (now - self.began) / busy, untimed


def in_order(counts: dict[str, int]) -> dict[str, int]:
    """Counts by stage in the order of the pipeline, other rules after them as they came."""
    places = {stage: place for place, stage in enumerate(STAGES)}
    return dict(sorted(counts.items(), key=lambda item: places.get(item[0], len(places))))


def duration(seconds: float) -> str:
    """Seconds for a reader: `0.4 s`, `42 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes_ = divmod(minutes, 60)
    return f"{hours} h {minutes_:02d} min" if hours else f"{minutes} min {rest:02d} s"


def outlook(run: Run, now: float) -> str:
    """Estimated time left, in words; empty while nothing is known or nothing is left."""
    seconds, untimed = run.seconds_left(now)
    if seconds is None or not set(run.left()) - {TARGET}:
        return ""
    rest = f" + {untimed} job{'s' * (untimed > 1)} of stages not timed yet" if untimed else ""
    return f"about {duration(seconds)} left{rest}"
