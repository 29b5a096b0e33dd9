"""The site: it builds without a warning, every link inside it leads somewhere, and it needs no network."""

import os
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from imprint import cli, plugins

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "use": "href"}
LIMIT = 1200  # seconds; it takes 25 on an idle core, ten times as long on a busy machine

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What a page links to, what it loads, and which places in it can be linked to."""

    def __init__(self, text: str):
        super().__init__()
        self.links, self.loaded, self.places = [], [], {""}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.places |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if found.get(LOADED.get(tag, "")):
            self.loaded.append(found[LOADED[tag]])


@cache
def read(file):
    return Page(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it, elsewhere."""
    folder = tmp_path_factory.mktemp("site")
    words = ["-W", "--keep-going", "-q", "-d", str(folder / "doctrees"), str(DOCS), str(folder / "html")]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words], env=environment, capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


def pages(site):
    return sorted(site.rglob("*.html"))


def test_every_page_that_is_written_is_there(site):
    sources = [file for kind in ("md", "rst") for file in DOCS.rglob(f"*.{kind}")]
    wanted = {file.relative_to(DOCS).with_suffix(".html") for file in sources if not file.stem.startswith("_")}
    assert wanted <= {file.relative_to(site) for file in pages(site)}


def test_every_link_inside_leads_somewhere(site):
    lost = []
    for file in pages(site):
        for link in read(file).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.is_file():
                lost.append(f"{file.relative_to(site)}: {link}: no such file")
            elif target.suffix == ".html" and unquote(parts.fragment) not in read(target).places:
                lost.append(f"{file.relative_to(site)}: {link}: no such place")
    assert lost == []


def test_it_can_be_read_without_a_network(site):
    """Nothing is loaded from elsewhere, by a page or by a style sheet, and what is loaded is there."""
    for file in pages(site):
        for address in read(file).loaded:
            parts = urlsplit(address)
            assert parts.scheme in ("", "data") and not parts.netloc, f"{file.relative_to(site)}: {address}"
            if not parts.scheme:
                assert (file.parent / unquote(parts.path)).resolve().exists(), f"{file.relative_to(site)}: {address}"
    for file in site.rglob("*.css"):
        text = file.read_text(encoding="utf-8")
        assert "@import" not in text and "url(http" not in text and 'url("http' not in text, file


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("command_line", [f"imprint-{name}" for name in cli.COMMANDS]),
        ("probes", plugins.catalogue("probes")),
        ("figures", plugins.catalogue("figures")),
        ("tasks", plugins.catalogue("tasks")),
        ("configuration", ["recipe", "claim", "taskspec"]),
    ],
)
def test_the_reference_has_everything(site, page, names):
    places = read(site / "reference" / f"{page}.html").places
    assert [name for name in names if name.replace("_", "-") not in places] == []


def test_measures_are_told_with_their_units(site):
    text = (site / "reference" / "probes.html").read_text()
    for probe in plugins.catalogue("probes"):
        for measure in plugins.find("probes", probe).literals["MEASURES"]:
            assert f">{measure}</span>" in text, f"{probe}.{measure}"
