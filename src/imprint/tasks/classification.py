"""Image classification: digits, MNIST or Fashion-MNIST as flat standardized pixels."""

from collections.abc import Iterable, Mapping

import numpy as np
import xarray as xr

from imprint.tasks import sources
from imprint.tasks.labelled import labelled

SEEDED = False
VIEWS = ()
LOSS = "cross_entropy"
EXAMPLE = {"data": "digits", "pool": 2, "limit": 100}

CLASSES = 10
SIZES = {"digits": (297, 500), "mnist": (5000, 10000), "fashion_mnist": (5000, 10000)}


def build(
    *,
    data: str = "digits",
    validation: int | None = None,
    test: int | None = None,
    pool: int = 1,
    limit: int | None = None,
    split_seed: int = 0,
) -> xr.Dataset:
    """Stratified train, validation and test splits of one data set.

    Args:
        data: ``digits`` (1797 images, 8x8), ``mnist`` or ``fashion_mnist`` (60000 and 10000 images, 28x28).
        validation: number of validation examples, taken from the training file; 297 for digits, else 5000.
        test: number of test examples; 500 for digits, from the same file, else the official test set of 10000
            (or a stratified part of it).
        pool: side of the squares of pixels that are averaged; 2 makes 196 inputs of 28x28.
        limit: number of training examples, the same of each class (the first classes get what does not
            divide); a larger limit adds examples to those of a smaller one. None is all that is left.
        split_seed: which examples go where.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`; ``x = (pixel - mean) / std`` with one mean and one
        standard deviation over all pixels of the training split, in attributes ``pixel_mean`` and
        ``pixel_std`` (grey levels). ``index_<split>`` is the position in the training file (test: in the test
        file, if there is one).

    Raises:
        ValueError: an unknown data set, or sizes it does not have.
    """
    counts = share(limit, range(CLASSES))
    parts, attrs = prepare(data, counts, validation=validation, test=test, pool=pool, split_seed=split_seed)
    return labelled(parts, classes=CLASSES, **attrs)


def share(total: int | None, classes: Iterable[int]) -> dict[int, int | None]:
    """``total`` examples over classes, as equally as possible, the first get the remainder; None: all."""
    classes = list(classes)
    if total is None:
        return dict.fromkeys(classes)
    if total < len(classes):
        raise ValueError(f"{total} training examples for {len(classes)} classes; give at least one for each")
    base, remainder = divmod(total, len(classes))
    return {label: base + (rank < remainder) for rank, label in enumerate(classes)}


def prepare(
    data: str,
    counts: Mapping[int, int | None],
    *,
    validation: int | None,
    test: int | None,
    pool: int,
    split_seed: int,
) -> tuple[dict[str, dict[str, np.ndarray]], dict]:
    """Splits of a data set restricted to some classes, standardized.

    The split is made before the restriction, so an example is in the same split whatever classes are kept.

    Args:
        data: name of the data set.
        counts: the classes kept, each with its number of training examples (None: all).
        validation: examples of validation before the restriction, or None for the default of the data set.
        test: the same for test.
        pool: side of the squares of pixels that are averaged.
        split_seed: which examples go where.

    Returns:
        ``{split: {"x": (B, D) float32, "y": (B), "index": (B)}}``, and the attributes of the dataset.

    Raises:
        ValueError: an unknown data set, or sizes it does not have.
    """
    if data in sources.COLOURED:
        raise ValueError(f"data={data!r} has colours; choose one of {', '.join(sorted(SIZES))}")
    raw = sources.load(data)
    default_validation, default_test = SIZES[data]
    sizes = {
        "test": default_test if test is None else test,
        "validation": default_validation if validation is None else validation,
    }
    parts = {}
    for split, (file, index) in _chosen(raw, sizes, counts, split_seed).items():
        index = np.sort(index)
        parts[split] = {
            "x": _pooled(raw[f"x_{file}"][index], pool),
            "y": raw[f"y_{file}"][index],
            "index": index,
        }
    mean, std = _moments(parts["train"]["x"])
    for columns in parts.values():
        columns["x"] = (columns["x"] - mean) / std
    attrs = {
        "x": "standardized pixels, row by row",
        "source": sources.TITLES[data],
        "checksum": sources.checksum(data),
        "pixel_mean": mean,
        "pixel_std": std,
    }
    return parts, attrs


