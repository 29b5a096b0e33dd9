"""One visual language: a recipe keeps its colour and marker, a verdict its sign, on every figure."""

import functools
import hashlib
import io
import re
from pathlib import Path

import matplotlib
import matplotlib.ticker
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

INK = "#737b87"  # text: 4.3:1 on white, 4.2:1 on a dark page; the report replaces it by the page's own ink
FAINT = "#a9afb7"  # grids, frames, reference lines
BLANK = "#8b8b8c"  # the absence of a value

# Chosen so that the seven recipes of the first study differ by about 0.09 or more in OKLab under normal
# vision, deuteranopia and protanopia (Machado et al. 2009), with contrast on white and on dark pages.
RECIPES = {
    "sgd": ("#3a66e8", "o"),
    "momentum": ("#0f6fa3", "s"),
    "adam": ("#ee7830", "^"),
    "adamw": ("#a66a00", "v"),
    "adam_slow": ("#8c745b", "<"),
    "adam_fast": ("#e0251b", ">"),
    "adagrad": ("#5c7800", "h"),
    "lion": ("#d276e4", "D"),
    "muon": ("#35a488", "P"),
    "shampoo": ("#b5196a", "X"),
    "shampoo_graft": ("#a97af0", "*"),
    "soap": ("#c25b8a", "d"),
    "gd": ("#5b86d6", "o"),
    "normalized_gd": ("#2d8fc4", "H"),
    "sign": ("#b04fc6", "D"),
    "signum": ("#8f4fd0", "d"),
    "spectral": ("#178a6e", "p"),
    "gradient_limit": ("#5b86d6", "o"),
    "sign_limit": ("#b04fc6", "D"),
    "spectral_limit": ("#178a6e", "p"),
    "adam_limit": ("#b5651d", "<"),
    "rmsprop": ("#c85a3c", "8"),
    "sam": ("#6b7f2a", "8"),
    "shampoo_sum": ("#7b78c4", "p"),
    "shampoo_ema": ("#b5196a", "X"),
    "shampoo_sum_graft": ("#4f8fd6", "H"),
    "adam_staged": ("#b98a14", "v"),
    "sgd_tenth": ("#4f7fa8", "p"),
    "sgd_half": ("#5b86d6", "s"),
    "adam_long": ("#c85a3c", "v"),
    "powerprop_a2": ("#1f9a6b", "s"),
    "powerprop_a3": ("#c2701c", "D"),
    "powerprop_a4": ("#b5196a", "P"),
    "gradient_flow": ("#5c7800", "h"),
    "muon_limit": ("#b5196a", "P"),
    "lion_box": ("#d276e4", "D"),
    "adam_prieto": ("#ee7830", "^"),
    "perp_prieto": ("#3a66e8", "s"),
    "adamw_power": ("#a66a00", "v"),
    "perp_adam": ("#3a66e8", "d"),
    "muon_decay": ("#35a488", "P"),
    "perp_muon": ("#b5196a", "X"),
    "muon_fast": ("#35a488", "p"),
    "sgd_fifth": ("#0f6fa3", "s"),
    "sgd_fiftieth": ("#5b86d6", "h"),
    "sgd_catapult": ("#e0251b", "*"),
    "sgd_lazy": ("#5c7800", "d"),
    "heavy_ball_half": ("#7a4fc0", "P"),
    "nesterov_twentieth": ("#b04fc6", "X"),
    "sam_narrow": ("#8f9a2c", "<"),
    "sam_middle": ("#35a488", "h"),
    "sam_wide": ("#5f7d1f", "8"),
    "sam_widest": ("#4f7040", "p"),
    "adam_third": ("#c98f1e", "^"),
    "adam_triple": ("#b5196a", "v"),
    "adam_l2": ("#8c745b", "d"),
    "adam_spectral": ("#178a6e", "p"),
    "adam_spectral_fast": ("#5c7800", "h"),
    "momentum_hundredth": ("#1f86c9", "<"),
    "momentum_fiftieth": ("#0f6fa3", "D"),
    "momentum_twentieth": ("#5f6fd0", "X"),
    "adam_double": ("#c98f1e", "h"),
    "adam_fivefold": ("#a66a00", "*"),
    "muon_slow": ("#2f9c9c", "d"),
    "muon_medium": ("#35a488", "8"),
    "muon_fiftieth": ("#178a6e", "P"),
    "rmsprop_thousandth": ("#b5651d", "h"),
    "signum_thousandth": ("#9a5fb0", "v"),
    "soap_triple": ("#c25b8a", "X"),
    "shampoo_graft_triple": ("#7b78c4", "X"),
    "powerprop_a2_update": ("#2f9c9c", "<"),
    "powerprop_a3_update": ("#8a7a2b", "v"),
    "powerprop_a4_update": ("#d276e4", "X"),
    "adam_decay": ("#ee7830", "v"),
    "adam_cautious": ("#e0251b", "^"),
    "signum_decay": ("#9a5fb0", "d"),
    "signum_cautious": ("#8f4fd0", "D"),
    "subgradient_p1": ("#b5651d", "o"),
    "subgradient_p3": ("#b5651d", "s"),
    "subgradient_p10": ("#b5651d", "h"),
    "subgradient_p30": ("#b5651d", "P"),
    "subgradient_p100": ("#b5651d", "X"),
    "proximal_p1": ("#2f9c9c", "o"),
    "proximal_p3": ("#2f9c9c", "s"),
    "proximal_p10": ("#2f9c9c", "h"),
    "proximal_p30": ("#2f9c9c", "P"),
    "proximal_p100": ("#2f9c9c", "X"),
}
SPARE_COLOURS = ("#4f7fa8", "#b5651d", "#6f8f3c", "#9a5fb0", "#2f9c9c", "#c0577a", "#8a7a2b", "#5f6fd0")
SPARE_MARKERS = ("o", "s", "^", "v", "D", "P", "X", "p", "h", "<", ">", "d")

