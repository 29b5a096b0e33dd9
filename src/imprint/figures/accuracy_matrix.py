"""What is known of every task after each of them, and what that costs in plasticity."""

import textwrap

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ("accuracy_matrix",)
SCOPE = "experiment"
TITLE = "What is kept, and what it costs"
CAPTION = (
    "Top: mean test accuracy on each task (column) after learning each task (row); below the diagonal "
    "stands what is kept of earlier tasks. Bottom: accuracy on the old tasks at the end against accuracy "
    "just after learning, one small mark per seed, mean and 95 % interval in both directions. Up and to the "
    "right keeps more and learns as well; a recipe further up but to the left keeps more because it learned "
    "less. Columns or blocks are comparison modes."
)


def stages_of(values: xr.DataArray) -> list[str]:
    """Snapshots after the first, second, ... task; the last one may be called "final"."""
    names = [str(name) for name in values["snapshot"].values]
    ends = [f"task_{k + 1}" for k in range(values.sizes["stage"])]
    if ends[-1] not in names and "final" in names:
        ends[-1] = "final"
    return [name for name in ends if name in names]


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Tidy accuracies (base axes, stage, value), and `learned` and `old` at the last snapshot."""
    group = frames.required(atlas, experiment["name"], "accuracy_matrix", ("accuracy", "learned", "old"))
    matrix = frames.tidy(group["accuracy"].sel(snapshot=stages_of(group["accuracy"]))).assign(measure="accuracy")
    last = [frames.tidy(group[name]).assign(measure=name) for name in ("learned", "old")]
    end = stages_of(group["accuracy"])[-1]
    kept = [part[part["snapshot"] == end] for part in last]
    return frames.pooled(pd.concat([matrix, *kept], ignore_index=True))


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A row of heat maps per mode above the plasticity-stability planes."""
    tidy = data(atlas, claims, experiment)
    if tidy.empty:
        return style.note("No replica finished its sequence.")
    protocols = list(dict.fromkeys(zip(tidy["stop"], tidy["select"], strict=True)))
    recipes = style.ordered(tidy["recipe"])
    stages = list(dict.fromkeys(tidy[tidy["measure"] == "accuracy"]["snapshot"]))
    width = max(1.3 + 0.98 * len(recipes), 1.2 + 2.2 * len(protocols), 4.5)
    above, below = 1.12 * len(protocols) + 0.3, 2.9
    drawing = style.figure(width, above + below)
    top, bottom = drawing.subfigures(2, 1, height_ratios=(above, below))
    heat_maps(top, tidy[tidy["measure"] == "accuracy"], protocols, recipes, stages)
    planes(bottom, tidy[tidy["measure"] != "accuracy"], protocols, recipes)
    return drawing


def words(protocol: tuple[str, str], protocols: list[tuple[str, str]]) -> str:
    """Title of a protocol by the parts in which protocols differ."""
    titles = frames.mode_titles([(*each, "") for each in protocols])
    return titles[(*protocol, "")]


def heat_maps(figure, tidy: pd.DataFrame, protocols: list, recipes: list[str], stages: list[str]) -> None:
    """Grid of matrices: protocols down, recipes across, one colour scale."""
    means = tidy.groupby(["stop", "select", "recipe", "snapshot", "stage"])["value"].mean()
    tasks = sorted(tidy["stage"].astype(int).unique())
    axes = figure.subplots(len(protocols), len(recipes), squeeze=False, sharex=True, sharey=True)
    for i, protocol in enumerate(protocols):
        for j, name in enumerate(recipes):
            ax = axes[i, j]
            index = pd.MultiIndex.from_product([[protocol[0]], [protocol[1]], [name], stages, tasks])
            matrix = means.reindex(index).to_numpy().reshape(len(stages), len(tasks))
            image = ax.pcolormesh(
                np.arange(len(tasks) + 1),
                np.arange(len(stages) + 1),
                matrix,
                vmin=0,
                vmax=1,
                cmap=style.SCALE,
                edgecolors="face",
                linewidth=0.4,
            )
            ax.set(aspect="equal", ylim=(len(stages), 0))
            ax.set_xticks(np.arange(len(tasks)) + 0.5, tasks, fontsize=6.5)
            ax.set_yticks(np.arange(len(stages)) + 0.5, range(1, len(stages) + 1), fontsize=6.5)
            ax.tick_params(length=0, pad=1.5)
            ax.spines[:].set_visible(False)
            if i == 0:
                ax.set_title(broken(name), color=style.recipe(name)[0], fontsize=8, loc="center")
        axes[i, 0].set_ylabel(words(protocol, protocols) + "\nafter task", fontsize=7.5)
    axes[-1, 0].set_xlabel("on task", fontsize=7.5)
    bar = figure.colorbar(image, ax=axes, aspect=22, pad=0.01, fraction=0.03, label="test accuracy")
    bar.outline.set_visible(False)


def broken(name: str) -> str:
    """A recipe's name in lines of at most 14 letters where its underscores allow it."""
    lines = textwrap.wrap(name.replace("_", "_ "), 14, break_long_words=False)
    return "\n".join(line.replace("_ ", "_") for line in lines)


def planes(figure, tidy: pd.DataFrame, protocols: list, recipes: list[str]) -> None:
    """One plane per protocol, with the legend of recipes."""
    axes = figure.subplots(1, len(protocols), squeeze=False, sharex=True, sharey=True)[0]
    for ax, protocol in zip(axes, protocols, strict=True):
        own = tidy[(tidy["stop"] == protocol[0]) & (tidy["select"] == protocol[1])]
        marks.plane(ax, own.pivot_table(index=["recipe", "seed"], columns="measure", values="value"), "learned", "old")
        ax.set_title(words(protocol, protocols), fontweight="normal", fontsize=8)
        ax.set_xlabel("learned: accuracy just after a task", loc="left", fontsize=7.5)
        ax.locator_params(axis="x", nbins=4)
        ax.locator_params(axis="y", nbins=5)
        ax.margins(0.12)
        ax.grid()
    axes[0].set_ylabel("old: accuracy on earlier tasks", fontsize=7.5)
    figure.legend(
        handles=style.recipe_handles(recipes),
        loc="outside lower center",
        ncols=min(len(recipes), 9),
        columnspacing=1.0,
        handletextpad=0.1,
    )
