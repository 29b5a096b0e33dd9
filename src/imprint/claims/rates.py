"""From what a calibration recorded, draw by draw, to its figures and the ranges in which they must lie."""

import math

import numpy as np
import xarray as xr
from scipy import stats

from imprint.claims.attainable import ALPHA, attained
from imprint.claims.power import POWER
from imprint.claims.shapes import SHAPES
from imprint.claims.trust import Figure

RISK = 1e-4
"""Probability with which a judging that is right leaves a bound by the draws alone."""

COVERAGE = 0.93
"""Least share of the intervals of symmetric values, each as printed with its family, that hold the truth."""


def figures(found: xr.Dataset, seeds: int, unequal: int) -> xr.Dataset:
    """Return the figures of a calibration as variables over ``figure``.

    Args:
        found: of `imprint.claims.calibrate.calibrate`.
        seeds: of each side of a contrast.
        unequal: arrays that differ between the two trainings of the same seeds.
    """
    made = [*_alike(found, seeds), *_twins(found, unequal), *_coverage(found, seeds), *_planted(found)]
    made += [*_shuffled(found), *_selected(found)]
    columns = {
        "check": ([figure.check for figure in made], "what is checked"),
        "subject": ([figure.subject for figure in made], "of which measure or values"),
        "value": ([figure.value for figure in made], "what was measured"),
        "lowest": ([figure.lowest for figure in made], "least value allowed"),
        "highest": ([figure.highest for figure in made], "largest value allowed"),
        "mark": ([figure.mark for figure in made], "flag of the rows whose intervals it is about"),
    }
    variables = {
        name: ("figure", np.array(values), {"long_name": long_name, "units": "1"})
        for name, (values, long_name) in columns.items()
    }
    return xr.Dataset(variables)


def most(share: float, draws: int) -> float:
    """Return the upper binomial bound: an event of this probability is more frequent in one case of 1 / `RISK`."""
    return float(stats.binom.ppf(1 - RISK, draws, share)) / draws


def least(share: float, draws: int) -> float:
    """Return the lower binomial bound."""
    return float(stats.binom.ppf(RISK, draws, share)) / draws


def _alike(found: xr.Dataset, seeds: int) -> list[Figure]:
    draws = found.sizes["draw"]
    highest, lowest = most(2 * ALPHA, draws), least(attained(seeds), draws)
    made = [Figure("alike_false", "", float(found["alike_false"].mean()), highest=highest)]
    for measure, continuous in zip(found["measure"].values.tolist(), found["continuous"].values, strict=True):
        share = float((found["alike_p"].sel(measure=measure) <= 2 * ALPHA).mean())
        made.append(Figure("alike_found", measure, share, lowest if continuous else -math.inf, highest))
    return made + _biases("alike_bias", found["alike_estimate"])


def _biases(check: str, estimate: xr.DataArray) -> list[Figure]:
    error = estimate.std("draw", ddof=1) / math.sqrt(estimate.sizes["draw"])
    allowed = float(stats.norm.isf(RISK / 2))
    return [
        Figure(check, measure, float(value), -allowed, allowed)
        for measure, value in zip(estimate["measure"].values.tolist(), estimate.mean("draw") / error, strict=True)
    ]


def _twins(found: xr.Dataset, unequal: int) -> list[Figure]:
    differences = zip(found["measure"].values.tolist(), found["twin_difference"].values.tolist(), strict=True)
    made = [Figure("twin_difference", measure, value, 0.0, 0.0) for measure, value in differences]
    return [Figure("twin_arrays", "", float(unequal), 0.0, 0.0), *made]


def _coverage(found: xr.Dataset, seeds: int) -> list[Figure]:
    draws, tests, made = found.sizes["draw"], found.sizes["measure"], []
    whole = least(1 - 2 * ALPHA, draws)
    each = min(COVERAGE, least((1 - 2 * ALPHA) ** (1 / tests), tests * draws))  # of one test, its own level
    for check, lowest in (("covered_each", each), ("covered_all", whole), ("covered_alone", whole)):
        for name, share in zip(found["shape"].values.tolist(), found[check].mean("draw").values.tolist(), strict=True):
            mark = SHAPES[name].mark
            made.append(Figure(check, name, share, -math.inf if mark else lowest, mark=mark))
    if "covered_diverged" not in found:
        return made
    diverged = float(found["covered_diverged"].mean())
    return [*made, Figure("covered_alone", "one in eight of one side diverged", diverged, mark="diverged")]


def _planted(found: xr.Dataset) -> list[Figure]:
    made, lowest = [], least(POWER, found.sizes["draw"])
    for measure, continuous in zip(found["measure"].values.tolist(), found["continuous"].values, strict=True):
        alone, family = (found[key].sel(measure=measure).mean() for key in ("planted_found", "planted_supported"))
        made.append(Figure("planted_found", measure, float(alone), lowest if continuous else -math.inf))
        made.append(Figure("planted_supported", measure, float(family)))
    return sorted(made, key=lambda figure: figure.check)


def _shuffled(found: xr.Dataset) -> list[Figure]:
    """Excess of the empirical distribution of p over the uniform, bounded by Massart's form of the DKW inequality."""
    draws, made = found.sizes["draw"], []
    shares_D = np.arange(1, draws + 1) / draws
    for measure, p_D in zip(found["measure"].values.tolist(), found["shuffled_p"].values, strict=True):
        excess = float(np.max(shares_D - np.sort(p_D)))
        made.append(Figure("shuffled_excess", measure, excess, highest=math.sqrt(-math.log(RISK) / (2 * draws))))
    return made


def _selected(found: xr.Dataset) -> list[Figure]:
    highest = most(2 * ALPHA, found.sizes["draw"])
    false = Figure("selected_false", "", float(found["selected_false"].mean()), highest=highest)
    return [false, *_biases("selected_bias", found["selected_estimate"])]
