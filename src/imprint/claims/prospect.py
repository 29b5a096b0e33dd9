"""What the tests of a study can find, before anything is trained."""

from collections.abc import Iterator

import numpy as np

from imprint.claims.attainable import smallest_p
from imprint.claims.power import POWER, detectable, of_claim
from imprint.schema import Claim, Experiment, Study

KINDS = {"claim": "claims", "control": "controls"}


def prospect(study: Study) -> list[str]:
    """Return a line on each family of tests, and one on each claim whose standard deviation is declared."""
    lines = []
    families: dict[str, list[Experiment]] = {}
    for name, experiment in study.experiments.items():
        families.setdefault(name.partition(".")[0], []).append(experiment)
    for name, parts in families.items():
        for kind in KINDS:
            lines += _family(name, kind, parts)
    return lines


def tests_of(claim: Claim, experiment: Experiment) -> int:
    """Return how many tests a claim takes: of its rows at its modes, two where it names a range."""
    recipes = [claim.recipe] if isinstance(claim.recipe, str) else claim.recipe or []
    recipes = experiment.recipes if recipes == ["all"] else recipes
    rows = 1 if claim.contrast is not None or claim.follows is not None else len(recipes)
    return rows * len(claim.modes) * (2 if "within" in claim.expect else 1)


def _family(name: str, kind: str, parts: list[Experiment]) -> Iterator[str]:
    own = [(key, claim, part) for part in parts for key, claim in part.claims.items() if claim.kind == kind]
    if not own:
        return
    n = sum(len(block) for block in parts[0].blocks)
    tests = sum(tests_of(claim, part) for _, claim, part in own)
    counted = f"{tests} test{'s' if tests > 1 else ''}"
    effect = detectable(n, tests)
    found = f"{effect:.2f} standard deviations are found with probability {POWER:g}"
    told = "no effect can be found" if np.isnan(effect) else found
    yield f"{name}, {KINDS[kind]}: {n} seeds, {counted}: smallest adjusted p {smallest_p(n):.2g}; {told}"
    for key, claim, _ in own:
        if claim.sd is not None:
            yield f"  {key}: {_declared(claim, n, tests)}"


def _declared(claim: Claim, n: int, tests: int) -> str:
    """What the test of a claim can find with the standard deviation that it declares."""
    ((form, bound),) = claim.expect.items()
    margin = np.nan if form == "within" else float(bound)
    found = of_claim(form, np.log1p(margin) if claim.relative else margin, claim.sd, n, tests)
    distance = np.expm1(found["detectable"]) if claim.relative else found["detectable"]
    if np.isnan(distance):
        return f"finds nothing (sd {claim.sd:g}, declared)"
    told = f"finds {distance:.3g} (sd {claim.sd:g}, declared)"
    return told if np.isnan(found["n_needed"]) else f"{told}; {margin:g} needs {found['n_needed']:.0f} seeds"