VERDICTS = {  # colour, marker, filled
    "supported": ("#1b8a5a", "o", True),
    "equivalent": ("#3a72d8", "s", True),
    "contradicted": ("#d03a2b", "X", True),
    "inconclusive": ("#b07a10", "o", False),
    "untested": (BLANK, "D", False),
}

SCALE = sns.blend_palette(["#e4e9ef", "#9dbfe0", "#1f5fae"], as_cmap=True)
DIVERGING = sns.blend_palette(["#c9550f", "#eab893", "#eceef1", "#9dbfe0", "#1f5fae"], as_cmap=True)
CELL_INK = ("#1d2733", "#ffffff")  # on the pale and on the dark cells of these scales

LOOK = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Geneva"],  # Verdana has DejaVu's widths where it is absent
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 6,
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "xtick.major.width": 0.8,
    "xtick.minor.size": 0,
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.markersize": 5,
    "savefig.facecolor": "none",
    "savefig.edgecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "imprint",
}


def styled(draw):
    """Run `draw` under the common look, so that a figure is the same whoever asks for it."""

    @functools.wraps(draw)
    def drawn(*args, **kwargs):
        with matplotlib.rc_context(LOOK):
            return draw(*args, **kwargs)

    return drawn


def recipe(name: str) -> tuple[str, str]:
    """Colour and marker of a recipe: listed for the known ones, a function of the name for any other."""
    if name in RECIPES:
        return RECIPES[name]
    digest = hashlib.sha256(name.encode()).digest()
    return SPARE_COLOURS[digest[0] % len(SPARE_COLOURS)], SPARE_MARKERS[digest[1] % len(SPARE_MARKERS)]


def ordered(names) -> list[str]:
    """Recipe names in the order of `RECIPES`, unknown ones after them by name."""
    known = list(RECIPES)
    return sorted(set(names), key=lambda name: (known.index(name) if name in RECIPES else len(known), name))


def figure(width: float, height: float) -> Figure:
    """Empty figure of the given size in inches, laid out without overlaps."""
    return Figure(figsize=(width, height), layout="constrained")


