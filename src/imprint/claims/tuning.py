"""The spread of a contrast over tuning seeds: a standard deviation that owes nothing to the evaluation's data.

Axis letters: K settings, T tuning seeds.
"""

from collections.abc import Iterable

import numpy as np
import xarray as xr

from imprint.claims.readings import SEARCHED, ClaimError, Mode, Readings
from imprint.claims.sides import compared
from imprint.claims.signflip import ROUNDING

OFFSETS = (-1, 0, 1)
"""Settings that are pooled, as places in the grid from the chosen one."""


def neighbours(atlas: xr.DataTree, parts: Iterable[dict]) -> list[dict[str, Readings]]:
    """Return what the probed searches of an experiment hold at the chosen settings and their neighbours.

    Args:
        atlas: groups ``/<experiment>/search`` and ``/<experiment>/search_space/<probe>``.
        parts: the resolved experiment, one part for each of its tasks.

    Returns:
        For each of `OFFSETS` the readings by part's name, their seeds the tuning seeds; none for a part whose search
        was not probed.
    """
    probed = [part for part in parts if SEARCHED in getattr(atlas.get(part["name"]), "children", ())]
    spaces = [node.to_dataset() for part in probed for node in atlas[part["name"]][SEARCHED].children.values()]
    seeds = sorted({seed for space in spaces for seed in space["seed"].values.tolist()})
    return [
        {part["name"]: Readings(_beside(atlas, part["name"], offset), {**part, "seeds": seeds}) for part in probed}
        for offset in OFFSETS
        if probed
    ]


def _beside(atlas: xr.DataTree, name: str, offset: int) -> xr.DataTree:
    """The search at so many settings from the chosen ones, as an atlas over (stop, select, recipe, seed, ...).

    Measures have no order there, so that a diverged replica is missing: the worst value would be no spread.
    """
    search = atlas[f"{name}/search"].to_dataset()
    place = search["chosen"].transpose("stop", "select", "recipe") + offset
    inside = (place >= 0) & (place < search.sizes["setting"])
    places = {"stop": range(place.sizes["stop"]), "recipe": range(place.sizes["recipe"])}
    index = {dim: xr.DataArray(list(values), dims=dim) for dim, values in places.items()}
    index["setting"] = place.where(inside, 0).astype(int).drop_vars(place.coords)

    def picked(array: xr.DataArray) -> xr.DataArray:
        labels = {dim: place[dim] for dim in ("stop", "select", "recipe")}
        return array.drop_vars("setting", errors="ignore").isel(index).assign_coords(labels).where(inside)

    groups = {f"/{name}/training": xr.Dataset({"status": picked(search["status"])})}
    for probe, node in atlas[name][SEARCHED].children.items():
        space = node.to_dataset().reindex(stop=search["stop"], recipe=search["recipe"], setting=search["setting"])
        measures = {key: array for key, array in space.items() if "seed" in array.dims}
        attrs = {key: {**array.attrs, "prefer": "none"} for key, array in measures.items()}
        groups[f"/{name}/{probe}"] = xr.Dataset(
            {key: picked(array).assign_attrs(attrs[key]) for key, array in measures.items()}
        )
    return xr.DataTree.from_dict(groups)


def spreads(
    near: list[dict[str, Readings]], experiment: str, name: str, claim: dict, mode: Mode
) -> list[tuple[float, int] | None]:
    """Return for each row of a claim the standard deviation over tuning seeds and its degrees of freedom.

    Of the final snapshot alone, since a search keeps no other. Empty where the search does not hold what the claim
    reads.

    Args:
        near: of `neighbours`.
        experiment: the part that has the claim.
        name: of the claim.
        claim: as resolved.
        mode: where it is judged.
    """
    if mode.snapshot != "final" or any(experiment not in read for read in near):
        return []
    try:
        found = [compared(read[experiment], name, claim, mode, read) for read in near]
    except ClaimError:  # the names were checked on the evaluation, so the search was not probed for one of them
        return []
    return [pooled(np.stack([row.x_N for row in rows])) for rows in zip(*found, strict=True)]


def pooled(x_KT: np.ndarray) -> tuple[float, int] | None:
    r"""Return the pooled standard deviation within settings and its degrees of freedom.

    :math:`s^2 = \sum_k \sum_t (x_{kt} - \bar x_k)^2 / \sum_k (T_k - 1)`, the residual mean square of a one-way
    analysis of variance: what a setting does to the mean is not in it. K settings share their T seeds, so the degrees
    of freedom :math:`\sum_k (T_k - 1)` are an upper bound; and a neighbour that trains less stably than the chosen
    setting makes it larger. Missing values are left out. None where no setting has two values, or all tie: so few
    equal values tell of no spread.

    >>> pooled(np.array([[1.0, 3.0], [11.0, 15.0]]))
    (2.23606797749979, 2)
    """
    has_KT = np.isfinite(x_KT)
    df = int(np.maximum(has_KT.sum(1) - 1, 0).sum())
    if df == 0:
        return None
    kept_KT = np.where(has_KT, x_KT, 0.0)
    mean_K = kept_KT.sum(1) / np.maximum(has_KT.sum(1), 1)
    deviation_KT = np.where(has_KT, x_KT - mean_K[:, None], 0.0)
    sd = float(np.sqrt(np.square(deviation_KT).sum() / df))
    return (sd, df) if sd > ROUNDING * np.abs(kept_KT).max() else None
