"""How far to trust a page: the figures of a calibration, each with the range in which it must lie."""

import math
from dataclasses import dataclass, fields

import xarray as xr

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


def read(found: xr.Dataset) -> list[Figure]:
    """Return the figures of a stored calibration."""
    columns = [found[field.name].values.tolist() for field in fields(Figure)]
    return [Figure(*values) for values in zip(*columns, strict=True)]


def holds(figure: Figure) -> bool:
    """Return whether a figure is where it must be; NaN never is.

    >>> holds(Figure("twin_arrays", "", 0, 0, 0)), holds(Figure("twin_arrays", "", math.nan, 0, 0))
    (True, False)
    """
    return figure.lowest <= figure.value <= figure.highest


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
