"""figure: draws one figure, as SVG, PNG and the data it shows."""

from imprint import store
from imprint.claims import table
from imprint.figures.render import render
from imprint.stages.product import finish, job


def main(argv: list[str]) -> None:
    """Write ``<unit>.png`` and ``<unit>.csv`` beside ``<unit>.svg``."""
    work = job("figure", argv)
    (atlas,), (claims,) = work.inputs["atlas"], work.inputs["claims"]
    experiments = work.plan["experiments"]
    name, tasks = work.spec["experiment"], work.spec.get("tasks")
    together = [experiments[task] for task in tasks or experiments]
    shown = experiments[name] if name and not tasks else together
    work.out.parent.mkdir(parents=True, exist_ok=True)
    others = (work.out.with_suffix(".png"), work.out.with_suffix(".csv"))
    render(work.spec["figure"], store.read_tree(atlas), table.read(claims), shown, work.out, *others)
    finish(work, *others)
