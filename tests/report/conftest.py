"""The example study, once per session, and where its module lies; its atlas is compared once, not for every page."""

import sys
from pathlib import Path

import pytest

from imprint.report import build

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import atlas_example  # noqa: E402


@pytest.fixture(scope="session")
def study():
    """Atlas, claims and experiments by name."""
    return atlas_example.atlas(), atlas_example.claims(), {x["name"]: x for x in atlas_example.experiments()}


@pytest.fixture(scope="session", autouse=True)
def compared_once(study):
    """Keep what pages of the example study say of its atlas, which most tests leave as it is."""
    real, kept = build.compared, {}

    def remembered(atlas, experiments, sources):
        names = tuple(experiment["name"] for experiment in experiments)
        if atlas is not study[0] or sources.files:
            return real(atlas, experiments, sources)
        if names not in kept:
            kept[names] = real(atlas, experiments, sources)
        return kept[names]

    build.compared = remembered
    yield
    build.compared = real
