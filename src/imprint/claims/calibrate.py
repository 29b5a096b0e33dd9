"""Calibration: the judging is run on replicas of known truth, and what it says is recorded draw by draw.

Every check deals the replicas of a pool out as the seeds of two recipes (`imprint.claims.pool`) and lets the code that
judges a study judge them: pairing, test, interval, verdict. `imprint.claims.trust` makes figures of what is recorded.

Axis letters: M measures, D draws, N seeds, K settings, T tuning seeds, H shapes.
"""

import zlib

import numpy as np
import xarray as xr

from imprint.claims.attainable import ALPHA
from imprint.claims.deal import SETTINGS, TUNING_SEEDS
from imprint.claims.evaluate import evaluate
from imprint.claims.family import Row
from imprint.claims.pool import ONE, OTHER, POOL, TWIN, Pool, contrasts, deal, judge_part
from imprint.claims.power import detectable
from imprint.claims.shapes import SHAPES, Shape
from imprint.fleet.selection import select

DRAWS = 400
DIVERGED_DRAWS = 100
"""Draws of the one check whose figure has no bound, and that reads an atlas for each."""
DIVERGED = 0.125
"""Share of the replicas of one side that diverge where the coverage under divergence is measured."""
RULES = {"best": {"validation_loss": "min"}}


def calibrate(pool: Pool, seeds: int, draws: int = DRAWS) -> xr.Dataset:
    """Run every check on so many seeds.

    Args:
        pool: replicas alike but for their seeds.
        seeds: of each side of a contrast, as many as an experiment has.
        draws: of each check.

    Returns:
        Dataset over ``measure``, ``shape`` and ``draw``; see the ``long_name`` of each variable.
    """
    found = {}
    for check in (alike, planted, shuffled, selected, twins, covered, covered_diverged):
        # a stream of its own, so that no check moves another's draws
        found |= check(pool, seeds, draws, np.random.default_rng([zlib.crc32(check.__name__.encode()), seeds]))
    found["continuous"] = (
        "measure",
        np.array([pool.continuous(measure) for measure in pool.measures]),
        about("no two replicas tie"),
    )
    return xr.Dataset(found, coords={"measure": pool.measures, "shape": list(SHAPES)})


def alike(pool: Pool, seeds: int, draws: int, rng: np.random.Generator) -> dict:
    """A/A: two disjoint sets of replicas, which differ in nothing; every difference that is found is false."""
    one, other = deal(rng, pool.replicas, draws, seeds, seeds)
    atlas = pool.dealt({ONE: one.ravel(), OTHER: other.ravel()})
    families = list(pool.judged(atlas, draws))
    return {
        "alike_p": _cells(families, "p", "p of two sets that are alike"),
        "alike_estimate": _cells(families, "estimate", "difference of two sets that are alike"),
        "alike_false": _false(families, "some verdict tells two sets apart that are alike"),
    }


def planted(pool: Pool, seeds: int, draws: int, rng: np.random.Generator) -> dict:
    """An effect as large as the test finds in four of five cases, if differences are normal."""
    effect = detectable(seeds)
    one, other = deal(rng, pool.replicas, draws, seeds, seeds)
    atlas = pool.dealt({ONE: one.ravel(), OTHER: other.ravel()}, {ONE: np.full(one.size, effect)})
    families = list(pool.judged(atlas, draws))
    # alone, a row is supported exactly where its own p reaches the level on the claimed side
    alone_DM = [[row.cells["p"] <= 2 * ALPHA and row.cells["estimate"] > 0 for row in rows] for rows in families]
    family_DM = [[row.cells["verdict"] == "supported" for row in rows] for rows in families]
    dims = ("measure", "draw")
    return {
        "planted_effect": ((), effect, about("planted effect, in standard deviations of a difference of two replicas")),
        "planted_found": (dims, np.transpose(alone_DM), about("the planted effect is found, tested alone")),
        "planted_supported": (dims, np.transpose(family_DM), about("the claim is supported, in its family")),
    }


