"""A file's name against what it says that it was made from; JSON that proves itself."""

import json

import pytest

from imprint.identity import Unit
from imprint.naming import is_named_by, is_sealed, sealed

DATA = Unit("data", "blobs", {"task": {"limit": 10.0}})
TRAIN = Unit("train", "blobs-SGD", {"lr": 0.1, "seeds": [0, 1]}, {"data": [DATA], "recipe": [DATA, DATA]})


def provenance(unit, **changes):
    made_from = {role: [each.path.rpartition("/")[2] for each in units] for role, units in unit.inputs.items()}
    said = {"stage": unit.stage, "spec": json.dumps(unit.spec), "made_from": json.dumps(made_from)}
    return {**said, **changes}


@pytest.mark.parametrize("unit", [DATA, TRAIN])
def test_a_unit_is_named_by_its_own_provenance(unit):
    assert is_named_by(f"{unit.name}.zarr.zip", provenance(unit))


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "search"},
        {"spec": '{"lr": 0.2, "seeds": [0, 1]}'},
        {"made_from": json.dumps({"data": ["blobs-0123456789.zarr.zip"], "recipe": [f"{DATA.name}.zarr.zip"] * 2})},
    ],
)
def test_another_s_is_not(changes):
    assert not is_named_by(f"{TRAIN.name}.zarr.zip", provenance(TRAIN, **changes))


def test_a_name_or_a_file_that_says_nothing_is_believed():
    assert is_named_by("train.zarr.zip", provenance(TRAIN))
    assert is_named_by(f"{TRAIN.name}.zarr.zip", {"stage": "train"})
    assert is_named_by(f"{TRAIN.name}.zarr.zip", provenance(TRAIN, made_from='{"data": ["data.zarr.zip"]}'))


def test_a_seal_holds_for_what_was_sealed_only():
    content = sealed({"study": "quick", "places": [{"file": "a"}]})
    assert is_sealed(json.loads(json.dumps(content)))
    assert not is_sealed({**content, "study": "core"})
    assert not is_sealed({"study": "quick"}) and not is_sealed(None) and not is_sealed([])
