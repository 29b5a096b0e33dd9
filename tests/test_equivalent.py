"""Declared equivalences of code: what is no declaration, which code counts as which, and who says so."""

import json
import sys
from pathlib import Path

import pytest

from imprint import code_version, equivalent
from imprint.equivalent import Row, counted, read
from imprint.errors import StudyError

sys.path.insert(0, str(Path(__file__).parent))
import study_example  # noqa: E402

A, B, C, D = "aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"
WHY = "only a message changed"
STORE = "imprint.store"


def written(folder, *lines, head="stage,module,now,then,reason"):
    file = folder / equivalent.NAME
    file.write_text("\n".join([head, *lines]) + "\n")
    return file


def test_rows_are_read(tmp_path):
    file = written(tmp_path, f'all,imprint.store,{B},{A},"a, b"', "", f"probe,x.y,,{C}, {WHY} ")
    assert read(file) == [Row("all", STORE, B, A, "a, b"), Row("probe", "x.y", "", C, WHY)]


def test_no_file_and_an_empty_one_declare_nothing(tmp_path):
    assert read(tmp_path / equivalent.NAME) == read(written(tmp_path)) == []


def test_the_projects_own_file_is_valid():
    assert isinstance(read(Path(__file__).parents[1] / equivalent.NAME), list)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([f"prob,m,{B},{A},w"], "line 2: stage: 'prob' is no stage; did you mean 'probe'"),
        ([f"all,,{B},{A},w"], "line 2: module: empty"),
        ([f"all,m,{B}0,{A},w"], f"line 2: now: '{B}0' is no digest of code; give the 8 digits"),
        ([f"all,m,{B},AAAAAAAA,w"], "line 2: then: 'AAAAAAAA' is no digest"),
        ([f"all,m,{A},{A},w"], f"line 2: now and then: both '{A}'"),
        (["all,m,,,w"], "line 2: now and then: both ''"),
        ([f"all,m,{B},{A},  "], "line 2: reason: empty; say why"),
        ([f"all,m,{B},{A},a, b"], "line 2: 6 cells; .* a reason with commas in quotes"),
        ([f"all,m,{B},{A},w", f"probe,m,{B},{C},w"], f"line 3: now: m {B} is declared for stage 'probe' by an earlier"),
        ([f"probe,m,{B},{A},w", f"all,m,{B},{C},w"], f"line 3: now: m {B} is declared for stage 'all' by an earlier"),
        ([f"all,m,{B},{A},w", f"all,m,{C},{B},w", f"all,m,{A},{C},w"], f"line 4: then: m {C} counts as {A} .* circle"),
    ],
)
def test_what_is_no_declaration_is_refused(tmp_path, lines, message):
    with pytest.raises(StudyError, match=rf"equivalent\.csv: {message}"):
        read(written(tmp_path, *lines))


def test_other_columns_are_refused(tmp_path):
    with pytest.raises(StudyError, match=r"line 1: columns 'module,now,then'; they are 'stage,module,now,then,reason'"):
        read(written(tmp_path, head="module,now,then"))


def test_one_code_of_a_module_may_be_declared_for_two_stages(tmp_path):
    assert len(read(written(tmp_path, f"probe,m,{B},{A},w", f"train,m,{B},{C},w"))) == 2


def test_code_counts_as_what_it_is_declared_to_be():
    row = Row("probe", "m", B, A, WHY)
    assert counted("probe", {"m": B, "n": C}, [row]) == ({"m": A, "n": C}, [row])


@pytest.mark.parametrize("sources", [{"m": C}, {"n": B}, {}])
def test_other_code_counts_as_itself(sources):
    assert counted("probe", sources, [Row("all", "m", B, A, WHY)]) == (sources, [])


def test_a_declaration_is_of_its_stage():
    row = Row("train", "m", B, A, WHY)
    assert counted("probe", {"m": B}, [row]) == ({"m": B}, [])


def test_declarations_are_followed_back():
    rows = [Row("all", "m", B, A, WHY), Row("probe", "m", C, B, "and this")]
    assert counted("probe", {"m": C}, rows) == ({"m": A}, rows[::-1])


def test_a_module_that_was_not_there_before():
    rows = [Row("all", "m", B, A, WHY), Row("all", "new", C, "", WHY)]
    assert counted("probe", {"m": B, "new": C}, rows)[0] == {"m": A}


