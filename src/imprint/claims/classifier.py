r"""Names the optimizer of a run from its measurements, by a model that has seen neither its seed nor its setting.

Ridge regression on the indicators of the optimizers (Hastie, Tibshirani and Friedman 2009, section 4.2; scikit-learn's
``RidgeClassifier``), with a penalty fixed beforehand, fitted for each run to those of all other seeds at all other
settings. The scores are linear in the labels,

.. math:: S_{NP} = H_{NN} Y_{NP},

so the accuracy under any other labels costs one matrix product.
"""

from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import Ridge

from imprint.claims.runs import Runs

SPAN = 30.0
"""Features above 0 whose largest training value is more than so many times the smallest are taken as logarithms."""
CONSTANT = 1e-9
"""A feature that deviates less, relative to its mean, is constant."""


def folds(runs: Runs, unseen_setting: bool = True) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield which runs are trained on and which are tested, ``(N,)`` each, for every seed and setting.

    Args:
        runs: what is split.
        unseen_setting: whether the tested setting, of every optimizer, is kept from training, as the tested seed is.
    """
    for seed in np.unique(runs.seed_N):
        for setting in np.unique(runs.setting_N):
            own_seed, own_setting = runs.seed_N == seed, runs.setting_N == setting
            train = ~own_seed & ~own_setting if unseen_setting else ~own_seed
            if train.any() and (own_seed & own_setting).any():
                yield train, own_seed & own_setting


def scaled(x_NF: np.ndarray, train_N: np.ndarray, measure_F: np.ndarray) -> np.ndarray:
    """Return features with mean 0 and variance 1 / L over the training runs, for a measure of L features.

    So each measure weighs the same, however many labels it has. What is lacking or constant is 0, the mean.
    """
    x_NF = logarithmic(x_NF, train_N)
    there_F = np.isfinite(x_NF[train_N]).any(0)
    train_MF = np.where(there_F, x_NF[train_N], 0.0)
    mean_F, sd_F = np.nanmean(train_MF, 0), np.nanstd(train_MF, 0)
    varies_F = sd_F > CONSTANT * np.abs(mean_F)
    _, place_F = np.unique(measure_F.astype(str), return_inverse=True)
    labels_F = np.bincount(place_F, varies_F)[place_F]
    unit_F = np.where(varies_F, sd_F * np.sqrt(np.maximum(labels_F, 1)), np.inf)
    return np.nan_to_num((x_NF - mean_F) / unit_F)


def logarithmic(x_NF: np.ndarray, train_N: np.ndarray) -> np.ndarray:
    """Return logarithms of the features that the training runs tell to take them of, by the rule of :data:`SPAN`.

    A tested value below the training runs' range, which may have no logarithm, is then the lowest of that range.
    """
    there_MF = np.isfinite(x_NF[train_N])
    low_F = x_NF[train_N].min(0, initial=np.inf, where=there_MF)
    high_F = x_NF[train_N].max(0, initial=-np.inf, where=there_MF)
    log_F = (low_F > 0) & (high_F > SPAN * low_F)
    return np.log(np.maximum(x_NF, low_F), where=log_F, out=x_NF.copy())


def fitted(runs: Runs, train_N: np.ndarray) -> tuple[np.ndarray, Ridge]:
    """Return scaled features ``(N, F)`` and the fit to one indicator for each training run.

    The penalty is the number of measures, which is the mean squared norm of a run's scaled features.
    """
    z_NF = scaled(runs.x_NF, train_N, runs.measure_F)
    penalty = float(len(set(runs.measure_F)))
    return z_NF, Ridge(alpha=penalty, solver="cholesky").fit(z_NF[train_N], np.eye(train_N.sum()))


def smoother(runs: Runs, unseen_setting: bool = True) -> np.ndarray:
    """Return H ``(N, N)``, which takes the labels of all runs to the scores of each when it is left out."""
    h_NN = np.zeros((len(runs.x_NF),) * 2)
    for train_N, test_N in folds(runs, unseen_setting):
        z_NF, ridge = fitted(runs, train_N)
        h_NN[np.ix_(test_N, train_N)] = ridge.predict(z_NF[test_N])
    return h_NN


def predicted(h_NN: np.ndarray, label_BN: np.ndarray) -> np.ndarray:
    """Return the optimizer that each run is taken for, ``(B, N)``, under labels ``(B, N)``."""
    y_NBP = np.eye(label_BN.max() + 1)[label_BN.T]
    scores = h_NN @ y_NBP.reshape(len(h_NN), -1)
    return scores.reshape(y_NBP.shape).argmax(-1).T
