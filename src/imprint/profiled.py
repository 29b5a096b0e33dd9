"""The study that a recipe is profiled in: the open experiments of a study of ``config.yaml``, with her recipe added.

`imprint profile` writes it down in ``results/profile_<recipe>/profile.yaml``, and a study of that name is read from
there, so that whatever knows a study knows it.
"""

import os
from pathlib import Path

import yaml
from pydantic import field_validator

from imprint.errors import StudyError
from imprint.schema import Experiment, Name, Recipe, Strict, Study

PREFIX = "profile_"
NAME = "profile.yaml"
HEAD = (
    "# Written by `imprint profile`. `imprint plan {study}` and `imprint status {study}` know the study by this file.\n"
)


class Profile(Strict):
    """The file: one recipe, and the study whose open experiments it joins.

    ``base`` is a study of ``config.yaml``, or one experiment of it, as ``core.memorization``.
    """

    base: str
    recipe: dict[Name, Recipe]

    @field_validator("recipe")
    @classmethod
    def _one(cls, value: dict[str, Recipe]) -> dict[str, Recipe]:
        if len(value) != 1:
            raise ValueError(f"{len(value)} recipes are given; a profile is of one")
        return value


class ProfiledStudy(Study):
    """A study that was read from such a file; ``profiled`` is the recipe."""

    profiled: str


def recipe(study: Study) -> str:
    """Return the recipe that a study is the profile of; empty if it is none."""
    return study.profiled if isinstance(study, ProfiledStudy) else ""


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
    ((name, hers),) = profile.recipe.items()
    if name in recipes:
        raise StudyError(f"recipe {name!r} is a known one, of recipes.yaml; give yours another name: --name my_{name}")
    joined = {
        key: _joined(experiment, name)
        for key, experiment in experiments.items()
        if experiment.open and (experiment.search or not hers.search)
    }
    if not joined:
        named = ", ".join(experiments)
        raise StudyError(f"base: no experiment of {profile.base!r} is open to a recipe like {name!r}: {named}")
    return {"recipes": {**recipes, name: hers}, "experiments": joined, "calibration": None, "profiled": name}


def _joined(experiment: Experiment, name: str) -> Experiment:
    search = experiment.search and experiment.search.model_copy(update={"probes": None})
    claims = {key: claim for key, claim in experiment.claims.items() if claim.between is None}
    shown = {"search": search, "claims": claims, "multiverse": None, "figure": None}
    return experiment.model_copy(update={"recipes": [*experiment.recipes, name], **shown})
