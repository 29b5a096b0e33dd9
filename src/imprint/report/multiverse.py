"""What the page says of the multiverse: how often a choice keeps the verdict, and where it turns it."""

import pandas as pd

from imprint.claims.multiverse import CHOSEN, DECLARED
from imprint.report.board import minus, mode_words, quantity

WORDS = {
    DECLARED: "as declared",
    CHOSEN: "at the chosen setting on tuning seeds",
    "below": "at the next lower setting",
    "above": "at the next higher setting",
    "default": "at the default of the optimizer's class",
    "half_batch": "with half the batch",
    "double_batch": "with twice the batch",
    "no_decay": "without decay",
}
KEYS = ["experiment", "claim", "mode"]


def section(table: pd.DataFrame | None) -> dict:
    """Return ``claims`` and ``tests`` that were judged again, how many ``kept`` their verdict, ``seeds``, ``turned``.

    ``turned`` has a sentence for each claim and mode that is supported under one choice and contradicted under another.
    """
    if table is None or table.empty:
        return {"tests": 0}
    groups = [rows for _, rows in table.groupby(KEYS, sort=False)]
    again = table[table["choice"] != DECLARED]
    return {
        "claims": len(table[KEYS[:2]].drop_duplicates()),
        "tests": len(again),
        "kept": sum(int((rows["verdict"] == rows["verdict"].iloc[0]).sum()) - 1 for rows in groups),
        "seeds": sorted(set(again["pairs_declared"].tolist())),
        "turned": [sentence(rows) for rows in groups if {"supported", "contradicted"} <= set(rows["verdict"])],
    }


def grid(table: pd.DataFrame | None) -> list[list[str]]:
    """Return a heading and a row for each statement, recipes and mode: verdict and estimate under every choice."""
    if table is None or table.empty:
        return []
    choices = [choice for choice in WORDS if choice in set(table["choice"])]
    lines = [["statement", "recipes", "mode", *(choice.replace("_", " ") for choice in choices)]]
    for _, rows in table.groupby([*KEYS, "recipes"], sort=False):
        first, by_choice = rows.iloc[0], {row["choice"]: row for row in rows.to_dict("records")}
        of = first["experiment"].partition(".")[2].replace("_", " ")
        head = [first["says"].replace("|", "\\|") + (f" ({of})" if of else ""), minus(first["recipes"])]
        lines.append([*head, mode_words(first["mode"]), *(_cell(by_choice.get(choice)) for choice in choices)])
    return lines


def _cell(row: dict | None) -> str:
    if row is None:
        return "–"
    estimate = "" if row["verdict"] == "untested" else f" {quantity(row['estimate'], row['unit'])}"
    return f"**{row['verdict']}**{estimate}" if row["turned"] else f"{row['verdict']}{estimate}"


def sentence(rows: pd.DataFrame) -> str:
    """Say under which choices a claim has which verdict, with estimates and intervals of those that are decided."""
    first = rows.iloc[0]
    stop, _, snapshot = (part.replace("_", " ") for part in first["mode"].split("/"))
    decided = rows[rows["verdict"].isin(["supported", "contradicted"]) | (rows["choice"] == DECLARED)]
    parts = []
    for verdict, own in decided.groupby("verdict", sort=False):
        under = ", ".join(f"{WORDS[row['choice']]} ({told(row)})" for row in own.to_dict("records"))
        parts.append(f"{verdict} {under}")
    return f"{first['says']} {minus(first['recipes'])}, {stop} · {snapshot}: {'; '.join(parts)}."


def told(row: dict) -> str:
    """An estimate with its interval where it was tested.

    >>> told({"verdict": "supported", "estimate": 0.2, "low": 0.1, "high": 0.3, "unit": "fraction"})
    '20 % [10 %, 30 %]'
    """
    estimate, low, high = (quantity(row[key], row["unit"]) for key in ("estimate", "low", "high"))
    return estimate + ("" if row["verdict"] == "untested" else f" [{low}, {high}]")