def test_a_module_that_is_no_longer_imported_comes_with_the_change_that_says_so():
    gone = Row("all", "gone", "", C, WHY)
    assert counted("probe", {"m": B}, [gone, Row("all", "m", B, A, WHY)])[0] == {"m": A, "gone": C}
    assert counted("probe", {"m": B}, [gone, Row("all", "m", B, A, "another")])[0] == {"m": A}
    assert counted("probe", {"m": D}, [gone, Row("all", "m", B, A, WHY)])[0] == {"m": D}


def test_what_is_given_is_not_changed():
    sources = {"m": B}
    counted("probe", sources, [Row("all", "m", B, A, WHY)])
    assert sources == {"m": B}


# ------------------------------------------------------------------ planning


@pytest.fixture
def project(tmp_path):
    return study_example.Project(tmp_path)


def digests(plan):
    return {stage: set(units) for stage, units in plan.units.items()}


@pytest.fixture
def edited(monkeypatch):
    """Return a function that pretends that a module of the project has other code."""
    real = code_version.version

    def edit(module, digest):
        def version(*given):
            found = real(*given)
            sources = {name: digest if name == module else code for name, code in found["sources"].items()}
            return {**found, "sources": sources}

        monkeypatch.setattr(code_version, "version", version)

    return edit


def test_a_declared_change_keeps_all_names_but_those_of_the_page_that_shows_it(project, edited):
    before = project.plan()
    old = next(iter(before.units["data"].values())).spec["code"]["sources"][STORE]
    edited(STORE, B)
    assert not digests(project.plan())["train"] & digests(before)["train"]
    written(project.root, f"all,{STORE},{B},{old},{WHY}")
    after = project.plan()
    changed = {stage for stage, names in digests(after).items() if names != digests(before)[stage]}
    assert changed == {"report", "publish"}
    (report,) = after.units["report"].values()
    assert report.spec["equivalent"] == [
        {"stage": "all", "module": STORE, "now": B, "then": old, "reason": WHY},
    ]


def test_a_change_declared_for_one_stage_reruns_the_others(project, edited):
    before = project.plan()
    old = next(iter(before.units["data"].values())).spec["code"]["sources"][STORE]
    edited(STORE, B)
    written(project.root, f"data,{STORE},{B},{old},{WHY}")
    after = digests(project.plan())
    assert after["data"] == digests(before)["data"]
    assert not after["train"] & digests(before)["train"]


def test_a_declaration_that_is_not_in_use_changes_nothing(project):
    before = digests(project.plan())
    written(project.root, f"all,{STORE},{B},{A},{WHY}")
    assert digests(project.plan()) == before


def test_planning_refuses_what_is_no_declaration(project):
    written(project.write(), f"al,{STORE},{B},{A},{WHY}")
    with pytest.raises(StudyError, match=r"equivalent\.csv: line 2: stage: 'al'"):
        project.plan()


def test_no_code_of_a_result_contains_the_declarations():
    assert "imprint.equivalent" not in code_version.closure(["imprint.stages.train", "imprint.stages.report"])


# ------------------------------------------------------------------- running


def test_a_store_made_by_code_that_counts_as_other_code_says_so(tmp_path, monkeypatch):
    from imprint.stages.common import StageError, job

    version = code_version.version(("imprint.stages.select",), ["numpy"])
    now = version["sources"][STORE]
    version["sources"][STORE] = A
    spec = {"code": {"modules": [], "files": [], **version}}
    argv = ["--spec", json.dumps(spec), "--out", "results/store/select/x.zarr.zip"]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StageError, match=r"select: imprint\.store changed since this job was planned"):
        job("select", argv)
    written(tmp_path, f"select,{STORE},{now},{A},{WHY}")
    provenance = job("select", argv).provenance()
    assert provenance["code_that_ran"] == {STORE: now}
    assert provenance["spec"]["code"]["sources"][STORE] == A


def test_a_store_made_by_the_planned_code_says_nothing_of_it(tmp_path, monkeypatch):
    from imprint.stages.common import job

    spec = {"code": {"modules": [], "files": [], **code_version.version(("imprint.stages.select",), ["numpy"])}}
    monkeypatch.chdir(tmp_path)
    assert "code_that_ran" not in job("select", ["--spec", json.dumps(spec), "--out", "x"]).provenance()
