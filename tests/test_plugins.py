"""Plug-ins are found by file name and read without being imported."""

import sys

import pytest

from imprint import code_version, plugins
from imprint.errors import StudyError
from imprint.plugins import REQUIRED, Plugin, catalogue, check_options, find

PROBE = '''"""Measures nothing."""

raise ImportError("planning imports no plug-in")

NEEDS = ("blocks",)
MEASURES = {"x": {"long_name": "x", "dims": ()}}
COMPUTED = tuple(range(3))
small = 3


def helper(*, other=1):
    return other


def measure(solution, task, *, bins=10, edges=(0.0, 1.0), norm="l2", must):
    return None
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty place for plug-ins; returns a function that writes one."""
    monkeypatch.setattr(plugins, "ROOT", tmp_path)
    catalogue.cache_clear()
    find.cache_clear()

    def write(name, text=PROBE):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        catalogue.cache_clear()
        find.cache_clear()
        return file

    yield write
    catalogue.cache_clear()
    find.cache_clear()


def test_a_new_file_is_found_and_not_imported(folder):
    folder("probes/weights/mine.py")
    assert find("probes", "mine") == Plugin(
        kind="probes",
        name="mine",
        module="imprint.probes.weights.mine",
        literals={"NEEDS": ("blocks",), "MEASURES": {"x": {"long_name": "x", "dims": ()}}},
        options={"bins": 10, "edges": (0.0, 1.0), "norm": "l2", "must": REQUIRED},
    )


def test_helpers_are_no_plugins(folder):
    folder("probes/weights/mine.py")
    folder("probes/weights/shared.py", "def compute(*, a=1):\n    return a\n")
    folder("probes/weights/__init__.py", "def measure():\n    return 1\n")
    assert list(catalogue("probes")) == ["mine"]


@pytest.mark.parametrize(
    ("kind", "text", "options"),
    [
        ("tasks", "LOSS = 'x'\n\ndef build(*, points=3, seed: int):\n    pass\n", {"points": 3}),
        ("models", "\ndef build(*, inputs, classes, hidden=(8,)):\n    pass\n", {"hidden": (8,)}),
        ("figures", "\ndef draw(atlas, *, dpi=100):\n    pass\n", {"dpi": 100}),
    ],
)
def test_what_the_pipeline_gives_is_no_option(folder, kind, text, options):
    folder(f"{kind}/mine.py", text)
    assert find(kind, "mine").options == options


def test_two_of_one_name(folder):
    folder("probes/weights/mine.py")
    folder("probes/function/mine.py")
    with pytest.raises(StudyError, match=r"two probes are named 'mine': .*function.* and .*weights.*; rename one"):
        find("probes", "mine")


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("probes", "hesian", "no probe is named 'hesian'; did you mean 'hessian'"),
        ("tasks", "slab", "no task is named 'slab'; did you mean 'slabs'"),
        ("models", "perceptron", "no model is named 'perceptron'; allowed: .*convnet, .*mlp"),
    ],
)
def test_unknown_name(kind, name, hint):
    with pytest.raises(StudyError, match=hint):
        find(kind, name)


@pytest.mark.parametrize("kind", ["tasks", "models", "probes", "figures"])
def test_every_plugin_of_the_project_can_be_read(kind):
    names = catalogue(kind)
    assert names
    for name in names:
        plugin = find(kind, name)
        assert plugin.module.startswith(f"imprint.{kind}.")
        assert code_version.source_file(plugin.module) == names[name]
        wanted = {"tasks": {"SEEDED", "VIEWS", "LOSS"}, "models": {"EXECUTOR"}, "probes": {"NEEDS", "MEASURES"}}
        assert wanted.get(kind, {"SCOPE"}) <= set(plugin.literals)


# --------------------------------------------------------- from anywhere else


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A folder on the path; returns a function that writes a file there."""
    folder = tmp_path / "path"
    monkeypatch.syspath_prepend(str(folder))

    def write(name, text=PROBE):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    yield write
    find.cache_clear()


def test_a_probe_by_import_path(outside):
    outside("hers_plug_a/__init__.py", "")
    outside("hers_plug_a/mod.py", PROBE.replace("def measure", "def sharpness"))
    plugin = find("probes", "hers_plug_a.mod:sharpness")
    assert (plugin.module, plugin.options["bins"]) == ("hers_plug_a.mod", 10)
    assert plugin.literals["NEEDS"] == ("blocks",)
    assert "hers_plug_a.mod" not in sys.modules


def test_a_probe_of_an_installed_package(outside):
    outside("hers_plug_b/__init__.py", "")
    outside("hers_plug_b/mod.py")
    outside("hers_plug_b-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: hers-plug-b\nVersion: 1.2\n")
    outside("hers_plug_b-1.2.dist-info/top_level.txt", "hers_plug_b\n")
    code_version._packages.cache_clear()
    try:
        assert code_version.distributions("hers_plug_b.mod") == ("hers-plug-b",)
        assert find("probes", "hers_plug_b.mod:measure").options["bins"] == 10
    finally:
        code_version._packages.cache_clear()
        code_version.distributions.cache_clear()


def test_no_such_module():
    with pytest.raises(StudyError, match=r"probe 'hers_none\.mod:measure': no source file for module 'hers_none\.mod'"):
        find("probes", "hers_none.mod:measure")


def test_no_such_function(outside):
    outside("hers_plug_c.py")
    with pytest.raises(StudyError, match=r"probe 'hers_plug_c:measures': .*hers_plug_c\.py has no function 'measures'"):
        find("probes", "hers_plug_c:measures")


# -------------------------------------------------------------------- options


@pytest.fixture
def plugin():
    """A probe with one option that it needs."""
    return Plugin("probes", "mine", "m", {}, {"bins": 10, "edges": (0.0, 1.0), "norm": None, "must": REQUIRED})


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({}, {}),
        ({"bins": 10}, {}),
        ({"bins": 10.0}, {}),
        ({"bins": 11}, {"bins": 11}),
        ({"edges": [0, 1]}, {}),
        ({"edges": [0.0, 2.0]}, {"edges": [0.0, 2.0]}),
        ({"norm": None}, {}),
        ({"norm": "l2", "bins": 10}, {"norm": "l2"}),
    ],
)
def test_options_that_equal_their_defaults_are_left_out(plugin, given, left):
    assert check_options(plugin, {"must": 1, **given}) == {"must": 1, **left}


def test_an_option_that_is_not_taken(plugin):
    with pytest.raises(StudyError, match="probe 'mine' takes no 'bin'; did you mean 'bins'"):
        check_options(plugin, {"must": 1, "bin": 3})


def test_an_option_that_is_needed(plugin):
    with pytest.raises(StudyError, match="probe 'mine' needs 'must'"):
        check_options(plugin, {"bins": 3})


def test_what_is_required_says_so():
    assert repr(REQUIRED) == "required"
