"""What holds for all tests: one thread, and no test that needs data is left out in silence."""

import os
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import pytest  # noqa: E402 - threads are counted when libraries load

LEFT_OUT = "IMPRINT_DATA names no folder with MNIST: the tests marked mnist are left out"


def has_data() -> bool:
    """Whether the MNIST files are where IMPRINT_DATA says."""
    folder = os.environ.get("IMPRINT_DATA")
    return bool(folder) and (Path(folder) / "mnist").is_dir()


def pytest_configure(config):
    """In continuous integration, tests left out for missing data are a failure."""
    if os.environ.get("CI") and not has_data() and "not mnist" not in config.getoption("markexpr"):
        raise pytest.UsageError(LEFT_OUT)


def pytest_collection_modifyitems(config, items):
    """Without the files, deselect the tests that read them."""
    if not has_data():
        gone = [item for item in items if item.get_closest_marker("mnist")]
        items[:] = [item for item in items if not item.get_closest_marker("mnist")]
        config.hook.pytest_deselected(items=gone)


def pytest_terminal_summary(terminalreporter):
    """Say what was left out."""
    if not has_data():
        terminalreporter.write_line(LEFT_OUT)
