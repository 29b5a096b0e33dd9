"""Can one tell which optimizer made a solution? Accuracy of the classifier, its nulls, and which probes carry it."""

from dataclasses import dataclass

import numpy as np

from imprint.claims.classifier import fitted, folds, predicted, smoother
from imprint.claims.runs import Runs

DRAWS = 999
SHUFFLES = 50
PERMUTATION_SEED = 20252
ROUNDING = 1e-12


@dataclass(frozen=True)
class Trial:
    """How well optimizers are told apart.

    Attributes:
        accuracy: mean over optimizers of the share of its runs that are recognized.
        chance: the accuracy of naming one at random.
        p_seed: share of permutations of the optimizers' names within each seed that are as accurate,
            :math:`(1 + b) / (1 + m)`. Small if runs of one seed differ by optimizer *or setting* alike in every seed.
        p_setting: the same with names permuted within each setting, alike for all seeds. Small only if the settings of
            an optimizer are alike; few settings have few permutations, so it cannot be very small.
        low, high: the middle 95 % of the accuracy under names permuted within seed.
        counts_PP: runs of each optimizer (row) that are taken for each (column).
    """

    accuracy: float
    chance: float
    p_seed: float
    p_setting: float
    low: float
    high: float
    counts_PP: np.ndarray


def trial(runs: Runs, unseen_setting: bool = True, draws: int = DRAWS) -> Trial:
    """Return how well the optimizers of runs are told apart, by models that saw neither their seed nor their setting.

    Args:
        runs: of at least two optimizers, seeds and settings.
        unseen_setting: False to let models see other seeds' runs at the tested setting, to compare.
        draws: permutations of each null.
    """
    h_NN = smoother(runs, unseen_setting)
    label_N, random = runs.optimizer_N, np.random.default_rng(PERMUTATION_SEED)
    taken_N = predicted(h_NN, label_N[None])[0]
    accuracy = balanced_accuracy(label_N[None], taken_N[None])[0]
    p, ends = [], []
    for within_N in (runs.seed_N, runs.setting_N):
        label_BN = permuted(label_N, within_N, draws, random)
        null_B = balanced_accuracy(label_BN, predicted(h_NN, label_BN))
        p.append(float((1 + (null_B >= accuracy - ROUNDING).sum()) / (1 + draws)))
        ends.append(np.quantile(null_B, [0.025, 0.975]).tolist())
    return Trial(float(accuracy), 1 / len(np.unique(label_N)), *p, *ends[0], confusion(label_N, taken_N))


def balanced_accuracy(label_BN: np.ndarray, predicted_BN: np.ndarray) -> np.ndarray:
    """Return the mean over optimizers of the share of its runs that are recognized, ``(B,)``.

    >>> balanced_accuracy(np.array([[0, 0, 0, 1]]), np.array([[0, 0, 1, 1]])).round(3)
    array([0.833])
    """
    right_BN = label_BN == predicted_BN
    own = [label_BN == label for label in np.unique(label_BN)]
    return np.mean([(right_BN & own_BN).sum(1) / np.maximum(own_BN.sum(1), 1) for own_BN in own], 0)


def confusion(label_N: np.ndarray, predicted_N: np.ndarray) -> np.ndarray:
    """Return how many runs of each optimizer (row) are taken for each (column), ``(P, P)``.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1])).tolist()
    [[1, 1], [0, 1]]
    """
    counts_PP = np.zeros((label_N.max() + 1,) * 2, int)
    np.add.at(counts_PP, (label_N, predicted_N), 1)
    return counts_PP


def permuted(label_N: np.ndarray, within_N: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
    """Return labels ``(B, N)`` with the names of the optimizers permuted within each level of ``within_N``.

    All runs of one optimizer and level move together.
    """
    _, level_N = np.unique(within_N, return_inverse=True)
    names_BLP = np.broadcast_to(np.arange(label_N.max() + 1), (draws, level_N.max() + 1, label_N.max() + 1))
    return random.permuted(names_BLP, axis=2)[:, level_N, label_N]


def importance(runs: Runs, shuffles: int = SHUFFLES) -> dict[str, float]:
    """Return by how much the accuracy drops when a probe's measures are permuted together among the tested runs.

    The runs of a fold, all of one seed and setting, exchange all measures of the probe, the models stay (permutation
    importance, Breiman 2001, of groups; mean over shuffles). Probes that say the same stand in for one another, so
    none of them drops far.
    """
    probe_F, random = runs.probe_F, np.random.default_rng(PERMUTATION_SEED)
    probes = np.unique(probe_F).tolist()
    y_NP = np.eye(runs.optimizer_N.max() + 1)[runs.optimizer_N]
    whole_N = np.zeros(len(y_NP), int)
    without = {probe: np.zeros((shuffles, len(y_NP)), int) for probe in probes}
    for train_N, test_N in folds(runs):
        z_NF, ridge = fitted(runs, train_N)
        z_TF, w_FP = z_NF[test_N], ridge.coef_.T @ y_NP[train_N]
        score_TP = ridge.predict(z_TF) @ y_NP[train_N]
        whole_N[test_N] = score_TP.argmax(-1)
        place_BT = random.permuted(np.tile(np.arange(len(z_TF)), (shuffles, 1)), axis=1)
        for probe in probes:
            part_TP = z_TF[:, probe_F == probe] @ w_FP[probe_F == probe]
            without[probe][:, test_N] = (score_TP - part_TP + part_TP[place_BT]).argmax(-1)
    label_BN = runs.optimizer_N[None]
    accuracy = balanced_accuracy(label_BN, whole_N[None])[0]
    return {probe: float(accuracy - balanced_accuracy(label_BN, taken).mean()) for probe, taken in without.items()}
