"""The page of one experiment: question, protocol, verdicts, one figure, wall time, deviations."""

import json
from collections.abc import Iterable
from pathlib import Path

import jinja2
import pandas as pd

from imprint.report import board, protocol
from imprint.report.board import cell, minus, mode_words

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

| statement | {{ "task | " if several }}recipes | mode | effect [interval] | p adjusted (tests) | n | verdict |
|---|{{ "---|" if several }}---|---|---|---|---|---|
{% for row in rows %}
| {{ row | join(" | ") }} |
{% endfor %}
{% endfor %}

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
    study: str, parts: list[dict], claims: pd.DataFrame, seconds: dict[str, float], image: str, caption: str
) -> str:
    """Return the page as Markdown.

    Args:
        study: name of the study.
        parts: the resolved experiment, one part for each task.
        claims: the verdicts of these parts, columns of :mod:`imprint.claims.table`.
        seconds: wall time by stage, of the jobs that this experiment needs.
        image: address of the figure from the page, empty for none.
        caption: the figure's.
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
        parts=[{"task": task(part), "protocol": _protocol(part)} for part in parts],
        deviations=first.get("deviations", []),
        cost=cost(seconds),
        study=study.partition(".")[0],
        experiment=first["name"].partition(".")[0],
    )


def task(part: dict) -> str:
    """Return which of an experiment's tasks a part is, empty for the only one."""
    return part["name"].partition(".")[2]


def _protocol(part: dict) -> list[tuple[str, str]]:
    return [(term, words) for term, words in protocol.declared(part) if term != "deviation"]


def summary(claims: pd.DataFrame) -> str:
    """Return the verdicts in one sentence, and whether the instrument's controls came out."""
    counted = [f"{part['count']} {part['verdict']}" for part in board.tally(claims[claims["kind"] == "claim"])]
    state = board.instrument(claims)
    failed = len(state["failed"])
    controls = f"all {state['total']} came out" if not failed else f"{failed} of {state['total']} did not come out"
    told = f"Claims: {', '.join(counted) or 'none'}"
    return f"{told}. Controls: {controls if state['total'] else 'none'}."


def line(row: dict, several: bool) -> list[str]:
    """Return a row of the table of verdicts in words; with the task where there are several."""
    found = cell(row)
    verdict = f"**{row['verdict']}**" + (", beyond d" if found["beyond"] else "")
    return [
        row["says"].replace("|", "\\|"),
        *([task({"name": row["experiment"]})] if several else []),
        minus(row["recipes"]),
        mode_words(row["mode"]) + (f", {row['where']}" if row["where"] else ""),
        f"{found['estimate']} {found['interval']}" if found["tested"] else found["estimate"],
        f"{found['p']} ({found['family']})" if found["tested"] else "–",
        found["n"],
        verdict + (f" ({'; '.join(found['flags'])})" if found["flags"] else ""),
    ]


def cost(seconds: dict[str, float]) -> str:
    """Return the wall time of the jobs in words: on one core each."""
    if not seconds:
        return "No job of it was timed."
    stages = ", ".join(f"{stage} {duration(value)}" for stage, value in seconds.items())
    return f"{duration(sum(seconds.values()))} of one core: {stages}."


def duration(seconds: float) -> str:
    """Return seconds, or minutes and seconds.

    >>> duration(3.21), duration(127)
    ('3.2 s', '2 min 7 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def wall_times(stores: Iterable[Path], benchmarks: Path) -> dict[str, float]:
    """Return the wall time by stage, in seconds, of the jobs that made these stores; those not timed are left out."""
    seconds: dict[str, float] = {}
    for store in stores:
        file = benchmarks / store.parent.name / (store.name.partition(".zarr")[0] + ".jsonl")
        if file.is_file():
            last = file.read_text(encoding="utf-8").splitlines()[-1]
            seconds[store.parent.name] = seconds.get(store.parent.name, 0.0) + float(json.loads(last)["s"])
    return seconds
