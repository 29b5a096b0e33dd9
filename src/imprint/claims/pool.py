"""A pool: replicas alike but for their seeds, dealt out as the seeds of two recipes, to see what is judged of them.

Axis letters: D draws, N seeds, Q replicas of the pool, K settings, T tuning seeds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from imprint.claims.attainable import ALPHA
from imprint.claims.evaluate import paired
from imprint.claims.family import Row, judge
from imprint.errors import ImprintError

POOL, TWIN = "pool", "twin"
ONE, OTHER = "one", "other"


def deal(rng: np.random.Generator, replicas: int, draws: int, *sizes: int) -> list[np.ndarray]:
    """Draw disjoint sets of replicas, without replacement within a draw: places ``[D, size]`` of each size.

    Raises:
        ValueError: if the pool has too few replicas.
    """
    if sum(sizes) > replicas:
        raise ValueError(f"a draw takes {sum(sizes)} replicas and the pool has {replicas}; give it more seeds")
    places_DQ = rng.permuted(np.tile(np.arange(replicas), (draws, 1)), axis=1)
    ends = np.cumsum(sizes)
    return [places_DQ[:, end - size : end] for end, size in zip(ends, sizes, strict=True)]


def contrasts(measures: list[str], recipes: tuple[str, str], seeds: list[int]) -> dict:
    """Return an experiment that compares two recipes on every measure."""
    claims = {
        measure: {
            "says": f"The two differ in {measure}.",
            "measure": measure,
            "contrast": list(recipes),
            "expect": {"greater_by": 0.0},
        }
        for measure in measures
    }
    cell = {"stop": {"steps": {}}, "select": {}, "snapshots": {}}
    return {"name": POOL, "recipes": list(recipes), "seeds": seeds, "claims": claims, **cell}


class PoolError(ImprintError):
    """A pool from which nothing can be learned; the message says why and what to change."""


@dataclass(frozen=True)
class Pool:
    """The atlas of a pool: groups ``/pool/<probe>``, ``/pool/training`` and ``/pool/trace``.

    Attributes:
        atlas: with the recipes ``pool`` and, on the seeds of the first block, ``twin``.
        measures: what is judged.
    """

    atlas: xr.DataTree
    measures: list[str]

    def __post_init__(self):
        """Refuse values that are missing or all the same.

        Raises:
            PoolError: naming the measure.
        """
        for measure in self.measures:
            values = self.values(measure)
            lost = np.flatnonzero(~np.isfinite(values))
            if lost.size:
                seeds = self.group("training")["seed"].values[lost].tolist()
                raise PoolError(
                    f"config.yaml: calibration: {measure} has no value at seeds {seeds}, which diverged or lack it; "
                    "choose a smaller rate or another measure"
                )
            if np.ptp(values) == 0:
                raise PoolError(
                    f"config.yaml: calibration: {measure} is {values[0]:g} in every replica; choose a measure that "
                    "differs from seed to seed"
                )

    @property
    def replicas(self) -> int:
        """How many there are."""
        return self.atlas[f"{POOL}/training"].sizes["seed"]

    def group(self, name: str) -> xr.Dataset:
        """Return one group of the pool's own replicas; those of the twin are left out."""
        return self.atlas[f"{POOL}/{name}"].to_dataset().sel(recipe=[POOL])

    def values(self, measure: str) -> np.ndarray:
        """Return the final values of a measure, ``[Q]``."""
        probe, _, name = measure.partition(".")
        data = self.group(probe)[name].isel(stop=0, select=0, recipe=0)
        return data.sel(snapshot="final").values if "snapshot" in data.dims else data.values

    def spread(self, measure: str) -> float:
        """Return the standard deviation of a difference of two replicas, in the unit of the measure."""
        return float(np.sqrt(2) * self.values(measure).std(ddof=1))

    def continuous(self, measure: str) -> bool:
        """Return whether no two replicas tie."""
        return len(np.unique(self.values(measure))) == self.replicas

    def ordered(self, measure: str) -> bool:
        """Return whether a diverged replica has a worst value of this measure."""
        probe, _, name = measure.partition(".")
        return self.group(probe)[name].attrs.get("prefer") in ("high", "low")

    def twins(self) -> tuple[xr.DataTree, list[int]]:
        """Return the atlas of what was trained twice, and its seeds."""
        status = self.atlas[f"{POOL}/training"]["status"].sel(recipe=TWIN).isel(stop=0, select=0)
        return self.atlas, status["seed"].values[np.isfinite(status.values)].tolist()

    def dealt(
        self,
        places: dict[str, np.ndarray],
        effects: dict[str, np.ndarray] | None = None,
        diverged: dict[str, np.ndarray] | None = None,
    ) -> xr.DataTree:
        """Return an atlas of recipes whose seed k is a replica of the pool.

        Args:
            places: of each recipe the places of its replicas in the pool, ``[seeds]``.
            effects: of a recipe what is added to each of its values, ``[seeds]``, in standard deviations of a
                difference of two replicas.
            diverged: of a recipe which of its replicas diverged, ``[seeds]``.
        """
        effects, diverged = effects or {}, diverged or {}
        probes = dict.fromkeys(measure.partition(".")[0] for measure in self.measures)
        groups = {}
        for name in (*probes, "training"):
            group = self.group(name)
            sides = []
            for recipe, place in places.items():
                side = group.isel(seed=place).assign_coords(recipe=[recipe], seed=np.arange(len(place)))
                if name == "training" and recipe in diverged:
                    side = side.assign(status=side["status"].where(~xr.DataArray(diverged[recipe], dims="seed"), 1.0))
                if name != "training" and recipe in effects:
                    side = self._planted(name, side, xr.DataArray(effects[recipe], dims="seed"))
                sides.append(side)
            groups[f"/{POOL}/{name}"] = xr.concat(sides, "recipe", combine_attrs="override", join="override")
        return xr.DataTree.from_dict(groups)

    def _planted(self, probe: str, side: xr.Dataset, effect: xr.DataArray) -> xr.Dataset:
        own = [measure.partition(".")[2] for measure in self.measures if measure.partition(".")[0] == probe]
        with xr.set_options(keep_attrs=True):
            return side.assign({name: side[name] + effect * self.spread(f"{probe}.{name}") for name in own})

    def judged(self, atlas: xr.DataTree, draws: int) -> Iterator[list[Row]]:
        """Judge every draw as an experiment of its own, its seeds the next ``seeds / draws`` of the atlas."""
        total = atlas[f"{POOL}/training"].sizes["seed"]
        rows = paired(atlas, contrasts(self.measures, (ONE, OTHER), list(range(total))))
        for start in range(0, total, total // draws):
            yield judge_part(rows, slice(start, start + total // draws))


def judge_part(rows: list[Row], seeds: slice) -> list[Row]:
    """Judge rows on some of their seeds, at the level of a study."""
    part = [
        replace(
            row,
            cells={**row.cells, "pairs_declared": seeds.stop - seeds.start},
            x_N=row.x_N[seeds],
            problems=list(row.problems),
            notes=list(row.notes),
        )
        for row in rows
    ]
    judge(part, ALPHA)
    return part
