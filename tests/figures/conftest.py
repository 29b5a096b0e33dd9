"""The example study, once per session, and where its module lies."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import atlas_example  # noqa: E402


@pytest.fixture(scope="session")
def study():
    """Atlas, claims and experiments by name."""
    return atlas_example.atlas(), atlas_example.claims(), {x["name"]: x for x in atlas_example.experiments()}
