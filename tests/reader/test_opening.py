"""Opening a folder: what is imported for it, what a wrong folder is told, and results that were copied elsewhere."""

import shutil
import subprocess
import sys

import pytest

import imprint
from imprint.cli import STAGES
from imprint.code_version import closure
from imprint.errors import ImprintError
from imprint.reader.index import ResultsError

HEAVY = ("torch", "xarray", "numpy", "pandas", "matplotlib", "scipy")


def imported(script, *names):
    """Return which modules a script imports, run by itself."""
    code = f"import sys\n{script}\nprint(*[name for name in {names!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.split()


def test_importing_imprint_imports_no_library():
    assert imported("import imprint, imprint.plan", *HEAVY, "imprint.reader") == []


def test_no_stage_depends_on_the_reader():
    found = closure(f"imprint.stages.{stage}" for stage in STAGES)
    assert "imprint" in found and not [module for module in found if module.startswith("imprint.reader")]


@pytest.mark.slow
def test_opening_reading_and_naming_import_no_torch(finished):
    script = f"import imprint; s = imprint.open({str(finished)!r}); s.atlas, s.claims, s.experiments, s.recipes"
    assert imported(script, "torch", "matplotlib", "scipy") == []


@pytest.mark.slow
def test_comparing_imports_no_torch(finished):
    assert imported(f"import imprint; imprint.open({str(finished)!r}).compare('muon', 'adam')", "torch") == []


def test_open_is_a_name_of_imprint():
    assert "open" in dir(imprint)
    with pytest.raises(AttributeError, match="module 'imprint' has no attribute 'opne'"):
        _ = imprint.opne


@pytest.mark.slow
def test_a_text_and_a_path_are_folders(finished):
    assert imprint.open(str(finished)).folder == imprint.open(finished).folder == finished


@pytest.mark.slow
def test_what_a_study_says_of_itself(study):
    assert repr(study) == "<study small: 3 experiments, 3 recipes>"


@pytest.mark.slow
def test_the_folder_of_several_studies_names_them(finished):
    with pytest.raises(
        ResultsError, match=r"results: holds the results of small; open one of them: '.*/results/small'"
    ):
        imprint.open(finished.parent)


@pytest.mark.slow
def test_a_folder_that_is_not_there_names_the_nearest(finished):
    with pytest.raises(ImprintError, match=r"results/smal: no such folder; did you mean 'small'\?"):
        imprint.open(finished.parent / "smal")


def test_where_no_study_was_run_the_command_is_told(tmp_path):
    with pytest.raises(ResultsError, match=r"quick: no such folder; run the study first: make study STUDY=quick"):
        imprint.open(tmp_path / "results" / "quick")


def test_a_folder_without_results_is_told(tmp_path):
    with pytest.raises(
        ResultsError, match=r"no results of a study, there is no index.csv; open results/<study>, or run"
    ):
        imprint.open(tmp_path)


def test_an_index_of_something_else_is_refused(tmp_path):
    (tmp_path / "index.csv").write_text("digest,stage\n0,train\n")
    with pytest.raises(ResultsError, match=r"index.csv: no index of results, it lacks the columns \['experiment', "):
        imprint.open(tmp_path)


@pytest.mark.slow
def test_copied_results_are_read_where_they_are(finished, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path / "mine" / "small")
    shutil.copytree(finished.parent / "store", tmp_path / "mine" / "store")
    monkeypatch.chdir(tmp_path)
    copied = imprint.open("mine/small")
    assert len(copied.compare("muon", "adam", experiments="digits").table)
    module = copied.solution("digits", "adam").module("best", seed=0)
    stored = imprint.open(finished).solution("digits", "adam").module("best", seed=0)
    assert all((one == other).all() for one, other in zip(module.parameters(), stored.parameters(), strict=True))


@pytest.mark.slow
def test_without_the_stores_all_but_networks_can_be_read(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "small")
    alone = imprint.open(tmp_path / "small")
    assert len(alone.claims) == 1 and len(alone.compare("muon", "adam").table)
    solution = alone.solution("digits", "adam")
    assert solution.seeds == [0, 1, 2, 3, 4, 5]
    with pytest.raises(
        ResultsError, match=r"store/train/classification-Adam-\w+.zarr.zip: not there; networks and data"
    ):
        solution.module("best", seed=0)
