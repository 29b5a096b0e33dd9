"""Strict YAML: duplicate keys, numbers as people write them, errors with file and line."""

import pytest

from imprint.documents import load, merge
from imprint.errors import StudyError
from imprint.identity import digest


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "recipes.yaml"

    def write(text):
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("text", ["1e-1", "0.1", "1.0e-1", ".1", "1E-1", "+0.1", "10e-2", "0.10", "0.01e+1"])
def test_spellings_of_a_number(file, text):
    value = load(file(f"lr: {text}"))["lr"]
    assert isinstance(value, float)
    assert digest(value) == digest(0.1)


@pytest.mark.parametrize("text", ["3e-5", "3.0e-5", "0.00003", "30.e-6"])
def test_small_numbers(file, text):
    assert load(file(f"search: {{lr: [{text}, 0.1]}}")) == {"search": {"lr": [3e-5, 0.1]}}


@pytest.mark.parametrize("text", ["1e3", "1000", "1000.0", "1_000", "1e+3"])
def test_whole_numbers_have_one_digest(file, text):
    assert digest(load(file(f"points: {text}"))) == digest({"points": 1000})


@pytest.mark.parametrize("text", ["0-7", "e5", "1e", "1e-", "1.2.3", "-e", "'1e-1'", "adam_2e", "v1e3"])
def test_what_is_no_number_stays_text(file, text):
    assert isinstance(load(file(f"key: {text}"))["key"], str)


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("lr: 1\nupdate: a\nlr: 2\n", "lr", 3),
        ("adam:\n  hyper: {eps: 1e-8, eps: 1e-6}\n", "eps", 2),
        ("1: a\n1: b\n", "1", 2),
    ],
)
def test_a_key_given_twice(file, text, key, line):
    with pytest.raises(StudyError, match=rf"(?s)recipes\.yaml: key '?{key}'? is given twice.*line {line}"):
        load(file(text))


def test_equal_keys_in_different_mappings_are_fine(file):
    assert load(file("a: {lr: 1}\nb: {lr: 2}\n")) == {"a": {"lr": 1}, "b": {"lr": 2}}


def test_a_key_that_is_a_list_is_told(file):
    with pytest.raises(StudyError, match=r"recipes\.yaml"):
        load(file("? [a, b]\n: 1\n"))


@pytest.mark.parametrize(("text", "found"), [("- a\n- b\n", "list"), ("", "NoneType"), ("adam", "str")])
def test_no_mapping(file, text, found):
    with pytest.raises(StudyError, match=rf"recipes\.yaml: a mapping of keys to values is expected, found {found}"):
        load(file(text))


def test_broken_yaml_names_file_and_line(file):
    with pytest.raises(StudyError, match=r"(?s)recipes\.yaml: .*line 2"):
        load(file("a: 1\nb: [1, 2\n"))


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.getcwd []", "!mine 1"])
def test_no_objects(file, tag):
    with pytest.raises(StudyError, match="could not determine a constructor"):
        load(file(f"a: {tag}"))


def test_missing_file(tmp_path):
    with pytest.raises(StudyError, match=r"absent\.yaml: no such file"):
        load(tmp_path / "absent.yaml")


def test_merge_lays_mappings_over_mappings():
    base = {"task": {"data": "digits", "pool": 1}, "seeds": ["0-7"], "stop": {"steps": {"epochs": 40}}}
    change = {"task": {"data": "mnist"}, "seeds": ["0-3"], "stop": 3, "new": {"a": 1}}
    before = {key: dict(value) if isinstance(value, dict) else list(value) for key, value in base.items()}
    assert merge(base, change) == {
        "task": {"data": "mnist", "pool": 1},
        "seeds": ["0-3"],
        "stop": 3,
        "new": {"a": 1},
    }
    assert base == before


def test_merge_replaces_a_value_by_a_mapping():
    assert merge({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}
