"""Since which commit a claim stands as it does, where its experiment file is under git."""

import subprocess
from pathlib import Path

import yaml

from imprint import documents

LABELS = {"says", "source", "sd"}
"""Fields of a claim that no verdict depends on."""

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def introduced(file: Path, tier: str) -> dict[str, str]:
    """Return ``{claim: "commit date"}``: the oldest commit since which the file says of the claim what it says now.

    What a claim says is its own mapping, with the tier laid over it, without what is a label. A claim that is not
    committed as it stands is left out; without git, or outside of it, all are.

    Args:
        file: the experiment's file.
        tier: of the study.
    """
    now = _claims(file.read_text(encoding="utf-8"), tier) if file.is_file() else {}
    since: dict[str, str] = {}
    pending = dict(now)
    for commit, date, path in _commits(file):
        then = _claims(_git(file, "show", f"{commit}:{path}"), tier)
        pending = {name: claim for name, claim in pending.items() if then.get(name) == claim}
        if not pending:
            break
        since |= dict.fromkeys(pending, f"{commit[:10]} {date}")
    return since


def _commits(file: Path) -> list[tuple[str, str, str]]:
    """Return commit, date and the file's name from the repository's root, the newest commit first."""
    told = _git(file, "log", "--follow", "--no-merges", "--format=%x00%H %cs", "--name-only", "--", file.name)
    commits = []
    for entry in told.split("\0")[1:]:
        head, _, path = entry.partition("\n")
        commits.append((*head.split(), path.strip()))
    return commits


def _git(file: Path, *arguments: str) -> str:
    """Return what git says, nothing where it refuses or is not there."""
    command = ["git", "-C", str(file.parent), "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _claims(text: str, tier: str) -> dict[str, dict]:
    """Return the claims of an experiment's file; none of a text that is no such file."""
    try:
        content = yaml.load(text, Loader=LOADER)
        content = documents.merge(content, (content.pop("tiers", None) or {}).get(tier) or {})
        return {name: _stated(claim) for name, claim in (content.get("claims") or {}).items()}
    except (yaml.YAMLError, AttributeError, TypeError):
        return {}


def _stated(claim: dict) -> dict:
    return {key: value for key, value in claim.items() if key not in LABELS}
