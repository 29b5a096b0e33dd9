"""The report in a real browser: silent, alone, whole at every width, in print and in the dark, by keyboard and by ear.

Two pages are looked at: that of a small finished study, whose links lead to real files, and that of the example study,
which has more of everything. ``REPORT=results/quick/report.html`` looks at that page instead.
"""

import csv
import os
import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from imprint.figures import render
from imprint.report import build

sys.path.insert(0, str(Path(__file__).parents[1]))
from workflow.conftest import finished  # noqa: E402, F401 - a fixture

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LIMIT = 120  # seconds for one step of the browser, on a machine that has much else to do
PHONE, DESK = 400, 1600
PAPER = 718  # px: A4, 210 mm at 96 px an inch, less margins of 10 mm
DRAWN = [
    ("verdicts", ""),
    ("imprint_map", "digits"),
    ("solution_map", "digits"),
    ("seeds", "digits"),
    ("seeds", "slabs"),
]
BOARD = "#answer tr[data-verdict]"  # a row for each test of a claim
FILTERS = {"optimizer": "data-optimizers", "probe": "data-probe", "verdict": "data-verdict"}
"""Comboboxes by their labels, and the attribute of a row that each looks at: words, one of which must be the choice."""

# Elements that reach over the right edge, but for what a person can scroll sideways, or, on paper, for nothing.
WIDE = """(paper) => [...document.querySelectorAll("body *")].filter((part) => {
  if (part.parentElement.closest("svg") || !part.checkVisibility()) return false;
  const scrolls = (other) => ["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(other).overflowX);
  if (paper && scrolls(part) && part.clientWidth > 1 && part.scrollWidth > part.clientWidth + 1) return true;
  const box = part.getBoundingClientRect();
  if (!box.width || box.right <= document.documentElement.clientWidth + 1) return false;
  for (let above = part.parentElement; above; above = above.parentElement)
    if (!paper && scrolls(above) && above !== document.body) return false;
  return true;
}).map((part) => part.outerHTML.slice(0, 160))"""

# Texts whose contrast with what is behind them is too low (WCAG 2.2, 1.4.3), or that are too small to read.
PALE = """() => {
  const brush = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const over = (colours) => {
    brush.clearRect(0, 0, 1, 1);
    for (const colour of colours) { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1); }
    return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const [text, part] = [walker.currentNode.textContent.trim(), walker.currentNode.parentElement];
    if (!text || part.closest("svg, script, style, option, noscript") || !part.checkVisibility()) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(part);
    const behind = [];
    for (let above = part; above; above = above.parentElement) behind.unshift(getComputedStyle(above).backgroundColor);
    const [ours, theirs] = [light(over([...behind, color])), light(over(behind))].sort((a, b) => b - a);
    const ratio = (ours + 0.05) / (theirs + 0.05);
    const size = parseFloat(fontSize);
    const large = size >= 24 || (size >= 18.66 && fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5) || size < 11) found.push(`${text.slice(0, 60)}: ${ratio.toFixed(2)}, ${size} px`);
  }
  return found;
}"""

# Pictures and controls that say nothing to those who do not see them.
UNNAMED = """() => {
  const words = (part) => [
    part.getAttribute("aria-label"), part.getAttribute("alt"),
    ...(part.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent),
    ...[...(part.labels ?? [])].map((label) => label.textContent),
    part.matches("svg") ? part.querySelector(":scope > title")?.textContent : part.textContent,
  ].some((text) => text?.trim());
  const told = (part) => words(part) || part.closest("[role=img][aria-label], [aria-hidden=true], [role=presentation]")
    || [...part.querySelectorAll("[role|='graphics'][aria-label], [aria-roledescription][aria-label]")].length;
  return [...document.querySelectorAll("svg, img, canvas, button, select, input, a[href], [role=region], dialog[open]")]
    .filter((part) => part.checkVisibility() && !part.parentElement.closest("svg") && !told(part))
    .map((part) => part.outerHTML.slice(0, 160));
}"""


