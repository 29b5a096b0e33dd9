"""Gathers measurements under their labels: the atlas, one group per experiment and probe."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from imprint.labels import STATUS, last_known

PLACES = ("stop", "select", "recipe", "seed", "snapshot")


@dataclass(frozen=True)
class Piece:
    """A result with the place where it belongs: dims of ``data`` are ``(setting, seed, ...)`` with a ``role``."""

    stop: str
    recipe: str
    data: xr.Dataset


def by_role(data: xr.Dataset) -> xr.Dataset:
    """Return measurements by the rule that chose their setting: ``setting`` becomes ``select``."""
    places = {role: place for place, roles in enumerate(data["role"].values.tolist()) for role in roles.split()}
    picked = data.drop_vars("role").isel(setting=list(places.values())).drop_vars("setting", errors="ignore")
    return picked.rename(setting="select").assign_coords(select=list(places))


def gather(pieces: Iterable[Piece], selects: list[str], recipes: list[str], stops: list[str]) -> xr.Dataset:
    """Return one dataset with dims ``(stop, select, recipe, seed, ...)``; NaN where a piece is absent.

    Args:
        pieces: results of one probe, of all cells and seed blocks of an experiment.
        selects: selection rules in their order; ``fixed`` is added if a recipe has no search.
        recipes: recipes in their order.
        stops: stop rules in their order.
    """
    labelled = [replace(piece, data=by_role(piece.data)) for piece in pieces]
    coords = _coords(labelled, recipes, stops)
    coords["select"] = [name for name in [*selects, "fixed"] if name in coords["select"]]
    return _placed(labelled, coords, ("stop", "select", "recipe"))


def search_space(
    pieces: Iterable[Piece], searches: list[Piece], recipes: list[str], stops: list[str], **_: list[str]
) -> xr.Dataset:
    """Return what a probe measured of every search, and the values tried.

    Args:
        pieces: results of one probe, of all searches of an experiment.
        searches: the search fleets.
        recipes: recipes in their order; those without search are left out.
        stops: stop rules in their order.

    Returns:
        Measures over ``(stop, recipe, setting, seed, ...)`` and ``hyper.<name>`` over ``(stop, recipe, setting)``, the
        settings in the order of the values tried, NaN where a recipe has fewer.
    """
    tried = {(piece.stop, piece.recipe): piece.data for piece in searches}
    labelled = []
    for piece in pieces:
        fleet = tried[piece.stop, piece.recipe]
        hyper = {name: fleet[name] for name in fleet if str(name).startswith("hyper.")}
        labelled.append(replace(piece, data=piece.data.assign(hyper)))
    searched = {piece.recipe for piece in labelled}
    coords = _coords(labelled, [name for name in recipes if name in searched], stops)
    coords["setting"] = sorted(coords["setting"])
    return _placed(labelled, coords, ("stop", "recipe"))


def _placed(labelled: list[Piece], coords: dict[str, list], first: tuple[str, ...]) -> xr.Dataset:
    """Return the pieces as one dataset whose arrays begin with the dims ``first``."""
    variables = {name: value for piece in reversed(labelled) for name, value in piece.data.data_vars.items()}
    arrays = {}
    for name, variable in variables.items():
        dims = (*first, *(dim for dim in variable.dims if dim not in first))
        shape = tuple(len(coords[dim]) for dim in dims)
        arrays[name] = xr.DataArray(
            np.full(shape, np.nan), {dim: coords[dim] for dim in dims}, dims, attrs=variable.attrs
        )
    for piece in labelled:
        data = piece.data
        for name in data.data_vars:
            array = arrays[name]
            value = data[name].transpose(*[dim for dim in array.dims if dim in data[name].dims])
            labels = {dim: data[dim].values.tolist() for dim in value.dims}
            index = [_places(array, dim, labels, piece) for dim in array.dims]
            shape = [len(part) for part in index]
            array.values[np.ix_(*index)] = value.values.reshape(shape)
    return xr.Dataset(arrays)


def _places(array: xr.DataArray, dim: str, labels: dict, piece: Piece) -> list[int]:
    known = {label: place for place, label in enumerate(array[dim].values.tolist())}
    wanted = {"stop": [piece.stop], "recipe": [piece.recipe], **labels}[dim]
    return [known[label] for label in wanted]


def _coords(pieces: list[Piece], recipes: list[str], stops: list[str]) -> dict[str, list]:
    """Return the union of all labels, in the order of the declarations and of first appearance."""
    coords: dict[str, list] = {"stop": stops, "recipe": recipes}
    for data in [piece.data for piece in pieces]:
        for dim, size in data.sizes.items():
            labels = data[dim].values.tolist() if dim in data.coords else list(range(size))
            known = coords.setdefault(str(dim), [])
            known += [label for label in labels if label not in known]
    coords["seed"] = sorted(coords["seed"])
    if "snapshot" in coords:
        coords["snapshot"] = sorted(coords["snapshot"], key=lambda name: (name == "final", name != "init"))
    if "step" in coords:
        coords["step"] = sorted(coords["step"])
    return coords


def training(solution: xr.Dataset) -> xr.Dataset:
    """Return how training went: status, and the trace read at every snapshot."""
    names = ["passes", "train_loss", "validation_loss", "validation_accuracy", "path_length"]
    taken = solution["snapshot_step"]
    at = solution["step"] == taken
    variables = {name: solution[name].where(at).max("evaluation").assign_attrs(solution[name].attrs) for name in names}
    variables |= {name: solution[name] for name in ("status", "status_step", "snapshot_step", "role")}
    variables |= {name: solution[name] for name in solution.data_vars if str(name).startswith("hyper.")}
    return _sourced(xr.Dataset(variables))


def trace(solution: xr.Dataset) -> xr.Dataset:
    """Return the learning curves over steps."""
    names = ["train_loss", "validation_loss", "validation_accuracy", "role"]
    steps = solution["step"].values
    curves = solution[names].drop_vars("step").rename(evaluation="step").assign_coords(step=steps)
    return _sourced(curves.drop_vars("snapshot", errors="ignore"))


def _sourced(data: xr.Dataset) -> xr.Dataset:
    for variable in data.data_vars.values():
        variable.attrs.setdefault("source", "trace of the training")
        variable.attrs.setdefault("prefer", "none")
    return data


def searched(search: xr.Dataset, select: xr.Dataset) -> xr.Dataset:
    """Return what a search saw: metrics over ``(setting, seed)``, the hyper-parameter tried, and the choice."""
    learned = search["learned"].mean("stage_learned", skipna=False)
    loss = last_known(search["validation_loss"], "evaluation")
    finished = search["status"] != STATUS["diverged"]
    about = {"units": "1", "source": "search on validation data and tuning seeds"}
    data = xr.Dataset(
        {
            "learning_accuracy": learned.where(finished).assign_attrs(
                long_name="mean accuracy just after learning", **about
            ),
            "validation_loss": loss.where(finished).assign_attrs(
                long_name="final validation loss", **{**about, "units": "nat"}
            ),
            "status": search["status"].astype(float).assign_attrs(about),
            "chosen": select["chosen"].where(select["chosen"] >= 0).assign_attrs(select["chosen"].attrs),
            "at_edge": select["at_edge"].astype(float).assign_attrs(select["at_edge"].attrs),
        }
    )
    if search.sizes["stage_learned"] > 1:
        lost = (search["learned"] - search["retained"]).isel(stage_learned=slice(None, -1))
        data["forgetting"] = (
            lost.mean("stage_learned", skipna=False)
            .where(finished)
            .assign_attrs(long_name="mean loss of accuracy on the tasks before the last", **about)
        )
    for name in search.data_vars:
        if str(name).startswith("hyper."):
            long_name = f"tried {str(name).removeprefix('hyper.')}"
            data[str(name).removeprefix("hyper.")] = search[name].assign_attrs(long_name=long_name, **about)
    return data.drop_vars("snapshot", errors="ignore")


def merge_searches(pieces: list[Piece], recipes: list[str], stops: list[str], **_: list[str]) -> xr.Dataset:
    """Return all recipes' searches over ``(stop, recipe, setting, seed)``, settings padded with NaN."""
    expanded = [piece.data.expand_dims(stop=[piece.stop], recipe=[piece.recipe]) for piece in pieces]
    merged = xr.merge(expanded, join="outer", compat="no_conflicts", combine_attrs="override")
    searched = {piece.recipe for piece in pieces}
    return merged.reindex(stop=stops, recipe=[name for name in recipes if name in searched])
