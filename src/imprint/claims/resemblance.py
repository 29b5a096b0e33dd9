"""Which recipes a recipe resembles: how far apart the imprints of two recipes are, seed by seed.

An imprint is everything that the probes measure of a run at one comparison mode. Axis letters: R recipes, N seeds,
F features, K other recipes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from imprint.claims.attainable import ALPHA
from imprint.claims.measures import measures
from imprint.claims.readings import Readings
from imprint.claims.signflip import ROUNDING, signflip


@dataclass(frozen=True)
class Imprints:
    """What was measured of some recipes on the same seeds.

    Attributes:
        recipes: names, R.
        seeds: their numbers, N.
        x_RNF: values, NaN where one is lacking.
        group_F: which probe of which experiment a feature is of.
    """

    recipes: list[str]
    seeds: list[int]
    x_RNF: np.ndarray
    group_F: np.ndarray


@dataclass(frozen=True)
class Resemblance:
    """How far a recipe is from each of the others, the nearest first.

    Attributes:
        others: names, K.
        distance_K: mean over seeds.
        low_K, high_K: ends of the simultaneous intervals of the mean.
        farther_K: adjusted p of "as near as the nearest"; NaN for the nearest.
        own: mean distance of the recipe's runs from its own of another seed.
        typical: median over pairs of the others of their distance.
        n: seeds.
        features: that were compared.
    """

    others: list[str]
    distance_K: np.ndarray
    low_K: np.ndarray
    high_K: np.ndarray
    farther_K: np.ndarray
    own: float
    typical: float
    n: int
    features: int

    @property
    def nearest(self) -> list[str]:
        """The nearest recipe, and those that cannot be told to be farther away."""
        return [self.others[0], *(self.others[place] for place in np.flatnonzero(self.farther_K > 2 * ALPHA))]


def imprints(atlas: xr.DataTree, experiment: dict, at: dict[str, str]) -> Imprints:
    """Return what was measured of an experiment's recipes at one comparison mode.

    Args:
        atlas: groups ``/<experiment>/<probe>``.
        experiment: as resolved.
        at: the mode, as a claim names it.
    """
    readings = Readings(atlas, experiment)
    (mode,) = readings.modes("profile", at)
    columns, groups = [], []
    for measure in measures(readings):
        value_N = readings.read("profile", "measure", measure.name, measure.where, mode).value_N
        columns.append(np.stack([value_N[recipe] for recipe in readings.recipes]))
        groups.append(f"{readings.name} {measure.probe}")
    shape = (len(readings.recipes), len(readings.seeds), 0)
    x_RNF = np.stack(columns, axis=-1) if columns else np.empty(shape)
    return Imprints(readings.recipes, readings.seeds, x_RNF, np.array(groups, dtype=object))


def together(parts: Sequence[Imprints]) -> Imprints:
    """Return the imprints of several experiments as one, of the recipes and seeds that all of them have."""
    recipes = [name for name in parts[0].recipes if all(name in part.recipes for part in parts)]
    seeds = [seed for seed in parts[0].seeds if all(seed in part.seeds for part in parts)]
    chosen = [
        part.x_RNF[np.ix_(list(map(part.recipes.index, recipes)), list(map(part.seeds.index, seeds)))] for part in parts
    ]
    return Imprints(recipes, seeds, np.concatenate(chosen, -1), np.concatenate([part.group_F for part in parts]))


def resemblance(found: Imprints, recipe: str) -> Resemblance:
    r"""Return how far a recipe is from the others.

    The distance of two runs is :math:`\sqrt{\sum_f w_f (x_f - y_f)^2 / s_f^2}`: s is the standard deviation of a
    feature over all runs of the *other* recipes, within and between them, so that hers does not set the scale; the
    weights w sum to 1, equal for each probe and equal within it. A feature that is above 0 throughout is compared in
    logarithms. Runs of one seed are compared, which began from the same weights. Two runs that are drawn at random
    from the others' are about :math:`\sqrt{2}` apart.

    Args:
        found: of the recipe and at least two others.
        recipe: whose resemblance it is.
    """
    others = [name for name in found.recipes if name != recipe]
    z_RNF, kept_F = scaled(found.x_RNF, np.array([name != recipe for name in found.recipes]))
    weight_F = weights(found.group_F[kept_F])
    runs = dict(zip(found.recipes, z_RNF, strict=True))
    d_NK = np.stack([distances(runs[recipe], runs[other], weight_F) for other in others], axis=1)
    order = _by_mean(d_NK)
    others, d_NK = [others[place] for place in order], d_NK[:, order]
    near = signflip(d_NK)
    apart = signflip(d_NK[:, 1:] - d_NK[:, :1])
    pairs = [
        np.nanmean(distances(runs[one], runs[other], weight_F))
        for place, one in enumerate(others)
        for other in others[place + 1 :]
        if np.isfinite(distances(runs[one], runs[other], weight_F)).any()
    ]
    own_N = distances(runs[recipe], np.roll(runs[recipe], 1, axis=0), weight_F)
    return Resemblance(
        others=others,
        distance_K=near.mean,
        low_K=np.maximum(near.low, 0.0),
        high_K=near.high,
        farther_K=np.concatenate([[np.nan], np.where(apart.n > 1, apart.p_adjusted, np.nan)]),
        own=_mean(own_N),
        typical=float(np.median(pairs)) if pairs else np.nan,
        n=len(found.seeds),
        features=int(kept_F.sum()),
    )


def scaled(x_RNF: np.ndarray, known_R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return features in units of their deviation over the known recipes' runs, and which have one.

    Args:
        x_RNF: values.
        known_R: which recipes set the scale.
    """
    there = np.isfinite(x_RNF)
    x_RNF = np.where(there, x_RNF, np.nan)
    above_F = np.where(there, x_RNF > 0, True).all((0, 1))
    x_RNF = np.where(above_F, np.log(np.where(above_F, x_RNF, 1.0)), x_RNF)
    known_MF = x_RNF[known_R].reshape(-1, x_RNF.shape[-1])
    enough_F = np.isfinite(known_MF).sum(0) > 1
    full_MF = np.where(enough_F, known_MF, 0.0)
    deviation_F = np.nanstd(full_MF, axis=0)
    size_F = np.nanmax(np.abs(full_MF), axis=0, initial=0.0)
    kept_F = enough_F & (deviation_F > ROUNDING * size_F)
    return x_RNF[..., kept_F] / deviation_F[kept_F], kept_F


