"""When the networks generalize: validation accuracy over steps, every seed."""

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ("grokking",)
SCOPE = "experiment"
TITLE = "When the networks generalize"
CAPTION = (
    "Accuracy on the validation set over steps, a thin line for each seed. The marks above are the seeds' times to "
    "generalization (the first evaluation at the accuracy that counts, the dashed line), hollow where a seed never got "
    "there and the time is that of its last step. Panels are the protocols that were trained."
)
ACCURACY = 0.95
ABOVE = 1.06


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Tidy frame: measure (`accuracy` over steps, `time`, `reached`), stop, select, recipe, seed, step, value."""
    columns = ["measure", "stop", "select", "recipe", "seed", "step", "value"]
    group = frames.required(atlas, experiment["name"], "grokking", ("time", "reached"))
    parts = [frames.tidy(group[name]).assign(measure=name, step=0) for name in ("time", "reached")]
    parts = [part[part["snapshot"] == "final"] for part in parts]
    trace = frames.group(atlas, experiment["name"], "trace")
    if trace is not None and "validation_accuracy" in trace:
        parts.append(frames.tidy(trace["validation_accuracy"]).assign(measure="accuracy"))
    return frames.pooled(pd.concat(parts, ignore_index=True))[columns]


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A panel per protocol on common axes."""
    tidy = data(atlas, claims, experiment)
    curves = tidy[tidy["measure"] == "accuracy"]
    if curves.empty:
        return style.note("No validation accuracy is in the atlas.")
    protocols = list(dict.fromkeys(zip(curves["stop"], curves["select"], strict=True)))
    recipes = style.ordered(curves["recipe"])
    drawing = style.figure(max(1.0 + 3.4 * len(protocols), 5.6), 3.2 + 0.1 * len(recipes))
    axes = drawing.subplots(1, len(protocols), squeeze=False, sharex=True, sharey=True)[0]
    titles = frames.mode_titles([(*protocol, "") for protocol in protocols])
    for ax, protocol in zip(axes, protocols, strict=True):
        panel(ax, tidy[(tidy["stop"] == protocol[0]) & (tidy["select"] == protocol[1])], recipes)
        if len(protocols) > 1:
            ax.set_title(titles[(*protocol, "")])
    drawing.supxlabel("steps", fontsize=8.5)
    axes[0].set_ylabel("validation accuracy")
    drawing.legend(
        handles=style.recipe_handles(recipes),
        loc="outside upper left",
        ncols=min(len(recipes), 3 * len(protocols) + 1),
        columnspacing=1.0,
        handletextpad=0.1,
    )
    return drawing


def panel(ax: Axes, tidy: pd.DataFrame, recipes: list[str]) -> None:
    """Lines of all seeds, and above them a row of times for each recipe."""
    values = tidy.set_index(["measure", "recipe", "seed"]).sort_index()
    for row, name in enumerate(recipes):
        colour, marker = style.recipe(name)
        for _, seed in tidy[(tidy["measure"] == "accuracy") & (tidy["recipe"] == name)].groupby("seed"):
            ax.plot(seed["step"], seed["value"], color=colour, linewidth=0.9, alpha=0.6)
        if ("time", name) not in values.index.droplevel("seed"):
            continue
        times, reached = values.loc[("time", name), "value"], values.loc[("reached", name), "value"]
        for seed, time in times.items():
            face = colour if reached[seed] else "none"
            style_of_mark = {**marks.SEED, "alpha": 0.8, "markersize": 4, "markeredgewidth": 0.9}
            height = ABOVE + 0.055 * row
            ax.plot(time, height, marker, color=colour, markerfacecolor=face, clip_on=False, **style_of_mark)
    ax.axhline(ACCURACY, color=style.INK, linewidth=0.9, linestyle=(0, (3, 3)))
    ax.set_ylim(-0.03, ABOVE + 0.055 * len(recipes))
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.locator_params(axis="x", nbins=5)
    ax.grid()
