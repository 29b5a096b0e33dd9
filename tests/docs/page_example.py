"""Pages as their reader uses them: what their blocks say, and a person who does it in a folder of her own."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
STUDY = Path(__file__).parent / "study"
BIN = Path(sys.executable).parent
README, TUTORIAL = ROOT / "README.md", ROOT / "docs" / "tutorial.md"
WRITTEN = [
    README,
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parts[-2] not in ("findings", "_build")),
]
HERE = "<this repository>"
LIMIT = 1200  # seconds for one command; the longest takes 60 on two idle cores


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that the block is, if its first line says so."""
        named = re.match(r"# ([\w./]+\.(?:py|yaml))\n", self.text)
        return named[1] if named else ""

    @property
    def commands(self) -> list[str]:
        """The command lines of a shell block, without comments."""
        return [line for line in (line.partition(" #")[0].strip() for line in self.text.splitlines()) if line]


def commands(page: Path) -> list[str]:
    """Return the commands of the project that a page names, in blocks of either kind and in its text."""
    text = page.read_text()
    lines = [line for block in blocks(page) for line in block.commands]
    lines += re.findall(r"^ {4}(\S.*)$", text, re.M) + re.findall(r"`([^`\n]+)`", text)
    return [line.partition(" #")[0].strip() for line in lines if re.match(r"(imprint|make) [a-z]", line)]


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    found = re.findall(r"^```(\S*)\n(.*?)^```$", page.read_text(), re.M | re.S)
    return [Block(page, language, text) for language, text in found if not language.startswith("{")]


def help_of(command: str) -> str:
    """Return what a command says of itself."""
    return subprocess.run([BIN / "imprint", command, "--help"], capture_output=True, text=True, check=True).stdout


class Reader:
    """A person who does what a page says, block by block.

    Args:
        folder: where she begins.
        repository: what she clones.
        results: of an earlier run, which she copies into her clone; with them little is left to compute.
    """

    def __init__(self, folder: Path, repository: Path, results: Path | None = None):
        folder.mkdir()
        self.folder, self.repository, self.results = folder, repository, results
        self.place = folder.with_suffix(".pwd")
        self.said = ""

    def does(self, page: Path) -> None:
        """Follow a page to its end."""
        for block in blocks(page):
            if block.file:
                (self.folder / block.file).write_text(block.text)
            elif block.language == "python":
                self._run([sys.executable, "-c", block.text])
            else:
                for line in block.commands:
                    self._shell(line)

    def _shell(self, line: str) -> None:
        line = line.replace(HERE, str(self.repository))
        self._run(["bash", "-ec", f"{line}\npwd > '{self.place}'"])
        self.folder = Path(self.place.read_text().strip())
        if line.startswith("git clone"):
            self._settle()

    def _settle(self) -> None:
        """Give a fresh clone the environment of the tests, in place of one that `make` would install."""
        (self.folder / ".venv").mkdir()
        for part in Path(sys.prefix).iterdir():
            if part.name != ".installed":
                (self.folder / ".venv" / part.name).symlink_to(part)
        (self.folder / ".venv" / ".installed").touch()
        if self.results:
            shutil.copytree(self.results, self.folder / "results", dirs_exist_ok=True)

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}"
        self.said += done.stdout

    @property
    def environment(self) -> dict[str, str]:
        """The clone's sources come before those of the environment, one thread, no window."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("IMPRINT_", "PYTEST_", "MAKE"))
        }
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        paths = {
            "PATH": f"{BIN}{os.pathsep}{kept['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
            "MPLBACKEND": "Agg",
        }
        return kept | threads | paths


def repository(folder: Path) -> Path:
    """Make a repository of the project as it is, with a study of seconds in the place of the quick one."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith("experiments/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(STUDY, folder, dirs_exist_ok=True)
    author = ["-c", "user.name=reader", "-c", "user.email=reader@localhost"]
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "the project"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder
