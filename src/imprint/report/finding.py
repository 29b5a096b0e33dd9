"""The page of one experiment: question, protocol, verdicts, one figure, wall time, deviations."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd

from imprint import benchmarks
from imprint.report import board, multiverse, protocol
from imprint.report.board import cell, minus, mode_words

PAUSE = 60.0
"""Seconds without a job from which a study counts as interrupted."""


@dataclass(frozen=True)
class TimedJob:
    """A job that ran for ``seconds`` until ``end``, in seconds since the epoch."""

    stage: str
    end: float
    seconds: float

    @property
    def start(self) -> float:
        """When it began."""
        return self.end - self.seconds


PAGE = """\
# {{ title }}

{{ question }}

*{{ summary }}*
{% if image %}

![{{ caption }}]({{ image }})

{{ caption }}
{% endif %}

## Verdicts
{% for kind, rows in kinds %}

### {{ kind }}

| statement | {{ "task | " if several }}recipes | mode | effect [interval] | p adjusted (tests) | n | power | verdict |
|---|{{ "---|" if several }}---|---|---|---|---|---|---|
{% for row in rows %}
| {{ row | join(" | ") }} |
{% endfor %}
{% endfor %}

{% if disagreements %}
### Where the comparison modes disagree

{% for text in disagreements %}
- {{ text }}
{% endfor %}

{% endif %}
Power: what a test "finds" comes out with probability 0.8 at this n, this number of tests and this spread; d is the
smallest effect of interest. The least p that n pairs give is 2/2^n.{% if commits %} {{ commits }}{% endif %}

{% if under %}

## Under other choices

Exploration: the statements judged again as other analysts might have set them up, on tuning seeds, each choice a family
of its own. The verdicts above stay as they are. A dash: the choice changes nothing for the recipes compared.

{% for cells in under %}
| {{ cells | join(" | ") }} |
{% if loop.first %}
|{{ "---|" * cells | length }}
{% endif %}
{% endfor %}
{% endif %}

## Protocol
{% for part in parts %}
{% if several %}

### {{ part.task }}
{% endif %}

{% for term, words in part.protocol %}
- **{{ term }}**: {{ words }}
{% endfor %}
{% endfor %}

## Deviations from the published protocols

{% for text in deviations %}
- {{ text }}
{% else %}
None is known.
{% endfor %}

## Cost

{{ cost }}

Run it again: `make study STUDY={{ study }} ONLY={{ experiment }}`.
"""


def page(
    study: str,
    parts: list[dict],
    claims: pd.DataFrame,
    jobs: list[TimedJob],
    image: str,
    caption: str,
    under: pd.DataFrame | None = None,
) -> str:
    """Return the page as Markdown.

    Args:
        study: name of the study.
        parts: the resolved experiment, one part for each task.
        claims: the verdicts of these parts, columns of :mod:`imprint.claims.table`.
        jobs: when the jobs ran that this experiment needs.
        image: address of the figure from the page, empty for none.
        caption: the figure's.
        under: the verdicts under other choices, columns of :mod:`imprint.claims.multiverse`.
    """
    first = parts[0]
    several = len(parts) > 1
    literature = claims[claims["kind"] == "claim"]
    kinds = [("Claims", literature), ("Controls", claims[claims["kind"] == "control"])]
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(PAGE).render(
        title=first["title"].removesuffix(f" ({task(first).replace('_', ' ')})"),
        question=first["question"],
        summary=summary(claims),
        image=image,
        caption=caption,
        kinds=[(kind, [line(row, several) for row in rows.to_dict("records")]) for kind, rows in kinds if len(rows)],
        several=several,
        disagreements=disagreements(claims),
        commits=commits(claims),
        under=multiverse.grid(under),
        parts=[{"task": task(part), "protocol": protocol.declared(part)} for part in parts],
        deviations=first.get("deviations", []),
        cost=cost(jobs),
        study=study.partition(".")[0],
        experiment=first["name"].partition(".")[0],
    )


def task(part: dict) -> str:
    """Return which of an experiment's tasks a part is, empty for the only one."""
    return part["name"].partition(".")[2]


