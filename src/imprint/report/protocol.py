"""What an experiment declared and what became of its runs, as rows for the page."""

import numpy as np
import xarray as xr

from imprint.figures import frames, style
from imprint.report.board import quantity
from imprint.report.sources import Sources

STATUS = ("finished", "diverged", "not reached")


def declared(experiment: dict) -> list[tuple[str, str]]:
    """The protocol as declared: pairs of term and words."""
    task = dict(experiment["task"])
    pairs = [("task", f"{task.pop('name', '')}{options(task)}")]
    if experiment.get("search"):
        pairs.append(("search", words(experiment["search"])))
    pairs += [
        ("recipes", ", ".join(experiment["recipes"])),
        ("seeds", seeds(experiment["seeds"])),
        ("stop", rules(experiment["stop"])),
        ("select", rules(experiment["select"]) or "settings are fixed"),
        ("snapshots", rules(experiment["snapshots"]) or "the ends of training (and of each task)"),
        ("probes", ", ".join(probe.replace("_", " ") for probe in experiment["probes"])),
    ]
    if experiment.get("multiverse"):
        declared = experiment["multiverse"]
        choices = ", ".join(name.replace("_", " ") for name in declared["choices"])
        pairs.append(("contrasts again under", f"{choices}, on {declared['seeds']} tuning seeds"))
    if experiment.get("sources"):
        pairs.append(("sources", ", ".join(experiment["sources"])))
    return pairs


def rules(named: dict) -> str:
    """Named rules in words, as steps: epochs 5; loss: train loss 0.08, at most epochs 20."""
    return "; ".join(f"{name.replace('_', ' ')}: {words(rule)}" for name, rule in named.items())


def words(value: object) -> str:
    """A plain value in words; what is None was not given."""
    if isinstance(value, dict):
        given = {key: part for key, part in value.items() if part is not None}
        return ", ".join(f"{key.replace('_', ' ')} {words(part)}" for key, part in given.items())
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(words(part) for part in value) + "]"
    return str(value)


def options(task: dict) -> str:
    """Options of a task in brackets, nothing where there are none."""
    return f" ({words(task)})" if words(task) else ""


def seeds(values: list) -> str:
    """Their number and names, as 8: 0, 1, 2, 3, 4, 5, 6, 7."""
    return f"{len(values)}: {', '.join(map(str, values))}"


def rerun(name: str, study: str) -> str:
    """The command that makes an experiment again, or what of it is not there.

    >>> rerun("cues.wide", "core"), rerun("digits", "")
    ('make study STUDY=core ONLY=cues', 'make study ONLY=digits')
    """
    of = f" STUDY={study.partition('.')[0]}" if study else ""
    return f"make study{of} ONLY={name.partition('.')[0]}"


def training(atlas: xr.DataTree, experiment: dict, sources: Sources | None = None) -> list[dict]:
    """Row per recipe, stop and selection that ran: setting, edge flag, replicas by status, stores."""
    sources = sources or Sources()
    data = frames.group(atlas, experiment["name"], "training")
    if data is None or "status" not in data:
        return []
    rows = []
    status = data["status"].transpose("recipe", "stop", "select", "seed")
    for recipe in style.ordered(map(str, data["recipe"].values)):
        for stop in map(str, data["stop"].values):
            for select in map(str, data["select"].values):
                place = {"recipe": recipe, "stop": stop, "select": select}
                codes = status.sel(place).values.astype(float)
                codes = codes[np.isfinite(codes)].astype(int)
                if len(codes):
                    counts = {name: int((codes == code).sum()) for code, name in enumerate(STATUS)}
                    made = sources.of([experiment["name"]], "training.status", [recipe], stop)
                    found = {"setting": setting(data, place), "edge": edge(data, place), "sources": made}
                    rows.append({**place, **counts, **found})
    return rows


def setting(data: xr.Dataset, place: dict) -> str:
    """Hyper-parameters as they ran: "lr 0.01, momentum 0.9"."""
    found = []
    for name, values in data.data_vars.items():
        if str(name).startswith("hyper."):
            value = float(values.sel({key: place[key] for key in place if key in values.dims}))
            if np.isfinite(value):
                found.append(f"{str(name).removeprefix('hyper.')} {quantity(value)}")
    return ", ".join(found)


def edge(data: xr.Dataset, place: dict) -> bool:
    """Whether the chosen setting lies at the edge of its grid."""
    return "at_edge" in data and float(data["at_edge"].sel(place)) == 1.0
