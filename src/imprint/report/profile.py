"""The page of one recipe: which known ones it resembles, where it differs, how it tunes, what a step costs."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from imprint.claims import contrasts, resemblance
from imprint.claims.readings import Readings
from imprint.claims.resemblance import Resemblance
from imprint.figures import frames, search, style
from imprint.report import inline, profile_drawings, protocol
from imprint.report.board import probability, quantity
from imprint.report.build import environment

REFERENCES = ("sgd", "adam", "muon")
"""The recipes that a profiled one is always compared with, where an experiment has them."""

SIGNS = {"higher": "▲", "lower": "▼", "equivalent": "■", "inconclusive": "○", "untested": "◇"}
DECIDED = ("higher", "lower", "equivalent")
LEAST_OTHERS = 2
RESEMBLANCE = {"distance_K": "estimate", "low_K": "low", "high_K": "high", "farther_K": "p_adjusted"}


@dataclass(frozen=True)
class Found:
    """What was found of a recipe.

    Attributes:
        recipe: its name.
        contrasts: rows of :func:`imprint.claims.contrasts.contrasts`, of all experiments.
        near: its resemblance in each experiment by name, where there are enough others.
        whole: its resemblance over those experiments together, of the recipes that all of them have.
        costs: passes of a step and its time over that of SGD by recipe, or why they are not known.
    """

    recipe: str
    contrasts: pd.DataFrame
    near: dict[str, Resemblance]
    whole: Resemblance | None
    costs: dict[str, tuple[float, float] | str] = field(default_factory=dict)

    @property
    def best(self) -> Resemblance | None:
        """The resemblance that the page opens with."""
        return self.whole or next(iter(self.near.values()), None)

    def table(self) -> pd.DataFrame:
        """Return all numbers as one table: rows of kind ``contrast`` and ``resemblance``."""
        rows = [self.contrasts.assign(kind="contrast")]
        for experiment, near in [("all", self.whole), *self.near.items()]:
            if near:
                numbers = {name: getattr(near, key) for key, name in RESEMBLANCE.items()}
                about = {"kind": "resemblance", "experiment": experiment, "other": near.others, "n": near.n}
                rows.append(pd.DataFrame({**about, **numbers}))
        return pd.concat(rows, ignore_index=True)[["kind", *contrasts.COLUMNS]]


def references(experiment: dict, recipe: str) -> list[str]:
    """Return whom a recipe is compared with: those of `REFERENCES` that are there, else the experiment's first."""
    others = [name for name in experiment["recipes"] if name != recipe]
    return [name for name in REFERENCES if name in others] or others[:1]


def find(atlas: xr.DataTree, experiments: list[dict], recipe: str, costs: dict) -> Found:
    """Compare a recipe with the known ones in every experiment.

    Args:
        atlas: of the study.
        experiments: resolved, all of which have the recipe.
        recipe: its name.
        costs: as in `Found`.
    """
    tables = [contrasts.contrasts(atlas, each, recipe, references(each, recipe)) for each in experiments]
    parts = {}
    for experiment in experiments:
        modes = contrasts.matched(experiment)
        if modes and len(experiment["recipes"]) > LEAST_OTHERS:
            parts[experiment["name"]] = resemblance.imprints(atlas, experiment, modes[0].at)
    parts = {name: part for name, part in parts.items() if part.x_RNF.shape[-1]}
    near = {name: resemblance.resemblance(part, recipe) for name, part in parts.items()}
    joined = resemblance.together(list(parts.values())) if len(parts) > 1 else None
    enough = joined is not None and len(joined.recipes) > LEAST_OTHERS and joined.seeds
    whole = resemblance.resemblance(joined, recipe) if enough else None
    return Found(recipe, pd.concat(tables, ignore_index=True), near, whole, costs)


def build(atlas: xr.DataTree, claims: pd.DataFrame, experiments: list[dict], found: Found, about: dict, out: Path):
    """Write the page as one HTML file that fetches nothing.

    Args:
        atlas: of the study.
        claims: its table of verdicts, for the controls.
        experiments: resolved, in the order of their sections.
        found: what was found.
        about: ``entry``, the recipe as YAML; ``study`` and ``plan``, names; ``cost_where``; ``versions`` by library.
        out: the file to write.
    """
    page = environment().get_template("profile.html")
    content = {
        "recipe": found.recipe,
        "answer": answer(found),
        "near": pictures(found),
        "costs": cost_rows(found),
        "experiments": [section(atlas, claims, each, found) for each in experiments],
        "signs": SIGNS,
        **about,
    }
    out.write_text(page.render(**content), encoding="utf-8")