def summary(claims: pd.DataFrame) -> str:
    """Return the verdicts in one sentence, and whether the instrument's controls came out."""
    counted = [f"{part['count']} {part['verdict']}" for part in board.tally(claims[claims["kind"] == "claim"])]
    state = board.instrument(claims)
    failed = len(state["failed"])
    controls = f"all {state['total']} came out" if not failed else f"{failed} of {state['total']} did not come out"
    late = claims.loc[claims["post_hoc"], ["experiment", "claim"]].drop_duplicates()
    told = f"Claims: {', '.join(counted) or 'none'}" + (
        f" (post hoc: {counted_as(len(late), 'statement')})" if len(late) else ""
    )
    return f"{told}. Controls: {controls if state['total'] else 'none'}."


def counted_as(count: int, word: str) -> str:
    """Return a number with its noun.

    >>> counted_as(1, "claim"), counted_as(2, "claim")
    ('1 claim', '2 claims')
    """
    return f"{count} {word}{'s' if count != 1 else ''}"


def line(row: dict, several: bool) -> list[str]:
    """Return a row of the table of verdicts in words; with the task where there are several."""
    found = cell(row)
    verdict = f"**{row['verdict']}**" + (", beyond d" if found["beyond"] else "")
    verdict += ", post hoc" if row["post_hoc"] else ""
    return [
        row["says"].replace("|", "\\|"),
        *([task({"name": row["experiment"]})] if several else []),
        minus(row["recipes"]),
        mode_words(row["mode"]) + (f", {row['where']}" if row["where"] else ""),
        f"{found['estimate']} {found['interval']}" if found["tested"] else found["estimate"],
        f"{found['p']} ({found['family']})" if found["tested"] else "–",
        found["n"],
        found["power"] or "–",
        verdict + (f" ({'; '.join(found['flags'])})" if found["flags"] else ""),
    ]


def disagreements(claims: pd.DataFrame) -> list[str]:
    """Return a sentence for each statement whose verdict depends on the comparison mode."""
    found = []
    for (experiment, _), rows in claims.groupby(["experiment", "claim"], sort=False):
        if told := board.disagreement(rows):
            of = task({"name": experiment})
            found.append(f"{rows['says'].iloc[0]}{f' ({of})' if of else ''} {told}")
    return found


def commits(claims: pd.DataFrame) -> str:
    """Return since which commits the statements stand as they do, empty where none is known."""
    known = claims.loc[claims["commit"] != "", ["claim", "commit"]].drop_duplicates()
    groups = [f"{', '.join(own['claim'])} since `{commit}`" for commit, own in known.groupby("commit", sort=False)]
    return f"Statements that stand as they do in git: {'; '.join(groups)}." if groups else ""


def cost(jobs: list[TimedJob]) -> str:
    """Return in words what the jobs took: added up by stage, each on one core, and from the first to the last."""
    if not jobs:
        return "No job of it was timed."
    seconds: dict[str, float] = {}
    for job in jobs:
        seconds[job.stage] = seconds.get(job.stage, 0.0) + job.seconds
    stages = ", ".join(f"{stage} {duration(value)}" for stage, value in seconds.items())
    return f"Wall time {duration(elapsed(jobs))}; {duration(sum(seconds.values()))} of one core: {stages}."


def elapsed(jobs: list[TimedJob]) -> float:
    """Return the seconds from the first job's start to the last one's end, without pauses longer than `PAUSE`.

    >>> elapsed([TimedJob("train", end=10, seconds=10), TimedJob("train", 12, 9), TimedJob("probe", 503, 1)])
    13.0
    """
    total, until = 0.0, -math.inf
    for job in sorted(jobs, key=lambda job: job.start):
        pause = job.start - until
        total += max(0.0, job.end - (until if pause <= PAUSE else job.start))
        until = max(until, job.end)
    return total


def duration(seconds: float) -> str:
    """Return seconds, or minutes and seconds.

    >>> duration(3.21), duration(127)
    ('3.2 s', '2 min 7 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def timed(stores: Iterable[Path], folder: Path) -> list[TimedJob]:
    """Return when the jobs ran that made these stores, from their benchmark files; those not timed are left out."""
    jobs = []
    for store in stores:
        file = folder / store.parent.name / (store.name.partition(".zarr")[0] + ".jsonl")
        if (seconds := benchmarks.seconds(file)) is not None:
            jobs.append(TimedJob(store.parent.name, file.stat().st_mtime, seconds))
    return jobs
