"""calibrate: how often the judging is wrong, and how often right, on replicas of known truth."""

import json

import xarray as xr

from imprint import store
from imprint.claims.calibrate import calibrate
from imprint.claims.pool import POOL, TWIN, Pool
from imprint.claims.rates import figures
from imprint.stages.common import Job, job
from imprint.stages.gather import collect


def main(argv: list[str]) -> None:
    """Write what the judging said of every draw, and the figures that are made of it."""
    work = job("calibrate", argv)
    found = calibrate(gathered(work), work.spec["seeds"])
    found = found.merge(figures(found, work.spec["seeds"], unequal(work)))
    store.write(found, work.out, **work.provenance())


def gathered(work: Job) -> Pool:
    """Return the pool and its twin as the atlas of an experiment."""
    probes = sorted({measure.partition(".")[0] for measure in work.spec["measures"]})
    kinds = [("training", "", "")] + [("probe", probe, f".{probe}") for probe in probes]
    places = [
        {"kind": kind, "probe": probe, "stop": "steps", "recipe": recipe, "file": file}
        for recipe in (POOL, TWIN)
        for kind, probe, role in kinds
        for file in work.inputs[recipe + role]
    ]
    experiment = {"select": {}, "recipes": [POOL, TWIN], "stop": {"steps": {}}, "probes": probes}
    groups = collect(experiment, places)
    tree = xr.DataTree.from_dict({f"/{POOL}/{name}": data for name, data in groups.items()})
    return Pool(tree, work.spec["measures"])


def unequal(work: Job) -> int:
    """Return how many arrays of the twin's training and probes differ from those of the pool's first block."""
    count = 0
    for role in [name for name in work.inputs if name.partition(".")[0] == TWIN]:
        (twin,), first = work.inputs[role], work.inputs[role.replace(TWIN, POOL, 1)][0]
        one, other = (json.loads(store.attributes(path)[store.DIGESTS]) for path in (twin, first))
        count += sum(one.get(name) != other.get(name) for name in one | other)
    return count
