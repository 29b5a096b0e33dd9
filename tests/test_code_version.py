"""What code a result depends on: what counts as a change and what does not, and how far imports are followed."""

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imprint import code_version
from imprint.code_version import closure, library, normalized, source_file, version

PACKAGE = Path(code_version.__file__).parent

FSTRINGS = r'''
"""A module."""
RATE = 0.1


def told(name: str, values: list[float], width: int = 3) -> str:
    """Tell."""
    head = f"{name}: " "values " f"{len(values)!r:>{width}}" f""
    rest = f"{', '.join(f'{v:.{width}f}' for v in values)}{{}}" + f"plain" + rf"\d{width}"
    return f"{head=} {rest}" if values else f'{name!s:^{width + 1}}'


match RATE:
    case 0.1 | {"a": 1, **rest}:
        pass
'''


def digest(text):
    return hashlib.sha256(json.dumps(normalized(ast.parse(text).body)).encode()).hexdigest()


# ------------------------------------------------------------ what is a change

BASE = """
import numpy as np


def decay(w, rate=0.5, *, name="x"):
    total = np.sum(w) + 1000
    print(f"rate {rate:.3f} of {name}")
    return {"total": total, "rate": rate}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "# a comment\n"),
        ("import numpy", '"""A docstring."""\nimport numpy'),
        ("    total =", '    """Decay."""\n    total ='),
        ("    total =", "    # why\n    total ="),
        ("+ 1000", "+ 1_000"),
        ("+ 1000", "+ 0x3e8"),
        ("rate=0.5", "rate = 5e-1"),
        ('"total"', "'total'"),
        ("np.sum(w) + 1000", "(\n        np.sum(w)\n        + 1000\n    )"),
        ('"rate": rate}', '"rate": rate,\n    }'),
        ("\n\n\ndef", "\ndef"),
        ('f"rate {rate:.3f} of {name}"', 'f"rate {rate:.3f}" " of " f"{name}"'),
        ('"rate": rate', '"ra" "te": rate'),
        ("    total", "        total"),
    ],
)
def test_no_change(old, new):
    text = BASE.replace(old, new, 1)
    if old == "    total":
        text = BASE.replace("\n    ", "\n        ")
    assert text != BASE
    assert digest(text) == digest(BASE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1000", "1001"),
        ("1000", "1000.0"),
        ("+", "-"),
        ("rate=0.5", "rate=0.25"),
        ("rate=0.5", "rate"),
        ("*, name", "name"),
        ('"x"', '"y"'),
        ('"x"', 'b"x"'),
        ('"x"', "None"),
        (".3f", ".4f"),
        ("rate {", "rates {"),
        ("{name}", "{name!r}"),
        ("{name}", "name"),
        ("np.sum", "np.max"),
        ("numpy", "scipy"),
        ("as np", "as npy"),
        ('"total": total, "rate": rate', '"rate": rate, "total": total'),
        ("def decay", "async def decay"),
        ("def decay", "@cache\ndef decay"),
        ("w,", "w: int,"),
        ("    return", "    pass\n    return"),
    ],
)
def test_a_change(old, new):
    text = BASE.replace(old, new, 1)
    assert text != BASE
    assert digest(text) != digest(BASE)


def test_the_order_of_statements_counts():
    assert digest("a = 1\nb = 2\n") != digest("b = 2\na = 1\n")


def test_text_that_is_used_is_no_docstring():
    assert digest("x = 'a'") != digest("x = 'b'")
    assert digest("f('a')") != digest("f('b')")
    assert digest("'a'") == digest("'b'") == digest("")


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_rewriting_a_file_from_its_tree_changes_nothing(file):
    # ast.unparse drops every comment and all formatting; it keeps docstrings
    text = file.read_text(encoding="utf-8")
    assert digest(ast.unparse(ast.parse(text))) == digest(text)


# -------------------------------------------------- the same on other Pythons


def test_golden_digest_of_f_strings():
    # the same under Python 3.11, 3.12 and 3.13, whose trees of f-strings differ; the suite runs on each
    assert digest(FSTRINGS)[:16] == "c6b6133d57b6068d"


def interpreters():
    """Return commands of other Pythons on the path that start, with the environment they need."""
    found = {}
    for minor in (11, 12, 13):
        program = shutil.which(f"python3.{minor}")
        for wanted in ({}, {"PYENV_VERSION": f"3.{minor}"}):
            environment = {**os.environ, **wanted}
            if program and minor not in found and minor != sys.version_info.minor:
                answer = subprocess.run([program, "-c", "print(1)"], env=environment, capture_output=True)
                if answer.returncode == 0:
                    found[minor] = (program, environment)
    return found


SHOW = """
import ast, hashlib, json, sys
from imprint.code_version import normalized
for text in json.load(sys.stdin):
    print(hashlib.sha256(json.dumps(normalized(ast.parse(text).body)).encode()).hexdigest())
