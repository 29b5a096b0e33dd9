"""Where a number comes from: the stores that hold it, as links from the report to the files beside it."""

import re
from collections.abc import Iterable, Sequence

RESULTS = "results/"
TRAINED = ("training", "trace")
"""Groups of the atlas that training itself writes."""


def link(file: str) -> str:
    """Return the address of a result from ``results/<study>/report.html``.

    >>> link("results/store/train/a-0123456789.zarr.zip")
    '../store/train/a-0123456789.zarr.zip'
    """
    return "../" + file.removeprefix(RESULTS)


class Sources:
    """The stores of a study by what they hold."""

    def __init__(self, places: Iterable[dict] = ()):
        """Take the plan's places: experiment, kind, recipe, stop, seeds, probe, file."""
        self.files: dict[tuple[str, str, str, str], list[dict]] = {}
        for place in places:
            if place["kind"] in ("probe", "training"):
                group = place["probe"] or TRAINED[0]
                self.files.setdefault((place["experiment"], group, place["recipe"], place["stop"]), []).append(place)

    def of(self, experiments: Sequence[str], measure: str, recipes: Sequence[str], stop: str) -> list[dict]:
        """Return the stores of a measure: ``recipe``, ``href`` and, as ``title``, the variable and its seeds."""
        group, _, variable = measure.partition(".")
        keys = [
            (experiment, TRAINED[0] if group in TRAINED else group, recipe, stop)
            for experiment in experiments
            for recipe in recipes
        ]
        return [
            {
                "recipe": place["recipe"],
                "href": link(place["file"]),
                "title": f"variable {variable or group} of {place['recipe']}, seeds {span(place['seeds'])}",
            }
            for key in keys
            for place in self.files.get(key, ())
        ]


def named(label: str, recipes: Iterable[str]) -> list[str]:
    """Return those recipes that the label of a comparison names.

    >>> named("mean(adam, adam_slow) - sgd", ["sgd", "adam", "adam_fast", "adam_slow"])
    ['sgd', 'adam', 'adam_slow']
    """
    words = set(re.findall(r"[\w.]+", label))
    return [recipe for recipe in recipes if recipe in words]


def span(seeds: Sequence[int]) -> str:
    """Return the seeds of a block in words.

    >>> span([0, 1, 2]), span([5])
    ('0 to 2', '5')
    """
    return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
