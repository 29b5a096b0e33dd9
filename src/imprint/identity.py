"""Names of units: a digest of everything that a unit depends on, and of nothing else."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import PurePosixPath

SPEC_VERSION = 1
STORE = PurePosixPath("results/store")
SUFFIX = {
    **{"plan": ".json", "claims": ".csv", "multiverse": ".csv", "figure": ".svg", "report": ".html"},
    **{"finding": ".md", "publish": ".json"},
}


def plain(value: object) -> object:
    """Return a value as JSON knows it; a whole float equals the integer."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def canonical(value: object) -> str:
    """Return the one JSON text of a value: keys sorted, no spaces."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """Return ten hex digits of a value's canonical text."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:10]


@dataclass(frozen=True)
class Unit:
    """One job of the study and the file it writes.

    Attributes:
        stage: the stage that makes it.
        prefix: readable part of its name; derived from the spec, never from labels.
        spec: all that it depends on beside its inputs, with the code version.
        inputs: units that it reads, by role.
        label: what a person calls it; not part of its identity.
    """

    stage: str
    prefix: str
    spec: dict
    inputs: dict[str, list["Unit"]] = field(default_factory=dict, repr=False)
    label: str = ""

    @property
    def digest(self) -> str:
        """Merkle digest of spec and inputs."""
        found = self.__dict__.get("_digest")
        if found is None:
            inputs = {role: [unit.digest for unit in units] for role, units in self.inputs.items()}
            found = digest({"version": SPEC_VERSION, "stage": self.stage, "spec": self.spec, "inputs": inputs})
            self.__dict__["_digest"] = found
        return found

    @property
    def name(self) -> str:
        """Readable prefix and digest."""
        return f"{self.prefix}-{self.digest}"

    @property
    def path(self) -> str:
        """The file that it writes, from the project's folder."""
        return str(STORE / self.stage / (self.name + SUFFIX.get(self.stage, ".zarr.zip")))
