"""How far to trust a page: figures of a calibration, each with what it must be."""

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import stats

from imprint.claims.attainable import ALPHA
from imprint.claims.power import POWER, attained
from imprint.claims.shapes import SHAPES

RISK = 1e-4
"""Probability with which a judging that is right leaves a bound by the draws alone."""

COVERAGE = 0.93
"""Least share of the intervals of symmetric values, each as printed with its family, that hold the truth."""

CHECKS = {
    "alike_false": "Two sets of replicas that are alike are told apart",
    "alike_found": "p reaches the level on two sets that are alike",
    "alike_bias": "Difference of two sets that are alike, in standard errors over the draws",
    "twin_arrays": "Arrays that differ when the same seeds are trained under two names",
    "twin_difference": "Difference of the same seeds under two names, paired, in standard deviations",
    "covered_each": "Each interval of a family holds the truth",
    "covered_all": "All intervals of a family hold the truth",
    "covered_alone": "The interval of a single test holds the truth",
    "planted_found": "A planted effect is found by a single test",
    "planted_supported": "A planted effect is found by a test of a family",
    "shuffled_excess": "Largest excess of the share of p up to a value over that value, labels shuffled",
    "selected_false": "A setting that was chosen is told from one that is alike in truth",
    "selected_bias": "Difference of a chosen setting and one alike in truth, in standard errors over the draws",
}
"""What each check says, in the order of the page."""


@dataclass(frozen=True)
class Figure:
    """A number with the range in which it must lie; a figure that is only told has no ends.

    Attributes:
        check: a key of `CHECKS`.
        subject: a measure or a shape of values; empty for a family.
        value: what was measured.
        lowest, highest: ends of the range; infinite where there is none.
        mark: word of the flag on rows whose interval the value is about; empty if none.
    """

    check: str
    subject: str
    value: float
    lowest: float = -math.inf
    highest: float = math.inf
    mark: str = ""


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


def read(found: xr.Dataset) -> list[Figure]:
    """Return the figures of a stored calibration."""
    names = ("check", "subject", "value", "lowest", "highest", "mark")
    return [Figure(*values) for values in zip(*(found[name].values.tolist() for name in names), strict=True)]


def holds(figure: Figure) -> bool:
    """Return whether a figure is where it must be; NaN never is.

    >>> holds(Figure("twin_arrays", "", 0, 0, 0)), holds(Figure("twin_arrays", "", math.nan, 0, 0))
    (True, False)
    """
    return figure.lowest <= figure.value <= figure.highest


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
    draws, made = found.sizes["draw"], []
    for check, lowest in (("covered_each", COVERAGE), ("covered_all", None), ("covered_alone", None)):
        lowest = least(1 - 2 * ALPHA, draws) if lowest is None else lowest
        for name, share in zip(found["shape"].values.tolist(), found[check].mean("draw").values.tolist(), strict=True):
            mark = SHAPES[name].mark
            made.append(Figure(check, name, share, -math.inf if mark else lowest, mark=mark))
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


def summary(made: list[Figure]) -> str:
    """Return in words how many figures are where they must be."""
    bound = [figure for figure in made if math.isfinite(figure.lowest) or math.isfinite(figure.highest)]
    failed = [figure for figure in bound if not holds(figure)]
    if not failed:
        return f"all {len(bound)} figures are in their range"
    return f"{len(failed)} of {len(bound)} figures are out of their range"


def told(figure: Figure) -> str:
    """Return a figure as a line: subject, value, range.

    >>> told(Figure("covered_each", "normal", 0.97, lowest=0.93))
    'normal: 0.97, at least 0.93'
    """
    ends = allowed(figure)
    words = f"{figure.subject or 'all measures'}: {figure.value:.3g}{f', {ends}' if ends else ''}"
    return words if holds(figure) else f"{words}: OUT OF RANGE"


def allowed(figure: Figure) -> str:
    """Return the range of a figure in words; empty if it is only told."""
    if figure.lowest == figure.highest:
        return f"exactly {figure.lowest:.3g}"
    if math.isfinite(figure.lowest) and math.isfinite(figure.highest):
        return f"between {figure.lowest:.3g} and {figure.highest:.3g}"
    if math.isfinite(figure.lowest):
        return f"at least {figure.lowest:.3g}"
    return f"at most {figure.highest:.3g}" if math.isfinite(figure.highest) else ""
