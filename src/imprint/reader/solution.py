"""What the training of a recipe left: its networks at every snapshot, read from the stores."""

import copy
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import torch
import xarray as xr
from torch import Tensor, nn

from imprint import store
from imprint.labels import STATUS
from imprint.reader.index import ResultsError, check
from imprint.solution import PREFIX
from imprint.task import Task

HYPER = "hyper."
SPLITS = ("train", "validation", "test")
ENDED = {code: name for name, code in STATUS.items()}


@dataclass(frozen=True)
class Block:
    """Seeds that were trained together: one store.

    Attributes:
        path: the store.
        spec: what was trained.
    """

    path: Path
    spec: dict

    @cached_property
    def data(self) -> xr.Dataset:
        """Weights and trace, verified."""
        return store.read(_there(self.path))

    @cached_property
    def task(self) -> Task:
        """The task that it was trained on, on the CPU."""
        (name,) = json.loads(store.attributes(_there(self.path))["made_from"])["data"]
        data = store.read(_there(self.path.parent.parent / "data" / name))
        return Task(data, **{**self.spec["task"], "device": "cpu"})


class StoredSolution:
    """The networks of a recipe on a task: settings x seeds x snapshots.

    Attributes:
        name: experiment and recipe.
        search: whether these are the networks of the search: all settings that were tried, on the tuning seeds.

    Example:
        >>> solution = study.solution("digits", "adam")
        >>> solution.snapshots
        ['init', 'matched_loss', 'final']
    """

    def __init__(self, name: str, rows: pd.DataFrame):
        self.name = name
        self.search = set(rows["stage"]) == {"search"}
        self.blocks = [Block(row.path, row.fields) for row in rows.itertuples()]

    def __repr__(self) -> str:
        """Say whose networks these are."""
        return f"<solution of {self.name}{' (search)' if self.search else ''}: seeds {self.seeds}>"

    @property
    def seeds(self) -> list[int]:
        """The seeds, block by block."""
        return [seed for block in self.blocks for seed in block.spec["seeds"]]

    @property
    def snapshots(self) -> list[str]:
        """The places of the trajectory at which weights were kept."""
        return self.blocks[0].data["snapshot"].values.tolist()

    @cached_property
    def settings(self) -> pd.DataFrame:
        """The hyper-parameters of each setting, and the rules that chose it (none in a search).

        Example:
            >>> solution = study.solution("digits", "adam")
            >>> solution.settings["chosen_by"].tolist(), solution.settings.columns.tolist()
            ([['best']], ['chosen_by', 'lr'])
        """
        data = self.blocks[0].data
        names = [str(name) for name in data if str(name).startswith(HYPER)]
        rules = data["role"].values.tolist() if "role" in data else [""] * data.sizes["setting"]
        columns = {"chosen_by": [text.split() for text in rules]}
        columns |= {name.removeprefix(HYPER): data[name].values for name in names}
        return pd.DataFrame(columns, index=pd.Index(data["setting"].values, name="setting"))

    @cached_property
    def data(self) -> xr.Dataset:
        """Weights and trace of all seeds as they are stored, dims ``(setting, seed, snapshot, evaluation, ...)``.

        Blocks that ended at other steps are padded with NaN.

        Example:
            >>> study.solution("digits", "adam").data["weight.layers.0.bias"].dims
            ('setting', 'seed', 'snapshot', 'layers.0.bias_0')
        """
        if len(self.blocks) == 1:
            return self.blocks[0].data
        parts = [block.data.set_index(evaluation="step") for block in self.blocks]
        options = {"data_vars": "minimal", "coords": "minimal", "compat": "override", "join": "outer"}
        joined = xr.concat(parts, "seed", combine_attrs="drop_conflicts", **options)
        return joined.rename(evaluation="step").swap_dims(step="evaluation")

    def task(self, seed: int) -> Task:
        """Return the task that a seed was trained on, with its data as tensors on the CPU.

        Example:
            >>> study.solution("digits", "adam").task(seed=0).classes
            10
        """
        return self._block(seed).task

    def examples(self, split: str, seed: int) -> tuple[Tensor, Tensor]:
        """Return inputs ``[N, ...]`` and targets ``[N]`` of a seed, in the precision of its networks.

        Args:
            split: ``train``, ``validation`` or ``test``.
            seed: one of the seeds: some tasks draw other data for each.

        Example:
            >>> x, y = study.solution("digits", "adam").examples("test", seed=0)
            >>> len(x) == len(y), x.dtype
            (True, torch.float32)
        """
        check(self.name, "split", split, SPLITS)
        task = self.task(seed)
        x, y = task.split(split)
        if not task.seeded:
            return x, y
        (place,) = task.seed_index([seed])
        return x[place], y[place]

    def module(self, setting: int | str, *, seed: int, snapshot: str = "final") -> nn.Module:
        """Return a trained network, in eval mode, on the CPU; each call returns another copy.

        Args:
            setting: its place in :attr:`settings`, or a rule that chose it, such as ``best``.
            seed: one of :attr:`seeds`.
            snapshot: one of :attr:`snapshots`.

        Raises:
            ResultsError: for what there is not, naming the nearest; if the replica never came to this snapshot; if the
                store is not there.

        Example:
            >>> solution = study.solution("digits", "adam")
            >>> network = solution.module(setting="best", seed=3, snapshot="final")
            >>> x, y = solution.examples("test", seed=3)
            >>> network(x).shape == (len(y), 10)
            True
        """
        block, place = self._block(seed), self._setting(setting)
        self._check_snapshot(snapshot)
        replica = block.data.isel(setting=place).sel(seed=seed, snapshot=snapshot)
        if replica["snapshot_step"] < 0:
            raise ResultsError(f"{self.name}: seed {seed}, setting {setting} has no {snapshot!r}: {_ended(replica)}")
        module = copy.deepcopy(block.task.model)
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                parameter.copy_(torch.as_tensor(replica[PREFIX + name].values))
        return module

    def _block(self, seed: int) -> Block:
        check(self.name, "seed", seed, self.seeds)
        return next(block for block in self.blocks if seed in block.spec["seeds"])

    def _setting(self, setting: int | str) -> int:
        chosen = {rule: place for place, rules in enumerate(self.settings["chosen_by"]) for rule in rules}
        check(self.name, "setting", setting, [*range(len(self.settings)), *chosen])
        return chosen.get(setting, setting)

    def _check_snapshot(self, snapshot: str) -> None:
        if self.search and snapshot not in self.snapshots:
            raise ResultsError(
                f"{self.name}: {snapshot!r} is not stored: a search keeps {', '.join(self.snapshots)} alone, the "
                "evaluation keeps more; leave out search=True"
            )
        check(self.name, "snapshot", snapshot, self.snapshots)


def _ended(replica: xr.Dataset) -> str:
    """Say why a replica did not come to a snapshot."""
    ended = ENDED[int(replica["status"])]
    return f"{ended} at step {int(replica['status_step'])}" if ended == "diverged" else "its condition never held"


def _there(path: Path) -> Path:
    if not path.is_file():
        raise ResultsError(
            f"{path}: not there; networks and data lie in the folder {path.parent.parent.name!r} beside the study's: "
            "copy it too, or run the study again"
        )
    return path
