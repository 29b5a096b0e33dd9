"""Which claims are judged under the choices of other analysts, and what that takes of each cell."""

from imprint import plugins
from imprint.schema import Claim, Experiment


def claims(experiment: Experiment) -> dict[str, Claim]:
    """Return the contrasts that are judged again: those named, else all; only those for which that can be done.

    A control says how the instrument works. A probe that looks across recipes (``ACROSS``), or that reads how its
    solution was trained (``RECIPE``), cannot be given a solution of several batch sizes.
    """
    if experiment.multiverse is None:
        return {}
    named = experiment.claims if experiment.multiverse.claims is None else experiment.multiverse.claims
    return {
        name: claim
        for name, claim in experiment.claims.items()
        if name in named and claim.kind == "claim" and claim.contrast and all(map(_alone, probes(claim)))
    }


def cells(experiment: Experiment) -> dict[tuple[str, str], set[str]]:
    """Return the probes by (recipe, stop) of the claims that are judged again."""
    found: dict[tuple[str, str], set[str]] = {}
    for claim in claims(experiment).values():
        recipes = [name for side in claim.contrast for name in ([side] if isinstance(side, str) else side)]
        for place in {(recipe, mode["stop"]) for recipe in recipes for mode in experiment.modes(claim)}:
            found.setdefault(place, set()).update(probes(claim))
    return found


def probes(claim: Claim) -> set[str]:
    """Return the probes that a claim reads, those of its preconditions too."""
    measures = (claim.measure, *claim.requires, *(part.measure for part in claim.followed))
    return {measure.partition(".")[0] for measure in measures}


def _alone(probe: str) -> bool:
    literals = plugins.find("probes", probe).literals
    return not (literals.get("ACROSS") or literals.get("RECIPE"))
