"""A small study in a folder of its own, and its commands as the installed program would run them."""

import os
import sys
from pathlib import Path

import pytest

from imprint import cli

sys.path.insert(0, str(Path(__file__).parents[1]))
import study_example  # noqa: E402


@pytest.fixture
def project(tmp_path):
    return study_example.Project(tmp_path / "study")


@pytest.fixture
def run(project, monkeypatch, capsys):
    """Return a function that runs a command in the study's folder."""
    here = [path for path in sys.path if path not in ("", os.getcwd())]

    def command(*argv):
        monkeypatch.chdir(project.write())
        monkeypatch.setattr(sys, "path", list(here))
        try:
            status = cli.main(list(argv))
        except SystemExit as stop:
            status = stop.code or 0
        out, err = capsys.readouterr()
        return status, out, err

    return command
