"""Writes requirements.lock and envs/imprint.yaml from what is installed in this environment: ``make lock``."""

import importlib.metadata
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLATFORM = re.compile(r"^(nvidia-|cuda-|triton|pip$|setuptools$|wheel$|imprint$)")
HEAD = "# Pins for `pip install -c requirements.lock`; written by `make lock`, not by hand.\n"


def pins() -> list[str]:
    """Return ``name==version`` of every installed distribution, without build tags and platform packages."""
    found = {
        re.sub(r"[-_.]+", "-", dist.metadata["Name"]).lower(): dist.version.split("+")[0]
        for dist in importlib.metadata.distributions()
    }
    return [f"{name}=={version}" for name, version in sorted(found.items()) if not PLATFORM.match(name)]


def environment(lines: list[str]) -> str:
    """Return the conda environment with the same pins."""
    head = "# For Snakemake's software deployment; same pins as requirements.lock, written by `make lock`.\n"
    rows = "".join(f"      - {line}\n" for line in lines)
    return f"{head}channels:\n  - conda-forge\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n{rows}"


if __name__ == "__main__":
    found = pins()
    (ROOT / "requirements.lock").write_text(HEAD + "\n".join(found) + "\n", encoding="utf-8")
    (ROOT / "envs" / "imprint.yaml").write_text(environment(found), encoding="utf-8")
