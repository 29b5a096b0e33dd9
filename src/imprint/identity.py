"""Names of units: a digest of everything that a unit depends on, and of nothing else."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from imprint.naming import canonical as canonical
from imprint.naming import digest as digest
from imprint.naming import of
from imprint.naming import plain as plain

STORE = PurePosixPath("results/store")
SUFFIX = {
    **{"plan": ".json", "claims": ".csv", "multiverse": ".csv", "figure": ".svg", "report": ".html"},
    **{"finding": ".md", "profile": ".html", "publish": ".json"},
}


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

    @cached_property
    def digest(self) -> str:
        """Merkle digest of spec and inputs."""
        inputs = {role: [unit.digest for unit in units] for role, units in self.inputs.items()}
        return of(self.stage, self.spec, inputs)

    @cached_property
    def name(self) -> str:
        """Readable prefix and digest."""
        return f"{self.prefix}-{self.digest}"

    @cached_property
    def path(self) -> str:
        """The file that it writes, from the project's folder."""
        return str(STORE / self.stage / (self.name + SUFFIX.get(self.stage, ".zarr.zip")))
