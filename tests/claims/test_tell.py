"""Telling optimizers apart: planted answers, chance where there is nothing, and no memory of seeds or settings."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import RidgeClassifier

from imprint.claims import classifier, tell
from imprint.claims.runs import Runs, unfit

PROBES = ("first", "second", "third")


def made(random, optimizers=4, settings=3, seeds=6, orders=3, labels=4, effect=None):
    """Runs of noise and of seeds' own effects; ``effect(optimizer_N, setting_N)`` is added to the second probe."""
    optimizer_N, setting_N, seed_N, _ = np.indices((optimizers, settings, seeds, orders)).reshape(4, -1)
    x_NF = random.normal(size=(len(seed_N), labels * len(PROBES)))
    x_NF += random.normal(size=(seeds, x_NF.shape[1]))[seed_N]
    if effect is not None:
        x_NF[:, labels : 2 * labels] += effect(optimizer_N, setting_N)
    measure_F = np.array([f"{probe}.measure_{i}" for probe in PROBES for i in range(labels)], object)
    return Runs(x_NF, measure_F, optimizer_N, seed_N, setting_N, np.full(len(seed_N), 100.0))


def levels(random, optimizers=4, labels=4, size=4.0):
    """An effect that is a place of its own for each optimizer, the same at all settings."""
    place_PF = size * np.eye(max(optimizers, labels))[:optimizers, :labels]
    return lambda optimizer_N, setting_N: place_PF[optimizer_N]


def memories(random, optimizers=4, settings=3, labels=24):
    """An effect that any function of the rate can have: a place for each optimizer and setting, without relation."""
    place_PKF = 4 * random.normal(size=(optimizers, settings, labels))
    return lambda optimizer_N, setting_N: place_PKF[optimizer_N, setting_N]


def test_each_run_is_tested_once_by_a_model_that_saw_neither_its_seed_nor_its_setting():
    runs = made(np.random.default_rng(0))
    tested = np.zeros(len(runs.seed_N), int)
    for train, test in classifier.folds(runs):
        tested += test
        assert not set(runs.seed_N[train]) & set(runs.seed_N[test])
        assert not set(runs.setting_N[train]) & set(runs.setting_N[test])
        assert train.sum() == 4 * 2 * 5 * 3 and test.sum() == 4 * 3
    assert np.all(tested == 1)
    for train, test in classifier.folds(runs, unseen_setting=False):
        assert not set(runs.seed_N[train]) & set(runs.seed_N[test])
        assert set(runs.setting_N[train]) == {0, 1, 2}


@pytest.mark.parametrize("optimizers", [2, 4])
def test_predictions_are_those_of_scikit_learns_classifier(optimizers):
    random = np.random.default_rng(1)
    runs = made(random, optimizers, effect=levels(random, optimizers, size=1.0))
    found = classifier.predicted(classifier.smoother(runs), runs.optimizer_N[None])[0]
    for train, test in classifier.folds(runs):
        z = classifier.scaled(runs.x_NF, train, runs.measure_F)
        fitted = RidgeClassifier(alpha=12.0, solver="cholesky").fit(z[train], runs.optimizer_N[train])
        assert np.array_equal(fitted.predict(z[test]), found[test])


def test_permuted_labels_are_judged_as_if_the_models_had_been_fitted_to_them():
    random = np.random.default_rng(2)
    runs = made(random, effect=levels(random, size=1.0))
    label_BN = tell.permuted(runs.optimizer_N, runs.seed_N, 3, random)
    h_NN = classifier.smoother(runs)
    for label_N, found in zip(label_BN, classifier.predicted(h_NN, label_BN), strict=True):
        for train, test in classifier.folds(runs):
            z = classifier.scaled(runs.x_NF, train, runs.measure_F)
            fitted = RidgeClassifier(alpha=12.0, solver="cholesky").fit(z[train], label_N[train])
            assert np.array_equal(fitted.predict(z[test]), found[test])


