"""Every line of the ordered rule, and every edge between two lines."""

import pytest

from imprint.claims.verdict import VERDICTS, verdict

CASES = [
    # form, bound, low, high, verdict, beyond
    ("greater_by", 0.02, -0.01, 0.01, "equivalent", False),
    ("greater_by", 0.02, 0.001, 0.019, "equivalent", False),  # before "supported"
    ("greater_by", 0.02, -0.019, -0.001, "equivalent", False),  # before "contradicted"
    ("greater_by", 0.02, 0.001, 0.02, "supported", False),  # high < d is strict
    ("greater_by", 0.02, 0.019, 0.05, "supported", False),
    ("greater_by", 0.02, 0.02, 0.05, "supported", True),
    ("greater_by", 0.02, 0.0, 0.05, "inconclusive", False),  # low > 0 is strict
    ("greater_by", 0.02, -0.02, 0.0, "inconclusive", False),  # so are -d < low and high < 0
    ("greater_by", 0.02, -0.02, -0.001, "contradicted", False),
    ("greater_by", 0.0, 0.0, 0.0, "inconclusive", False),
    ("less_by", 0.02, -0.05, -0.02, "supported", True),
    ("less_by", 0.02, -0.05, -0.01, "supported", False),
    ("less_by", 0.02, 0.01, 0.05, "contradicted", False),
    ("less_by", 0.02, -0.01, 0.01, "equivalent", False),
    ("less_by", 0.02, -0.05, 0.01, "inconclusive", False),
    ("equal_within", 0.02, -0.01, 0.019, "supported", False),
    ("equal_within", 0.02, 0.0, 0.02, "inconclusive", False),
    ("equal_within", 0.02, 0.02, 0.05, "inconclusive", False),
    ("equal_within", 0.02, 0.021, 0.05, "contradicted", False),
    ("equal_within", 0.02, -0.05, -0.021, "contradicted", False),
    ("at_most", 0.5, 0.3, 0.5, "supported", False),
    ("at_most", 0.5, 0.5, 0.6, "inconclusive", False),
    ("at_most", 0.5, 0.51, 0.6, "contradicted", False),
    ("at_least", 0.5, 0.5, 0.6, "supported", False),
    ("at_least", 0.5, 0.4, 0.5, "inconclusive", False),
    ("at_least", 0.5, 0.3, 0.49, "contradicted", False),
    ("within", (0.4, 0.6), 0.4, 0.6, "supported", False),
    ("within", (0.4, 0.6), 0.3, 0.5, "inconclusive", False),
    ("within", (0.4, 0.6), 0.61, 0.7, "contradicted", False),
    ("within", (0.4, 0.6), 0.3, 0.39, "contradicted", False),
    ("greater_by", 0.02, float("-inf"), float("inf"), "inconclusive", False),
]


@pytest.mark.parametrize(("form", "bound", "low", "high", "word", "beyond"), CASES)
def test_rule(form, bound, low, high, word, beyond):
    assert verdict(low, high, form=form, bound=bound) == (word, beyond)


def test_untested_comes_first():
    assert verdict(0.5, 0.6, form="greater_by", bound=0.1, untested=True) == ("untested", False)
    assert verdict(float("nan"), float("nan"), form="within", bound=(0, 1), untested=True) == (
        "untested",
        False,
    )


def test_every_verdict_is_reached():
    assert {case[4] for case in CASES} | {"untested"} == set(VERDICTS)


@pytest.mark.parametrize(
    ("low", "high", "form", "bound", "message"),
    [
        (0, 1, "bigger", 0.1, "form is 'bigger', allowed are greater_by, less_by"),
        (0, 1, "less_by", -0.1, "less_by is -0.1, a margin is at least 0; turn the contrast round"),
        (1, 0, "at_most", 0.1, r"interval is \[1, 0\], expected low <= high"),
        (float("nan"), 0, "at_most", 0.1, r"interval is \[nan, 0\]"),
    ],
)
def test_refuses(low, high, form, bound, message):
    with pytest.raises(ValueError, match=message):
        verdict(low, high, form=form, bound=bound)