def weights(group_F: np.ndarray) -> np.ndarray:
    """Return weights that sum to 1, equal for each group and equal within it.

    >>> weights(np.array(["a", "b", "b"])).tolist()
    [0.5, 0.25, 0.25]
    """
    _, place_F, size_G = np.unique(group_F.astype(str), return_inverse=True, return_counts=True)
    return 1 / size_G[place_F] / max(len(size_G), 1)


def distances(a_NF: np.ndarray, b_NF: np.ndarray, weight_F: np.ndarray) -> np.ndarray:
    """Return the weighted distance of paired runs over the features that both have, NaN where they share none.

    >>> distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), np.array([0.5, 0.5])).tolist()
    [3.5355339059327378]
    """
    difference_NF = a_NF - b_NF
    has_NF = np.isfinite(difference_NF)
    whole_N = (has_NF * weight_F).sum(1)
    square_N = (np.where(has_NF, difference_NF, 0.0) ** 2 * weight_F).sum(1)
    return np.sqrt(np.where(whole_N > 0, square_N / np.where(whole_N > 0, whole_N, 1.0), np.nan))


def _by_mean(d_NK: np.ndarray) -> list[int]:
    """Places of the columns by their means, those without a value last."""
    means = [_mean(d_N) for d_N in d_NK.T]
    return sorted(range(len(means)), key=lambda place: (np.isnan(means[place]), means[place]))


def _mean(d_N: np.ndarray) -> float:
    return float(d_N[np.isfinite(d_N)].mean()) if np.isfinite(d_N).any() else np.nan