@pytest.mark.parametrize("within", ["seed_N", "setting_N"])
def test_names_move_together_within_a_level(within):
    runs = made(np.random.default_rng(0))
    level_N = getattr(runs, within)
    for label_N in tell.permuted(runs.optimizer_N, level_N, 20, np.random.default_rng(0)):
        for level in np.unique(level_N):
            own = level_N == level
            pairs = set(zip(runs.optimizer_N[own], label_N[own], strict=True))
            assert len(pairs) == 4 and {b for _, b in pairs} == {0, 1, 2, 3}
    draws = tell.permuted(runs.optimizer_N, level_N, 500, np.random.default_rng(0))
    assert len(np.unique(draws, axis=0)) > 400  # of 24^6 or 24^3: names differ between levels and draws


def test_a_planted_signal_is_found_and_is_its_probes():
    random = np.random.default_rng(3)
    runs = made(random, effect=levels(random))
    found = tell.trial(runs, draws=199)
    assert found.accuracy > 0.9 and found.p_seed == 1 / 200 and found.p_setting <= 0.02  # 1 of 24^2 arrangements
    assert found.chance == 0.25 and found.low < 0.25 < found.high < 0.5
    assert found.counts_PP.sum() == len(runs.seed_N)
    assert np.diag(found.counts_PP).sum() / len(runs.seed_N) == pytest.approx(found.accuracy)
    drops = tell.importance(runs)
    # without its probe nothing is left but chance; shuffling 12 runs leaves a quarter of the optimizers in place
    assert drops["second"] == pytest.approx(found.accuracy - 0.25, abs=0.06)
    assert max(abs(drops["first"]), abs(drops["third"])) < 0.05
    alone = {probe: tell.trial(runs.features(runs.probe_F == probe), draws=1).accuracy for probe in PROBES}
    assert alone["second"] > 0.9 and max(alone["first"], alone["third"]) < 0.45


def test_p_within_settings_knows_how_few_arrangements_there_are():
    random = np.random.default_rng(4)
    found = tell.trial(made(random, 2, effect=levels(random, 2, size=14.0)), draws=999)
    # two names in three settings: 8 arrangements, of which two are the true one and its mirror image
    assert found.accuracy == 1 and found.p_seed == pytest.approx(2 / 2**6, abs=4 * np.sqrt(0.03 / 999))
    assert found.p_setting == pytest.approx(0.25, abs=4 * np.sqrt(0.19 / 999))


def test_optimizers_that_are_alike_are_taken_for_one_another():
    share = []
    for draw in range(10):
        random = np.random.default_rng(draw)
        place = 14 * np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]])
        runs = made(random, 3, effect=lambda optimizer_N, _, place=place: place[optimizer_N])
        counts = tell.trial(runs, draws=1).counts_PP
        assert counts[0, 0] == 54 and counts[1:, 0].sum() == 0
        share.append(counts[1:, 1:].trace() / 108)
    assert abs(np.mean(share) - 0.5) < 4 * np.std(share, ddof=1) / np.sqrt(10)


def test_memorized_settings_do_not_help():
    both, seeds_only = [], []
    for draw in range(40):
        random = np.random.default_rng(draw)
        runs = made(random, seeds=8, orders=1, labels=24, effect=memories(random))
        both.append(tell.trial(runs, draws=1).accuracy)
        seeds_only.append(tell.trial(runs, unseen_setting=False, draws=1).accuracy)
    assert np.mean(seeds_only) > 0.95
    assert abs(np.mean(both) - 0.25) < 4 * np.std(both, ddof=1) / np.sqrt(40)


@pytest.mark.slow
def test_p_is_uniform_where_there_is_nothing_to_tell():
    found = []
    for draw in range(150):
        random = np.random.default_rng(draw)
        found.append(tell.trial(made(random, 3, seeds=5, orders=4, labels=1), draws=99))
    accuracy = np.array([each.accuracy for each in found])
    assert abs(accuracy.mean() - 1 / 3) < 4 * accuracy.std(ddof=1) / np.sqrt(150)
    p = np.array([each.p_seed for each in found])
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert_never_smaller([each.p_setting for each in found])