def answer(found: Found) -> list[str]:
    """Return what was found in a few sentences."""
    return [*_resembles(found), *_differs(found), *_costs(found)]


def _resembles(found: Found) -> list[str]:
    best = found.best
    if best is None or not np.isfinite(best.distance_K[0]):
        return ["With too few known recipes beside it, nothing can be said of which it resembles."]
    first, *alike = best.nearest
    said = f"Its solutions resemble those of {first} most: {best.distance_K[0]:.2f} apart"
    if np.isfinite(best.typical):
        said += f", where two known recipes are {best.typical:.2f} apart and its own seeds {best.own:.2f}"
    said += f". {listed(alike)} cannot be told to be farther." if alike else ". All others are farther."
    return [said]


def _differs(found: Found) -> list[str]:
    table, said = found.contrasts, []
    for what, words in (("loss", "At equal training loss"), ("passes", "At equal passes")):
        own = table[table["matched"] == what]
        parts = []
        for other, rows in own.groupby("other", sort=False):
            parts.append(f"from {other} on {rows['word'].isin(('higher', 'lower')).sum()} of {len(rows)} measures")
        said += [f"{words} it differs {listed(parts)}."] if parts else []
    return said


def _costs(found: Found) -> list[str]:
    own = found.costs.get(found.recipe)
    if own is None or isinstance(own, str):
        return []
    said = f"A step makes {quantity(own[0])} forward-backward pass{'es' * (own[0] != 1)}"
    times = [
        f"{own[1] / cost[1]:.1f} times {name}'s" for name, cost in found.costs.items() if _other(name, cost, found)
    ]
    return [said + (f" and takes {listed(times)}." if times else ".")]


def _other(name: str, cost: tuple | str, found: Found) -> bool:
    return name != found.recipe and not isinstance(cost, str)


def listed(words: list[str]) -> str:
    """Return words as a person lists them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def pictures(found: Found) -> list[dict]:
    """Return the resemblance over all experiments and in each one: a picture and its numbers."""
    if found.whole:
        named = [("all experiments", found.whole), *found.near.items()]
    else:
        named = list(found.near.items())
    return [
        {
            "name": name,
            "key": f"near-{place}",
            **picture(profile_drawings.distances(near, found.recipe), f"near-{place}"),
            "rows": near_rows(near),
            "n": near.n,
            "features": near.features,
        }
        for place, (name, near) in enumerate(named)
    ]


def picture(drawing, prefix: str) -> dict:
    """Return a drawing for the page, with its natural width."""
    svg = style.as_svg(drawing)
    return {"svg": inline.inline(svg, prefix), "width": inline.width(svg)}


def near_rows(near: Resemblance) -> list[dict]:
    """Return a row per known recipe, the nearest first."""
    columns = zip(near.others, near.distance_K, near.low_K, near.high_K, near.farther_K, strict=True)
    return [
        {
            "other": other,
            "distance": quantity(distance),
            "interval": f"[{quantity(low)}, {quantity(high)}]" if np.isfinite(high) else "–",
            "farther": "the nearest" if place == 0 else probability(p),
        }
        for place, (other, distance, low, high, p) in enumerate(columns)
    ]


def cost_rows(found: Found) -> list[dict]:
    """Return a row per recipe: passes of a step, its time over SGD's, and hers over it."""
    own = found.costs.get(found.recipe)
    rows = []
    for name, cost in found.costs.items():
        if isinstance(cost, str):
            rows.append({"name": name, "passes": "–", "times": cost, "hers": "–"})
            continue
        hers = "–" if isinstance(own, str) else f"{own[1] / cost[1]:.2f}"
        rows.append({"name": name, "passes": quantity(cost[0]), "times": f"{cost[1]:.2f}", "hers": hers})
    return rows


def section(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict, found: Found) -> dict:
    """Return what the page says of one experiment."""
    name, recipe = experiment["name"], found.recipe
    table = found.contrasts[found.contrasts["experiment"] == name]
    controls = claims[(claims["experiment"] == name) & (claims["kind"] == "control") & (claims["recipes"] == recipe)]
    return {
        "name": name,
        "key": name.replace(".", "-"),
        "title": experiment["title"],
        "question": experiment["question"],
        "others": references(experiment, recipe),
        "absent": [other for other in REFERENCES if other not in experiment["recipes"]],
        "seeds": len(experiment["seeds"]),
        "family": int(table["family"].max()) if len(table) else 0,
        "modes": modes(atlas, experiment, table, recipe),
        "controls": controls[["says", "verdict", "flags", "mode"]].to_dict("records"),
        "runs": [row for row in protocol.training(atlas, experiment) if row["recipe"] == recipe],
        "tuning": tuning(atlas, claims, experiment, recipe),
    }


