"""The end of an error's message: what is allowed, nearest first."""

import pytest

from imprint.errors import ImprintError, StudyError, nearest


@pytest.mark.parametrize(
    ("word", "allowed", "text"),
    [
        ("adm", ["sgd", "adam"], "did you mean 'adam'?"),
        ("adam_fas", ["adam_fast", "adam_slow", "lion"], "did you mean 'adam_fast' or 'adam_slow'?"),
        ("zzz", ["sgd", "adam"], "allowed: adam, sgd"),
        ("zzz", [], "nothing is allowed here"),
        (7, [6, 5], "allowed: 5, 6"),
    ],
)
def test_nearest(word, allowed, text):
    assert nearest(word, allowed) == text


def test_at_most_three_names_are_offered():
    assert nearest("seed_1", [f"seed_{n}" for n in range(2, 9)]).count("'") == 6


def test_a_study_error_is_told_to_the_person_who_runs_it():
    assert issubclass(StudyError, ImprintError)
