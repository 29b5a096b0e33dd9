"""An optimizer that someone else wrote: its space, its name, and its errors with her traceback."""

import sys

import pytest
import torch

from imprint import hers
from imprint.errors import StudyError
from imprint.recipes.resolve import RecipeError


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that writes a module into a folder that Python looks through."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return tmp_path / f"{name}.py"

    yield write
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(file.stem, None)


@pytest.mark.parametrize("text", ["1e-4", "1e-4..", "..1", "a..b", "1e-4..1e-1..1", "1e-4-1e-1", ""])
def test_no_interval(text):
    with pytest.raises(StudyError, match=r"--lr: .* is not LOW\.\.HIGH; write two rates, as 1e-4\.\.1e-1"):
        hers.interval(text)


@pytest.mark.parametrize("text", ["0..1", "-1..1", "1..1", "1..0.1", "1..inf", "nan..1"])
def test_an_interval_that_is_empty_or_holds_no_rate(text):
    with pytest.raises(StudyError, match="no positive LOW below HIGH"):
        hers.interval(text)


def test_three_decades_around_the_default():
    assert hers.space(torch.optim.Adam) == [3.16e-5, 0.0316]


def test_no_default_to_search_around(module):
    module(
        "her_bare",
        "class Bare:\n    def __init__(self, params, lr): pass\nclass Free:\n    def __init__(self, d): pass\n",
    )
    import her_bare

    with pytest.raises(StudyError, match="no positive default of lr to search around; give --lr"):
        hers.space(her_bare.Bare)
    with pytest.raises(StudyError, match=r"Free takes no 'lr' \(it takes d\)"):
        hers.space(her_bare.Free)


def test_a_module_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=f"no module 'her_absent'; the current folder.*{tmp_path.name}.*PYTHONPATH"):
        hers.load("her_absent:Her")


def test_a_class_that_is_not_there_or_no_optimizer(module):
    module("her_odd", "class Her: pass\nHerself = 3\n")
    with pytest.raises(RecipeError, match="has no class 'Hers'; did you mean 'Her"):
        hers.load("her_odd:Hers")
    with pytest.raises(RecipeError, match=r"not a torch\.optim\.Optimizer class"):
        hers.load("her_odd:Her")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import torch\n\nimport her_missing\n", ["line 3", "No module named 'her_missing'"]),
        ("def f():\n    raise KeyError('hers')\n\nf()\n", ["line 4", "line 2", "KeyError: 'hers'"]),
        ("def f(:\n", ["line 1", "SyntaxError"]),
        ("raise SystemExit(3)\n", ["line 1", "SystemExit: 3"]),
    ],
)
def test_an_import_that_fails_is_told_as_hers(module, text, words):
    file = module("her_broken", text)
    with pytest.raises(hers.HerError) as told:
        hers.load("her_broken:Her")
    message = str(told.value)
    assert message.startswith("her_broken cannot be imported. This is raised by it:\n\n")
    assert str(file) in message and all(word in message for word in words)
    assert "hers.py" not in message and "importlib" not in message, "her frames alone"


def test_her_traceback_is_found_in_a_log(module):
    file = module("her_late", "")
    hers_own = f'Traceback (most recent call last):\n  File "{file}", line 7, in step\n    boom\nValueError: of hers'
    ours = 'Traceback (most recent call last):\n  File "/x/store.py", line 1, in f\n    g\nOSError: full'
    assert hers.raised(f"said\n{ours}\nmore\n{hers_own}\nimprint search: error\n", "her_late") == hers_own
    assert hers.raised(f"{ours}\n", "her_late") == ""
    assert hers.raised(hers_own, "her_unknown") == ""
