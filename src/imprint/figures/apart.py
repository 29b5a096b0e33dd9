"""Names beside points, none over another and none outside of its panel."""

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

RADII = (5, 11, 18, 26, 36, 48, 62, 78, 96)  # points, nearest first
SIXTEENTHS = (0, 8, 2, 14, 6, 10, 4, 12, 1, 15, 7, 9, 3, 13, 5, 11)  # of a turn, from the right, best first
SIDES = [(np.cos(np.pi * part / 8), np.sin(np.pi * part / 8)) for part in SIXTEENTHS]
LINE = 8  # a name farther away than this is joined to its point
ALIGNED = ({-1: "right", 0: "center", 1: "left"}, {-1: "top", 0: "center", 1: "bottom"})


def name(ax: Axes, points: dict[str, tuple[float, float]], colours: dict[str, str], crowd: np.ndarray) -> None:
    """Write each name beside its point: near, and over as few other marks as can be.

    The panel's limits must be set, and its figure laid out: names are put where its pixels are now.

    Args:
        ax: the panel.
        points: where each name belongs, in data units.
        colours: of each name.
        crowd: ``[N, 2]`` other marks, in data units.
    """
    pixel = ax.get_figure(root=True).dpi / 72
    marks = ax.transData.transform(np.vstack([crowd, *points.values()]))
    inside, taken = ax.get_window_extent(), [text.get_window_extent() for text in ax.texts]
    for word, point in points.items():
        written = ax.annotate(word, point, (0, 0), textcoords="offset points", color=colours[word], fontsize=8)
        written.set_in_layout(False)
        size = np.array(written.get_window_extent().size)
        centre = ax.transData.transform(point)
        places = list(itertools.product(RADII, SIDES))
        boxes = [_box(centre + radius * pixel * np.array(side), side, size) for radius, side in places]
        costs = [radius + _cost(box, inside, taken, marks) for (radius, _), box in zip(places, boxes, strict=True)]
        best = int(np.argmin(costs))
        radius, side = places[best]
        offset = tuple(radius * np.array(side))
        taken.append(boxes[best])
        written.xyann = offset
        across, up = _towards(side)
        written.set(ha=ALIGNED[0][across], va=ALIGNED[1][up])
        if radius > LINE:
            look = {"arrowstyle": "-", "color": colours[word], "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3}
            ax.annotate("", point, offset, textcoords="offset points", arrowprops=look).set_in_layout(False)


def _towards(side: tuple[float, float]) -> tuple[int, int]:
    """Which way a name lies from where it is held: -1, 0 or 1, across and up."""
    return tuple(int(part > 0.3) - int(part < -0.3) for part in side)


def _box(at: np.ndarray, side: tuple[float, float], size: np.ndarray) -> Bbox:
    low = at - size * (1 - np.array(_towards(side))) / 2
    return Bbox([low, low + size])


def _cost(box: Bbox, inside: Bbox, taken: list[Bbox], marks: np.ndarray) -> float:
    """Points of distance that a place is worth: a mark below it 6, a name below it or the panel's edge far more."""
    out = max(inside.x0 - box.x0, box.x1 - inside.x1, inside.y0 - box.y0, box.y1 - inside.y1, 0.0)
    covered = box.padded(1).count_contains(marks)
    return 6 * covered + 1000 * (sum(box.overlaps(other) for other in taken) + (out > 0)) + out
