"""The path of a new user, from a fresh clone to her own optimizer on the atlas, with a transcript.

    python tools/new_user.py [--folder EMPTY]

It does what README says and looks at the pages in Chromium: the report, the profile of an optimizer that lies outside
the project, and the report with that optimizer in its atlas. Everything happens in one folder, which is removed.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NAME = "my_optimizer"


class User:
    """A person in a folder: what she types, and what she is told.

    Attributes:
        folder: everything is in it.
        clone: the project in it.
        hers: the folder of her own file, which is not the project's.
    """

    def __init__(self, folder: Path):
        self.folder, self.clone, self.hers = folder, folder / "imprint", folder / "hers"
        self.hers.mkdir()
        self.environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def types(self, line: str, cwd: Path | None = None, keep: str = "") -> str:
        """Run a line, which must succeed; print it, its time, and of what it said the lines with ``keep`` in them."""
        place = cwd or self.clone
        print(f"\n{place.relative_to(self.folder)}$ {line.replace(str(ROOT), '<this repository>')}", flush=True)
        begin, said = time.monotonic(), []
        command = ["bash", "-ec", line]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "stdin": subprocess.DEVNULL}
        with subprocess.Popen(command, cwd=place, env=self.environment, **pipes) as process:
            for words in process.stdout:
                said.append(words)
                if keep and re.search(keep, words):
                    shown = words.rstrip().replace(str(self.folder), "...")
                    print(f"    [{time.monotonic() - begin:5.0f} s] {shown}", flush=True)
        if process.returncode:
            sys.exit("".join(said[-40:]) + f"ended with {process.returncode}")
        print(f"    done in {time.monotonic() - begin:.0f} s")
        return "".join(said)

    def looks(self, page: str, *does: str) -> None:
        """Open a page of the clone in the browser and print what is seen."""
        print(f"\nopens {page}", flush=True)
        python = self.clone / ".venv" / "bin" / "python"
        subprocess.run([python, __file__, "--look", self.clone / page, *does], check=True, env=self.environment)


def main() -> None:
    """Walk the path."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="an empty folder to do it in, which is kept; default is a new one")
    parser.add_argument("--look", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.look:
        look(Path(arguments.look[0]), *arguments.look[1:])
    elif arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        walk(User(arguments.folder.resolve()))
    else:
        with tempfile.TemporaryDirectory() as folder:
            walk(User(Path(folder).resolve()))


def walk(user: User) -> None:
    """README's commands, her own file, and her optimizer in the report."""
    user.types(f"git clone -q {ROOT} imprint", cwd=user.folder)
    user.types("make study", keep=r"^\d+ jobs|of \d+ jobs done|^report:")
    user.looks("results/quick/report.html", "report")
    blocks = re.findall(
        r"^```python\n(# my_optimizer\.py\n.*?)^```$", (user.clone / "README.md").read_text(), re.M | re.S
    )
    (user.hers / f"{NAME}.py").write_text(blocks[0])
    print(f"\nwrites hers/{NAME}.py, the {len(blocks[0].splitlines())} lines of README")
    profile = f"PYTHONPATH=../hers .venv/bin/imprint profile {NAME}:MyOptimizer --lr 1e-4..1e-1"
    user.types(profile, keep=r"^\d+ jobs|of \d+ jobs done|page")
    user.looks(f"results/profile_{NAME}/profile.html", "profile")
    entry = f"\n{NAME}:\n  says: Gradient descent with a bounded step in every weight.\n"
    entry += f"  update: {NAME}:MyOptimizer\n  search: {{lr: [0.0001, 0.1]}}\n"
    (user.clone / "recipes.yaml").open("a").write(entry)
    config = user.clone / "config.yaml"
    config.write_text(re.sub(r"^recipes: \[\]", f"recipes: [{NAME}]", config.read_text(), flags=re.M))
    print(f"\nputs {NAME} into recipes.yaml and config.yaml")
    said = user.types("PYTHONPATH=../hers make study", keep=r"^\d+ jobs|of \d+ jobs done|^report:")
    print(f"    trained again: {len(re.findall(r'] (?:search|train) ', said))}")
    user.looks("results/quick/report.html", "report", NAME)


def look(page: Path, what: str, name: str = "") -> None:
    """Say what a person sees on a page, in Chromium without a window; nothing may be asked of the network."""
    import shutil

    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program:
        sys.exit(f"none of {', '.join(BROWSERS)} is here: install one (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1600, "height": 900})
        told = []
        tab.on("console", lambda message: told.append(message.text))
        tab.on("pageerror", lambda error: told.append(str(error)))
        tab.on("request", lambda request: told.append(request.url) if not request.url.startswith("file:") else None)
        tab.goto(page.resolve().as_uri())
        print(f"    {tab.title()}: {tab.locator('h1').inner_text()} ({page.stat().st_size / 1e6:.1f} MB)")
        {"report": report, "profile": profile}[what](tab, name)
        print(f"    console and network: {told or 'silent'}")
        browser.close()
    if told:
        sys.exit(1)


def report(tab, name: str) -> None:
    """What the report answers, what a filter leaves, and a cell of the atlas with the runs behind it."""
    for state in tab.locator("#answer .state").all():
        print(f"    {state.inner_text().splitlines()[0]}")
    print(f"    {tab.locator('#answer [role=status]').inner_text()}")
    tab.get_by_label("verdict", exact=True).select_option("supported")
    print(f"    filters by verdict: supported. {tab.locator('#answer [role=status]').inner_text()}")
    table = tab.locator("#atlas table.heat:visible").first
    recipes = table.locator("thead th").all_inner_texts()[1:]
    print(f"    atlas, first table: {', '.join(recipes)}")
    wanted = name or recipes[-1]
    table.locator("tbody tr:has(button)").first.locator("button").nth(recipes.index(wanted)).click()
    dialog = tab.locator("dialog[open]")
    print(f"    presses its first number of {wanted}: {dialog.locator('h3').inner_text()}")
    print(f"    {dialog.locator('p').nth(1).inner_text()}")
    charts = dialog.locator("figure")
    charts.locator("svg, canvas").first.wait_for()
    print(f"    charts behind it: {', '.join(charts.locator('h4').all_inner_texts())}")


def profile(tab, name: str) -> None:
    """What the profile answers."""
    for words in tab.locator("#answer .lead p").all_inner_texts():
        print(f"    {words}")
    print(f"    sections: {', '.join(tab.locator('h2').all_inner_texts())}")


if __name__ == "__main__":
    main()
