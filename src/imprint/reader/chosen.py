"""What a comparison is about: the experiments that have both recipes, the places to compare at, the measures."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from imprint.claims.readings import PLACES
from imprint.reader.index import ResultsError, check

if TYPE_CHECKING:
    from imprint.reader.study import Study

MODE = ("stop", "select", "snapshot")

MOST_LABELS = 12
"""A measure with more labels on its further dimensions is compared only where it is named."""

TRAINING = "training"
"""The group of what training itself wrote; it is compared only where it is named."""


def shared(study: "Study", one: str, other: str, named: Sequence[str]) -> list[str]:
    """Return the experiments that have both recipes, of those named if any are; a name stands for all its tasks.

    Raises:
        ResultsError: for a name that the study does not have, or if no experiment has both.

    Example:
        >>> shared(study, "muon", "adam", ["pairs"])
        ['pairs.wide', 'pairs.narrow']
    """
    for recipe in (one, other):
        check(study.folder, "recipe", recipe, study.recipes.index)
    families = {name: {name, name.partition(".")[0]} for name in study.experiments.index}
    for each in named:
        check(study.folder, "experiment", each, set().union(*families.values()))
    asked = [name for name, words in families.items() if not named or words & set(named)]
    found = [name for name in asked if {one, other} <= set(study.experiments.loc[name, "recipes"])]
    if not found:
        where = [f"{recipe} is in {', '.join(study.recipes.loc[recipe, 'experiments'])}" for recipe in (one, other)]
        raise ResultsError(f"{study.folder}: {', '.join(asked)}: none has both recipes; {'; '.join(where)}")
    return found


def modes(study: "Study", names: list[str], places: Sequence[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    """Return by experiment where its runs are compared; an experiment that has none of the places is left out.

    Raises:
        ResultsError: for a label that no experiment has, or for labels that no experiment has together.

    Example:
        >>> modes(study, ["digits", "pairs.wide"], [{"snapshot": "matched_loss"}])
        {'digits': [{'snapshot': 'matched_loss'}]}
    """
    designs = study.experiments.loc[names]
    for place in places:
        for key, label in place.items():
            check(f"{study.folder}: at", "key", key, MODE)
            check(f"{study.folder}: at", key, label, set(designs[f"{key}s"].explode()))
    held = {name: [place for place in places if _has(designs.loc[name], place)] for name in names}
    found = {name: own for name, own in held.items() if own}
    if not found:
        raise ResultsError(f"{study.folder}: at: {list(places)}: none of {', '.join(names)} has these labels together")
    return found


def _has(design: pd.Series, place: dict[str, str]) -> bool:
    return all(label in design[f"{key}s"] for key, label in place.items())


def measures(study: "Study", names: Sequence[str], named: Sequence[str]) -> dict[str, dict[str, xr.DataArray]]:
    """Return the measures to compare in each experiment, ``{experiment: {"probe.measure": array}}``.

    Those that are named, by themselves or by their probe; else all of the probes that have few labels.

    Raises:
        ResultsError: for a name that no experiment has, or that has no value per replica.

    Example:
        >>> {name: list(arrays) for name, arrays in measures(study, ["digits"], ["sparsity.hoyer"]).items()}
        {'digits': ['sparsity.hoyer']}
    """
    held = {name: dict(_per_replica(study, name)) for name in names}
    known = {word for arrays in held.values() for measure in arrays for word in _words(measure)}
    for each in named:
        check(study.folder, "measure", each, known)
    return {
        name: {
            key: array for key, array in arrays.items() if (_words(key) & set(named) if named else _usual(key, array))
        }
        for name, arrays in held.items()
    }


def _per_replica(study: "Study", name: str) -> Iterator[tuple[str, xr.DataArray]]:
    for group in (*study.experiments.loc[name, "probes"], TRAINING):
        for measure, array in study.atlas[f"{name}/{group}"].data_vars.items():
            if {*PLACES} - {*array.dims} <= {"snapshot"}:
                yield f"{group}.{measure}", array


def _words(measure: str) -> set[str]:
    return {measure, measure.partition(".")[0]}


def _usual(measure: str, array: xr.DataArray) -> bool:
    labels = math.prod(size for dim, size in array.sizes.items() if dim not in PLACES)
    return labels <= MOST_LABELS and not measure.startswith(f"{TRAINING}.")
