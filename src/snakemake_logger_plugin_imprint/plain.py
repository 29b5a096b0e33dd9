"""Plain lines, for files, continuous integration and clusters: no control character is ever written."""

from typing import TextIO

from snakemake_logger_plugin_imprint.run import Run


class Plain:
    """Lines, each written at once."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    def say(self, text: str, style: str = "") -> None:
        """Write a line; plain text has no style."""
        self.stream.write(f"{text}\n")
        self.stream.flush()

    def watch(self, run: Run) -> None:
        """Nothing to redraw."""

    def close(self) -> None:
        """Nothing to take away."""
