"""Names of units: golden digests, and what they do not depend on."""

import hashlib
import json

import pytest

from imprint.identity import Unit, canonical, digest, plain

SPEC = {"task": {"name": "slabs", "slabs": 5}, "lr": 0.1, "seeds": [0, 1], "hyper": {"nesterov": True, "rest": None}}
TEXT = '{"hyper":{"nesterov":true,"rest":null},"lr":0.1,"seeds":[0,1],"task":{"name":"slabs","slabs":5}}'


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def unit(spec=SPEC, **more):
    return Unit(**{"stage": "train", "prefix": "slabs-SGD", "spec": spec, **more})


def test_canonical_text_by_hand():
    assert canonical(SPEC) == TEXT


def test_golden_digest():
    # of the text above; a change here renames every stored result
    assert digest(SPEC) == sha(TEXT) == "caf1b82e28"


def test_golden_digests_of_units():
    data = unit({"task": {"name": "slabs"}}, stage="data", prefix="slabs")
    train = unit(inputs={"data": [data]})
    inner = sha('{"inputs":{},"spec":{"task":{"name":"slabs"}},"stage":"data","version":1}')
    outer = sha(f'{{"inputs":{{"data":["{inner}"]}},"spec":{TEXT},"stage":"train","version":1}}')
    assert (data.digest, train.digest) == (inner, outer)
    assert data.path == "results/store/data/slabs-6618d79625.zarr.zip"
    assert train.path == "results/store/train/slabs-SGD-540e5c8fb5.zarr.zip"


@pytest.mark.parametrize(
    ("stage", "suffix"),
    [("plan", ".json"), ("claims", ".csv"), ("figure", ".svg"), ("report", ".html"), ("publish", ".json")]
    + [(stage, ".zarr.zip") for stage in ("data", "recipe", "search", "select", "train", "probe", "gather")],
)
def test_path(stage, suffix):
    made = unit(stage=stage)
    assert made.path == f"results/store/{stage}/slabs-SGD-{made.digest}{suffix}"


def test_labels_do_not_count():
    assert unit(label="a").digest == unit(label="b").digest


def test_the_readable_part_does_not_count():
    assert unit(prefix="x").digest == unit().digest


def test_the_order_of_keys_does_not_count():
    turned = {key: SPEC[key] for key in reversed(SPEC)} | {"hyper": {"rest": None, "nesterov": True}}
    assert list(turned) != list(SPEC)
    assert unit(turned).digest == unit().digest


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (0, -0.0), (1000, 1e3), (0.1, 1e-1), ([1, 2], (1.0, 2.0))])
def test_the_spelling_of_a_number_does_not_count(one, other):
    assert digest({"x": one}) == digest({"x": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.1, 0.1 + 2**-56),  # neighbours in float64
        (1, True),
        (0, False),
        (0, None),
        (1, "1"),
        ([1, 2], [2, 1]),
        ([1], 1),
        ({}, None),
        (1e16, 1e16 + 2),
    ],
)
def test_what_differs_has_another_digest(one, other):
    assert one is not other
    assert digest({"x": one}) != digest({"x": other})


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "search"},
        {"spec": SPEC | {"lr": 0.2}},
        {"spec": SPEC | {"more": 0}},
        {"inputs": {"data": [unit()]}},
        {"inputs": {"select": [unit()]}},
        {"inputs": {"data": [unit(), unit()]}},
        {"inputs": {"data": [unit(SPEC | {"lr": 0.2})]}},
    ],
)
def test_what_counts(change):
    assert unit(**change).digest != unit().digest
    assert unit(**change).digest != unit(inputs={"data": [unit(stage="data")]}).digest


def test_a_change_far_down_reaches_the_top():
    def chain(seed):
        made = unit({"seed": seed}, stage="data")
        for stage in ("recipe", "train", "probe", "gather"):
            made = unit({}, stage=stage, inputs={"x": [made]})
        return made.digest

    assert chain(0) == chain(0.0)
    assert chain(0) != chain(1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_digest_of_what_json_has_not(value):
    with pytest.raises(ValueError, match="JSON compliant"):
        digest({"lr": value})


def test_no_digest_of_objects():
    with pytest.raises(TypeError, match="not JSON serializable"):
        digest({"lr": object()})


def test_plain_is_what_json_gives_back():
    value = {"a": (1.0, 2.5, [True, None]), 3: {"b": 1e300}}
    assert plain(value) == json.loads(canonical(value))


def test_no_two_of_many_specs_share_a_digest():
    # 20000 of 2^40 values: by chance a pair in 5500 such draws, and these are fixed
    made = {digest({"recipe": f"r{i % 20}", "seed": i // 20, "lr": 0.1 * i}) for i in range(20000)}
    assert len(made) == 20000


def test_a_unit_prints_itself_and_not_all_that_it_was_made_from():
    unit = Unit("data", "start", {})
    for layer in range(60):  # each reads the one before twice: printed with its inputs, the last would be 2^60 long
        unit = Unit("train", f"layer{layer}", {}, {"train": [unit, unit]})
    assert repr(unit) == "Unit(stage='train', prefix='layer59', spec={}, label='')"
