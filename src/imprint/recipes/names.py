"""Where a recipe's parts live, by name; imports nothing heavy, so that planning can use it."""


def update_path(update: str) -> str:
    """Return ``module:Class`` of an update; a bare name is a file of :mod:`imprint.recipes.update`."""
    if ":" in update:
        return update
    return f"imprint.recipes.update.{update}:{update.title().replace('_', '')}"


def modules(recipe: dict) -> list[str]:
    """Return the modules that a recipe names by its parts."""
    updates = [recipe["update"]] + ([recipe["rest"]["update"]] if recipe.get("rest") else [])
    found = [update_path(update).partition(":")[0] for update in updates]
    for kind, default in (("decay", None), ("schedule", "constant")):
        name = (recipe.get(kind) or {}).get("name", default)
        if name:
            found.append(f"imprint.recipes.{kind}.{name}")
    return found
