"""The dataset that every task gives: labelled splits."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

LONG_NAMES = {
    "y": "class of the example",
    "stage": "task of the sequence that the example belongs to, counted from 0",
    "index": "position of the example in its file of origin",
}


def labelled(
    parts: Mapping[str, Mapping[str, np.ndarray]], *, classes: int, x: str, source: str, **attrs
) -> xr.Dataset:
    """Task dataset of its splits.

    Args:
        parts: for each of ``train``, ``validation``, ``test`` its columns: ``x (example, feature)``, ``y
            (example)`` and, where the task has them, ``stage`` and ``index (example)``.
        classes: number of classes, also of those without an example.
        x: long name of the inputs.
        source: where the data come from.
        **attrs: further attributes of the dataset.

    Returns:
        Variables ``<column>_<split>`` with dims ``(split,)``, ``x_<split>`` with ``(split, feature)``;
        attributes ``classes``, ``inputs``, ``source`` and ``attrs``.
    """
    names = {"x": x, **LONG_NAMES}
    variables = {
        f"{column}_{split}": (
            (split, "feature") if column == "x" else (split,),
            values if column == "x" else np.asarray(values, np.int64),
            {"long_name": names[column], "units": "1", "source": source},
        )
        for split, columns in parts.items()
        for column, values in columns.items()
    }
    inputs = parts["train"]["x"].shape[1]
    return xr.Dataset(variables, attrs={"classes": classes, "inputs": inputs, "source": source, **attrs})
