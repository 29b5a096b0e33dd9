"""What a test can find: closed forms, other derivations, and the test itself on simulated data."""

import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from imprint.claims.attainable import attained, least_pairs, smallest_p
from imprint.claims.power import POWER, detectable, needed, of_claim
from imprint.claims.signflip import signflip
from imprint.claims.verdict import verdict


def draws(n, tests, count, seed):
    return np.random.default_rng(seed).normal(size=(count, n, tests))


def within_binomial_error(found, count, power=POWER):
    """A right statement fails here for one seed in 5,000."""
    return stats.binom.ppf(0.0001, count, power) <= found <= stats.binom.ppf(0.9999, count, power)


@pytest.mark.parametrize("n", range(5, 13))
def test_smallest_p_and_level_are_counted_flips(n):
    """All values positive: of the 2^n flips two reach the sum; the level is the largest multiple up to 0.1."""
    assert smallest_p(n) == 2 / 2**n == signflip(np.arange(1.0, n + 1)[:, None]).p_adjusted[0]
    assert attained(n) == max(2 * k / 2**n for k in range(2**n) if 2 * k / 2**n <= 0.1)


@pytest.mark.parametrize("tests", [2, 30])
def test_the_smallest_adjusted_p_does_not_depend_on_the_number_of_tests(tests):
    noise = draws(8, tests, 1, 3)[0]
    noise[:, 0] = 100 + np.arange(8)
    assert signflip(noise).p_adjusted[0] == smallest_p(8)


def test_the_fewest_pairs():
    assert least_pairs() == 5
    assert smallest_p(4) > 0.1 >= smallest_p(5)
    assert math.isnan(detectable(4)) and detectable(5) > 0


@pytest.mark.parametrize("power", [0.8, 0.9])
def test_five_pairs_in_closed_form(power):
    """Five pairs reject where all have one sign, with probability Phi(effect)^5; what is stated is at most 2 % more."""
    exact = stats.norm.ppf(power ** (1 / 5))
    assert exact * 0.995 <= detectable(5, power=power) <= exact * 1.02


def found_by_six(effect):
    """All six positive, or one negative and at most one of the others nearer to zero: the three largest sums of 32."""
    phi = stats.norm.cdf

    def one_negative(x):
        others = phi(effect - x)
        return stats.norm.pdf(x + effect) * (others**5 + 5 * others**4 * (phi(effect) - others))

    return phi(effect) ** 6 + 6 * integrate.quad(one_negative, 0, 20)[0]


def test_six_pairs_by_an_integral():
    exact = optimize.brentq(lambda effect: found_by_six(effect) - 0.8, 0, 5)
    assert exact <= detectable(6) <= exact * 1.01


def test_many_pairs_are_a_z_test():
    """At n = 10,000 the effect is (z_0.95 + z_0.8) / sqrt(n); the differences are of order 1 / n."""
    z = stats.norm.ppf(0.95) + stats.norm.ppf(0.8)
    assert detectable(10_000) == pytest.approx(z / 100, rel=1e-3)
    assert needed(z / 100) == pytest.approx(10_000, rel=2e-3)


@pytest.mark.parametrize("n", [5, 6, 7, 8, 9, 10, 11, 12])
def test_the_stated_effect_is_found_with_the_stated_power(n):
    count = 600
    effect = detectable(n)
    found = sum(signflip(z + effect).low[0] > 0 for z in draws(n, 1, count, n))
    assert within_binomial_error(found, count)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "tests"), [(8, 6), (8, 40), (10, 20), (12, 10)])
def test_so_it_is_in_a_family(n, tests):
    count = 300
    shift = np.zeros(tests)
    shift[0] = detectable(n, tests)
    found = sum(signflip(z + shift).low[0] > 0 for z in draws(n, tests, count, tests))
    assert within_binomial_error(found, count)


@pytest.mark.slow
def test_half_of_the_stated_effect_is_not_found_with_that_power():
    count = 300
    found = sum(signflip(z + detectable(8) / 2).low[0] > 0 for z in draws(8, 1, count, 5))
    assert not within_binomial_error(found, count)


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 11])
def test_equality_within_the_stated_margin_is_shown(n):
    """Both ends must be found: at least the stated power, by Bonferroni, and the ends are nearly exclusive."""
    count = 400
    margin = of_claim("equal_within", 1.0, 1.0, n, 1)["detectable"]
    ends = [signflip(z) for z in draws(n, 1, count, n)]
    shown = sum(verdict(e.low[0], e.high[0], form="equal_within", bound=margin)[0] == "supported" for e in ends)
    assert within_binomial_error(shown, count)


@pytest.mark.parametrize("tests", [1, 25])
@pytest.mark.parametrize("effect", [0.15, 0.5, 0.9, 2.0])
def test_the_pairs_needed_are_the_fewest(effect, tests):
    n = int(needed(effect, tests))
    assert detectable(n, tests) <= effect
    assert n == least_pairs() or detectable(n - 1, tests) > effect


def test_pairs_that_no_study_has():
    assert needed(1e-4) == math.inf
    assert math.isnan(needed(0.0)) and math.isnan(needed(math.nan))


def test_more_tests_find_less_and_more_pairs_more():
    assert detectable(8, 1) < detectable(8, 5) < detectable(8, 50)
    assert all(detectable(n + 1) < detectable(n) for n in range(5, 40))


@pytest.mark.parametrize("form", ["at_most", "at_least", "within"])
def test_a_bound_has_no_smallest_effect_of_interest(form):
    found = of_claim(form, 0.5, 2.0, 8, 3)
    assert math.isnan(found["n_needed"]) and found["detectable"] == 2 * detectable(8, 3)


def test_values_that_do_not_vary_need_the_fewest_pairs():
    assert of_claim("greater_by", 0.1, 0.0, 8, 1) == {"p_smallest": 2 / 256, "detectable": 0.0, "n_needed": 5.0}


def test_without_data_nothing_is_stated():
    found = of_claim("greater_by", 0.1, math.nan, 0, 1)
    assert found["p_smallest"] == 1.0
    assert math.isnan(found["detectable"]) and math.isnan(found["n_needed"])
