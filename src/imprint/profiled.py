"""The study that a recipe is profiled in: the open experiments of a study of ``config.yaml``, with her recipe added.

`imprint profile` writes it down in ``results/profile_<recipe>/profile.yaml``, and a study of that name is read from
there, so that whatever knows a study knows it.
"""

import os
from pathlib import Path

import yaml

from imprint.errors import StudyError
from imprint.schema import Experiment, Profile, Recipe

PREFIX = "profile_"
NAME = "profile.yaml"
HEAD = (
    "# Written by `imprint profile`. `imprint plan {study}` and `imprint status {study}` know the study by this file.\n"
)


def file(root: Path, study: str) -> Path:
    """Return the file of a profile's study."""
    return root / "results" / study / NAME


def names(root: Path) -> list[str]:
    """Return the profiles' studies that are there."""
    return sorted(path.parent.name for path in (root / "results").glob(f"{PREFIX}*/{NAME}"))


def write(root: Path, profile: Profile) -> str:
    """Write a profile's file, in one piece, and return the name of its study."""
    (name,) = profile.recipe
    study = PREFIX + name
    path = file(root, study)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = profile.model_dump(mode="json", exclude_defaults=True)
    scratch = path.with_name(f".{NAME}.{os.getpid()}.part")
    scratch.write_text(HEAD.format(study=study) + yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    scratch.replace(path)
    return study


def laid_over(profile: Profile, recipes: dict[str, Recipe], experiments: dict[str, Experiment]) -> dict:
    """Return what of a study a profile changes: its recipes, its experiments, and no calibration.

    The experiments are those that are open to new recipes, less what no page of a profile shows: the multiverse and
    the probes of the search. One without a search is left out if her recipe has one.

    Raises:
        StudyError: if the recipe has the name of a known one, or no experiment can have it.
    """
    ((name, recipe),) = profile.recipe.items()
    if name in recipes:
        raise StudyError(f"recipe {name!r} is a known one, of recipes.yaml; give yours another name: --name my_{name}")
    joined = {
        key: _joined(experiment, name)
        for key, experiment in experiments.items()
        if experiment.open and (experiment.search or not recipe.search)
    }
    if not joined:
        named = ", ".join(experiments)
        raise StudyError(f"base: no experiment of {profile.base!r} is open to a recipe like {name!r}: {named}")
    return {"recipes": {**recipes, name: recipe}, "experiments": joined, "calibration": None, "profiled": name}


def _joined(experiment: Experiment, recipe: str) -> Experiment:
    search = experiment.search and experiment.search.model_copy(update={"probes": None})
    claims = {key: claim for key, claim in experiment.claims.items() if claim.between is None}
    shown = {"search": search, "claims": claims, "multiverse": None, "figure": None}
    return experiment.model_copy(update={"recipes": [*experiment.recipes, recipe], **shown})
