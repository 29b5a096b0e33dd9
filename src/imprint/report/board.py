"""The claims board: verdicts in words, modes side by side, and the state of the instrument."""

import math
import re

import pandas as pd

from imprint.figures import style
from imprint.report.axis import Axis
from imprint.report.sources import Sources, named

VERDICTS = ("supported", "contradicted", "equivalent", "inconclusive", "untested")
SIGNS = {"supported": "●", "contradicted": "✕", "equivalent": "■", "inconclusive": "○", "untested": "◇"}


def board(
    claims: pd.DataFrame, experiments: list[dict], kind: str, axis: Axis | None = None, sources: Sources | None = None
) -> list[dict]:
    """Claims (or controls) by experiment: name, title, claims; experiments without any are left out."""
    rows = claims[claims["kind"] == kind]
    axis, sources = axis or Axis.of(rows.to_dict("records")), sources or Sources()
    groups = []
    for experiment in experiments:
        own = rows[rows["experiment"] == experiment["name"]]
        listed = [entry(own[own["claim"] == name], experiment, axis, sources) for name in pd.unique(own["claim"])]
        if listed:
            between = own["p_holm"].dropna()
            groups.append(
                {
                    "name": experiment["name"],
                    "title": experiment["title"],
                    "claims": listed,
                    "between": probability(between.iloc[0]) if len(between) else "",
                }
            )
    return groups


def entry(rows: pd.DataFrame, experiment: dict, axis: Axis, sources: Sources) -> dict:
    """One claim: its sentence, what it expects, and its tests."""
    first = rows.iloc[0]
    return {
        "key": f"{first['experiment']}-{first['claim']}",
        "says": first["says"],
        "source": first["source"],
        "measure": first["measure"] + (f" at {first['where']}" if first["where"] else ""),
        "probe": first["measure"].partition(".")[0],
        "expect": expectation(first["expect"], first["unit"]),
        "tests": [judged(row, experiment, axis, sources) for row in rows.to_dict("records")],
        "disagree": disagreement(rows),
        "post_hoc": bool(first["post_hoc"]),
        "commit": first["commit"],
    }


def judged(row: dict, experiment: dict, axis: Axis, sources: Sources) -> dict:
    """One test of a claim: what was compared and found, its place on the axis, and the stores that it is from."""
    claim = experiment.get("claims", {}).get(row["claim"], {})
    family = experiment["name"].partition(".")[0]
    places = [f"{family}.{task}" for task in claim.get("between", ())] or [experiment["name"]]
    compared = named(row["recipes"], experiment["recipes"])
    return {
        **cell(row),
        "compared": minus(row["recipes"]),
        "mode_words": mode_words(row["mode"]),
        "optimizers": compared,
        "strip": axis.strip(row),
        "sources": sources.of(places, row["measure"], compared, row["mode"].partition("/")[0]),
    }


def choices(groups: list[dict]) -> dict[str, list[str]]:
    """What the claims can be filtered by: each optimizer, probe and verdict that occurs."""
    claims = [claim for group in groups for claim in group["claims"]]
    tests = [test for claim in claims for test in claim["tests"]]
    found = {test["verdict"] for test in tests}
    return {
        "optimizer": style.ordered(name for test in tests for name in test["optimizers"]),
        "probe": sorted({claim["probe"] for claim in claims}),
        "verdict": [verdict for verdict in VERDICTS if verdict in found],
    }


def cell(row: dict) -> dict:
    """What one test found, in words and numbers."""
    return {
        "experiment": row["experiment"],
        "claim": row["claim"],
        "kind": row["kind"],
        "recipes": row["recipes"],
        "mode": row["mode"],
        "verdict": row["verdict"],
        "sign": SIGNS[row["verdict"]],
        "beyond": bool(row["beyond"]),
        "estimate": quantity(row["estimate"], row["unit"]),
        "interval": f"[{quantity(row['low'], row['unit'])}, {quantity(row['high'], row['unit'])}]",
        "tested": row["verdict"] != "untested",
        "p": probability(row["p_adjusted"]),
        "family": int(row["family"]),
        "n": f"{int(row['n'])}/{int(row['pairs_declared'])}",
        "power": power(row),
        "seeds": int(row["pairs_declared"]),
        "flags": [flag.strip() for flag in row["flags"].split(";") if flag.strip()],
    }


