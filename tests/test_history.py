"""Since which commit a claim stands as it does: repositories with planted histories."""

import os
import subprocess

import pytest

from imprint import history

WHO = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


class Repository:
    """An experiment's file under git."""

    def __init__(self, root, folder="work/experiments"):
        self.root = root
        self.file = root / folder / "toy.yaml"
        self.file.parent.mkdir(parents=True)
        self.git("init", "-q")

    def git(self, *arguments, **environment):
        """Run git; return what it prints."""
        command = ["git", "-C", str(self.root), *arguments]
        done = subprocess.run(
            command, env={**os.environ, **WHO, **QUIET, **environment}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, text, day):
        """Commit the file with this text on a day; return what is expected to be said of it."""
        self.file.write_text(text)
        date = f"2026-01-{day:02d}T12:00:00+00:00"
        self.git("add", "-A")
        self.git("commit", "-qm", "x", GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
        return f"{self.git('rev-parse', 'HEAD')[:10]} 2026-01-{day:02d}"


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def text(first="expect: {greater_by: 0.1}", second="expect: {at_most: 1}", title="A toy?", tiers=""):
    return f"title: {title}\nclaims:\n  first: {{says: One., {first}}}\n  second: {{says: Two., {second}}}\n{tiers}"


def test_each_claim_has_its_commit(repository):
    one = repository.commit("title: A toy?\nclaims:\n  first: {says: One., expect: {greater_by: 0.1}}\n", 1)
    two = repository.commit(text(), 2)
    repository.commit(text(title="Another?"), 3)
    assert history.introduced(repository.file, "quick") == {"first": one, "second": two}


def test_a_changed_margin_is_a_later_commit_and_a_changed_label_is_not(repository):
    one = repository.commit(text(), 1)
    two = repository.commit(text(first="expect: {greater_by: 0.2}"), 2)
    repository.commit(text(first="expect: {greater_by: 0.2}, source: a paper, sd: 0.1").replace("Two.", "2."), 3)
    assert history.introduced(repository.file, "quick") == {"first": two, "second": one}


def test_changed_and_changed_back_counts_from_the_way_back(repository):
    repository.commit(text(), 1)
    repository.commit(text(first="expect: {greater_by: 0.2}"), 2)
    three = repository.commit(text(), 3)
    assert history.introduced(repository.file, "quick")["first"] == three


def test_what_is_not_committed_has_no_commit(repository):
    one = repository.commit(text(), 1)
    repository.file.write_text(text(second="expect: {at_most: 2}"))
    assert history.introduced(repository.file, "quick") == {"first": one}


def test_a_file_that_was_renamed(repository):
    one = repository.commit(text(), 1)
    repository.file = repository.file.rename(repository.file.with_name("game ü.yaml"))
    repository.commit(text(title="A game?"), 2)
    assert history.introduced(repository.file, "quick") == {"first": one, "second": one}


def test_a_tier_is_laid_over(repository):
    tiers = "tiers:\n  core: {claims: {first: {expect: {greater_by: %s}}}}\n"
    one = repository.commit(text(tiers=tiers % 0.3), 1)
    two = repository.commit(text(tiers=tiers % 0.4), 2)
    assert history.introduced(repository.file, "quick")["first"] == one
    assert history.introduced(repository.file, "core")["first"] == two


def test_a_file_that_once_was_no_yaml(repository):
    repository.commit("claims: [\n", 1)
    two = repository.commit(text(), 2)
    assert history.introduced(repository.file, "quick") == {"first": two, "second": two}


def test_without_git_nothing_is_said(tmp_path, repository, monkeypatch):
    repository.commit(text(), 1)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert history.introduced(repository.file, "quick") == {}


def test_outside_of_git_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    file = tmp_path / "toy.yaml"
    file.write_text(text())
    assert history.introduced(file, "quick") == {}
    assert history.introduced(tmp_path / "gone.yaml", "quick") == {}


def test_not_committed_at_all(repository):
    repository.file.write_text(text())
    assert history.introduced(repository.file, "quick") == {}
