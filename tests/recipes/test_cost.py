"""What a step costs is compared between optimizers that are run alike."""

import pytest
from fleet_example import known_recipes

from imprint.recipes import cost


@pytest.fixture
def timed(monkeypatch):
    """The fleets whose steps are timed; every time is 1."""
    seen = []

    def stepped(fleet):
        fleet.step()
        seen.append(fleet)
        return 1.0

    monkeypatch.setattr(cost, "_time", stepped)
    return seen


def sees(fleet):
    return [part.sees for part in fleet.blocks[0].composition.parts]


@pytest.mark.parametrize(("name", "own"), [("sgd", ["elements"]), ("muon", ["matrices", "elements"])])
def test_each_replica_may_have_an_optimizer_of_its_own(timed, name, own):
    """An author's is run so, as nothing is known of it; beside a stacked one it would seem dear."""
    recipe = {**known_recipes()[name], "name": name}
    assert cost.relative(recipe) == (1.0, 1.0) and sees(timed[0]) == own
    del timed[:]
    assert cost.relative(recipe, alone=True) == (1.0, 1.0)
    fleet, plain = timed[:2]
    assert sees(fleet) == ["network"] * len(own) and sees(plain) == ["elements"]


def test_what_takes_matrices_only_is_given_no_biases(timed):
    recipe = {key: value for key, value in known_recipes()["muon"].items() if key != "rest"} | {"name": "muon"}
    for alone in (False, True):
        cost.relative(recipe, alone)
    assert {len(shape) for fleet in timed[::2] for shape in fleet.layout.shapes.values()} == {2}
