"""The plugin against the interface's own conformance tests, and its reading of logs and messages."""

import signal

import pytest
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry
from snakemake_interface_logger_plugins.tests import TestLogHandlerBase

from snakemake_logger_plugin_imprint import LogHandler
from snakemake_logger_plugin_imprint.handler import ending, last_lines


class TestConformance(TestLogHandlerBase):
    __test__ = True

    def get_log_handler_cls(self):
        return LogHandler

    def get_log_handler_settings(self):
        return None


def test_snakemake_finds_the_plugin():
    assert LoggerPluginRegistry().get_plugin("imprint").log_handler is LogHandler


def test_a_broken_record_does_not_end_the_run(monkeypatch, capsys):
    conformance = TestConformance()
    handler = conformance._create_handler()
    handler.emit(conformance._create_event_record("run_info", stats=None))
    assert "AttributeError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Command 'x' returned non-zero exit status 1.", "exit status 1"),
        ("Command 'x' returned non-zero exit status 143.", "exit status 143 (SIGTERM)"),
        (f"Command 'x' died with {signal.SIGKILL!r}.", "killed by SIGKILL"),
        ("something else", ""),
    ],
)
def test_endings(text, expected):
    assert ending(text) == expected


@pytest.mark.parametrize(
    ("content", "number", "expected"),
    [
        ("", 2, ([], "empty")),
        ("a\nb\n", 2, (["a", "b"], "whole log")),
        ("a\nb\nc\n", 2, (["b", "c"], "last 2 lines")),
        ("a\nb\nc\n", None, (["a", "b", "c"], "whole log")),
        ("10%\r20%\r100%\n\x1b[1;31mbad\x1b[0m\r\n", 5, (["100%", "bad"], "whole log")),
        ("x" * 100_000 + "\nend\n", 1, (["end"], "last 1 lines")),
    ],
    ids=["empty", "short", "long", "all", "control", "large"],
)
def test_last_lines(tmp_path, content, number, expected):
    path = tmp_path / "job.log"
    path.write_bytes(content.encode())
    assert last_lines(str(path), number) == expected


def test_a_log_that_is_not_there():
    assert last_lines("/nowhere/job.log", 2) == ([], "No such file or directory")
