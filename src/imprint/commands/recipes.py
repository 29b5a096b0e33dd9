"""``imprint recipes``: the known recipes, with their parts, search space and source."""

import argparse
from pathlib import Path

from imprint.recipes.names import update_path
from imprint.study import read_recipes


def main(argv: list[str]) -> int:
    """Print one block per recipe."""
    argparse.ArgumentParser(prog="imprint recipes", description=__doc__).parse_args(argv)
    for name, recipe in read_recipes(Path("recipes.yaml")).items():
        print(f"{name}: {recipe.says}")
        print(f"  update {update_path(recipe.update)}, sees {recipe.sees}, {_hyper(recipe.hyper) or 'defaults'}")
        if recipe.rest:
            print(f"  rest {update_path(recipe.rest.update)}, {_hyper(recipe.rest.hyper)}")
        for kind, options in (("decay", recipe.decay), ("schedule", recipe.schedule)):
            if options:
                print(f"  {kind} {_hyper(options)}")
        for key, (low, high) in (recipe.search or {}).items():
            print(f"  search {key} from {low:g} to {high:g}")
        print(f"  source {recipe.source or 'none given'}")
    return 0


def _hyper(values: dict) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())
