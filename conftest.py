"""What holds for all tests: one thread, and no test that needs data is left out in silence."""

import os
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import pytest  # noqa: E402 - threads are counted when libraries load

left_out: list[str] = []


def pytest_collection_modifyitems(config, items):
    """Without IMPRINT_DATA the tests that read real files are left out; the run says so."""
    folder = os.environ.get("IMPRINT_DATA")
    if folder and (Path(folder) / "mnist").is_dir():
        return
    gone = [item for item in items if item.get_closest_marker("mnist")]
    items[:] = [item for item in items if not item.get_closest_marker("mnist")]
    left_out.extend(item.nodeid for item in gone)
    config.hook.pytest_deselected(items=gone)


def pytest_terminal_summary(terminalreporter, config):
    """Say what was left out."""
    if left_out or config.getoption("dist", "no") != "no" and "IMPRINT_DATA" not in os.environ:
        terminalreporter.write_line("IMPRINT_DATA names no folder with MNIST: the tests marked mnist were left out")


def pytest_sessionfinish(session, exitstatus):
    """In continuous integration a test left out for missing data is a failure."""
    wanted = session.config.getoption("markexpr", "")
    if os.environ.get("CI") and left_out and "not mnist" not in wanted and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
