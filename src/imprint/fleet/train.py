"""Trains one fleet and labels what it left: the solution."""

import torch
import xarray as xr
from torch import Tensor

from imprint.fleet.arithmetic import arithmetic
from imprint.fleet.fleet import Fleet
from imprint.fleet.memory import keep_freed
from imprint.fleet.module import fit
from imprint.fleet.recorder import TRACE, Recorder
from imprint.fleet.resume import Checkpoint
from imprint.labels import STATUS
from imprint.solution import PREFIX
from imprint.task import Task


def train(
    task: Task, spec: dict, settings: list[dict], seeds: list[int], checkpoint: Checkpoint | None = None
) -> xr.Dataset:
    """Train settings x seeds and return the solution.

    Args:
        task: data, model and loss.
        spec: of the fleet: recipe, batch_size, executor, block, stop, snapshots, evaluate_every, the seed of the
            ``order`` that replicas share, what snapshots ``keep`` beside the weights, and what
            :func:`imprint.fleet.arithmetic.arithmetic` may ``allow``.
        settings: hyper-parameters of each setting.
        seeds: of each replica within a setting.
        checkpoint: where an interrupted training goes on from.

    Returns:
        Dataset with dims ``(setting, seed, snapshot, evaluation, ...)``, see :class:`imprint.solution.Solution`.
    """
    torch.use_deterministic_algorithms(True, warn_only=True)
    keep_freed()
    plan = (spec["batch_size"], spec["executor"], spec["stop"], spec["block"], spec.get("order"))
    fleet = Fleet(task, spec["recipe"], settings, seeds, *plan)
    recorder = Recorder(fleet, spec["stop"], spec["snapshots"], spec["evaluate_every"], spec.get("keep", ()))
    if checkpoint:
        checkpoint.read(fleet, recorder)
    with arithmetic(spec.get("allow", []), task.device.type):
        fit(fleet, recorder, checkpoint)
    if checkpoint:
        checkpoint.write(fleet, recorder)
    return label(fleet, recorder)


def label(fleet: Fleet, recorder: Recorder) -> xr.Dataset:
    """Return a trained fleet as a labelled dataset."""
    grid = (len(fleet.settings), len(fleet.seeds))
    replica = ("setting", "seed")
    variables = {}
    for name, (long_name, units) in TRACE.items():
        value = torch.stack([torch.from_numpy(row[name]) for row in recorder.rows], -1) if recorder.rows else None
        if value is not None:
            attrs = {"long_name": long_name, "units": units}
            variables[name] = ((*replica, "evaluation"), value.reshape(*grid, -1).numpy(), attrs)
    variables |= _snapshots(fleet, recorder.weights, PREFIX, "weights")
    for name, value in recorder.beside.items():
        variables |= _snapshots(fleet, value, f"{name}.", name.replace("_", " "))
    flags = {"flag_values": list(STATUS.values()), "flag_meanings": "; ".join(STATUS)}
    variables |= {
        "status": (
            replica,
            fleet.status.reshape(grid).numpy(),
            {"long_name": "how training ended", "units": "1"} | flags,
        ),
        "status_step": (
            replica,
            fleet.status_step.reshape(grid).numpy(),
            {"long_name": "step at which it ended", "units": "1"},
        ),
        "snapshot_step": (
            (*replica, "snapshot"),
            recorder.steps.T.reshape(*grid, -1).numpy(),
            {"long_name": "step of the snapshot, -1 if its condition never held", "units": "1"},
        ),
        "learned": (
            (*replica, "stage_learned"),
            recorder.learned.reshape(*grid, -1).numpy(),
            {"long_name": "validation accuracy on each task of the sequence just after it was trained", "units": "1"},
        ),
        "retained": (
            (*replica, "stage_learned"),
            recorder.retained.reshape(*grid, -1).numpy(),
            {"long_name": "validation accuracy on each task of the sequence at its end", "units": "1"},
        ),
    }
    for name in sorted({key for setting in fleet.settings for key in setting}):
        values = [setting[name] for setting in fleet.settings]
        variables[f"hyper.{name}"] = ("setting", values, {"long_name": f"hyper-parameter {name}", "units": "1"})
    return xr.Dataset(
        variables,
        coords={
            "setting": list(range(grid[0])),
            "seed": fleet.seeds,
            "snapshot": recorder.names,
            "step": ("evaluation", recorder.evaluated),
        },
    )


def _snapshots(fleet: Fleet, values: Tensor, prefix: str, what: str) -> dict[str, tuple]:
    """Return variables by parameter of what the snapshots hold, ``[S, N, P]``."""
    grid = (len(fleet.settings), len(fleet.seeds))
    flat = values.reshape(len(values), *grid, -1).permute(1, 2, 0, 3)
    variables = {}
    for name, value in fleet.layout.unflatten(flat.contiguous()).items():
        dims = [f"{name}_{axis}" for axis in range(value.dim() - 3)]
        attrs = {"long_name": f"{what} of {name}", "units": "1"}
        variables[prefix + name] = (("setting", "seed", "snapshot", *dims), value.contiguous().numpy(), attrs)
    return variables