def disagreement(rows: pd.DataFrame) -> str:
    """A sentence where the verdict depends on the mode, else an empty one."""
    parts = []
    for recipes, own in rows.groupby("recipes", sort=False):
        if own["verdict"].nunique() > 1:
            found = [
                f"{verdict} at {' and '.join(mode_words(mode) for mode in part['mode'])}"
                for verdict, part in own.groupby("verdict", sort=False)
            ]
            parts.append(f"{minus(recipes)} is {'; '.join(found)}")
    return f"The verdict depends on the comparison mode: {'. '.join(parts)}." if parts else ""


def power(row: dict) -> str:
    """What the test can find at its n and how many seeds the margin d needs, in words; empty where it finds nothing."""
    if math.isnan(row["detectable"]):
        return ""
    shown = "shows ±" if row["expect"].startswith("equal_within") else "finds "
    told = shown + quantity(row["detectable"], row["unit"])
    if math.isfinite(row["n_needed"]):
        told += f", d needs n = {row['n_needed']:.0f}"
    elif not math.isnan(row["n_needed"]):
        told += ", no number of seeds shows d"
    if row["sd_from"] == "search":
        return f"{told} (sd of the search, {row['sd_df']:.0f} df)"
    return told + (" (sd declared)" if row["sd_from"] == "declared" else "")


def instrument(claims: pd.DataFrame) -> dict:
    """State of the controls: how many there are, and those that did not come out."""
    controls = claims[claims["kind"] == "control"]
    failed = controls[controls["verdict"] != "supported"].to_dict("records")
    return {
        "total": len(controls),
        "failed": [{**cell(row), "says": row["says"], "mode_words": mode_words(row["mode"])} for row in failed],
    }


def tally(rows: pd.DataFrame) -> list[dict]:
    """Number of tests with each verdict that occurs."""
    counts = rows["verdict"].value_counts()
    return [{"verdict": v, "sign": SIGNS[v], "count": int(counts[v])} for v in VERDICTS if v in counts]


def mode_words(mode: str) -> str:
    """Words of a mode: steps/best/matched_loss is steps · best · matched loss; "fixed" is not named."""
    return " · ".join(part.replace("_", " ") for part in mode.split("/") if part != "fixed")


def expectation(expect: str, unit: str) -> str:
    """What a claim expects, for a reader: "greater_by 0.02" is a positive effect of which 0.02 matters."""
    form, _, bound = expect.partition(" ")
    number = bound.strip("[]") if form == "within" else quantity(float(bound), unit)
    return {
        "greater_by": f"a positive difference; smallest of interest d = {number}",
        "less_by": f"a negative difference; smallest of interest d = {number}",
        "equal_within": f"a difference within ±{number}",
        "at_most": f"at most {number}",
        "at_least": f"at least {number}",
        "within": f"between {number.replace(',', ' and')}",
    }[form]


def quantity(value: float, unit: str = "1") -> str:
    """Three significant digits with a true minus sign and the unit; a fraction is printed in per cent."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else minus(f"{value}".replace("inf", "∞"))
    scaled, suffix = (100 * value, " %") if unit == "fraction" else (value, "" if unit in ("", "1") else f" {unit}")
    return minus(f"{scaled:.3g}") + suffix


def probability(p: float) -> str:
    """A p value to two significant digits, not below 0.001."""
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def minus(text: str) -> str:
    """Hyphens that stand for minus, before a number, in an exponent or between recipes, as the sign."""
    return re.sub(r"(?<![\w)])-(?=[\d∞])|(?<=\de)-|(?<= )-(?= )", "−", text)