def modes(atlas: xr.DataTree, experiment: dict, table: pd.DataFrame, recipe: str) -> list[dict]:
    """Return the comparisons at equal loss and at equal passes; what is not stored is said in words."""
    there = {mode.what: mode for mode in contrasts.matched(experiment)}
    readings, others = Readings(atlas, experiment), references(experiment, recipe)
    shown = []
    for what, heading in (("loss", "At equal training loss"), ("passes", "At equal passes")):
        if what not in there:
            shown.append(
                {"heading": heading, "rule": "", "notes": [missing(what, experiment)], "rows": [], "quiet": []}
            )
            continue
        mode = there[what]
        (at,) = readings.modes("profile", mode.at)
        unequal = contrasts.unequal_passes(readings, at, recipe, others) if what == "passes" else {}
        notes = [
            f"Not equal for {other}: by then {recipe} made {quantity(own)} passes and {other} {quantity(its)}; "
            "the two are compared at equal steps."
            for other, (own, its) in unequal.items()
        ]
        rows = [row(part) for _, part in table[table["matched"] == what].groupby(["measure", "where"], sort=False)]
        decided = sorted((each for each in rows if each["decided"]), key=lambda each: -each["effect"])
        quiet = [each for each in rows if not each["decided"]]
        shown.append({"heading": heading, "rule": mode.rule, "notes": notes, "rows": decided, "quiet": quiet})
    return shown


def missing(what: str, experiment: dict) -> str:
    """Return why an experiment has no comparison of a kind."""
    if what == "loss":
        return "Not stored here: no run is kept at a training loss. A snapshot such as {train_loss: 0.1} would."
    rules = listed([name for name, rule in experiment["stop"].items() if "train_loss" in rule])
    return (
        f"Not stored here: runs end at a training loss (stop {rules}), and no snapshot is kept at a number of passes."
    )


def row(part: pd.DataFrame) -> dict:
    """Return one measure with a cell per reference."""
    first = part.iloc[0]
    cells = {cell["other"]: _cell(cell) for cell in part.to_dict("records")}
    effects = part["effect"].abs().replace(np.inf, np.nan).dropna()
    return {
        "measure": first["measure"],
        "where": first["where"],
        "title": first["title"],
        "cells": cells,
        "decided": bool(part["word"].isin(DECIDED).any()),
        "effect": float(effects.max()) if len(effects) else 0.0,
    }


def _cell(found: dict) -> dict:
    unit = "fraction" if found["relative"] else found["unit"]
    finite = np.isfinite(found["low"]) and np.isfinite(found["high"])
    return {
        "word": found["word"],
        "estimate": quantity(found["estimate"], unit),
        "interval": f"[{quantity(found['low'], unit)}, {quantity(found['high'], unit)}]" if finite else "",
        "effect": f"{quantity(found['effect'])} sd" if np.isfinite(found["effect"]) else "",
        "margin": quantity(found["margin"], unit) if found["margin"] else "",
        "p": probability(found["p_adjusted"]),
        "flags": [flag.strip() for flag in found["flags"].split(";") if flag.strip()],
    }


def tuning(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict, recipe: str) -> dict | None:
    """Return the tuning curve; None where the recipe searches nothing."""
    table = search.data(atlas, claims, experiment)
    if recipe not in set(table["recipe"]):
        return None
    seen = frames.group(atlas, experiment["name"], "search")
    metric = table["metric"].iloc[0]
    axes = (search.tried(seen)[0], frames.title(seen[metric], metric))
    drawn = [name for name in references(experiment, recipe) if name in set(table["recipe"])]
    own = table[(table["recipe"] == recipe) & (table["stop"] == table["stop"].iloc[0])]
    chosen = own[own["chosen"] != ""]
    drawing = profile_drawings.tuning(table, recipe, drawn, axes)
    return {
        **picture(drawing, f"tuning-{experiment['name'].replace('.', '-')}"),
        "hyper": axes[0],
        "metric": axes[1],
        "chosen": [quantity(value) for value in chosen["tried"]],
        "edge": bool(own["edge"].any()),
        "diverged": int((own["n"] == 0).sum()),
        "settings": len(own),
        "stop": str(own["stop"].iloc[0]).replace("_", " "),
    }