def shuffled(pool: Pool, seeds: int, draws: int, rng: np.random.Generator) -> dict:
    """An effect is planted, then the names of the two sides are exchanged at random within every seed."""
    one, other = (places.ravel() for places in deal(rng, pool.replicas, draws, seeds, seeds))
    swapped = rng.random(one.size) < 0.5
    effect = detectable(seeds)
    places = {ONE: np.where(swapped, other, one), OTHER: np.where(swapped, one, other)}
    atlas = pool.dealt(places, {ONE: np.where(swapped, 0.0, effect), OTHER: np.where(swapped, effect, 0.0)})
    families = list(pool.judged(atlas, draws))
    return {"shuffled_p": _cells(families, "p", "p under shuffled labels")}


def selected(pool: Pool, seeds: int, draws: int, rng: np.random.Generator) -> dict:
    """A/A of a recipe whose setting is chosen, of settings alike in truth, with one that has no choice."""
    tuning, evaluated, other = deal(rng, pool.replicas, draws, SETTINGS * TUNING_SEEDS, SETTINGS * seeds, seeds)
    tuning_DKT = tuning.reshape(draws, SETTINGS, TUNING_SEEDS)
    evaluated_DKN = evaluated.reshape(draws, SETTINGS, seeds)
    training = {name: pool.group(name).isel(stop=0, select=0, recipe=0) for name in ("trace", "training")}
    chosen = [
        choose(pool, training, tuning_KT, evaluated_KN)
        for tuning_KT, evaluated_KN in zip(tuning_DKT, evaluated_DKN, strict=True)
    ]
    one = evaluated_DKN[np.arange(draws), chosen]
    families = list(pool.judged(pool.dealt({ONE: one.ravel(), OTHER: other.ravel()}), draws))
    return {
        "selected_estimate": _cells(families, "estimate", "difference of a chosen setting and one alike in truth"),
        "selected_false": _false(families, "some verdict tells a chosen setting from one alike in truth"),
    }


def choose(pool: Pool, training: dict[str, xr.Dataset], tuning_KT: np.ndarray, evaluated_KN: np.ndarray) -> int:
    """Return the setting that the study's selection chooses from a search on these tuning replicas.

    Args:
        pool: of which only what a search sees is used.
        training: its ``trace`` and ``training``.
        tuning_KT: places of the replicas of the search.
        evaluated_KN: places of those that are evaluated, at which a selection must not look.
    """
    del pool, evaluated_KN
    places = xr.DataArray(tuning_KT, dims=("setting", "seed"))
    search = xr.Dataset(
        {
            "validation_loss": training["trace"]["validation_loss"].drop_vars("seed").isel(seed=places),
            "status": training["training"]["status"].drop_vars("seed").isel(seed=places),
            "hyper.lr": ("setting", np.arange(1.0, len(tuning_KT) + 1)),
        },
        coords={"setting": np.arange(len(tuning_KT))},
    )
    return int(select(search.rename(step="evaluation"), RULES)["chosen"].item())


def twins(pool: Pool, seeds: int, draws: int, rng: np.random.Generator) -> dict:
    """The same seeds trained twice, under two names: paired by seed, nothing is left of any difference."""
    del seeds, draws, rng
    atlas, shared = pool.twins()
    judged = evaluate(atlas, contrasts(pool.measures, (POOL, TWIN), shared))
    largest_M = np.fmax(judged["estimate"].abs(), judged["sd"]).to_numpy()
    spread_M = np.array([pool.spread(measure) for measure in pool.measures])
    long_name = "largest difference of the same seeds under two names, in standard deviations of two replicas"
    return {"twin_difference": ("measure", largest_M / spread_M, about(long_name))}


