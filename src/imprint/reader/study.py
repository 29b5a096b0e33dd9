"""A finished study: what it measured and judged, and the way to its networks."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from imprint.claims import table
from imprint.reader import index
from imprint.reader.index import ResultsError, check
from imprint.store import DIGESTS, array_digest

if TYPE_CHECKING:
    from imprint.reader.comparison import Comparison
    from imprint.reader.solution import StoredSolution

ATLAS, CLAIMS = "atlas.zarr", "claims.csv"


class Study:
    """The results of a finished study, as :func:`imprint.open` returns them.

    Everything is read when it is first asked for. An experiment of several tasks has a name for each of them,
    ``experiment.task``.

    Attributes:
        folder: the results, ``results/<study>``.
        index: a row per stored result, see :func:`imprint.reader.index.read`.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.index = index.read(folder)

    def __repr__(self) -> str:
        """Say which study it is and what it has."""
        return f"<study {self.folder.name}: {len(self.experiments)} experiments, {len(self.recipes)} recipes>"

    @cached_property
    def atlas(self) -> xr.DataTree:
        """All measurements, a group ``/<experiment>/<probe>`` each, with dims ``(stop, select, recipe, seed, ...)``.

        Values are read from the disk when they are used. Each variable has ``long_name``, ``units`` and ``prefer``:
        which end is better, if any.

        Example:
            >>> study.atlas["digits/performance"]["test_loss"].sel(recipe="muon", snapshot="final").dims
            ('stop', 'select', 'seed')
        """
        return xr.open_datatree(self.folder / ATLAS, engine="zarr", chunks=None)

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The verdicts: a row per claim, recipe and comparison mode, as in ``claims.csv``.

        Example:
            >>> study.claims[["experiment", "claim", "recipes"]].head(1).values.tolist()
            [['digits', 'lower_loss', 'muon - adam']]
        """
        return table.read(self.folder / CLAIMS)

    @cached_property
    def experiments(self) -> pd.DataFrame:
        """The design of each experiment: its recipes, stop rules, selections, snapshots, seeds and probes, as lists.

        The first stop rule and the first selection are those at which runs are compared where nothing else is said.

        Example:
            >>> study.experiments.loc["digits", "recipes"]
            ['adam', 'muon']
        """
        names = self.index["experiment"].unique()
        return pd.DataFrame([self._design(name) for name in names], index=pd.Index(names, name="experiment"))

    def _design(self, name: str) -> dict[str, list]:
        training = self.atlas[f"{name}/training"]
        labels = {dim: training[dim].values.tolist() for dim in ("recipe", "stop", "select", "snapshot", "seed")}
        measured = set(self.index.loc[self.index["experiment"] == name, "probe"])
        probes = [probe for probe in self.atlas[name].children if probe in measured]
        return {**{f"{dim}s": held for dim, held in labels.items()}, "probes": probes}

    @cached_property
    def recipes(self) -> pd.DataFrame:
        """What each recipe is: its update, fixed hyper-parameters, search space, other parts, and experiments.

        Example:
            >>> study.recipes.loc["adam", "update"], study.recipes.loc["adam", "search"]
            ('torch.optim:Adam', {'lr': [0.001, 0.1]})
        """
        rows: dict[str, dict] = {}
        for row in self.trained.itertuples():
            parts = dict(row.fields["recipe"])
            first = {key: parts.pop(key, {}) for key in ("update", "hyper", "search")}
            found = rows.setdefault(row.recipe, {**first, "parts": parts, "experiments": []})
            found["experiments"] += [row.experiment] if row.experiment not in found["experiments"] else []
        return pd.DataFrame(rows.values(), index=pd.Index(rows, name="recipe"))

    def measurements(self, group: str) -> xr.Dataset:
        """Return one group of the atlas, read into memory and compared with its digests.

        Raises:
            ResultsError: if there is no such group, or it is not what was written.

        Example:
            >>> study.measurements("digits/sparsity").sizes["recipe"]
            2
        """
        check(self.folder / ATLAS, "group", group, [node.path.strip("/") for node in self.atlas.subtree])
        data = self.atlas[group].to_dataset(inherit=False).load()
        digests = json.loads(data.attrs[DIGESTS])
        damaged = [name for name, digest in digests.items() if array_digest(data[name].values) != digest]
        if damaged:
            raise ResultsError(
                f"{self.folder / ATLAS}/{group}: {damaged} differ from their digests; run the study again"
            )
        return data

    @property
    def trained(self) -> pd.DataFrame:
        """The rows of the index that are trained networks: blocks of seeds of a recipe in an experiment."""
        return self.index[self.index["stage"] == "train"]

    def compare(
        self,
        one: str,
        other: str,
        at: dict[str, str] | Sequence[dict[str, str]] | None = None,
        *,
        experiments: str | Sequence[str] | None = None,
        measures: str | Sequence[str] | None = None,
    ) -> "Comparison":
        """Compare two recipes on what was measured of both: differences ``one - other``, paired by seed.

        The statistics are those of claims: pairs by seed, the sign-flip test, and its inversion for the interval. The
        joint test is over all rows of an experiment. A comparison that nobody declared is exploration, and no verdict.

        Args:
            one: a recipe.
            other: the recipe that is subtracted.
            at: where runs are compared, as claims say it: ``stop``, ``select``, ``snapshot``, or several such. What is
                left out is the experiment's first stop rule, its first selection, and the final snapshot. Experiments
                that do not have it are left out.
            experiments: experiments or ``experiment.task``; all in which both recipes are.
            measures: probes or ``probe.measure``. If not given, all but those with many labels, such as matrices.

        Returns:
            Its ``table`` has a row per experiment, measure, label and place; ``plot()`` draws it.

        Raises:
            ResultsError: for what the study does not have, naming the nearest.

        Example:
            >>> found = study.compare("muon", "adam", at={"snapshot": "final"}, measures="performance.test_loss")
            >>> found.table[["experiment", "measure", "n"]].values.tolist()
            [['digits', 'test_loss', 6], ['pairs.wide', 'test_loss', 6], ['pairs.narrow', 'test_loss', 6]]
        """
        from imprint.reader.contrasts import compared

        places = [at or {}] if at is None or isinstance(at, dict) else at
        return compared(self, one, other, places, _listed(experiments), _listed(measures))

    def solution(
        self, experiment: str, recipe: str, *, stop: str | None = None, search: bool = False
    ) -> "StoredSolution":
        """Return what the training of a recipe in an experiment left: its networks at every snapshot.

        Args:
            experiment: or ``experiment.task``, where it has several.
            recipe: one of its recipes.
            stop: the stop rule under which it was trained; the experiment's first if not given.
            search: the networks of the search, of all settings on the tuning seeds, instead of the evaluation's.

        Raises:
            ResultsError: for what the study does not have, naming the nearest.

        Example:
            >>> study.solution("pairs.wide", "adam").seeds
            [0, 1, 2, 3, 4, 5]
        """
        from imprint.reader.solution import StoredSolution

        design = self.experiments.loc[self.experiment(experiment)]
        check(f"{self.folder}: experiment {experiment}", "recipe", recipe, design["recipes"])
        stop = stop or design["stops"][0]
        check(f"{self.folder}: experiment {experiment}", "stop rule", stop, design["stops"])
        stage = "search" if search else "train"
        wanted = {"stage": stage, "experiment": experiment, "recipe": recipe, "stop": stop}
        rows = self.index[(self.index[list(wanted)] == pd.Series(wanted)).all(axis=1)]
        if rows.empty:
            raise ResultsError(
                f"{self.folder}: {recipe} in {experiment} was not searched: its hyper-parameters are set"
            )
        return StoredSolution(f"{experiment} {recipe}", rows)

    def experiment(self, name: str) -> str:
        """Return the name of an experiment if it is one.

        Raises:
            ResultsError: naming the nearest, or its tasks if it has several.

        Example:
            >>> study.experiment("pairs")
            Traceback (most recent call last):
            imprint.reader.index.ResultsError: ...: experiment pairs has several tasks; name one: pairs.wide, ...
        """
        if tasks := [each for each in self.experiments.index if each.startswith(f"{name}.")]:
            raise ResultsError(f"{self.folder}: experiment {name} has several tasks; name one: {', '.join(tasks)}")
        check(self.folder, "experiment", name, self.experiments.index)
        return name


def _listed(names: str | Sequence[str] | None) -> list[str]:
    return [names] if isinstance(names, str) else list(names or ())
