"""The report: well-formed, self-contained, complete, and loud where the instrument is wrong."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from imprint.claims import against
from imprint.claims.trust import Figure
from imprint.figures import render
from imprint.report import board, build, calibration, protocol

VOID = {"meta", "link", "br", "hr", "img", "input", "col"}
DRAWN = [
    ("verdicts", ""),
    ("margin_ratio", "margins"),
    ("randomized_auc", "slabs"),
    ("learning_curves", "digits"),
]
PROVENANCE = {
    "study": "quick",
    "plan": "0123456789",
    "versions": {"numpy": "2.4.6"},
    "stores": [
        {"stage": "train", "store": "a-0123456789.zarr.zip"},
        {"stage": "probe", "store": "b.zarr.zip"},
    ],
    "notes": ["first", "second"],
}


class Page(HTMLParser):
    """What the tests ask of a page: balanced tags, ids, addresses, headings, text and cells."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.problems, self.ids, self.addresses, self.cells = [], [], [], [], []
        self.headings, self.targets, self.words, self.unnamed, self.scripts = [], [], [], [], []
        self.feed(text)
        self.close()
        self.problems += self.open

    def handle_starttag(self, tag, attrs):
        """Note what the tag declares; put it on the stack."""
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"])
        fetching = ("src", "xlink:href", "srcset", "action", "poster", *(["href"] if tag != "a" else []))
        self.addresses += [given[key] for key in fetching if key in given]
        self.targets += [given["href"][1:] for _ in [0] if tag == "a" and given.get("href", "").startswith("#")]
        if "data-claim" in given:
            self.cells.append((given["data-claim"], given["data-recipes"], given["data-place"]))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "script":
            self.scripts.append([given.get("type", ""), ""])
        if given.get("role") in ("img", "region", "search") and not given.get("aria-label"):
            self.unnamed.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """A tag that closes itself, in an SVG."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        """The last opened tag must be the one that ends."""
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        """Collect the words, and scripts apart from them."""
        if self.open[-1:] == ["script"]:
            self.scripts[-1][1] += data
        elif self.open[-1:] != ["style"]:
            self.words.append(data)


@pytest.fixture(scope="module")
def figures(study, tmp_path_factory):
    """Four figures as the stage hands them over."""
    folder = tmp_path_factory.mktemp("figures")
    atlas, claims, specs = study
    handed = []
    for name, experiment in DRAWN:
        svg, png, csv = (folder / f"{experiment}-{name}.{end}" for end in ("svg", "png", "csv"))
        render.render(name, atlas, claims, specs[experiment] if experiment else list(specs.values()), svg, png, csv)
        module = render.module(name)
        handed.append(
            {
                "name": name,
                "experiment": experiment,
                "title": module.TITLE,
                "caption": module.CAPTION,
                "svg": svg,
                "csv": csv,
                "file": f"{experiment or 'quick'}-{name}",
            }
        )
    return handed


@pytest.fixture(scope="module")
def written(study, figures, tmp_path_factory):
    """Text of the report of the example study."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    atlas, claims, specs = study
    build.build(atlas, claims, list(specs.values()), figures, PROVENANCE, out)
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(written):
    """The same, parsed."""
    return Page(written)


def again(study, figures, path, claims=None):
    """Text of a report of the example study with other claims."""
    build.build(study[0], study[1] if claims is None else claims, list(study[2].values()), figures, PROVENANCE, path)
    return path.read_text(encoding="utf-8")


def test_tags_are_balanced(page):
    assert page.problems == []


def test_the_parser_sees_what_is_wrong():
    assert Page("<p><b>x</p>").problems and Page("<div>").problems == ["div"]


def test_ids_are_unique_and_links_inside_the_page_lead_somewhere(page):
    assert len(page.ids) > 100 and len(page.ids) == len(set(page.ids))
    assert page.targets and set(page.targets) <= set(page.ids)


def test_nothing_is_fetched(written, page):
    assert [address for address in page.addresses if not address.startswith(("#", "data:"))] == []
    assert "default-src 'none'" in written  # what a script would fetch, the browser refuses
    own = [text for kind, text in page.scripts if not kind][:2]
    rest = re.sub(r"<script>.*?</script>", "", written, flags=re.DOTALL)
    for text in (*own, rest):
        assert not re.search(r"url\((?!#)|@import|<link|<iframe|\bfetch\(|XMLHttpRequest|\bimport\(", text)


