"""Two half moons, which a curve separates, pulled apart along one coordinate so that a straight line may do."""

import numpy as np
import xarray as xr

from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ("blocks",)
LOSS = "cross_entropy"
EXAMPLE = {"train": 60, "validation": 40, "test": 80}

SOURCE = "two moons with a margin as in Pezeshki et al. 2021, arXiv 2011.09468, and their code"
KINDS = ("margin", "across")


def build(
    *,
    margin: float = 0.1,
    noise: float = 0.1,
    train: int = 300,
    validation: int = 300,
    test: int = 2000,
    seed: int,
) -> xr.Dataset:
    r"""Half circles of radius 1 with noise, the classes in turn.

    With t evenly spaced on :math:`[0, \pi]` and normal noise of standard deviation ``noise``, class 0 is
    :math:`(\sin t + 0.05, \cos t - 0.5)` and class 1 :math:`(-\sin t - 0.05, 0.5 - \cos t)`. Where the first coordinate
    has the other class's sign it is reflected, and then moved away from 0 by ``margin``: its sign tells the class, with
    a gap of at least ``2 * margin`` for a positive margin; a negative one lets the classes overlap along it. The second
    coordinate tells the class only together with the first. The authors subtract the mean of the first coordinate of
    all points; here it is that of the distribution.

    Args:
        margin: Delta of the paper.
        noise: standard deviation.
        train: number of training points.
        validation: number of validation points.
        test: number of test points.
        seed: of the noise; the sizes of the splits do not change one another's noise.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`, and the view ``blocks``: ``blocks_name (feature)``, the
        coordinate, ``margin`` or ``across``. float32.

    Raises:
        ValueError: an option outside its range.
    """
    if noise <= 0:
        raise ValueError(f"noise={noise}: a standard deviation is above 0")
    sizes = {"train": train, "validation": validation, "test": test}
    parts = {}
    for (split, size), stream in zip(sizes.items(), np.random.default_rng(seed).spawn(3), strict=True):
        if size < 2:
            raise ValueError(f"{split}={size}: at least one point of each class is needed")
        y_B = np.arange(size) % 2
        sign_B = 1 - 2 * y_B
        angle_B = np.pi * (np.arange(size) // 2) / max(1, (size - 1) // 2)
        noise_BD = noise * stream.standard_normal((size, 2))
        height_B = np.abs(sign_B * (np.sin(angle_B) + 0.05) + noise_BD[:, 0])
        across_B = sign_B * (np.cos(angle_B) - 0.5) + noise_BD[:, 1]
        x_BD = np.column_stack([sign_B * (height_B + margin), across_B])
        parts[split] = {"x": x_BD.astype(np.float32), "y": y_B}
    kind = {"long_name": "coordinate", "units": "1", "source": SOURCE}
    kind |= {"flag_values": list(range(len(KINDS))), "flag_meanings": " ".join(KINDS)}
    return labelled(parts, classes=2, x="coordinates", source=SOURCE).assign(
        blocks_name=("feature", np.arange(len(KINDS)), kind)
    )
