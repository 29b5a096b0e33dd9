"""Where on its trajectory each replica is compared: training loss against steps, per comparison mode."""

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ()
SCOPE = "experiment"
TITLE = "Where the runs are compared"
CAPTION = (
    "What a comparison mode holds equal: training loss reached and steps taken by each replica at the "
    "snapshot that is compared. Small marks are seeds, large marks their means with 95 % intervals in both "
    "directions. Recipes that stand in a column were stopped after equal steps, in a row at equal loss "
    "(dashed: the declared condition)."
)
COLUMNS = 4


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per replica and compared snapshot: the base axes, `step`, `train_loss`."""
    training = frames.group(atlas, experiment["name"], "training")
    columns = [*frames.KEYS, "step", "train_loss"]
    if training is None or not {"snapshot_step", "train_loss"} <= set(training.data_vars):
        return pd.DataFrame(columns=columns)
    table = training[["snapshot_step", "train_loss"]].rename(snapshot_step="step").to_dataframe().reset_index().dropna()
    table = frames.pooled(table[table["snapshot"].isin(frames.endpoint(training["snapshot"].values))])
    return table[columns].reset_index(drop=True)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A plane per mode, all on the same axes."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica reached a snapshot that is compared.")
    modes, recipes = frames.modes(table), style.ordered(table["recipe"])
    drawing, axes, columns = style.panels(len(modes), COLUMNS, (2.3, 2.1), 4.6)
    titles = frames.mode_titles(modes)
    log = (bool(table["step"].min() > 0), bool(table["train_loss"].min() > 0))
    for ax, mode in zip(axes, modes, strict=True):
        ax.set(xscale="log" if log[0] else "linear", yscale="log" if log[1] else "linear")
        for loss in marks.conditions(experiment, mode[0], mode[2]):
            ax.axhline(loss, color=style.INK, linewidth=0.9, linestyle=(0, (3, 3)))
        own = table[(table[frames.MODE] == list(mode)).all(axis=1)].set_index(["recipe", "seed"])
        marks.plane(ax, own, "step", "train_loss", log)
        ax.set_title(titles[mode])
        ax.grid()
    if log[0]:
        axes[0].set_xlim(window(table["step"]))
        style.log_ticks(axes[0].xaxis)
    if log[1]:
        axes[0].set_ylim(window(table["train_loss"]))
        style.log_ticks(axes[0].yaxis)
    drawing.supxlabel("steps", fontsize=8.5)
    drawing.supylabel("training loss", fontsize=8.5)
    drawing.legend(
        handles=style.recipe_handles(recipes),
        loc="outside upper left",
        ncols=min(len(recipes), 2 * columns + 2),
        columnspacing=1.0,
        handletextpad=0.1,
    )
    return drawing


def window(values: pd.Series) -> tuple[float, float]:
    """Limits of a logarithmic axis: the values with room around them, at least a factor of three."""
    low, high = values.min(), values.max()
    room = max(1.15, (3 * low / high) ** 0.5)
    return low / room, high * room
