"""The seconds of a job, as far as its benchmark file tells them."""

import pytest

from imprint import benchmarks


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        ('{"s": 99}\n{"s": 0.5, "cpu_time": 3}\n', 0.5),
        ('{"s": 0.5}\n{"s": -31500000.0}\n', None),  # the clock was set back by a year
        ('{"s": 0.', None),
        ("", None),
        ("[]", None),
        ("{}", None),
    ],
)
def test_seconds(tmp_path, content, seconds):
    (tmp_path / "x.jsonl").write_text(content)
    assert benchmarks.seconds(tmp_path / "x.jsonl") == seconds


def test_no_file(tmp_path):
    assert benchmarks.seconds(tmp_path / "x.jsonl") is None
