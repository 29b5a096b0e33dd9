"""The page of a profile: the answer in words, every number of the table, what is not stored said; nothing fetched."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from imprint.claims.evaluate import combine, evaluate
from imprint.report import profile

COSTS = {"adamw": (1.0, 3.0), "sgd": (1.0, 1.5), "adam": (1.0, 2.0), "muon": "not measured: ValueError: odd"}
ABOUT = {
    "entry": "adamw: {}\n",
    "study": "profile_adamw",
    "plan": "0123456789",
    "cost_where": "x",
    "versions": {"a": "1"},
}
VOID = {"meta", "link", "br", "hr", "img", "input", "path", "use"}


@pytest.fixture(scope="module")
def parts(study):
    """The example's digits and slabs, in which adamw is the recipe that is profiled."""
    atlas, _, experiments = study
    chosen = [experiments["digits"]]
    return atlas, combine(evaluate(atlas, each) for each in chosen), chosen


@pytest.fixture(scope="module")
def found(parts):
    atlas, _, experiments = parts
    return profile.find(atlas, experiments, "adamw", COSTS)


@pytest.fixture(scope="module")
def page(parts, found, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "profile.html"
    profile.build(*parts, found, ABOUT, out)
    return out.read_text()


class Reader(HTMLParser):
    """Checks that elements are closed in order; keeps ids, links and text."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.words, self.heads = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [value for key, value in attrs if key in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


@pytest.fixture(scope="module")
def read(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def test_ids_are_unique_and_links_stay_inside(read):
    assert len(set(read.ids)) == len(read.ids)
    assert read.links and all(link.startswith("#") and link[1:] in read.ids for link in read.links)


def test_nothing_is_fetched(page):
    assert not re.search(r"<(script|link|img|iframe)\b|@import|url\(['\"]?(http|//)", page)
    assert "://" not in page
    assert "default-src 'none'" in page and "script-src" not in page, "the browser is told so as well"


def test_the_answer_names_the_nearest_and_counts_differences(found, page):
    near, counted, _, cost = profile.answer(found)
    table = found.contrasts
    assert found.best is found.near["digits"] and found.whole is None
    assert near.startswith(f"Its solutions resemble those of {found.best.others[0]} most: ")
    for other in ("sgd", "adam", "muon"):
        rows = table[(table["other"] == other) & (table["matched"] == "loss")]
        assert f"from {other} on {rows['word'].isin(['higher', 'lower']).sum()} of {len(rows)} measures" in counted
    assert cost == "A step makes 1 forward-backward pass and takes 2.0 times sgd's and 1.5 times adam's."
    for words in profile.answer(found):
        assert words.replace("'", "&#39;") in page


def test_the_planted_order_comes_back(found):
    """The example's adamw has a shift of 0.9, adam one of 1.0, sgd none, muon 2.2."""
    others = found.best.others
    assert others[0] == "adam" and others.index("adam") < others.index("sgd") < others.index("muon")
    reached = found.best.distance_K[np.isfinite(found.best.distance_K)]
    assert (np.diff(reached) >= 0).all() and len(reached) == 5, "shampoo did not reach the loss"


def test_every_measure_is_on_the_page_once_per_mode(found, page):
    table = found.contrasts
    keys = table[["matched", "measure", "where", "title"]].drop_duplicates()
    assert page.count('<th scope="row">') >= len(keys)
    for measure, count in keys["measure"].value_counts().items():
        assert page.count(f"<code>{measure}</code>") == count


def test_words_on_the_page_are_those_of_the_table(found, page):
    cells = page[: page.index('id="reading"')]
    for word, count in found.contrasts["word"].value_counts().items():
        assert len(re.findall(rf'<b class="{word}">', cells)) == count


def test_the_table_has_all_numbers(found, tmp_path):
    found.table().to_csv(tmp_path / "profile.csv", index=False)
    table = pd.read_csv(tmp_path / "profile.csv")
    assert table["kind"].value_counts().to_dict() == {"contrast": len(found.contrasts), "resemblance": 6}
    near = table[table["kind"] == "resemblance"]
    assert near["other"].tolist() == found.best.others
    assert near["estimate"].tolist() == pytest.approx(found.best.distance_K.tolist(), rel=1e-15, nan_ok=True)


def test_costs_that_are_not_known_say_why(page):
    assert "not measured: ValueError: odd" in page


def test_what_is_not_there_is_said(study, tmp_path):
    """Slabs train to a loss, so nothing is stored at equal passes; without a search there is no tuning curve."""
    atlas, _, experiments = study
    slabs = {**experiments["slabs"], "stop": {"loss": {"train_loss": 0.01, "at_most": {"epochs": 100}}}}
    found = profile.find(atlas, [slabs], "shampoo", {"shampoo": "not measured: x"})
    profile.build(atlas, combine([evaluate(atlas, slabs)]), [slabs], found, ABOUT, tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text()
    assert "Not stored here: runs end at a training loss (stop loss), and no snapshot is kept at a number" in page
    assert "Its setting is fixed: nothing was searched." in page
    assert [line for line in profile.answer(found) if "passes" in line] == []


def test_with_one_other_recipe_resemblance_is_not_judged(study):
    atlas, _, experiments = study
    pair = {**experiments["digits"], "recipes": ["sgd", "adamw"], "claims": {}}
    found = profile.find(atlas, [pair], "adamw", {})
    assert (found.near, found.whole) == ({}, None)
    assert profile.answer(found)[0].startswith("With too few known recipes beside it")


def test_references_are_those_that_are_there():
    assert profile.references({"recipes": ["lion", "muon", "sgd", "mine"]}, "mine") == ["sgd", "muon"]
    assert profile.references({"recipes": ["lion", "soap", "mine"]}, "mine") == ["lion"]
