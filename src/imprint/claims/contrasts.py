"""One recipe against others on every measure, by the tests of the claims: exploration, since nobody declared them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from imprint.claims import settings
from imprint.claims.evaluate import evaluate
from imprint.claims.measures import Measure, measures
from imprint.claims.readings import Mode, Readings
from imprint.claims.verdict import CONTRAST_FORMS

WORDS = {"supported": "higher", "contradicted": "lower"}
"""What is said of a contrast that was not declared: its direction. Other verdicts keep their word."""

SAME_PASSES = 0.01
"""Relative difference up to which two recipes made equally many passes: runs end at whole evaluations."""

COLUMNS = [
    *("experiment", "matched", "mode", "measure", "where", "title", "other", "word", "verdict", "estimate", "low"),
    *("high", "unit", "relative", "margin", "effect", "p", "p_adjusted", "family", "n", "flags"),
]


@dataclass(frozen=True)
class Matched:
    """A comparison mode at which something is equal between recipes.

    ``what`` is ``loss`` or ``passes``; ``at`` is the mode as a claim names it; ``rule`` tells in words what holds.
    """

    what: str
    at: dict[str, str]
    rule: str


def matched(experiment: dict) -> list[Matched]:
    """Return the comparison modes of an experiment at equal training loss and at equal passes, as far as there are any.

    Loss: a stop rule at a training loss, else the snapshot at the lowest. Passes: a snapshot at a number of them, else
    the end of runs of one length, where passes are equal as long as all make as many in a step.

    Args:
        experiment: as resolved.

    >>> found = matched({"stop": {"steps": {"epochs": 5}}, "snapshots": {"low": {"train_loss": 0.1}}})
    >>> [(each.what, each.at["snapshot"], each.rule) for each in found]
    [('loss', 'low', '0.1'), ('passes', 'final', 'after 5 epochs')]
    """
    found, stops, snapshots = [], experiment["stop"], experiment.get("snapshots") or {}
    first = next(iter(stops))
    at_loss = [name for name, rule in stops.items() if "train_loss" in rule]
    of_length = [name for name in stops if name not in at_loss]
    at_passes = [name for name, rule in snapshots.items() if "passes" in rule]
    low = settings.matched_loss(snapshots)
    if at_loss:
        rule = f"{stops[at_loss[0]]['train_loss']:g}"
        found.append(Matched("loss", {"stop": at_loss[0], "snapshot": "final"}, rule))
    elif low:
        rule = f"{snapshots[low]['train_loss']:g}"
        found.append(Matched("loss", {"stop": first, "snapshot": low}, rule))
    if at_passes:
        rule = f"{snapshots[at_passes[-1]]['passes']:g}"
        found.append(Matched("passes", {"stop": first, "snapshot": at_passes[-1]}, rule))
    elif of_length:
        ((unit, number),) = stops[of_length[0]].items()
        found.append(Matched("passes", {"stop": of_length[0], "snapshot": "final"}, f"after {number} {unit}"))
    return found


def unequal_passes(readings: Readings, mode: Mode, recipe: str, others: list[str]) -> dict[str, tuple[float, float]]:
    """Return the recipes that made other numbers of passes by then than ``recipe``: its mean, and theirs."""
    passes = readings.read("profile", "measure", "training.passes", {}, mode).value_N
    mean = {name: float(np.nanmean(passes[name])) for name in (recipe, *others) if np.isfinite(passes[name]).any()}
    own = mean.get(recipe, np.nan)
    return {name: (own, mean[name]) for name in others if name in mean and abs(mean[name] / own - 1) > SAME_PASSES}


def margins(experiment: dict) -> dict[tuple[str, tuple], tuple[float, bool]]:
    """Return the smallest effects of interest that an experiment's claims declare, and whether they are relative.

    By measure and labels; of several claims on one measure the first counts.
    """
    found: dict[tuple[str, tuple], tuple[float, bool]] = {}
    for claim in experiment["claims"].values():
        ((form, bound),) = claim["expect"].items()
        if "contrast" in claim and form in CONTRAST_FORMS:
            key = claim["measure"], tuple(sorted((claim.get("where") or {}).items()))
            found.setdefault(key, (float(bound), bool(claim.get("relative"))))
    return found


def contrasts(atlas: xr.DataTree, experiment: dict, recipe: str, others: list[str]) -> pd.DataFrame:
    """Test every measure of a recipe against those of others, at every matched mode; all of it is one family.

    Args:
        atlas: groups ``/<experiment>/<probe>``.
        experiment: as resolved; its claims give the margins.
        recipe: whose differences they are: its value less the other's, seed by seed.
        others: recipes of the experiment.

    Returns:
        Row per mode, measure and other recipe with :data:`COLUMNS`. ``estimate``, ``low`` and ``high`` are in the
        measure's unit, or fractions where ``relative``; ``effect`` is the mean over the standard deviation of the
        paired differences; ``margin`` is 0 where no claim declares one, and then nothing can be equivalent.

    Raises:
        ClaimError: if a recipe is not of the experiment.
    """
    readings, declared = Readings(atlas, experiment), margins(experiment)
    modes = matched(experiment)
    known = {measure.key: measure for measure in measures(readings)}
    claims = {
        f"{key}/{other}": _claim(measure, recipe, other, declared, [mode.at for mode in modes])
        for key, measure in known.items()
        for other in others
    }
    if not claims or not modes:
        return pd.DataFrame(columns=COLUMNS)
    what = {str(readings.modes("profile", mode.at)[0]): mode.what for mode in modes}
    table = evaluate(atlas, {**experiment, "claims": claims})
    parts = table["claim"].str.rpartition("/")
    return table.assign(
        matched=table["mode"].map(what),
        other=parts[2],
        title=[known[key].title for key in parts[0]],
        relative=[bool(claims[name]["relative"]) for name in table["claim"]],
        word=table["verdict"].map(lambda word: WORDS.get(word, word)),
    )[COLUMNS]


def _claim(measure: Measure, recipe: str, other: str, declared: dict, at: list[dict]) -> dict:
    margin, relative = declared.get((measure.name, tuple(sorted(measure.where.items()))), (0.0, False))
    what = {"measure": measure.name, "where": measure.where, "contrast": [recipe, other]}
    return {"says": measure.title, **what, "expect": {"greater_by": margin}, "relative": relative, "at": at}