def test_links_that_leave_the_page_lead_to_files_beside_it(study, figures, written, tmp_path):
    outside = set(re.findall(r'<a [^>]*\bhref="([^#"][^"]*)"', re.sub("<template.*?</template>", "", written)))
    assert outside == {f"figures/{figure['file']}.{end}" for figure in figures for end in ("svg", "csv")}
    atlas, claims, specs = study
    place = {"experiment": "digits", "kind": "probe", "recipe": "muon", "stop": "steps", "seeds": [0, 1]}
    place |= {"probe": "effective_rank", "file": "results/store/probe/x-0123456789.zarr.zip"}
    build.build(atlas, claims, list(specs.values()), [], PROVENANCE, tmp_path / "r.html", places=[place])
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert (
        '<a href="../store/probe/x-0123456789.zarr.zip" title="variable effective_rank of muon, seeds 0 to 1">' in text
    )


def test_references_inside_figures_were_renamed_too(written, page):
    used = set(re.findall(r"url\(#([^)]+)\)", re.sub(r"<script>.*?</script>", "", written, flags=re.DOTALL)))
    used |= {address[1:] for address in page.addresses if address.startswith("#")}
    assert used and used <= set(page.ids)


def test_scripts_are_those_of_the_libraries_and_little_more(page):
    scripts = [text for kind, text in page.scripts if not kind]
    assert sum(map(len, scripts)) < 1.5e6
    assert len(scripts) == 2 + len(build.LIBRARIES) and sum(map(len, scripts[:2])) < 16000


@pytest.mark.parametrize(
    ("library", "digest"),
    [
        ("vega-6.4.0", "8f6a3587cf8d4f42c7e08120e3eb05d067e746d554e39d2dcf52acc0bd5ba28f"),
        ("vega-lite-6.4.3", "35a9821df838825b05a6a73e9414b58747a1b18321583858ed903c66393a5c7e"),
        ("alpinejs-3.17.5", "b4036e9e9ac22fa6f6ae1ba292e015e1f3e9c85d0d79e73e4c8eb9bb139b522e"),
    ],
)
def test_libraries_are_as_they_were_published_and_have_their_licences(library, digest):
    folder = build.FOLDER / "vendor"
    assert hashlib.sha256((folder / f"{library}.min.js").read_bytes()).hexdigest() == digest
    assert "opyright" in (folder / f"{library}.LICENSE").read_text(encoding="utf-8")
    assert library in build.LIBRARIES


def test_headings_skip_no_level(page):
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert page.unnamed == []


def test_every_row_is_there_once(study, page):
    rows = study[1]
    expected = sorted(zip(rows["experiment"] + "/" + rows["claim"], rows["recipes"], rows["mode"], strict=True))
    assert sorted(page.cells) == expected


def test_controls_that_came_out_are_said_first(page):
    words = " ".join(page.words)
    assert "All 17 controls came out." in words
    assert words.index("All 17 controls") < words.index("Muon's weights have a higher effective rank")


def test_a_failed_control_is_a_warning(study, figures, tmp_path):
    claims = study[1].copy()
    claims.loc[(claims["claim"] == "linear_randomized") & (claims["recipes"] == "muon"), "verdict"] = "contradicted"
    claims.loc[(claims["claim"] == "trains") & (claims["recipes"] == "lion"), "verdict"] = "untested"
    text = again(study, figures, tmp_path / "report.html", claims)
    alarm = re.search(r'<div class="state alarm" role="alert">(.*?)</div>', text, re.DOTALL).group(1)
    assert "2 of 17 controls did not come out" in alarm and "All 17" not in text
    assert "With the linear block randomized" in alarm and "muon" in alarm and "lion" in alarm
    assert "Every recipe learns the task." in alarm


def test_no_control_is_a_warning_too(study, figures, tmp_path):
    text = again(study, figures, tmp_path / "r.html", study[1][study[1]["kind"] == "claim"])
    assert "This study has no controls." in text and Page(text).problems == []


def test_no_claim_and_no_figure(study, tmp_path):
    text = again(study, [], tmp_path / "r.html", study[1].iloc[:0])
    assert "No claim was declared." in text and Page(text).problems == []


def test_equal_inputs_give_equal_bytes(study, figures, written, tmp_path):
    assert again(study, figures, tmp_path / "again.html") == written


def test_downloads_are_the_files(page, figures):
    packed = [text for kind, text in page.scripts if kind == "application/gzip"]
    assert len(packed) == len(figures)
    contents = {gzip.decompress(base64.b64decode(text)) for text in packed}
    assert contents == {figure["csv"].read_bytes() for figure in figures}