"""


def test_other_pythons_agree():
    texts = [FSTRINGS, BASE, *(file.read_text(encoding="utf-8") for file in sorted(PACKAGE.rglob("*.py"))[::3])]
    mine = [digest(text) for text in texts]
    for minor, (program, environment) in interpreters().items():
        environment = {**environment, "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [program, "-W", "error", "-c", SHOW]
        answer = subprocess.run(command, input=json.dumps(texts), env=environment, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.split() == mine, f"Python 3.{minor} reads the source differently"


# ------------------------------------------------------- how far imports count


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of five modules in the place of the package; returns a function that writes one of them."""
    folder = tmp_path / "imprint"
    monkeypatch.setattr(code_version, "__file__", str(folder / "code_version.py"))

    def write(name, text):
        file = folder / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        code_version._parsed.cache_clear()  # two edits within one tick of the clock share a date

    write("stages/toy", "from imprint import helper\n\ndef main():\n    return helper.RATE\n")
    write("helper", "import numpy\nfrom imprint.deep.module import constant\n\nRATE = 0.1 * constant\n")
    write("deep/module", "constant = 3\n")
    write("part", "def late():\n    import imprint.lazy\n")
    write("lazy", "x = 1\n")
    return write


def toy(*modules):
    return version(["imprint.stages.toy", *modules])


def test_closure_follows_the_imports_of_the_project(project):
    assert set(closure(["imprint.stages.toy"])) == {"imprint.stages.toy", "imprint.helper", "imprint.deep.module"}
    assert set(closure(["imprint.part"])) == {"imprint.part", "imprint.lazy"}


def test_circular_imports_end(project):
    project("deep/module", "import imprint.helper\nconstant = 3\n")
    assert set(closure(["imprint.helper"])) == {"imprint.helper", "imprint.deep.module"}


@pytest.mark.parametrize("name", ["stages/toy", "helper", "deep/module"])
def test_a_comment_changes_nothing_and_a_constant_does(project, name, tmp_path):
    before = toy()
    file = tmp_path / "imprint" / f"{name}.py"
    text = file.read_text(encoding="utf-8")
    project(name, f'"""What this is."""\n\n# why\n\n{text}')
    assert toy() == before
    project(name, f"{text}\nOTHER = 1\n")
    after = toy()
    module = "imprint." + name.replace("/", ".")
    assert {key for key in before["sources"] if before["sources"][key] != after["sources"][key]} == {module}
    project(name, text)
    assert toy() == before


def test_what_is_not_imported_does_not_count(project):
    before = toy()
    project("lazy", "x = 2\n")
    assert toy() == before


def test_a_module_that_the_spec_names_counts(project):
    before = toy("imprint.part")
    assert set(before["sources"]) > {"imprint.part", "imprint.lazy"}
    project("lazy", "x = 2\n")
    assert toy("imprint.part") != before


def test_the_order_of_names_does_not_count(project):
    assert toy("imprint.part", "imprint.lazy") == toy("imprint.lazy", "imprint.part", "imprint.lazy")


def test_other_files_count(project, tmp_path):
    (tmp_path / "imprint" / "template.html").write_text("a")
    before = version(["imprint.stages.toy"], files=["template.html"])
    assert before["sources"].keys() - toy()["sources"].keys() == {"template.html"}
    (tmp_path / "imprint" / "template.html").write_text("b")
    assert version(["imprint.stages.toy"], files=["template.html"]) != before


# --------------------------------------------------------------- other people's


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder on the path; returns a function that writes a module there."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def write(name, text):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        code_version._parsed.cache_clear()
        return file

    return write


def counts(mine, module, file, text="RATE = 1\n", other="RATE = 2\n"):
    """Whether the version of a module changes with a constant in a file."""
    mine(file, text)
    before = version([module])
    mine(file, other)
    return version([module]) != before


def test_a_loose_file_counts(mine):
    assert counts(mine, "hers_single", "hers_single.py")


def test_a_file_of_a_loose_package_counts(mine):
    mine("hers_pack/__init__.py", "")
    assert counts(mine, "hers_pack.optimizer", "hers_pack/optimizer.py")


def test_her_helper_counts(mine):
    mine("hers_abs/__init__.py", "")
    mine("hers_abs/optimizer.py", "from hers_abs.helper import RATE\n")
    assert counts(mine, "hers_abs.optimizer", "hers_abs/helper.py")