class Look:
    """A page in a window of its own, with all that it says on the console and asks for."""

    def __init__(self, browser: Browser, report: Path, width: int, how: dict):
        self.report, self.said, self.asked = report, [], []
        self.context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **how)
        self.context.set_default_timeout(1000 * LIMIT)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.said.append(f"uncaught: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(report.as_uri(), wait_until="load")

    def _console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"{message.type}: {message.text}")

    def filter(self, label: str):
        """The combobox of a label."""
        return self.page.get_by_role("combobox", name=label, exact=True)

    def choose(self, label: str, option: str) -> None:
        """Choose in a combobox, and wait until it shows: what is hidden goes with the browser's next frame."""
        self.filter(label).select_option(option)
        self.page.evaluate("() => new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")

    def options(self, label: str) -> list[str]:
        """What a combobox offers; the first one filters nothing."""
        return self.filter(label).locator("option").evaluate_all("(found) => found.map((option) => option.value)")

    def rows(self) -> list[dict]:
        """Rows of the board: the words of each attribute that is filtered by, and whether the row is seen."""
        return self.page.locator(BOARD).evaluate_all(
            "(rows, names) => rows.map((row) => ({ seen: row.checkVisibility(),"
            " ...Object.fromEntries(names.map((name) => [name, row.getAttribute(name).split(' ')])) }))",
            list(FILTERS.values()),
        )

    def cells(self):
        """Buttons of the atlas that show the runs behind a number."""
        return self.page.locator("button[data-cell]:visible")


@pytest.fixture(scope="module")
def browser():
    """The browser of this machine."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        why = f"no browser: none of {', '.join(BROWSERS)} is found"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def example(study, tmp_path_factory) -> Path:
    """The report of the example study, with some of its figures."""
    folder = tmp_path_factory.mktemp("example")
    atlas, claims, specs = study
    handed = []
    for name, experiment in DRAWN:
        module, file = render.module(name), f"{experiment or 'quick'}-{name}"
        svg, png, table = (folder / f"{file}.{end}" for end in ("svg", "png", "csv"))
        render.render(name, atlas, claims, specs[experiment] if experiment else list(specs.values()), svg, png, table)
        told = {"title": module.TITLE, "caption": module.CAPTION}
        handed.append({"name": name, "experiment": experiment, **told, "svg": svg, "csv": table, "file": file})
    build.build(atlas, claims, list(specs.values()), handed, {"study": "quick"}, folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module", params=["REPORT"] if os.environ.get("REPORT") else ["finished", "example"])
def report(request) -> Path:
    """The page to look at."""
    if request.param == "REPORT":
        return Path(os.environ["REPORT"]).resolve(strict=True)
    made = request.getfixturevalue(request.param)
    return made if request.param == "example" else made / "results/tiny/report.html"


@pytest.fixture
def look(browser, report):
    """Return a function that opens the page."""
    opened = []

    def open_page(width: int = DESK, **how) -> Look:
        opened.append(Look(browser, report, width, how))
        return opened[-1]

    yield open_page
    for each in opened:
        each.context.close()


def use(seen: Look) -> None:
    """Do what a reader does: scroll, filter, look behind a number."""
    seen.page.keyboard.press("End")
    for label in FILTERS:
        for option in reversed(seen.options(label)):
            seen.choose(label, option)
    if seen.cells().count():
        seen.cells().first.click()
        seen.page.get_by_role("dialog").locator("svg, canvas").first.wait_for()
    seen.page.wait_for_timeout(200)


BROKEN = """<!doctype html><html lang="en"><body style="margin: 0; background: white; color: black">
  <p id="wide" style="width: 500px">reaches over the edge</p>
  <div style="overflow-x: auto"><p style="width: 500px">can be scrolled</p></div>
  <p><span style="color: #777">4.48 on white</span> <span style="color: #767676">4.54</span></p>
  <div style="background: rgb(0 0 0 / 0.5)"><span style="color: #777">1.1 on grey</span></div>
  <p style="font-size: 24px; color: #888">3.54, but large</p> <p style="font-size: 10px">small</p>
  <svg width="9" height="9"></svg> <svg width="9" height="9" aria-hidden="true"></svg>
  <svg width="9" height="9"><title>named</title></svg> <svg width="9" height="9" aria-labelledby="nobody"></svg>
  <img alt="named"> <select></select> <label>named <select></select></label> <a href="#">named</a> <button></button>
