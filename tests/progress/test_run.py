"""Counts, times and the estimate, with clocks set by hand."""

import pytest

from snakemake_logger_plugin_imprint.run import Job, Run, duration, in_order, outlook


@pytest.fixture
def run() -> Run:
    run = Run()
    run.total = {"train": 4, "probe": 8, "all": 1}
    return run


def test_estimate_is_work_left_over_parallelism(run):
    # two jobs at a time, 10 s each: after 10 s, 2 done; 2 trainings of 10 s left, two at a time: 10 s
    for number in (1, 2):
        run.start(number, Job("train", f"u{number}", 100.0))
    for number in (1, 2):
        run.finish(number, 110.0)
    assert run.seconds_left(110.0) == (10.0, 8)
    # half of the next two done after 5 s: 5 s left
    for number in (3, 4):
        run.start(number, Job("train", f"u{number}", 110.0))
    assert run.seconds_left(115.0) == (5.0, 8)
    assert outlook(run, 115.0) == "about 5.0 s left + 8 jobs of stages not timed yet"
    assert run.left() == {"train": 2, "probe": 8, "all": 1}


def test_a_job_that_takes_longer_than_the_mean_never_makes_the_rest_negative(run):
    run.start(1, Job("train", "a", 0.0))
    run.finish(1, 1.0)
    run.start(2, Job("train", "b", 1.0))
    seconds, _ = run.seconds_left(101.0)
    # 3 trainings left of 1 s, one used up by the long one, one job at a time
    assert seconds == 2.0


def test_rounding_never_makes_the_rest_negative():
    run = Run()
    run.total = {"probe": 7, "report": 1, "all": 1}
    for number in range(7):
        run.start(number, Job("probe", f"u{number}", 0.0))
    run.finish(0, 0.3)
    assert 6 * 0.3 - sum([0.3] * 6) < 0
    assert outlook(run, 5.0) == "about 0.0 s left + 1 job of stages not timed yet"


def test_nothing_is_promised_before_a_job_ended(run):
    assert run.seconds_left(0.0) == (None, 12) and outlook(run, 0.0) == ""
    run.start(1, Job("train", "a", 0.0))
    assert outlook(run, 5.0) == ""


def test_failed_attempts_cost_wall_time_and_teach_nothing(run):
    run.start(1, Job("train", "a", 0.0))
    run.fail(1, 30.0)
    assert run.seconds_left(30.0) == (None, 11) and run.left()["train"] == 3
    run.start(1, Job("train", "a", 30.0))
    assert not run.failed and run.left()["train"] == 4
    run.finish(1, 40.0)
    assert run.spent["train"] == 40.0 and run.useful["train"] == 10.0 and run.jobs_done == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (7530, "2 h 05 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_stages_come_in_the_order_of_the_pipeline():
    counts = {"other": 1, "report": 1, "probe": 3, "data": 2, "all": 1}
    assert list(in_order(counts)) == ["data", "probe", "report", "other", "all"]
