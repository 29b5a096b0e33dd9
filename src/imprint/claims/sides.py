"""What a claim compares: recipes of one task, a recipe in two tasks, or measures from recipe to recipe."""

from dataclasses import dataclass

import numpy as np

from imprint.claims import association
from imprint.claims.readings import Mode, Reading, Readings, unknown
from imprint.claims.signflip import ROUNDING


@dataclass(frozen=True)
class Side:
    """Some recipes of a task and the measure that is read of them."""

    readings: Readings
    reading: Reading
    recipes: list[str]

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Values of each recipe over seeds, ``[N]``."""
        return {recipe: self.reading.value_N[recipe] for recipe in self.recipes}


@dataclass(frozen=True)
class Compared:
    """A row of a claim: label, what is compared, the measures it is said to follow, values ``[N]`` and problems."""

    label: str
    sides: list[Side]
    others: list[Reading]
    x_N: np.ndarray
    problems: list[str]


def compared(readings: Readings, name: str, claim: dict, mode: Mode, read: dict[str, Readings]) -> list[Compared]:
    """Return the rows of a claim at one mode with the value, contrast or correlation of each seed.

    Arguments and errors are those of :func:`comparisons`.
    """
    others = [
        readings.read(name, "follows", part["measure"], part.get("where") or {}, mode)
        for part in association.followed(claim)
    ]
    rows = []
    for label, sides in comparisons(readings, name, claim, mode, read):
        relative = bool(claim.get("relative"))
        x_N, problems = correlations(sides[0], others) if "follows" in claim else values(sides, relative)
        rows.append(Compared(label, sides, others, x_N, problems))
    return rows


def comparisons(
    readings: Readings, name: str, claim: dict, mode: Mode, read: dict[str, Readings]
) -> list[tuple[str, list[Side]]]:
    """Return label and sides of each row of a claim.

    Two sides of a contrast; a recipe in each of two tasks; one side for a value; all recipes for a correlation.

    Args:
        readings: the experiment, or the task of it, that has the claim.
        name: of the claim.
        claim: as resolved.
        mode: where its measure is read.
        read: all tasks of the experiment, by name.

    Raises:
        ClaimError: if the claim names what is not there.
    """

    def side(place: Readings, key: str, recipes: list[str]) -> Side:
        place.check_recipes(name, key, recipes)
        reading = place.read(name, "measure", claim["measure"], claim.get("where") or {}, mode)
        return Side(place, reading, recipes)

    if "contrast" in claim:
        groups = [[group] if isinstance(group, str) else list(group) for group in claim["contrast"]]
        labels = [group[0] if len(group) == 1 else f"mean({', '.join(group)})" for group in groups]
        return [(" - ".join(labels), [side(readings, "contrast", group) for group in groups])]
    recipes = [claim["recipe"]] if isinstance(claim["recipe"], str) else list(claim["recipe"])
    recipes = readings.recipes if recipes == ["all"] else recipes
    if "follows" in claim:
        return [(association.label(claim, recipes), [side(readings, "recipe", recipes)])]
    if "between" in claim:
        places = [_task(readings, name, task, read) for task in claim["between"]]
        label = " - ".join(task.replace("_", " ") for task in claim["between"])
        return [(f"{recipe}: {label}", [side(place, "recipe", [recipe]) for place in places]) for recipe in recipes]
    return [(recipe, [side(readings, "recipe", [recipe])]) for recipe in recipes]


def values(sides: list[Side], relative: bool) -> tuple[np.ndarray, list[str]]:
    """Return the value or contrast of each seed, NaN unless every recipe has one, and why there may be none."""
    problems, means = [], []
    for side in sides:
        value_N = side.values
        for recipe in side.recipes:
            if not np.isfinite(value_N[recipe]).any():
                problems.append(f"absent: {recipe}")
            elif relative:
                lowest = np.nanmin(value_N[recipe])
                problems += [f"relative: {recipe} has {lowest:g}"] if lowest <= 0 else []
                value_N[recipe] = np.log(np.where(value_N[recipe] > 0, value_N[recipe], np.nan))
        means.append(np.mean(list(value_N.values()), axis=0))
    return _difference(*means) if len(means) == 2 else means[0], problems


def correlations(side: Side, others: list[Reading]) -> tuple[np.ndarray, list[str]]:
    """Return the rank correlation over recipes of each seed, or the difference of two, and why there may be none."""
    problems = [
        f"absent: {recipe}"
        for recipe in side.recipes
        if not all(np.isfinite(each.value_N[recipe]).any() for each in (side.reading, *others))
    ]
    values_KN = np.stack(list(side.values.values()))
    against = [np.stack([other.value_N[recipe] for recipe in side.recipes]) for other in others]
    against = against or [association.order(*values_KN.shape)]
    found = [association.rank_correlation(values_KN, other_KN) for other_KN in against]
    return _difference(*found) if len(found) == 2 else found[0], problems


def _task(readings: Readings, name: str, task: str, read: dict[str, Readings]) -> Readings:
    experiment = readings.name.partition(".")[0]
    if f"{experiment}.{task}" not in read:
        raise unknown(readings.name, name, "between", task, [key.partition(".")[2] for key in read])
    return read[f"{experiment}.{task}"]


def _difference(one_N: np.ndarray, other_N: np.ndarray) -> np.ndarray:
    """Paired differences; what rounding alone makes differ is a tie."""
    difference_N = one_N - other_N
    size_N = np.maximum(np.abs(one_N), np.abs(other_N))
    return np.where(np.abs(difference_N) <= ROUNDING * size_N, 0.0, difference_N)
