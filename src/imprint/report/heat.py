"""The atlas on the page: a table of measures by optimizers for each experiment and mode, against a reference."""

import itertools
import math

import pandas as pd

from imprint.claims import against
from imprint.claims.against import Against
from imprint.claims.attainable import ALPHA
from imprint.claims.readings import Mode
from imprint.figures import frames
from imprint.report.board import minus, mode_words, probability

FULL = 4.0
"""Effect, in standard deviations of the paired differences, from which on a cell has its full colour."""
DEEPEST = 45
"""Per cent of the full colour in a cell, at most: text stays readable on it."""


def modes(experiment: dict) -> list[Mode]:
    """Where an experiment's runs are compared: each stop rule, selection and snapshot that comparisons read."""
    selects = list(experiment.get("select") or ()) or ["fixed"]
    snapshots = frames.endpoint([*(experiment.get("snapshots") or ()), "final"])
    return [Mode(*place) for place in itertools.product(experiment["stop"], selects, snapshots)]


def section(experiment: dict, found: Against, table: pd.DataFrame) -> dict:
    """What the page shows of one experiment.

    Args:
        experiment: as resolved.
        found: what :func:`imprint.claims.against.against` found.
        table: its rows as :func:`imprint.claims.against.between` adjusted them.
    """
    places = {key: place for place, key in enumerate(measures(found))}
    names = {mode: place for place, mode in enumerate(dict.fromkeys(mode for mode, *_ in found.value))}
    return {
        "name": experiment["name"],
        "title": experiment["title"],
        "reference": against.reference(experiment["recipes"]),
        "recipes": list(pd.unique(table["recipe"])),
        "tables": [
            {
                "mode": mode_words(mode),
                "tests": int(rows["family"].max()),
                "sure": int(sure(rows).sum()),
                "between": probability(rows["p_holm"].iloc[0]),
                "probes": [
                    {"name": probe.replace("_", " "), "rows": list(_lines(own, places, names[mode]))}
                    for probe, own in rows.groupby(rows["measure"].str.partition(".")[0], sort=False)
                ],
            }
            for mode, rows in table.groupby("mode", sort=False)
        ],
    }


def measures(found: Against) -> list[tuple[str, str]]:
    """Measures and labels that are compared at some mode, in their order."""
    return list(dict.fromkeys((measure, where) for _, measure, where in found.value))


def sure(rows: pd.DataFrame) -> pd.Series:
    """Whether a difference is significant after correction: its simultaneous interval excludes zero."""
    return rows["p_adjusted"] <= 2 * ALPHA


def _lines(rows: pd.DataFrame, places: dict, mode: int):
    """Yield a line per measure and labels, with a cell per recipe."""
    for (measure, where), own in rows.groupby(["measure", "where"], sort=False):
        label = where.partition("=")[2]
        name = measure.partition(".")[2].replace("_", " ")
        cells = [
            {**cell(row), "key": f"{mode} {places[measure, where]} {row['recipe']}"} for row in own.to_dict("records")
        ]
        yield {"says": f"{name} · {label}" if label else name, "measure": measure, "cells": cells}


def cell(row: dict) -> dict:
    """An effect as text, and how deep its colour is: none where it is not significant.

    >>> cell({"effect": 2.34, "p_adjusted": 0.02, "found": "more", "estimate": 1.0, "flags": ""})
    {'text': '+2.3', 'way': 'more', 'depth': 26, 'flags': ''}
    >>> cell({"effect": -0.2, "p_adjusted": 0.9, "found": "not told apart", "estimate": -1.0, "flags": ""})["way"]
    ''
    """
    effect, way = row["effect"], row["found"] if row["p_adjusted"] <= 2 * ALPHA else ""
    depth = 0 if not way else round(DEEPEST * min(abs(effect), FULL) / FULL)
    if row["found"] == "untested":
        text = "–"
    elif row["estimate"] == 0:
        text = "0"
    elif math.isinf(effect):
        text = "+∞" if effect > 0 else "−∞"
    else:
        text = minus(f"{round(effect, 1) + 0.0:+.1f}" if abs(effect) < 9.95 else f"{effect:+.0f}")
    return {"text": text, "way": way, "depth": depth, "flags": row["flags"]}