def test_every_figure_offers_both_downloads_and_is_an_image_that_says_what_it_shows(written, figures):
    parts = re.findall(r'<figure id="figure-.*?</figure>', written, re.DOTALL)
    assert len(parts) == len(figures)
    for part in parts:
        assert re.findall('data-make="([a-z]+)"', part) == ["svg", "csv"]
        assert re.search(r'<svg [^>]*role="img" aria-label="[^"]{30,}"', part)
        assert len(re.search(r"<figcaption>(.*?)<span", part, re.DOTALL).group(1)) > 30


# ------------------------------------------------- the board and the atlas


def test_claims_can_be_filtered_by_what_occurs_in_them(study, written):
    literature = study[1][study[1]["kind"] == "claim"]
    for name in ("optimizer", "probe", "verdict"):
        assert f'<label for="filter-{name}">{name}</label><select id="filter-{name}" x-model="{name}">' in written
    found = dict(re.findall(r'x-model="(\w+)"><option value="">any</option>(.*?)</select>', written))
    offered = {name: re.findall("<option>([^<]+)</option>", text) for name, text in found.items()}
    assert set(offered["verdict"]) == set(literature["verdict"])
    assert set(offered["probe"]) == {measure.partition(".")[0] for measure in literature["measure"]}
    assert {"muon", "adam"} <= set(offered["optimizer"]) and "lion" not in offered["optimizer"]
    assert 'aria-live="polite"' in written


def test_what_a_row_is_filtered_by(written):
    rows = re.findall(
        r'data-optimizers="([^"]*)" data-probe="([^"]*)" data-verdict="([^"]*)"[^>]*data-recipes="muon - adam"', written
    )
    assert rows and {row[0] for row in rows} == {"adam muon"} or {row[0] for row in rows} == {"muon adam"}
    assert {"effective_rank"} <= {row[1] for row in rows}


def test_effects_are_drawn_on_one_axis_with_zone_and_margin(study, written):
    drawn = re.findall(
        r'<svg class="strip [a-z]+" role="img" aria-label="([^"]+) in units of the margin">(.*?)</svg>', written
    )
    assert len(drawn) == study[1]["estimate"].notna().sum()
    for says, inside in drawn:
        assert re.fullmatch(r"−?[\d.e+−]+", says), says
        assert 'class="zone"' in inside and inside.count('class="edge"') == 2


def test_a_claim_that_was_not_tested_is_drawn_without_an_interval(study, figures, tmp_path):
    claims = study[1].copy()
    claims.loc[claims.index[claims["kind"] == "claim"][0], ["verdict", "low", "high"]] = ["untested", np.nan, np.nan]
    text = again(study, figures, tmp_path / "r.html", claims)
    (drawn,) = re.findall(r'<svg class="strip untested"[^>]*>(.*?)</svg>', text)
    assert 'class="bar"' not in drawn and "◇" in drawn


def test_the_atlas_names_reference_family_and_correction(study, written):
    said = re.findall(
        r"against <b>([a-z_]+)</b>: (\d+) of (\d+) differences are significant. The family is this table", written
    )
    assert said and all(int(sure) <= int(tests) for _, sure, tests in said)
    assert {name for name, *_ in said} == {against.reference(spec["recipes"]) for spec in study[2].values()}
    assert "Westfall and Young" in written and "adjusted by Holm between all tables" in written


def test_every_cell_of_the_atlas_has_its_evidence(page, written):
    (text,) = [text for kind, text in page.scripts if kind == "application/json"]
    behind = json.loads(text)
    parts = written.split('<section data-experiment="')[1:]
    assert len(parts) == len(behind["experiments"]) > 1
    for part in parts:
        held = behind["experiments"][part.partition('"')[0]]
        cells = re.findall(r'data-cell="(\d+) (\d+) ([^"]+)"', part)
        assert cells and all(held["tests"][int(mode)][int(place)][recipe] for mode, place, recipe in cells)
        assert set(held["recipes"]) <= set(behind["colours"])


def test_data_in_a_script_ends_no_script():
    assert build.data({"a": "</script><b>"}) == '{"a":"\\u003c/script>\\u003cb>"}'


