"""Dominoes: two images in one, a simple half above a complex half, each of which decides the class."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from imprint.tasks import sources
from imprint.tasks.labelled import labelled

SEEDED = False
VIEWS = ("blocks",)
LOSS = "cross_entropy"
EXAMPLE = {"top": "digits", "bottom": "digits", "bottom_classes": (8, 9), "train": 80, "validation": 40, "test": 60}

PAIRS = {"digits": (0, 1), "mnist": (0, 1), "fashion_mnist": (2, 4), "cifar10": (1, 9), "cifar10_jpeg": (1, 9)}
BRIGHTEST = {"digits": 16}
HALVES = ("top", "bottom")
GREY = (0.299, 0.587, 0.114)


def build(
    *,
    top: str = "mnist",
    bottom: str = "fashion_mnist",
    top_classes: Sequence[int] | None = None,
    bottom_classes: Sequence[int] | None = None,
    label: str = "both",
    train: int = 4000,
    validation: int = 1000,
    test: int = 1000,
    pool: int = 1,
    channels: int | None = None,
    split_seed: int = 0,
) -> xr.Dataset:
    """Images of two data sets stacked, of two classes each: MNIST above CIFAR-10, or above Fashion-MNIST.

    The class of an example, 0 or 1 in equal numbers, is that of its label's half or halves. A half without the label
    shows either of its classes equally often within each class. The image within a class is drawn at random, without
    repetition, for each half on its own. The smaller images are padded with zeros to the size of the larger ones.

    Args:
        top: data set of the upper half: ``digits``, ``mnist``, ``fashion_mnist``, ``cifar10`` or ``cifar10_jpeg``.
        bottom: data set of the lower half.
        top_classes: its classes for 0 and for 1; None is digits 0 and 1, pullover and coat (2, 4), automobile and
            truck (1, 9).
        bottom_classes: the same for the lower half.
        label: ``both`` halves tell the class, or ``top`` or ``bottom`` alone does.
        train: number of training examples; those of a smaller number are among those of a larger one.
        validation: number of validation examples, from the training files.
        test: number of test examples, from the test files; those of digits are from the only file.
        pool: side of the squares of pixels that are averaged.
        channels: 1 for grey levels (luma of ITU-R BT.601), 3 for red, green and blue; None is 3 if a half has
            colours, else 1.
        split_seed: which images go where.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`; inputs are channel by channel, row by row, the upper half
        first, ``(value - mean) / std`` with one mean and one standard deviation of all training values. Attribute
        ``shape``: channels, height and width. The view ``blocks``: ``blocks_name (feature)``, the half of each
        feature. ``cifar10`` is its JPEG copy where the data directory holds that alone; the source says so.

    Raises:
        ValueError: an option outside its range, an unknown data set, or classes or sizes it does not have.
    """
    _check({"top": top, "bottom": bottom}, label, channels)
    names = {"top": sources.at_hand(top), "bottom": sources.at_hand(bottom)}
    wanted = {"top": top_classes or PAIRS[top], "bottom": bottom_classes or PAIRS[bottom]}
    raw = {half: sources.load(name) for half, name in names.items()}
    depth = channels or (3 if any(name in sources.COLOURED for name in names.values()) else 1)
    sizes = {"test": test, "validation": validation, "train": train}
    y = {split: np.arange(size) % 2 for split, size in sizes.items()}
    images = {}
    for place, half in enumerate(HALVES):
        shown = {split: y_N if label in ("both", half) else np.arange(len(y_N)) // 2 % 2 for split, y_N in y.items()}
        chosen = _chosen(half, raw[half], wanted[half], shown, np.random.default_rng([split_seed, place]))
        scale = BRIGHTEST.get(names[half], 255)
        images[half] = {
            split: _levels(raw[half][f"x_{file}"][index], depth) / np.float32(scale)
            for split, (file, index) in chosen.items()
        }
    x, shape = _stacked(images, pool)
    mean, std = float(x["train"].mean(dtype=np.float64)), float(x["train"].std(dtype=np.float64))
    parts = {split: {"x": ((x[split] - mean) / std).astype(np.float32), "y": y[split]} for split in reversed(sizes)}
    source = " over ".join(sources.TITLES[names[half]] for half in HALVES)
    attrs = {f"checksum_{half}": sources.checksum(names[half]) for half in HALVES}
    attrs |= {"shape": list(shape), "pixel_mean": mean, "pixel_std": std}
    data = labelled(parts, classes=2, x="standardized pixels of both halves", source=source, **attrs)
    about = {"long_name": "half of the image", "units": "1", "source": source}
    about |= {"flag_values": [0, 1], "flag_meanings": " ".join(HALVES)}
    rows_CHW = np.broadcast_to(np.arange(shape[1])[:, None], shape)
    return data.assign(blocks_name=("feature", (rows_CHW.ravel() >= shape[1] // 2).astype(np.int64), about))


def _check(data: dict[str, str], label: str, channels: int | None) -> None:
    for half, name in data.items():
        if name not in PAIRS:
            raise ValueError(f"{half}={name!r}: choose one of {', '.join(sorted(PAIRS))}")
    if label not in ("both", *HALVES):
        raise ValueError(f"label={label!r}: the class is told by 'both', 'top' or 'bottom'")
    if channels not in (None, 1, 3):
        raise ValueError(f"channels={channels}: choose 1 for grey levels or 3 for colours")


def _chosen(
    half: str, raw: dict[str, np.ndarray], pair: Sequence[int], shown: dict[str, np.ndarray], generator
) -> dict[str, tuple[str, np.ndarray]]:
    """For each split its file and the index there of the image of every example, which shows its class."""
    pair = tuple(pair)
    if len(pair) != 2 or pair[0] == pair[1]:
        raise ValueError(f"{half}_classes={list(pair)} is not a pair of two different classes")
    files = {split: "test" if split == "test" and len(raw["y_test"]) else "train" for split in shown}
    queues = {
        (file, kind): generator.permutation(np.flatnonzero(raw[f"y_{file}"] == pair[kind]))
        for file in ("train", "test")
        for kind in (0, 1)
    }
    chosen = {}
    for split, kinds_N in shown.items():
        if len(kinds_N) < 2:
            raise ValueError(f"{split}={len(kinds_N)}: at least one example of each class is needed")
        index = np.empty(len(kinds_N), np.int64)
        for kind in (0, 1):
            rows, key = np.flatnonzero(kinds_N == kind), (files[split], kind)
            if len(rows) > len(queues[key]):
                raise ValueError(
                    f"{split}={len(kinds_N)} needs {len(rows)} images of class {pair[kind]} for the {half} half and "
                    f"{len(queues[key])} are left; lower the number for train, validation or test"
                )
            index[rows], queues[key] = queues[key][: len(rows)], queues[key][len(rows) :]
        chosen[split] = (files[split], index)
    return chosen


def _levels(images: np.ndarray, depth: int) -> np.ndarray:
    """Images (N, H, W) or (N, H, W, 3) as (N, depth, H, W) float32."""
    if images.ndim == 3:
        return np.repeat(images[:, None], depth, 1).astype(np.float32)
    levels = images.transpose(0, 3, 1, 2).astype(np.float32)
    return levels if depth == 3 else np.einsum("nchw,c->nhw", levels, np.float32(GREY))[:, None]


def _stacked(images: dict, pool: int) -> tuple[dict[str, np.ndarray], tuple[int, int, int]]:
    """Inputs (N, D) of every split, and the shape (channels, height, width) of an example."""
    height, width = np.max([part["train"].shape[2:] for part in images.values()], 0).tolist()
    if pool < 1 or height % pool or width % pool:
        sides = [side for side in range(1, height + 1) if height % side == 0 and width % side == 0]
        raise ValueError(f"pool={pool} does not divide {height}x{width} pixels; choose one of {sides}")
    x = {}
    for split in images["top"]:
        whole = np.concatenate([_padded(images[half][split], height, width) for half in HALVES], 2)
        count, depth = whole.shape[:2]
        squares = whole.reshape(count, depth, 2 * height // pool, pool, width // pool, pool)
        x[split] = squares.mean((3, 5), dtype=np.float32).reshape(count, -1)
    return x, (depth, 2 * height // pool, width // pool)


def _padded(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Images (N, C, H, W) in the middle of zeros."""
    rows, columns = height - images.shape[2], width - images.shape[3]
    around = ((0, 0), (0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
    return np.pad(images, around)