@pytest.mark.parametrize("text", ["from .helper import RATE\n", "from . import helper\n"])
def test_her_helper_counts_by_relative_import(mine, text):
    mine("hers_rel/__init__.py", "")
    mine("hers_rel/optimizer.py", text)
    assert counts(mine, "hers_rel.optimizer", "hers_rel/helper.py")


def test_her_helper_in_the_parent_package_counts(mine):
    mine("hers_up/__init__.py", "")
    mine("hers_up/parts/__init__.py", "")
    mine("hers_up/parts/optimizer.py", "from ..helper import RATE\n")
    assert counts(mine, "hers_up.parts.optimizer", "hers_up/helper.py")


def test_a_loose_file_beside_hers_counts(mine):
    mine("hers_beside.py", "import hers_neighbour\n")
    assert counts(mine, "hers_beside", "hers_neighbour.py")


def test_a_package_without_init_counts(mine):
    assert counts(mine, "hers_space.optimizer", "hers_space/optimizer.py")


def test_the_project_modules_that_she_imports_count(mine):
    mine("hers_using.py", "from imprint.recipes.names import update_path\n")
    assert "imprint.recipes.names" in version(["hers_using"])["sources"]


def test_one_authors_file_is_not_in_anothers_version(mine):
    mine("hers_one.py", "RATE = 1\n")
    mine("hers_two.py", "RATE = 1\n")
    assert set(version(["hers_one"])["sources"]) == {"hers_one"}


def test_installed_modules_count_by_version():
    assert version(["torch.optim", "pytorch_optimizer"]) == {
        "sources": {},
        "libraries": {"torch": library("torch"), "pytorch_optimizer": library("pytorch_optimizer")},
    }


def test_a_build_tag_does_not_count(monkeypatch):
    monkeypatch.setattr(code_version.importlib.metadata, "version", lambda name: "2.13.0+cpu")
    assert library.__wrapped__("torch") == "2.13.0"


def test_a_release_candidate_counts(monkeypatch):
    monkeypatch.setattr(code_version.importlib.metadata, "version", lambda name: "2.13.0rc1")
    assert library.__wrapped__("torch") == "2.13.0rc1"


@pytest.mark.parametrize("module", ["no_such_module", "torch.optim", "imprint.no_such", "sys"])
def test_no_source(module):
    assert source_file(module) is None


def test_source_of_packages_and_modules():
    assert source_file("imprint.stages.train") == PACKAGE / "stages" / "train.py"
    assert source_file("imprint.stages") == PACKAGE / "stages" / "__init__.py"


# ------------------------------------------------------------------ the layers

PLANNING = ("study", "plan", "check", "documents", "commands", "claims", "figures", "report")


@pytest.mark.parametrize(
    ("stage", "without"),
    [
        ("train", (*PLANNING, "probes", "atlas", "plugins")),
        ("search", (*PLANNING, "probes", "atlas", "plugins")),
        ("recipe", (*PLANNING, "probes", "atlas", "plugins", "solution")),
        ("probe", (*PLANNING, "fleet", "recipes", "atlas")),
        ("data", (*PLANNING, "fleet", "recipes", "probes", "models")),
        ("select", (*PLANNING, "recipes", "probes", "models")),
        ("gather", (*PLANNING, "fleet", "recipes", "probes", "models")),
        ("claims", ("study", "plan", "check", "figures", "report", "fleet", "probes")),
        ("figure", ("study", "plan", "check", "report", "fleet", "probes")),
        ("report", ("study", "plan", "check", "fleet", "probes")),
    ],
)
def test_a_stage_does_not_depend_on(stage, without):
    entry = f"imprint.stages.{stage}"
    found = closure([entry])
    assert entry in found
    others = [module for module in found if module != entry]
    wrong = [module for module in others for name in without if f"{module}.".startswith(f"imprint.{name}.")]
    assert not wrong


def test_no_stage_depends_on_an_optimizer_that_it_does_not_name():
    assert not [module for module in closure(["imprint.stages.train"]) if module.startswith("imprint.recipes.update.")]
    assert not [module for module in closure(["imprint.stages.train"]) if module == "imprint.models.mlp"]


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("imprint.plan", ["torch", "numpy", "xarray", "zarr", "matplotlib", "snakemake", "pytorch_lightning"]),
        ("imprint.stages.probe", ["pytorch_lightning", "lightning", "matplotlib", "snakemake", "imprint.study"]),
    ],
)
def test_importing(module, without):
    script = f"import sys, {module}; print(*[name for name in {without!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == []
