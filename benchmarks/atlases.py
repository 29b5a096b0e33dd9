"""An atlas of 1,000 replicas and 60 probes, and what is read of it."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr
from zarr.storage import LocalStore

from imprint import store

PROBES, MEASURES = 60, 4
COORDS = {
    "stop": ["steps"],
    "select": ["best"],
    "recipe": [f"recipe_{number}" for number in range(25)],
    "seed": list(range(40)),
    "snapshot": ["init", "matched_loss", "final"],
    "layer": ["first", "second", "third"],
}
GROUP, VARIABLE = "wide/probe_3", "measure_2"


@dataclass
class Read:
    """What was read of a store, by key, and the CPU seconds that it took."""

    cpu: float = 0.0
    keys: dict[str, int] = field(default_factory=dict)

    @property
    def chunks(self) -> list[str]:
        """The keys that hold values."""
        return [key for key in self.keys if not key.endswith("zarr.json")]

    @property
    def bytes(self) -> int:
        """All bytes read."""
        return sum(self.keys.values())


class Counted(LocalStore):
    """A folder that notes which of its files are read."""

    read: dict[str, int] = {}

    async def get(self, key, prototype, byte_range=None):
        """Return a file's bytes and note their number."""
        found = await super().get(key, prototype, byte_range)
        if found is not None:
            self.read[key] = self.read.get(key, 0) + len(found)
        return found


def write(scratch: Path, probes: int = PROBES) -> Path:
    """Write an atlas as the stages gather and publish do; return its folder."""
    generator = np.random.default_rng(0)
    shape, about = [len(labels) for labels in COORDS.values()], {"long_name": "a measure", "units": "1"}
    groups = {}
    for number in range(probes):
        arrays = {f"measure_{name}": (list(COORDS), generator.normal(size=shape), about) for name in range(MEASURES)}
        groups[f"/wide/probe_{number}"] = xr.Dataset(arrays, COORDS)
    packed, folder = scratch / "atlas.zarr.zip", scratch / "atlas.zarr"
    store.write_tree(xr.DataTree.from_dict(groups), packed)
    store.unpack(packed, folder)
    return folder


def opened(folder: Path) -> dict[str, Read]:
    """Open the atlas, then read one variable; open the variable's group alone, then read it."""
    xr.open_datatree(folder, engine="zarr")  # what is imported late is not part of the times
    counted = Counted(folder, read_only=True)
    found, trees = {}, {}
    opens = {"the tree": (xr.open_datatree, {}), "one group": (xr.open_dataset, {"group": GROUP})}
    for name, (function, options) in opens.items():
        found[f"open {name}"], trees[name] = noted(lambda f=function, o=options: f(counted, engine="zarr", **o))
    found["one variable of the tree"], _ = noted(lambda: trees["the tree"][GROUP][VARIABLE].load())
    found["one variable of the group"], _ = noted(lambda: trees["one group"][VARIABLE].load())
    return found


def noted(call) -> tuple[Read, object]:
    """Return what a call reads, and what it returns."""
    Counted.read = {}
    begin = time.process_time()
    result = call()
    return Read(time.process_time() - begin, Counted.read), result
