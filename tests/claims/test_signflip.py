"""The joint sign-flip test against enumeration, hand-computed cases and the error rates it promises."""

import itertools

import numpy as np
import pytest
from scipy import stats

from imprint.claims.attainable import smallest_p
from imprint.claims.holm import holm
from imprint.claims.signflip import flips, signflip


def abs_t(d_SNM):
    """|t| over the axis of seeds by scipy; 0 for zeros, inf for another constant."""
    size, flat = np.abs(d_SNM.mean(-2)), np.ptp(d_SNM, axis=-2) < 1e-12
    noise = np.linspace(0, 1, d_SNM.shape[-2])[:, None] * flat[..., None, :]  # scipy warns of constants
    t = np.abs(stats.ttest_1samp(d_SNM + noise, 0, axis=-2).statistic)
    return np.where(flat, np.where(size > 1e-12, np.inf, 0.0), t)


def all_flips(d_NM):
    """Every flip of the seeds, not only one of each mirrored pair, shape (2^N, N, M)."""
    return np.array(list(itertools.product([1, -1], repeat=len(d_NM))))[:, :, None] * d_NM


def reaches(flipped, observed):
    # two paths to the same t differ by rounding: 1e-9 is far above eps n and far below any gap
    return flipped >= observed * (1 - 1e-9)


def step_down(d_NM):
    """Adjusted p by the textbook algorithm over all 2^n flips, one hypothesis after the other."""
    observed, flipped = abs_t(d_NM), abs_t(all_flips(d_NM))
    adjusted, running = np.empty(d_NM.shape[1]), 0.0
    order = np.argsort(-observed)
    for place, j in enumerate(order):
        largest = flipped[:, order[place:]].max(axis=1)
        running = max(running, np.mean(reaches(largest, observed[j])))
        adjusted[j] = running
    return adjusted


def p_shifted(d_NM, j, theta, others):
    """The single-step p of column j shifted by theta, `others` unshifted in the family."""
    table = np.column_stack([d_NM[:, j] - theta, others])
    return np.mean(reaches(abs_t(all_flips(table)).max(axis=1), abs_t(table)[0]))


@pytest.mark.parametrize("seed", range(4))
def test_p_equals_enumeration_with_scipy_t(seed):
    d = np.random.default_rng(seed).normal(size=(5, 3)) + [0.0, 1.0, 3.0]
    result = signflip(d)
    assert result.p == pytest.approx([step_down(d[:, [j]])[0] for j in range(3)], abs=1e-12)  # shares of 2^5
    assert result.p_adjusted == pytest.approx(step_down(d), abs=1e-12)
    assert np.abs(result.t) == pytest.approx(abs_t(d), rel=1e-12)  # same formula, other order of sums
    assert np.array_equal(np.sign(result.t), np.sign(d.mean(0)))


@pytest.mark.parametrize("seed", range(4))
def test_p_equals_enumeration_on_ties(seed):
    d = np.random.default_rng(seed).integers(-1, 3, size=(5, 3)) / 10
    assert signflip(d).p_adjusted == pytest.approx(step_down(d), abs=1e-12)


def test_a_missing_pair_leaves_the_flips_joint():
    d = np.random.default_rng(5).normal(size=(6, 2)) + 1
    d[2, 1] = np.nan
    flipped, has = all_flips(d), np.arange(6) != 2
    observed = [abs_t(d[:, :1])[0], abs_t(d[has, 1:])[0]]
    largest = np.maximum(abs_t(flipped[:, :, :1])[:, 0], abs_t(flipped[:, has, 1:])[:, 0])
    top = int(np.argmax(observed))
    assert signflip(d).p_adjusted[top] == np.mean(reaches(largest, observed[top]))
    assert signflip(d).n.tolist() == [6, 5]
    assert signflip(d).smallest.tolist() == [2 / 64, 2 / 32]