def test_each_experiment_has_its_parts_and_the_command_that_makes_it_again(study, figures, tmp_path):
    atlas, claims, specs = study
    specs = {**specs, "slabs": {**specs["slabs"], "deviations": ["Fewer <steps>."]}}
    build.build(atlas, claims, list(specs.values()), figures, PROVENANCE, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.problems == [] and set(page.targets) <= set(page.ids)
    for name in specs:
        assert f"<code>make study STUDY=quick ONLY={name}</code>" in text
        assert {f"{part}-{name}" for part in ("experiment", "protocol", "deviations", "rerun", "atlas")} <= set(
            page.ids
        )
    assert text.count("<li>Fewer &lt;steps&gt;.</li>") == 1 and text.count("None is declared.") == len(specs) - 1


def test_text_is_escaped(study, figures, tmp_path):
    claims = study[1].copy()
    claims["says"] = "A <b>bold</b> claim & <script>alert(1)</script>"
    text = again(study, figures, tmp_path / "r.html", claims)
    assert "<script>alert" not in text and "&lt;b&gt;bold" in text


def test_modes_that_disagree_are_named(study, written):
    assert "Modes disagree." in written
    own = study[1][study[1]["claim"] == "muon_has_higher_rank"]
    assert board.disagreement(own) == (
        "The verdict depends on the comparison mode: muon − adam is supported at steps · best · matched "
        "steps and steps · best · final; inconclusive at steps · best · matched loss."
    )
    assert board.disagreement(study[1][study[1]["claim"] == "same_accuracy"]) == ""


def test_protocol_training_and_provenance_are_printed(page):
    words = " ".join(" ".join(page.words).split())
    for part in (
        "matched loss: train loss 0.1",
        "8: 0, 1, 2, 3, 4, 5, 6, 7",
        "at the grid's edge",
        "a-0123456789.zarr.zip",
    ):
        assert part in words
    assert "quick" in words and "numpy 2.4.6" in words and "first second" in words


def test_training_counts(study):
    atlas, _, specs = study
    rows = {(r["recipe"], r["stop"], r["select"]): r for r in protocol.training(atlas, specs["digits"])}
    lion, shampoo = rows["lion", "steps", "best"], rows["shampoo", "steps", "best"]
    assert (lion["finished"], lion["diverged"], lion["not reached"]) == (7, 1, 0)
    assert (shampoo["finished"], shampoo["not reached"]) == (0, 8)
    assert rows["adam", "steps", "best"]["edge"] and not lion["edge"]
    assert lion["setting"] == "lr 0.1"
    slow = [row for row in protocol.training(atlas, specs["forgetting"]) if row["recipe"] == "adam_slow"]
    assert [(row["stop"], row["select"]) for row in slow] == [("steps", "fixed"), ("loss", "fixed")]


def test_own_figures_come_before_common_ones():
    figures = [{"name": name, "experiment": "x"} for name in ("search", "new", "seeds", "imprint_map")]
    figures.append({"name": "other", "experiment": "y"})
    names = [figure["name"] for figure in build.ordered(figures, "x")]
    assert names == ["new", "imprint_map", "seeds", "search"]


@pytest.mark.parametrize("what", ["claims", "figures"])
def test_what_belongs_to_no_experiment_is_refused(study, figures, tmp_path, what):
    atlas, claims, specs = study
    without = [spec for name, spec in specs.items() if name != "margins"]
    own = claims[claims["experiment"] != "margins"] if what == "figures" else claims
    with pytest.raises(ValueError, match=f"{what} of margins.*digits, forgetting, slabs"):
        build.build(atlas, own, without, figures, PROVENANCE, tmp_path / "r.html")


def test_numbers_in_words():
    assert board.quantity(-0.01234) == "−0.0123"
    assert board.quantity(1e-5) == "1e−05"
    assert board.quantity(0.123, "fraction") == "12.3 %"
    assert board.quantity(2.0, "nat") == "2 nat"
    assert board.quantity(float("nan")) == "–" and board.quantity(float("-inf")) == "−∞"
    assert board.probability(0.0004) == "< 0.001" and board.probability(0.0156) == "0.016"
    assert board.minus("mean(a, b) - shampoo-2") == "mean(a, b) − shampoo-2"
    assert board.mode_words("loss/fixed/matched_loss") == "loss · matched loss"


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ("greater_by 0.1", "a positive difference; smallest of interest d = 10 %"),
        ("less_by 0.1", "a negative difference; smallest of interest d = 10 %"),
        ("equal_within 0.1", "a difference within ±10 %"),
        ("at_most 0.1", "at most 10 %"),
        ("at_least 0.1", "at least 10 %"),
        ("within [0.48, 0.52]", "between 0.48 and 0.52"),
    ],
)
def test_expectations_in_words(expect, words):
    assert board.expectation(expect, "fraction") == words


# ------------------------------------------------------- preregistration and power


def test_post_hoc_claims_are_marked_and_counted(study, figures, tmp_path):
    claims = study[1]
    literature = claims[claims["kind"] == "claim"]
    names = literature["claim"].drop_duplicates().head(2)
    late = claims["claim"].isin(names)
    text = again(study, figures, tmp_path / "late.html", claims.assign(post_hoc=late))
    marked = len(claims.loc[late, ["experiment", "claim"]].drop_duplicates())
    assert text.count("<b>Post hoc.</b>") == marked >= 2
    assert re.search(rf"{marked} of the \d+ claims are <b>post hoc</b>", text)
    assert "ost hoc" not in again(study, figures, tmp_path / "none.html")