@pytest.mark.slow
def test_where_settings_are_memorized_p_within_settings_holds_and_p_within_seeds_does_not():
    found = []
    for draw in range(100):
        random = np.random.default_rng(draw)
        runs = made(random, seeds=8, orders=1, labels=8, effect=memories(random, labels=8))
        found.append(tell.trial(runs, draws=199))
    assert_never_smaller([each.p_setting for each in found])
    # what a setting leaves is alike in all seeds, so luck with few settings is luck in every seed
    assert np.mean([each.p_seed <= 0.05 for each in found]) > 0.12


def assert_never_smaller(p):
    """No level is undercut more often than it says, by the binomial bound of 1 in 1000."""
    for level in (0.05, 0.1, 0.25, 0.5):
        assert np.sum(np.array(p) <= level) <= stats.binom.ppf(0.999, len(p), level), level


def test_each_measure_weighs_the_same_and_training_runs_alone_set_the_scale():
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 5)) * [3, 1, 1, 0, 1] + [5, 0, 0, 0.1, 0]
    measure = np.array(["a.a", "b.b", "b.b", "b.b", "c.c"], object)
    train = np.arange(40) < 30
    z = classifier.scaled(x, train, measure)
    np.testing.assert_allclose(z[train].var(0), [1, 0.5, 0.5, 0, 1], atol=1e-12)
    np.testing.assert_allclose(z[train].mean(0), 0, atol=1e-12)
    changed = classifier.scaled(np.where(train[:, None], x, 1e6 * x), train, measure)
    assert np.array_equal(changed[train], z[train])


def test_logarithms_are_taken_of_what_spans_and_is_above_zero_in_training():
    x = np.column_stack([np.geomspace(1, 100, 20), np.linspace(1, 20, 20), np.linspace(0, 100, 20)])
    found = classifier.logarithmic(x, np.ones(20, bool))
    np.testing.assert_array_equal(found, np.column_stack([np.log(x[:, 0]), x[:, 1:]]))
    x[0, 0] = -1.0  # tested, so it has no say; it is taken as the lowest training value
    found = classifier.logarithmic(x, np.arange(20) > 0)
    assert found[0, 0] == found[1, 0] == np.log(x[1, 0])


def test_what_is_lacking_is_the_mean_of_the_training_runs():
    x = np.random.default_rng(0).normal(size=(20, 2))
    x[[3, 15], 0] = np.nan
    z = classifier.scaled(x, np.arange(20) < 10, np.array(["a.a", "a.b"], object))
    assert z[3, 0] == z[15, 0] == 0 and np.isfinite(z).all()
    x[:10, 0] = np.nan
    assert not classifier.scaled(x, np.arange(20) < 10, np.array(["a.a", "a.b"], object))[:, 0].any()


def test_runs_without_the_condition_and_features_that_many_lack_are_told():
    runs = made(np.random.default_rng(0))
    runs.steps_N[0] = -1
    runs.steps_N[1] = np.nan
    runs.x_NF[2] = np.nan
    assert np.flatnonzero(~runs.reached_N).tolist() == [0, 1, 2]
    runs.x_NF[:12, 0] = np.nan  # 12 of 216 runs: 5.6 %
    runs.x_NF[:8, 1] = np.nan
    assert np.flatnonzero(~runs.measured_F).tolist() == [0]
    some = runs.some(runs.reached_N)
    assert some.x_NF.shape == (213, 12) and len(some.seed_N) == 213 and some.measure_F is runs.measure_F


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"optimizers": 1}, "there are 1, 6 and 3"),
        ({"seeds": 1}, "there are 4, 1 and 3"),
        ({"settings": 1}, "there are 4, 6 and 1"),
        ({"labels": 0}, "no measure"),
    ],
)
def test_what_cannot_be_tried_is_said_in_words(sizes, words):
    assert words in unfit(made(np.random.default_rng(0), **sizes))
    assert unfit(made(np.random.default_rng(0))) == ""
