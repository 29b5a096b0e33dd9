"""The tutorial notebook: committed as text alone, and it runs from top to bottom on a finished study."""

import ast
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

import imprint

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorial.ipynb"
LIMIT = 120  # seconds for one cell, or for the kernel to start; the longest cell takes 5, for importing torch


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs(notebook):
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells and not any(cell.outputs or cell.execution_count for cell in cells)


def test_it_opens_the_quick_study_where_nothing_is_said(notebook):
    assert '"IMPRINT_RESULTS", "../results/quick"' in notebook.cells[1].source


@pytest.fixture
def executed(notebook, finished, tmp_path, tmp_path_factory, monkeypatch):
    """The notebook after a run, by a kernel that listens on sockets in a folder, not on the network."""
    runtime = tmp_path_factory.mktemp("k")  # a socket's path has at most 107 characters
    folders = {"JUPYTER_RUNTIME_DIR": runtime, "IPYTHONDIR": tmp_path, "JUPYTER_CONFIG_DIR": tmp_path}
    source = Path(imprint.__file__).parents[1]
    for name, value in {**folders, "IMPRINT_RESULTS": finished, "PYTHONPATH": source}.items():
        monkeypatch.setenv(name, str(value))
    client = NotebookClient(
        notebook,
        timeout=LIMIT,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
        startup_timeout=LIMIT,
        config=Config({"KernelManager": {"transport": "ipc", "ip": str(runtime / "kernel")}}),
    )
    before = set(psutil.Process().children(recursive=True))
    client.execute()
    assert set(psutil.Process().children(recursive=True)) <= before, "the kernel is ended"
    return notebook


@pytest.mark.slow
def test_it_runs_on_a_finished_study(executed, study):
    shown = [cell.outputs[-1]["data"] for cell in executed.cells if cell.cell_type == "code" and cell.outputs]
    assert shown[0]["text/plain"] == repr(study)
    assert sum("image/png" in data for data in shown) == 2, "two comparisons are drawn"
    assert not any(output["output_type"] == "stream" for cell in executed.cells for output in cell.get("outputs", []))
    measured, known = ast.literal_eval(shown[-3]["text/plain"])
    assert measured == known
    assert [line.split()[0] for line in shown[-1]["text/plain"].splitlines()[:4]] == ["difference", "low", "high", "p"]
