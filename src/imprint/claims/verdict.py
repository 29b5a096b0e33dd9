"""The verdict of a claim from its interval: the first line of an ordered rule that holds."""

import math

VERDICTS = ("supported", "contradicted", "equivalent", "inconclusive", "untested")
CONTRAST_FORMS = ("greater_by", "less_by", "equal_within")
BOUND_FORMS = ("at_most", "at_least", "within")


def verdict(
    low: float, high: float, *, form: str, bound: float | tuple[float, float], untested: bool = False
) -> tuple[str, bool]:
    """Judge the interval [low, high] of a contrast or value.

    ``greater_by: d``, and ``less_by: d`` with the interval's sign turned, is *equivalent* if ``-d < low`` and
    ``high < d``, *supported* if ``low > 0`` (beyond the margin if ``low >= d``), *contradicted* if ``high <
    0``, else *inconclusive*.

    ``equal_within: d`` is *supported* if ``-d < low`` and ``high < d``, *contradicted* if ``low > d`` or
    ``high < -d``, else *inconclusive*.

    ``within: [lo, hi]`` is *supported* if ``lo <= low`` and ``high <= hi``, *contradicted* if ``low > hi`` or
    ``high < lo``, else *inconclusive*; ``at_most: b`` and ``at_least: b`` are the same with one end open.

    Args:
        low: Lower end, in the unit of the bound.
        high: Upper end.
        form: One of the six words above.
        bound: The margin or bound; a pair for ``within``.
        untested: A precondition failed or the data cannot decide; this line comes first.

    Returns:
        The verdict and whether the effect is beyond its margin.

    Raises:
        ValueError: If the form is unknown, a margin is negative, or an interval is no interval.

    Example:
        >>> verdict(0.03, 0.08, form="greater_by", bound=0.02)
        ('supported', True)
    """
    if form not in CONTRAST_FORMS + BOUND_FORMS:
        raise ValueError(f"verdict: form is {form!r}, allowed are {', '.join(CONTRAST_FORMS + BOUND_FORMS)}")
    if form in CONTRAST_FORMS and not bound >= 0:
        raise ValueError(f"verdict: {form} is {bound}, a margin is at least 0; turn the contrast round")
    if untested:
        return "untested", False
    if not low <= high:
        raise ValueError(f"verdict: the interval is [{low}, {high}], expected low <= high")
    if form == "greater_by":
        return _directed(low, high, bound)
    if form == "less_by":
        return _directed(-high, -low, bound)
    if form == "equal_within":
        return _contained(-bound < low and high < bound, low > bound or high < -bound)
    floor, ceiling = {"at_most": (-math.inf, bound), "at_least": (bound, math.inf)}.get(form, bound)
    return _contained(floor <= low and high <= ceiling, low > ceiling or high < floor)


def _directed(low: float, high: float, margin: float) -> tuple[str, bool]:
    if -margin < low and high < margin:
        return "equivalent", False
    if low > 0:
        return "supported", low >= margin
    return ("contradicted" if high < 0 else "inconclusive"), False


def _contained(inside: bool, outside: bool) -> tuple[str, bool]:
    return ("supported" if inside else "contradicted" if outside else "inconclusive"), False
