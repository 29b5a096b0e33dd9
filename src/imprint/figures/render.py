"""Draw one figure by name and write it as SVG, PNG and, where it tells its data, CSV."""

import importlib
from pathlib import Path
from types import ModuleType

import pandas as pd
import xarray as xr

from imprint.figures import style
from imprint.store import replacing


def names() -> list[str]:
    """Figures of this folder: the files that define `draw`."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(path.stem for path in files if "\ndef draw(" in path.read_text(encoding="utf-8"))


def module(name: str) -> ModuleType:
    """Module of a figure: a file of this folder, or `package.module` for one from elsewhere.

    Raises:
        ValueError: if no such figure exists; the message lists those that do.
    """
    if "." in name:
        return importlib.import_module(name)
    if name not in names():
        raise ValueError(f"no figure {name!r} in {Path(__file__).parent}; there are {', '.join(names())}")
    return importlib.import_module(f"imprint.figures.{name}")


def render(
    name: str,
    atlas: xr.DataTree,
    claims: pd.DataFrame,
    experiment: dict | list[dict],
    svg_path: str | Path,
    png_path: str | Path,
    csv_path: str | Path | None = None,
) -> None:
    """Draw figure `name` of one experiment (or of its tasks, or of the study: a list of them) and write its files.

    Equal inputs give equal bytes. A module's `data` is what its figure shows, as a tidy frame.
    """
    figure = module(name)
    if csv_path is not None:
        with replacing(csv_path) as csv:
            figure.data(atlas, claims, experiment).to_csv(csv, index=False, float_format="%.6g")
    with replacing(svg_path) as svg, replacing(png_path) as png:
        style.save(figure.draw(atlas, claims, experiment), svg, png)
