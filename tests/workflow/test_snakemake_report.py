"""Snakemake's own report of a finished study: figures, verdicts and page with captions, categories and labels."""

import csv
import html
import io
import json
import re
import sys
import zipfile

import pytest
from docutils.core import publish_parts

from imprint import plugins

FIGURES = {name: plugins.find("figures", name).literals for name in plugins.catalogue("figures")}
NOWHERE = "http://127.0.0.1:9"  # nobody listens there: a report that fetches anything fails


def made(project, name: str):
    """Let Snakemake report on the finished study, with no network; return the file."""
    offline = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
    done = project.run(sys.executable, "-m", "snakemake", "--report", name, **offline, no_proxy="", NO_PROXY="")
    assert done.returncode == 0, done.stdout
    assert not re.search("warning|download", done.stdout, re.I), done.stdout
    return project / name


def results(page: str) -> dict[str, dict]:
    """What the page embeds of each result, by its path."""
    return json.loads(re.search(r"var results = (\{.*\});", page)[1])


def categories(page: str) -> dict[str, set[str]]:
    """Which results each category has."""
    found = json.loads(re.search(r"var categories = (\{.*\});", page)[1])
    return {name: {path for paths in parts.values() for path in paths} for name, parts in found.items()}


def words(caption: str) -> str:
    """A caption without its marks."""
    return " ".join(html.unescape(re.sub("<[^>]*>", "", caption)).split())


@pytest.mark.parametrize("name", FIGURES)
def test_a_caption_is_plain_text_where_it_is_read_as_markup(name):
    read = publish_parts(FIGURES[name]["CAPTION"], writer="html", settings_overrides={"report_level": 1})["body"]
    assert "system-message" not in read and words(read) == FIGURES[name]["CAPTION"]


@pytest.mark.slow
def test_an_archive_has_every_figure_the_verdicts_and_the_page(project):
    with zipfile.ZipFile(made(project, "told.zip")) as archive:
        page = archive.read("told/report.html").decode()
        found = results(page)
        stored = {path: archive.read(f"told/{entry['data_uri']}") for path, entry in found.items()}
    assert stored == {path: (project / path).read_bytes() for path in found}
    figures = [path for path in found if "/figure/" in path]
    assert len(figures) == len(list((project / "results/tiny/figures").glob("*.svg"))) > 5
    for path in figures:
        experiment, figure = re.fullmatch(r".*/(\w+)-(\w+)-[0-9a-f]{10}\.svg", path).groups()
        assert words(found[path]["caption"]) == FIGURES[figure]["CAPTION"]
        assert found[path]["labels"] == {"shows": FIGURES[figure]["TITLE"]}
        assert path in categories(page)["Verdicts" if experiment == "tiny" else experiment]
    (claims,) = [path for path in found if "/claims/" in path]
    assert {row["claim"] for row in csv.DictReader(io.StringIO(stored[claims].decode()))} >= {"learned", "wide"}
    assert claims in categories(page)["Verdicts"] and "at each of its comparison modes" in words(
        found[claims]["caption"]
    )
    (report,) = categories(page)["Report"]
    assert found[report]["labels"] == {"shows": "The study's page"} and stored[report].startswith(b"<!doctype html>")
    assert set(categories(page)) == {"images", "lines", "Verdicts", "Report"}
    assert "system-message" not in page and "What an optimizer leaves on the solution" in page


@pytest.mark.slow
def test_one_page_embeds_the_same(project):
    page = made(project, "told.html").read_text()
    found = results(page)
    assert all(entry["data_uri"].startswith("data:") and entry["caption"] for entry in found.values())
    assert {entry["job_properties"]["rule"] for entry in found.values()} == {"figure", "claims", "report"}