def _chosen(
    raw: Mapping[str, np.ndarray], sizes: Mapping[str, int], counts: Mapping[int, int | None], split_seed: int
) -> dict[str, tuple[str, np.ndarray]]:
    """For each split its file and the indices in it; test has a file of its own where there is one."""
    y_N = raw["y_train"]
    if len(raw["y_test"]):
        file = "test"
        test, _ = _stratified(raw["y_test"], {"test": sizes["test"]}, [split_seed, 1])
        validation, train = _stratified(y_N, {"validation": sizes["validation"]}, [split_seed, 0])
    else:
        file = "train"
        test, validation, train = _stratified(y_N, sizes, [split_seed, 0])
    chosen = {
        "train": ("train", _limited(train, y_N, counts)),
        "validation": ("train", validation[np.isin(y_N[validation], list(counts))]),
        "test": (file, test[np.isin(raw[f"y_{file}"][test], list(counts))]),
    }
    for split, size in sizes.items():
        origin, index = chosen[split]
        absent = sorted(set(counts) - set(raw[f"y_{origin}"][index].tolist()))
        if absent:
            raise ValueError(f"{split}={size} has no example of class {absent[0]}; raise it")
    return chosen


def _moments(x_BD: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, summed in float64."""
    mean = float(x_BD.mean(dtype=np.float64))
    return mean, float(np.sqrt(np.square(x_BD - mean).mean(dtype=np.float64)))


def _stratified(y_N: np.ndarray, sizes: Mapping[str, int], seed: list[int]) -> list[np.ndarray]:
    """Indices of each wanted split, and of the rest, in the order of a random permutation within each class.

    Every class is in a split in its proportion of all examples, rounded by largest remainder.
    """
    for split, size in sizes.items():
        if not 0 < size <= len(y_N):
            raise ValueError(f"{split}={size}: choose between 1 and {len(y_N)}, the number of examples")
    generator = np.random.default_rng(seed)
    labels, totals = np.unique(y_N, return_counts=True)
    queues = [generator.permutation(np.flatnonzero(y_N == label)) for label in labels]
    splits = []
    for split, size in sizes.items():
        exact = totals * size / len(y_N)
        quota = np.floor(exact).astype(int)
        quota[np.argsort(quota - exact, kind="stable")[: size - quota.sum()]] += 1
        if any(len(queue) < count for queue, count in zip(queues, quota, strict=True)):
            raise ValueError(f"{split}={size}: fewer examples are left of {len(y_N)} after {sizes}")
        splits.append(np.concatenate([queue[:count] for queue, count in zip(queues, quota, strict=True)]))
        queues = [queue[count:] for queue, count in zip(queues, quota, strict=True)]
    return [*splits, np.concatenate(queues)]


def _limited(index: np.ndarray, y_N: np.ndarray, counts: Mapping[int, int | None]) -> np.ndarray:
    """The first ``counts[c]`` of the indices of every class c kept."""
    kept = []
    for label, count in counts.items():
        there = index[y_N[index] == label]
        wanted = max(1, len(there)) if count is None else count
        if wanted > len(there):
            raise ValueError(
                f"{wanted} training examples of class {label} are wanted and {len(there)} are left; "
                "lower the number for training, validation or test"
            )
        kept.append(there[:wanted])
    return np.concatenate(kept)


def _pooled(images_BHW: np.ndarray, pool: int) -> np.ndarray:
    """Means over squares of ``pool`` x ``pool`` pixels, flat: (B, H/pool * W/pool) float32."""
    count, height, width = images_BHW.shape
    if pool < 1 or height % pool or width % pool:
        sides = [side for side in range(1, height + 1) if height % side == 0 and width % side == 0]
        raise ValueError(f"pool={pool} does not divide {height}x{width} pixels; choose one of {sides}")
    squares = images_BHW.reshape(count, height // pool, pool, width // pool, pool)
    return squares.mean((2, 4), dtype=np.float32).reshape(count, -1)
