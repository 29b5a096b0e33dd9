"""What a claim reads from the atlas: one value of a measure per recipe and seed, at one comparison mode."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from imprint.errors import ImprintError, nearest

PLACES = ("stop", "select", "recipe", "seed", "snapshot")
SEARCHED = "search_space"
DIVERGED, NOT_REACHED = 1, 2
WORST = {"high": np.min, "low": np.max}


class ClaimError(ImprintError):
    """A claim that asks for what the atlas or the experiment does not have."""


def unknown(experiment: str, claim: str, key: str, found: object, valid: Iterable) -> ClaimError:
    """Error for a name that is not there, with the nearest that are."""
    place = f"experiment {experiment}, claim {claim}"
    return ClaimError(f"{place}: {key} is {str(found)!r}, which is not there; {nearest(found, valid)}")


@dataclass(frozen=True)
class Mode:
    """Where runs are compared: which were trained (stop, select) and at which snapshot they are read."""

    stop: str
    select: str
    snapshot: str

    def __str__(self) -> str:
        """Return stop, select and snapshot with slashes, as in the table."""
        return f"{self.stop}/{self.select}/{self.snapshot}"


@dataclass(frozen=True)
class Reading:
    """Values of one measure at one mode.

    ``value_N`` has the values of each recipe over seeds: NaN where a replica is absent or did not reach the
    condition. A diverged replica has the worst value observed at this mode over the experiment's recipes if
    the measure has an order (``prefer``), else NaN; ``diverged`` counts those that this concerns, by recipe.
    ``unreached`` counts the trained replicas that never met the condition at which the measure is read, ``undefined``
    those that did and have no value all the same.
    """

    value_N: dict[str, np.ndarray]
    diverged: dict[str, int]
    unreached: dict[str, int]
    undefined: dict[str, int]
    ordered: bool
    unit: str


class Readings:
    """The atlas of one experiment, read by names that are checked."""

    def __init__(self, atlas: xr.DataTree, experiment: dict):
        """Take the experiment's groups.

        Raises:
            ClaimError: If the atlas has no such experiment, or does not say how its training ended.
        """
        self.experiment = experiment
        self.name = experiment["name"]
        self.recipes = list(experiment["recipes"])
        self.seeds = list(experiment["seeds"])
        if self.name not in atlas.children:
            held = ", ".join(atlas.children) or "none"
            raise ClaimError(f"experiment {self.name}: it is not in the atlas, which has {held}; gather it again")
        groups = {name: node for name, node in atlas[self.name].children.items() if name != SEARCHED}
        self.groups = {name: node.to_dataset() for name, node in groups.items()}
        if "status" not in self.groups.get("training", ()):
            raise ClaimError(f"experiment {self.name}: the atlas has no training/status; gather it again")
        self.status = self.groups["training"]["status"]

    def modes(self, claim: str, at: dict | list[dict] | None) -> list[Mode]:
        """Comparison modes of a claim; by default the first stop, the first selection, the final snapshot."""
        stops, selects = list(self.experiment["stop"]), list(self.experiment.get("select") or ()) or ["fixed"]
        modes = []
        for place in at if isinstance(at, list) else [at or {}]:
            for key in place:
                if key not in ("stop", "select", "snapshot"):
                    raise unknown(self.name, claim, "at", key, ("stop", "select", "snapshot"))
            mode = Mode(**({"stop": stops[0], "select": selects[0], "snapshot": "final"} | place))
            self._check(claim, "at: stop", mode.stop, stops)
            self._check(claim, "at: select", mode.select, [*selects, "fixed"])
            modes.append(mode)
        return modes

    def check_recipes(self, claim: str, key: str, names: Iterable[str]) -> None:
        """Raise if a recipe is not one of the experiment's."""
        for name in names:
            self._check(claim, key, name, self.recipes)

    def read(self, claim: str, key: str, measure: str, where: dict | None, mode: Mode) -> Reading:
        """Values of `measure` at `mode`; `where` labels every further dimension, None if there may be none.

        Raises:
            ClaimError: If a measure, dimension or label is not in the atlas.
        """
        array = self._where(claim, key, measure, self._measure(claim, key, measure), where)
        declared = list(self.experiment.get("snapshots") or ())
        if "snapshot" in array.dims:
            held = {*array.snapshot.values.tolist(), *declared, "init", "final"}
            self._check(claim, "at: snapshot", mode.snapshot, held)
        status_RN, value_RN = self._runs(self.status, mode), self._runs(array, mode)
        value_RN[~np.isfinite(value_RN)] = np.nan
        if mode.snapshot not in ("init", *declared):
            value_RN[status_RN == NOT_REACHED] = np.nan
        diverged_RN = (status_RN == DIVERGED) & (np.isnan(value_RN) | (mode.snapshot == "final"))
        missing_RN = np.isfinite(status_RN) & np.isnan(value_RN) & ~diverged_RN
        unreached_RN = missing_RN & ((status_RN == NOT_REACHED) | (mode.snapshot in declared))
        worst = WORST.get(array.attrs.get("prefer"))
        observed = value_RN[np.isfinite(value_RN)]
        value_RN[diverged_RN] = worst(observed) if worst and observed.size else np.nan
        return Reading(
            value_N=dict(zip(self.recipes, value_RN, strict=True)),
            diverged=self._count(diverged_RN),
            unreached=self._count(unreached_RN),
            undefined=self._count(missing_RN & ~unreached_RN),
            ordered=worst is not None,
            unit=array.attrs.get("units", ""),
        )

    def at_edge(self, recipes: Iterable[str], mode: Mode) -> list[str]:
        """Those recipes whose chosen setting lies at the edge of its grid."""
        if "at_edge" not in self.groups["training"]:
            return []
        edge = self.groups["training"]["at_edge"].expand_dims(seed=self.seeds)
        edge_R = dict(zip(self.recipes, self._runs(edge, mode)[:, 0], strict=True))
        return [recipe for recipe in recipes if edge_R[recipe] == 1]

    def _runs(self, array: xr.DataArray, mode: Mode) -> np.ndarray:
        """Entries (recipe, seed) of the mode's runs; a recipe without search has one selection, "fixed"."""
        searched_R = np.isfinite(self._entries(self.status, mode)).any(1)
        fixed_RN = self._entries(array, replace(mode, select="fixed"))
        return np.where(searched_R[:, None], self._entries(array, mode), fixed_RN)

    def _entries(self, array: xr.DataArray, mode: Mode) -> np.ndarray:
        """Entries (recipe, seed) at the mode's labels, NaN where the array has no such label."""
        wanted = {"stop": [mode.stop], "select": [mode.select], "snapshot": [mode.snapshot]}
        wanted = {dim: labels for dim, labels in wanted.items() if dim in array.dims}
        wanted |= {"recipe": self.recipes, "seed": self.seeds}
        places = []
        for dim, labels in wanted.items():
            held = {label: place for place, label in enumerate(array[dim].values.tolist())}
            places.append([held.get(label, -1) for label in labels])
        entries = array.transpose(*wanted).values.astype(float)
        padded = np.pad(entries, [(0, 1)] * entries.ndim, constant_values=np.nan)
        return padded[np.ix_(*places)].reshape(len(self.recipes), len(self.seeds))

    def _count(self, flag_RN: np.ndarray) -> dict[str, int]:
        return dict(zip(self.recipes, flag_RN.sum(1).tolist(), strict=True))

    def _check(self, claim: str, key: str, found: object, valid: Collection) -> None:
        if found not in valid:
            raise unknown(self.name, claim, key, found, valid)

    def _measure(self, claim: str, key: str, measure: str) -> xr.DataArray:
        arrays = {f"{group}.{name}": data[name] for group, data in self.groups.items() for name in data}
        self._check(claim, key, measure, arrays)
        array = arrays[measure]
        missing = [dim for dim in PLACES if dim not in array.dims and dim != "snapshot"]
        if missing:
            raise ClaimError(
                f"experiment {self.name}, claim {claim}: {key} is {measure!r}, which has the dimensions "
                f"{', '.join(array.dims)} and lacks {', '.join(missing)}; a claim needs a value per replica"
            )
        return array

    def _where(self, claim: str, key: str, measure: str, array: xr.DataArray, where: dict | None) -> xr.DataArray:
        extra = [dim for dim in array.dims if dim not in PLACES]
        for dim, label in (where or {}).items():
            self._check(claim, f"{key} {measure}, where", dim, extra)
            labels = array[dim].values.tolist()
            self._check(claim, f"{key} {measure}, where: {dim}", label, labels)
            array = array.isel({dim: labels.index(label)}, drop=True)
        for dim in [dim for dim in extra if dim in array.dims]:
            labels = ", ".join(map(str, array[dim].values.tolist()))
            wanted = "a measure without it" if where is None else f"where: {{{dim}: ...}}, one of {labels}"
            place = f"experiment {self.name}, claim {claim}"
            raise ClaimError(f"{place}: {key} {measure!r} has the dimension {dim}; give {wanted}")
        return array