def test_the_commit_of_a_claim(study, figures, tmp_path):
    text = again(study, figures, tmp_path / "commit.html", study[1].assign(commit="0123456789 2026-01-02"))
    assert text.count("as it stands since commit <code>0123456789 2026-01-02</code>") == text.count('class="claim"')


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"detectable": 0.123456, "n_needed": 14.0}, "finds 0.123 nat, d needs n = 14"),
        ({"detectable": 0.1, "n_needed": float("inf")}, "finds 0.1 nat, no number of seeds shows d"),
        ({"detectable": 0.1, "sd_from": "declared"}, "finds 0.1 nat (sd declared)"),
        ({"detectable": 0.1, "sd_from": "search", "sd_df": 3.0}, "finds 0.1 nat (sd of the search, 3 df)"),
        ({"detectable": 0.1, "unit": "fraction"}, "finds 10 %"),
        ({"detectable": 0.1, "expect": "equal_within 0.2", "n_needed": 5.0}, "shows ±0.1 nat, d needs n = 5"),
        ({}, ""),
    ],
)
def test_power_in_words(row, words):
    nothing = {"detectable": float("nan"), "n_needed": float("nan"), "sd_from": "data", "unit": "nat"}
    assert board.power({"expect": "greater_by 0.1", **nothing, **row}) == words


# ------------------------------------------------- how far to trust the page


def calibrated(value=0.05):
    """A calibration on 8 seeds with one bound figure and one that marks skewed rows."""
    figures = [
        Figure("alike_false", "", value, highest=0.16),
        Figure("covered_alone", "normal", 0.9, lowest=0.84),
        Figure("covered_alone", "exponential", 0.853, mark="skewed"),
        Figure("covered_alone", "lognormal", 0.8, mark="skewed"),
    ]
    return [calibration.Calibration(8, figures, "results/store/calibrate/8_seeds-0123456789.zarr.zip")]


def trusted(study, path, calibrations, claims=None):
    """Text and words of a report with these calibrations."""
    claims = study[1] if claims is None else claims
    build.build(study[0], claims, list(study[2].values()), [], PROVENANCE, path, calibrations)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.problems == [] and set(page.targets) <= set(page.ids)
    return text


def test_the_page_says_what_the_calibration_found(study, tmp_path):
    text = trusted(study, tmp_path / "r.html", calibrated())
    assert "The judging was calibrated." in text and "The judging fails" not in text
    assert "Verdicts on 8 seeds: all 2 figures are in their range" in text
    assert "results/store/calibrate/8_seeds-0123456789.zarr.zip" in text
    assert '<td class="number">0.05</td><td>at most 0.16</td>' in text


def test_a_figure_out_of_its_range_is_an_alarm_above_the_verdicts(study, tmp_path):
    text = trusted(study, tmp_path / "r.html", calibrated(0.3))
    alarm = text.index("The judging fails its own calibration. Do not read the verdicts below as findings.")
    assert alarm < text.index('class="claim"')
    assert "8 seeds: all measures: 0.3, at most 0.16: OUT OF RANGE" in text
    assert '<td class="number bad">0.3</td>' in text and "The judging was calibrated." not in text


def test_a_page_without_calibration_says_so(written):
    assert "The judging was not calibrated." in written


def test_experiments_that_nothing_was_calibrated_for_are_named(study, tmp_path):
    other = [calibration.Calibration(99, calibrated()[0].figures, "x.zarr.zip")]
    text = trusted(study, tmp_path / "r.html", other)
    for name, spec in study[2].items():
        assert f"{name} ({len(spec['seeds'])})" in text


def test_an_interval_that_is_not_exact_is_marked_with_the_coverage_measured(study, tmp_path):
    claims = study[1].copy()
    tested = claims.index[(claims["verdict"] != "untested") & (claims["kind"] == "claim")][0]
    claims["flags"] = ""
    claims.loc[tested, ["flags", "pairs_declared"]] = ["skewed", 8]
    text = trusted(study, tmp_path / "r.html", calibrated(), claims)
    assert text.count('skewed; the interval of such values held the truth in <a href="#trust">80 %</a>') == 1
    claims.loc[tested, "pairs_declared"] = 7
    assert "held the truth" not in trusted(study, tmp_path / "r.html", calibrated(), claims)
