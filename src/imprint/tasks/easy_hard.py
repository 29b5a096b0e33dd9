"""Two independent features of a string of bits, one linear and one not, both of which are to be told."""

import numpy as np
import xarray as xr

from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ("factors",)
LOSS = "cross_entropy"
EXAMPLE = {"dimensions": 28, "train": 300, "validation": 100, "test": 200}

SOURCE = "an easy and a hard feature after Lampinen et al. 2024, arXiv 2405.05847"


def build(
    *,
    dimensions: int = 32,
    width: int = 1,
    train: int = 4000,
    validation: int = 2000,
    test: int = 4000,
    seed: int,
) -> xr.Dataset:
    r"""Points of :math:`\{-1, 1\}^d` whose class is the pair of an easy and a hard feature.

    All bits are fair coins. With the majorities :math:`m_1, m_2, m_3` of the first three groups of ``width`` bits the
    easy feature is :math:`m_1`, which a linear function of the bits tells, and the hard one is :math:`m_2 \oplus m_3`,
    which correlates with no single bit. They are independent and equally often 1, and the class is
    :math:`2\,\mathrm{easy} + \mathrm{hard}`: logits that are a sum of what each feature says make its cross-entropy the
    sum of the two features' own.

    Args:
        dimensions: number of bits d, at least ``3 * width``.
        width: bits of a group, odd.
        train: number of training points.
        validation: number of validation points.
        test: number of test points.
        seed: of the points; the sizes of the splits do not change one another's points.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`, and the view ``factors``: ``factors_easy_<split> (split)``
        and ``factors_hard_<split> (split)``, 0 or 1, of validation and test. float32.

    Raises:
        ValueError: an option outside its range.
    """
    if width < 1 or width % 2 == 0:
        raise ValueError(f"width={width}: a majority needs an odd number of bits")
    if dimensions < 3 * width:
        raise ValueError(f"dimensions={dimensions}: three groups of {width} bits need at least {3 * width}")
    sizes = {"train": train, "validation": validation, "test": test}
    parts, views = {}, {}
    for (split, size), stream in zip(sizes.items(), np.random.default_rng(seed).spawn(3), strict=True):
        if size < 1:
            raise ValueError(f"{split}={size}: at least one point is needed")
        x_BD = 2 * stream.integers(2, size=(size, dimensions)) - 1
        majority_BG = (x_BD[:, : 3 * width].reshape(size, 3, width).sum(2) > 0).astype(np.int64)
        features = {"easy": majority_BG[:, 0], "hard": majority_BG[:, 1] ^ majority_BG[:, 2]}
        parts[split] = {"x": x_BD.astype(np.float32), "y": 2 * features["easy"] + features["hard"]}
        if split != "train":
            for name, values in features.items():
                about = {"long_name": f"the {name} feature of the {split} points", "units": "1", "source": SOURCE}
                views[f"factors_{name}_{split}"] = (split, values, about)
    return labelled(parts, classes=4, x="bits", source=SOURCE).assign(views)
