"""``imprint recipes``: the known recipes, with their parts, search space, cost and source."""

import argparse
from pathlib import Path

from imprint.errors import ImprintError, nearest
from imprint.plan import canonical_recipe
from imprint.recipes.names import KINDS, update_path
from imprint.schema import Recipe
from imprint.study import read_recipes


def main(argv: list[str]) -> int:
    """Print one block per recipe."""
    parser = argparse.ArgumentParser(prog="imprint recipes", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="RECIPE", help="only these")
    parser.add_argument("--no-cost", action="store_true", help="do not measure what a step costs")
    arguments = parser.parse_args(argv)
    known = read_recipes(Path("recipes.yaml"))
    for name in arguments.names:
        if name not in known:
            raise ImprintError(f"{name!r} is not in recipes.yaml; {nearest(name, known)}")
    if not arguments.no_cost:
        from imprint.recipes.cost import WHERE

        print(f"Cost of a step next to SGD's: {WHERE}, measured now.\n")
    for name in arguments.names or known:
        print("\n".join(described(name, known[name])))
        if not arguments.no_cost:
            print(f"  cost {cost(name, known[name])}", flush=True)
    return 0


def described(name: str, recipe: Recipe) -> list[str]:
    """Return the lines on a recipe."""
    lines = [f"{name}: {recipe.says}"]
    lines.append(f"  update {update_path(recipe.update)}, sees {recipe.sees}, {_options(recipe.hyper) or 'defaults'}")
    if recipe.rest:
        lines.append(f"  rest {update_path(recipe.rest.update)}, {_options(recipe.rest.hyper) or 'defaults'}")
    for kind in KINDS:
        if options := getattr(recipe, kind):
            lines.append(f"  {kind} {_options(options)}")
    if recipe.deliver:
        lines.append(f"  delivers {recipe.deliver}")
    for key, (low, high) in (recipe.search or {}).items():
        lines.append(f"  search {key} from {low:g} to {high:g}")
    return [*lines, f"  source {recipe.source or 'none given'}"]


def cost(name: str, recipe: Recipe) -> str:
    """Return what a step costs, in words; why it cannot be measured, if so."""
    from imprint.recipes.cost import relative

    try:
        passes, ratio = relative({**canonical_recipe(recipe), "name": name})
    except ImprintError as error:
        return f"unknown: {error}"
    return f"{passes:.3g} passes, {ratio:.1f} times SGD's time"


def _options(values: dict) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())
