"""What can be said of a recipe without asking for anything: every measure with a value per replica, label by label."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from imprint.claims.rate_and_steps import NAMED
from imprint.claims.readings import PLACES, Readings

MOST_LABELS = 12
"""Measures with more labels, such as a matrix over classes, are left out."""

ESTIMATES = ("_error", "_residual")
"""Endings of a measure that tells how well another one of its probe is known."""


@dataclass(frozen=True)
class Measure:
    """A measure at one label of each further dimension.

    ``name`` is ``probe.variable``; ``title`` and ``unit`` are for a reader.
    """

    name: str
    where: dict[str, str | int] = field(default_factory=dict)
    title: str = ""
    unit: str = "1"

    @property
    def probe(self) -> str:
        """The probe that it is of."""
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """Name and labels in one word: ``effective_rank.stable_rank[layer=hidden_1]``."""
        labels = ",".join(f"{dim}={label}" for dim, label in self.where.items())
        return f"{self.name}[{labels}]" if labels else self.name


def measures(readings: Readings) -> list[Measure]:
    """Return the measures of an experiment's probes, in their order.

    Left out are functions of rate and steps alone (:mod:`imprint.claims.rate_and_steps`), which tell how a run was
    made and not what it left, what tells the error of an estimate, and measures with too many labels.
    """
    return [measure for probe in readings.experiment["probes"] for measure in _of_probe(readings, probe)]


def _of_probe(readings: Readings, probe: str) -> Iterator[Measure]:
    data = readings.groups.get(probe, {})
    for variable in data:
        array, name = data[variable], f"{probe}.{variable}"
        extra = {dim: array[dim].values.tolist() for dim in array.dims if dim not in PLACES}
        places = list(itertools.product(*extra.values()))
        if name in NAMED or _estimate(variable, data) or not {"recipe", "seed"} <= set(array.dims):
            continue
        if len(places) <= MOST_LABELS:
            told = array.attrs.get("long_name", variable.replace("_", " "))
            for labels in places:
                where = dict(zip(extra, labels, strict=True))
                yield Measure(name, where, told, array.attrs.get("units", "1"))


def _estimate(variable: str, data) -> bool:
    return any(variable.endswith(end) and variable.removesuffix(end) in data for end in ESTIMATES)