def covered(pool: Pool, seeds: int, draws: int, rng: np.random.Generator) -> dict:
    """Intervals of values of known mean: of one test alone, of each test of a family, of all of it at once.

    Half of the columns of a family have mean 0 and half mean 1, in standard deviations.
    """
    means_M = np.arange(len(pool.measures)) % 2
    shape = (len(SHAPES), draws)
    alone_HD, each_HD, all_HD = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for place, known in enumerate(SHAPES.values()):
        alone_HD[place], inside_DM = _inside(known, means_M, seeds, draws, rng)
        each_HD[place], all_HD[place] = inside_DM.mean(1), inside_DM.all(1)
    return {
        "covered_alone": (("shape", "draw"), alone_HD, about("the interval of one test holds the mean")),
        "covered_each": (("shape", "draw"), each_HD, about("share of a family's intervals that hold their mean")),
        "covered_all": (("shape", "draw"), all_HD, about("all of a family's intervals hold their means")),
    }


def _inside(known: Shape, means_M: np.ndarray, seeds: int, draws: int, rng: np.random.Generator) -> tuple:
    values_MX = known.draw(rng, (len(means_M), draws * seeds)) + means_M[:, None]
    rows = [Row({}, "greater_by", 0.0, values_X, float) for values_X in values_MX]
    parts = [slice(start, start + seeds) for start in range(0, draws * seeds, seeds)]
    alone_D = [_holds(judge_part(rows[-1:], part), means_M[-1:])[0] for part in parts]
    return alone_D, np.array([_holds(judge_part(rows, part), means_M) for part in parts])


def covered_diverged(pool: Pool, seeds: int, draws: int, rng: np.random.Generator) -> dict:
    """Intervals of ordered measures where replicas of one side diverge and count as the worst that was observed.

    The truth is the difference with every diverged replica at the worst value of the whole pool.
    """
    ordered = Pool(pool.atlas, [measure for measure in pool.measures if pool.ordered(measure)])
    if not ordered.measures:
        return {}
    truth_M = np.array([_shift(ordered, measure) for measure in ordered.measures])
    one, other = deal(rng, pool.replicas, min(draws, DIVERGED_DRAWS), seeds, seeds)
    diverged_DN = rng.random(one.shape) < DIVERGED
    alone_D = []
    for one_N, other_N, diverged_N in zip(one, other, diverged_DN, strict=True):
        atlas = ordered.dealt({ONE: one_N, OTHER: other_N}, diverged={ONE: diverged_N})
        rows = evaluate(atlas, contrasts(ordered.measures, (ONE, OTHER), list(range(seeds))))
        alone_D.append(np.mean((rows["low"] <= truth_M) & (truth_M <= rows["high"])))
    long_name = "share of intervals that hold the difference where one replica in eight of one side diverged"
    return {"covered_diverged": ("draw_diverged", np.array(alone_D), about(long_name))}


def _shift(pool: Pool, measure: str) -> float:
    values = pool.values(measure)
    probe, _, name = measure.partition(".")
    worst = values.min() if pool.group(probe)[name].attrs["prefer"] == "high" else values.max()
    return DIVERGED * (worst - values.mean())


def _holds(rows: list[Row], means_M: np.ndarray) -> list[bool]:
    return [row.cells["low"] <= mean <= row.cells["high"] for row, mean in zip(rows, means_M, strict=True)]


def _cells(families: list[list[Row]], key: str, long_name: str) -> tuple:
    values_MD = np.array([[row.cells[key] for row in rows] for rows in families], dtype=float).T
    return ("measure", "draw"), values_MD, about(long_name)


def _false(families: list[list[Row]], long_name: str) -> tuple:
    decided = [any(row.cells["verdict"] in ("supported", "contradicted") for row in rows) for rows in families]
    return "draw", np.array(decided), about(long_name)


def about(long_name: str) -> dict:
    """Return the attributes of a variable."""
    return {"long_name": long_name, "units": "1"}
