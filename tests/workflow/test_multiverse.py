"""A multiverse from the key in an experiment to the report: what is trained for it, judged, shown and run again."""

import re

import pytest
import yaml

from imprint import documents
from imprint.claims import multiverse, table

pytestmark = pytest.mark.slow

IMAGES = "experiments/images.yaml"


def declare(project, **options):
    content = documents.load(project / IMAGES) | {"multiverse": options}
    (project / IMAGES).write_text(yaml.safe_dump(content, sort_keys=False))


def test_a_multiverse_is_added_to_a_finished_study(project):
    before, files = project.units(), project.results()
    verdicts = table.read(project / "results/tiny/claims.csv")
    assert not (project / "results/tiny/multiverse.csv").exists()
    declare(project, seeds=3)
    expected = project.jobs()
    # two recipes in one contrast at one stop, one probe of them; data are those of the search
    assert {name: expected.get(name) for name in ("vary", "probe", "multiverse", "data")} == {
        "vary": 2,
        "probe": 2,
        "multiverse": 1,
        "data": None,
    }
    assert not {"recipe", "search", "select", "train"} & set(expected)

    project.study()
    made = project.units() - before
    assert (made["vary"], made["probe"], made["multiverse"]) == (2, 2, 1)
    assert project.jobs() == {}
    stored = [name for name in files if name.startswith("results/store/") and "/publish/" not in name]
    assert {name: project.results()[name] for name in stored} == {name: files[name] for name in stored}

    again = table.read(project / "results/tiny/claims.csv")
    assert again.drop(columns="commit").equals(verdicts.drop(columns="commit")), "the verdicts stay as they are"
    found = multiverse.read(project / "results/tiny/multiverse.csv")
    assert set(found["claim"]) == {"same_accuracy"}
    assert {"declared", "chosen", "default", "half_batch", "double_batch"} <= set(found["choice"])
    assert "no_decay" not in set(found["choice"]), "neither recipe has a decay"
    assert found["pairs_declared"].tolist() == [2] + [3] * (len(found) - 1)
    assert set(found["verdict"]) == {"untested"}, "three seeds decide nothing: the study is a pilot"
    assert found["estimate"].notna().all()

    report = (project / "results/tiny/report.html").read_text()
    assert 'id="multiverse"' in report and re.search(r"1 contrast was judged again .* on 3 tuning seeds", report)
    assert (project / "results/tiny/figures/tiny-multiverse.png").stat().st_size > 10_000

    (project / IMAGES).write_text((project / IMAGES).read_text().replace("says: Both reach", "says: They reach"))
    rerun = project.jobs()
    assert rerun["multiverse"] == 1 and not {"vary", "probe", "gather"} & set(rerun)