def test_interval_known_by_hand():
    # 16 pairs of flips; lower of the two subset means, in order: -inf (all), 1 {1}, 1.5 {1,2}, 2 {2}, 2 {1,3}
    d = np.arange(1.0, 6.0)[:, None]
    one = signflip(d, alpha=0.05)  # more than 1.6 flips: the second
    assert (one.p[0], one.low[0], one.high[0]) == (2 / 32, 1.0, 5.0)
    two = signflip(d, alpha=0.1)  # more than 3.2 flips: the fourth
    assert (two.low[0], two.high[0]) == (2.0, 4.0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_interval_is_the_inversion_found_by_bisection(seed, alpha):
    d = np.random.default_rng(seed).normal(size=(6, 1)) + 0.5
    result = signflip(d, alpha)
    none = np.empty((6, 0))
    for end, outside in ((result.low[0], d.min() - 1), (result.high[0], d.max() + 1)):
        inside = d.mean()
        for _ in range(40):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if p_shifted(d, 0, middle, none) > 2 * alpha else (inside, middle)
        assert end == pytest.approx(inside, abs=1e-8)  # 2^-40 of the bracket, and the oracle's 1e-9 on t


def test_interval_of_a_family_is_the_single_step_inversion():
    d = np.random.default_rng(1).normal(size=(7, 3)) + [0.2, 0.1, 4.0]
    result, far = (
        signflip(d),
        1e-6,
    )  # far: above the oracle's 1e-9 on t, below the gaps between order statistics
    assert result.rejected.tolist() == [False, False, True]
    centred = d - d.mean(0)
    for j, ends in enumerate(zip(result.low, result.high, strict=True)):
        others = np.delete(centred, j, axis=1)
        for end, outward in zip(ends, (-far, far), strict=True):
            assert p_shifted(d, j, end - outward, others) > 0.1
            assert end == 0 or p_shifted(d, j, end + outward, others) <= 0.1


def test_where_only_the_step_down_rejects_its_inversion_is_the_end_that_faces_zero():
    found = 0
    for seed in range(40):
        d = np.random.default_rng(seed).normal(size=(7, 4)) + [3.0, 2.0, 1.0, -1.0]
        result = signflip(d)
        observed = abs_t(d)
        for j in np.flatnonzero(result.rejected):
            others = np.delete(d - d.mean(0), j, axis=1)
            if p_shifted(d, j, 0.0, others) <= 0.1:
                continue
            found += 1
            below = [k for k in range(4) if k != j and observed[k] <= observed[j]]
            end, step = (result.low[j], -1e-6) if d[:, j].mean() > 0 else (result.high[j], 1e-6)
            assert end * d[:, j].mean() > 0
            assert p_shifted(d, j, end - step, d[:, below]) > 0.1
            assert p_shifted(d, j, end + step, d[:, below]) <= 0.1
        if found >= 2:
            return
    pytest.fail("no case found: the test tests nothing")


def random_tables():
    """Tables with ties, constants, zeros, missing pairs, copies and mirrored copies."""
    rng = np.random.default_rng(7)
    for case in range(250):
        n, m = rng.integers(4, 9), rng.integers(1, 6)
        d = rng.normal(size=(n, m)) + rng.choice([0.0, 0.7, 3.0], size=m)
        if case % 2:
            d = rng.integers(-2, 4, size=(n, m)) / 10 + rng.choice([0.0, 0.1], size=m)
        if case % 5 == 0:
            d[:, 0] = rng.choice([0.0, 0.3, -0.1])
        if case % 7 == 0:
            d[rng.integers(n), rng.integers(m)] = np.nan
        if case % 3 == 0:
            d = np.column_stack([d, -3 * d[:, 0], d[:, -1] * rng.choice([1, -1], size=n)])
        yield d, rng.choice([0.025, 0.05, 0.1, 0.125])


def test_p_interval_and_decision_agree():
    decisions = []
    for d, alpha in random_tables():
        result = signflip(d, alpha)
        inside = (result.low <= 0) & (result.high >= 0)
        # the bound on p is a share of 2^n, so that only rounding of 2 alpha can come between
        assert np.array_equal(inside, result.p_adjusted > 2 * alpha + 1e-9), d
        assert np.array_equal(inside, ~result.rejected), d
        assert (result.p_adjusted >= result.p).all()
        assert ((result.low <= result.mean + 1e-12) & (result.mean - 1e-12 <= result.high)).all(), d
        decisions += result.rejected.tolist()
    assert 0.1 < np.mean(decisions) < 0.9  # both kinds were met


def test_units_signs_and_order_do_not_matter():
    for d, alpha in random_tables():
        result = signflip(d, alpha)
        scale = np.resize([2.0, 0.25, 1024.0], d.shape[1])  # powers of two: no rounding
        scaled, mirrored = signflip(d * scale, alpha), signflip(-d, alpha)
        seeds, columns = np.arange(len(d))[::-1], np.arange(d.shape[1])[::-1]
        turned = signflip(d[seeds][:, columns], alpha)
        for name in ("p", "p_adjusted"):
            assert np.array_equal(getattr(result, name), getattr(scaled, name))
            assert np.array_equal(getattr(result, name), getattr(mirrored, name))
            assert np.array_equal(getattr(result, name), getattr(turned, name)[columns])
        assert np.array_equal(scaled.low, result.low * scale) and np.array_equal(scaled.high, result.high * scale)
        assert np.array_equal(mirrored.low, -result.high)
        assert turned.low[columns] == pytest.approx(result.low, abs=1e-12)  # sums in another order


def test_degenerate_columns():
    d = np.zeros((8, 4))
    d[:, 1] = -0.1
    d[:, 2:] = np.nan
    d[3, 3] = 2.0
    result = signflip(d)
    assert result.n.tolist() == [8, 8, 0, 1]
    assert result.p.tolist() == [1.0, 1 / 128, 1.0, 1.0]
    assert result.t.tolist() == [0.0, -np.inf, 0.0, 0.0]
    assert result.low == pytest.approx([0, -0.1, -np.inf, -np.inf], rel=1e-15)  # one rounding of a mean
    assert result.high == pytest.approx([0, -0.1, np.inf, np.inf], rel=1e-15)
    assert result.smallest.tolist() == [1 / 128, 1 / 128, 1.0, 1.0]


def test_constant_but_for_rounding_is_constant():
    d = np.array([[0.95 - 0.93], [0.93 - 0.91], [0.3 - 0.28], [0.12 - 0.1], [0.02], [0.5 - 0.48]])
    assert len(np.unique(d)) > 1
    assert np.isinf(signflip(d).t[0]) and signflip(d).p[0] == 1 / 32


def test_too_few_pairs_give_no_bound():
    result = signflip(np.array([[1.0], [1.1], [1.2], [1.3]]))
    assert (result.p[0], result.low[0], result.high[0]) == (1 / 8, -np.inf, np.inf)


def test_no_columns():
    assert signflip(np.empty((8, 0))).low.shape == (0,)


def test_all_flips_up_to_sign_and_then_a_sample():
    assert len({tuple(s * s[0]) for s in flips(6)}) == 32
    assert flips(14).shape == (2**13, 14) and flips(15).shape == (2**14, 15)
    assert (flips(15)[0] == 1).all() and (flips(9)[0] == 1).all()
    assert [smallest_p(n) for n in (0, 1, 4, 14, 15, 40)] == [1, 1, 1 / 8, 2**-13, 2**-14, 2**-14]


def test_sampled_p_is_near_the_p_of_all_flips():
    d = np.random.default_rng(2).normal(size=15) + 0.4
    codes = np.arange(2**14)[:, None] >> np.arange(15) & 1
    exact = np.mean(np.abs((1 - 2 * codes) @ d) >= abs(d.sum()) - 1e-12)
    error = np.sqrt(exact * (1 - exact) / 2**14)
    assert 0.01 < exact < 0.3
    assert abs(signflip(d[:, None]).p[0] - exact) < 4 * error


def noise(rng, n, m, correlation=0.5):
    return np.sqrt(correlation) * rng.normal(size=(n, 1)) + np.sqrt(1 - correlation) * rng.normal(size=(n, m))


def test_family_wise_error_under_the_complete_null():
    rng = np.random.default_rng(11)
    wrong = sum(signflip(noise(rng, 8, 8)).rejected.any() for _ in range(300))
    assert 1 <= wrong <= stats.binom.ppf(0.9999, 300, 0.1)  # a calibrated test fails here once in 10,000 seeds


def test_intervals_hold_simultaneously_where_nothing_is_null():
    # with the other columns as observed instead of centred, a third of these families would miss
    rng = np.random.default_rng(12)
    missed = 0
    for _ in range(300):
        result = signflip(3 + rng.normal(size=(8, 8)))
        missed += ((result.low > 3) | (result.high < 3)).any()
    assert 1 <= missed <= stats.binom.ppf(0.9999, 300, 0.1)


def test_ten_effects_among_eighty_four_are_found_where_holm_finds_none():
    rng = np.random.default_rng(13)
    found, false = [], 0
    for _ in range(6):
        result = signflip(rng.normal(size=(8, 84)) + np.where(np.arange(84) < 10, 3.0, 0.0))
        found.append(result.rejected[:10].sum())
        false += result.rejected[10:].any()
        assert not (holm(result.p) <= 0.1).any()  # 84 * 2 / 2^8 = 0.66
    assert np.mean(found) > 8
    assert false <= stats.binom.ppf(0.9999, 6, 0.1)


@pytest.mark.parametrize(
    ("d", "alpha", "message"),
    [
        (np.zeros(4), 0.05, r"shape \(4,\), expected \(seeds, columns\)"),
        ([[1.0, np.inf], [1.0, 2.0]], 0.05, r"infinite differences in columns \[1\]; give NaN"),
        ([[1.0]], 0.5, "alpha is 0.5, allowed is 0 < alpha < 0.5"),
    ],
)
def test_refuses(d, alpha, message):
    with pytest.raises(ValueError, match=message):
        signflip(d, alpha)