</body></html>"""


def test_what_is_wrong_is_found(browser):
    page = browser.new_page(viewport={"width": PHONE, "height": 900})
    page.set_content(BROKEN)
    assert [part[:12] for part in page.evaluate(WIDE, False)] == ['<p id="wide"']
    assert len(page.evaluate(WIDE, True)) == 3, "on paper nothing is scrolled: the box and what is in it"
    assert page.evaluate(PALE) == ["4.48 on white: 4.48, 16 px", "1.1 on grey: 1.12, 16 px", "small: 21.00, 10 px"]
    assert [part[:4] for part in page.evaluate(UNNAMED)] == ["<svg", "<svg", "<sel", "<but"]
    page.close()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_is_said_on_the_console_and_nothing_is_fetched(look, width):
    seen = look(width)
    use(seen)
    assert seen.said == []
    assert [address for address in seen.asked if not address.startswith(("data:", "blob:"))] == [seen.report.as_uri()]


def test_links_lead_somewhere(look, request):
    seen = look()
    use(seen)
    addresses = set(seen.page.locator("a[href]").evaluate_all("(all) => all.map((one) => one.getAttribute('href'))"))
    inside = sorted(address[1:] for address in addresses if address.startswith("#"))
    assert len(inside) >= 4
    assert (
        seen.page.evaluate("(ids) => ids.filter((id) => !document.getElementById(decodeURIComponent(id)))", inside)
        == []
    )
    files = [unquote(urlsplit(one).path) for one in addresses if not one.startswith("#") and not urlsplit(one).scheme]
    if "example" not in request.node.callspec.id:
        assert files and [file for file in files if not (seen.report.parent / file).is_file()] == []


@pytest.mark.parametrize("width", [PHONE, 718, DESK])
def test_nothing_reaches_over_the_edge_of_the_screen(look, width):
    page = look(width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(WIDE, False) == []


def test_nothing_is_cut_on_paper(look, tmp_path):
    seen = look(PAPER)
    seen.page.emulate_media(media="print")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= PAPER
    assert seen.page.evaluate(WIDE, True) == []
    margins = dict.fromkeys(("top", "right", "bottom", "left"), "10mm")
    seen.page.pdf(path=tmp_path / "report.pdf", format="A4", margin=margins, print_background=True)
    printed = (tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF-") and len(printed) > 20_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_text_can_be_read(look, scheme, width):
    page = look(width, color_scheme=scheme).page
    behind = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
    assert (max(behind) < 64) if scheme == "dark" else (min(behind) > 192)
    assert page.evaluate(PALE) == []


@pytest.mark.parametrize("label", FILTERS)
def test_a_filter_shows_what_it_says_and_says_how_much(look, label):
    seen = look()
    every, (none, *options) = seen.rows(), seen.options(label)
    assert every and all(row["seen"] for row in every) and none == ""
    assert set(options) == {word for row in every for word in row[FILTERS[label]]}
    for option in options:
        seen.choose(label, option)
        shown = [row["seen"] for row in seen.rows()]
        assert shown == [option in row[FILTERS[label]] for row in every], option
        assert f"{sum(shown)} test" in seen.page.get_by_role("status").first.inner_text()
    seen.choose(label, none)
    assert all(row["seen"] for row in seen.rows())


def test_filters_act_together_and_a_claim_without_a_row_goes(look):
    seen = look()
    every = seen.rows()
    optimizer, verdict = seen.options("optimizer")[1], seen.options("verdict")[-1]
    seen.choose("optimizer", optimizer)
    seen.choose("verdict", verdict)
    expected = [optimizer in row["data-optimizers"] and verdict in row["data-verdict"] for row in every]
    assert [row["seen"] for row in seen.rows()] == expected
    empty = seen.page.locator("#answer article:visible").evaluate_all(
        "(claims) => claims.filter((claim) => ![...claim.querySelectorAll('tr')].some((row) => row.checkVisibility()))"
        ".map((claim) => claim.textContent)"
    )
    assert empty == []


def test_the_keyboard_reaches_the_filters_and_moves_them(look):
    page, reached = look().page, []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#answer", (
        "the first stop skips to the answer"
    )
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(() => { const part = document.activeElement, { outlineStyle, boxShadow } = getComputedStyle(part);"
            " return [part.labels?.[0]?.firstChild.textContent.trim() ?? '', outlineStyle + boxShadow] })()"
        )
        assert focused[1] != "nonenone", f"{focused[0]} does not show that it has the focus"
        reached.append(focused[0])
        if focused[0] in FILTERS:
            page.keyboard.press("ArrowDown")
            assert page.evaluate("document.activeElement.value") != "", "an arrow chooses"
            page.keyboard.press("ArrowUp")
        if reached[-1] == "verdict":
            break
    assert [name for name in reached if name in FILTERS] == list(FILTERS)


def test_pictures_and_controls_have_names(look):
    seen = look()
    assert seen.page.evaluate(UNNAMED) == []
    use(seen)
    assert seen.page.evaluate(UNNAMED) == []
    assert seen.page.locator("svg").count() > 2


def test_a_figure_can_be_downloaded_with_its_data(look):
    page = look().page
    for kind in ("SVG", "CSV"):
        with page.expect_download() as caught:
            page.locator("figure a[download]", has_text=kind).first.click()
        text = Path(caught.value.path()).read_text(encoding="utf-8")
        assert caught.value.suggested_filename.endswith(f".{kind.lower()}")
        if kind == "SVG":
            assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
        else:
            assert len(list(csv.reader(text.splitlines()))) > 1