def panels(count: int, most: int, size: tuple[float, float], least: float = 4.6) -> tuple[Figure, list[Axes], int]:
    """Figure with panels on the same axes, wrapped into rows.

    Args:
        count: of panels, at least one.
        most: in a row.
        size: width and height of one, in inches.
        least: width of the figure.

    Returns:
        The figure, its panels by rows, and how many are in a row.
    """
    columns = min(count, most)
    rows = -(-count // columns)
    drawing = figure(max(1.0 + size[0] * columns, least), 0.9 + size[1] * rows)
    axes = drawing.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for ax in axes.flat[count:]:
        ax.set_visible(False)
    return drawing, axes.flat[:count].tolist(), columns


def note(text: str) -> Figure:
    """Figure that says in words why there is nothing to draw."""
    empty = figure(6.5, 0.7)
    empty.text(0.5, 0.5, text, ha="center", va="center", color=INK)
    return empty


def recipe_handles(names) -> list[Line2D]:
    """Legend entries of recipes."""
    return [
        Line2D([], [], color=recipe(name)[0], marker=recipe(name)[1], linestyle="", markersize=6, label=name)
        for name in ordered(names)
    ]


def verdict_handles(names) -> list[Line2D]:
    """Legend entries of verdicts."""
    return [Line2D([], [], linestyle="", label=name, **verdict_marker(name)) for name in VERDICTS if name in names]


def verdict_marker(name: str) -> dict:
    """Marker properties of a verdict; hollow where the data do not decide."""
    colour, marker, filled = VERDICTS[name]
    return {
        "color": colour,
        "marker": marker,
        "markersize": 6,
        "markeredgewidth": 1.3,
        "markerfacecolor": colour if filled else "none",
    }


def log_ticks(axis) -> None:
    """Powers of ten where the axis spans two of them, 1-2-5 steps in plain numbers where it does not."""
    low, high = sorted(axis.get_view_interval())
    if high / low >= 100:
        axis.set_major_locator(matplotlib.ticker.LogLocator(numticks=6))
        axis.set_major_formatter(matplotlib.ticker.LogFormatterMathtext())
    else:
        steps = (1, 2, 5) if high / low > 5 else (1, 2, 3, 5, 7)
        axis.set_major_locator(matplotlib.ticker.LogLocator(subs=steps, numticks=6))
        axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(matplotlib.ticker.NullFormatter())


CLIP = re.compile(r'\s*<clipPath id="(?P<id>\w+)">(?P<shape>.*?)</clipPath>', re.DOTALL)
USED = re.compile(r"(?<=url\(#)\w+(?=\))")


def save(drawing: Figure, svg: Path, png: Path) -> None:
    """Write SVG (text kept as text) and PNG at 150 dpi, with no date or version in the bytes."""
    svg.write_text(as_svg(drawing), encoding="utf-8")
    with matplotlib.rc_context(LOOK):
        drawing.savefig(png, format="png", dpi=150, metadata={"Software": None})


def as_svg(drawing: Figure) -> str:
    """Return a drawing as SVG, the same text for the same drawing.

    Matplotlib names a clip after all digits of its place, of which the constrained layout's solver does not always give
    the same last one (kiwisolver issue 57). Here a clip is named after its shape as written.
    """
    with matplotlib.rc_context(LOOK):
        text = io.StringIO()
        drawing.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    clips = list(CLIP.finditer(text.getvalue()))
    names = {clip["id"]: "p" + hashlib.sha256(clip["shape"].encode()).hexdigest()[:10] for clip in clips}
    first = {names[clip["id"]]: clip["id"] for clip in reversed(clips)}

    def defined(clip: re.Match) -> str:
        name = names[clip["id"]]
        return clip.group().replace(clip["id"], name, 1) if first[name] == clip["id"] else ""

    return USED.sub(lambda used: names.get(used.group(), used.group()), CLIP.sub(defined, text.getvalue()))
