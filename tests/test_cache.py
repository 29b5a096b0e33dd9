"""What is kept between processes: it comes back, and whatever is wrong with the file is as if it were not there."""

import json
import os

import pytest

from imprint import cache, code_version
from imprint.cache import Cache


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "imprint"


def kept(limit=cache.LIMIT, **entries):
    """A saved cache."""
    found = Cache("some", limit)
    for key, value in entries.items():
        found.add(key, value)
    found.save()
    return found


def test_what_was_added_comes_back(folder):
    kept(a=["digest", ["numpy"]], b=1)
    assert Cache("some").entries == {"a": ["digest", ["numpy"]], "b": 1}
    assert Cache("other").entries == {}
    assert os.listdir(folder) == ["some.json"]


@pytest.mark.parametrize("damage", [lambda text: text[:-3], lambda text: text.replace("1", "2"), lambda text: ""])
def test_a_damaged_file_says_nothing(damage):
    path = kept(a=1).path
    path.write_text(damage(path.read_text()))
    assert Cache("some").entries == {}
    kept(b=2)
    assert Cache("some").entries == {"b": 2}


def test_a_folder_that_cannot_be_written_is_done_without(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert kept(a=1).entries == {"a": 1}
    assert Cache("some").entries == {}


@pytest.mark.parametrize("home", ["", "~"])
def test_without_a_home_nothing_is_written_where_one_stands(monkeypatch, tmp_path, home):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setattr(cache.os.path, "expanduser", str)
    assert kept(a=1).entries == {"a": 1} and Cache("some").entries == {}
    assert not list(tmp_path.iterdir())


def test_nothing_new_is_not_written():
    path = kept(a=1).path
    path.unlink()
    kept()
    assert not path.exists()


def test_it_does_not_grow_for_ever():
    kept(limit=3, **dict.fromkeys("abcd", 0))
    assert list(Cache("some").entries) == ["d"]


@pytest.fixture
def anew(monkeypatch):
    """Forget what this process knows of modules and packages."""

    def forget():
        for found in (code_version._parsed, code_version._known, code_version._packages, code_version.distributions):
            found.cache_clear()

    forget()
    yield forget
    forget()


def test_a_module_is_parsed_once_as_long_as_it_stays_the_same(monkeypatch, tmp_path, anew):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "hers_in_cache.py"
    file.write_text("import numpy\nRATE = 0.1\n")
    first = code_version.closure(["hers_in_cache"])
    anew()
    with monkeypatch.context() as patched:
        patched.setattr(code_version, "_parse", None)
        assert code_version.closure(["hers_in_cache"]) == first
    date = file.stat().st_mtime_ns
    file.write_text("import numpy\nRATE = 0.2\n")
    os.utime(file, ns=(date, date))
    anew()
    assert code_version.closure(["hers_in_cache"]) != first


def installed(place, name, package):
    """A folder on the path with the metadata of a distribution."""
    metadata = place / f"{name}-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (metadata / "top_level.txt").write_text(package)


def test_what_is_installed_is_read_once_as_long_as_nothing_is_installed(monkeypatch, tmp_path, anew):
    monkeypatch.syspath_prepend(tmp_path / "site")
    installed(tmp_path / "site", "hers", "hers_package")
    assert code_version.distributions("hers_package.module") == ("hers",)
    anew()
    with monkeypatch.context() as patched:
        patched.setattr(code_version.importlib.metadata, "packages_distributions", None)
        assert code_version.distributions("hers_package.module") == ("hers",)
        assert code_version.distributions("numpy") == ("numpy",)
    installed(tmp_path / "site", "his", "his_package")
    anew()
    assert code_version.distributions("his_package") == ("his",)


def test_another_parser_asks_for_itself(monkeypatch, anew):
    code_version.closure(["imprint.naming"])
    path = code_version._known().path
    assert len(json.loads(path.read_text().partition("\n")[2])) >= 1
    anew()
    monkeypatch.setattr(code_version, "PARSER", (code_version.PARSER[0], "4.0"))
    assert code_version._known().path != path
