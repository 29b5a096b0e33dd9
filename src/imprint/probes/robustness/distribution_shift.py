"""What is left of the accuracy when test images are moved, blurred, darkened or covered?"""

import math
from collections.abc import Callable, Sequence

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.function.performance import accuracy
from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "accuracy": {
        "long_name": "accuracy on corrupted test images",
        "units": "1",
        "dims": ("corruption", "severity"),
        "prefer": "high",
        "source": "after Hendrycks and Dietterich 2019, arXiv 1903.12261",
    },
    "drop": {
        "long_name": "accuracy on test images as they are minus that on corrupted ones",
        "units": "1",
        "dims": ("corruption", "severity"),
        "prefer": "low",
        "source": "after Hendrycks and Dietterich 2019, arXiv 1903.12261",
    },
    "mean_accuracy": {
        "long_name": "accuracy on corrupted test images, mean over corruptions and severities",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "after Hendrycks and Dietterich 2019, arXiv 1903.12261",
    },
    "relative_drop": {
        "long_name": "share of the accuracy on test images that is lost to corruptions, on average",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
}
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))
REACH = 3  # a Gaussian is cut off at so many standard deviations


def image_shape(task: Task) -> tuple[int, int, int]:
    """Return channels, height and width of an input: those the task or its model declares, else a grey square.

    Raises:
        ValueError: if nobody declares them and the number of inputs is no square.
    """
    declared = task.data.attrs.get("shape", getattr(task.model, "shape", None))
    if declared is not None:
        return tuple(declared)
    inputs = int(task.data.attrs["inputs"])
    side = math.isqrt(inputs)
    if side * side != inputs:
        raise ValueError(
            f"distribution_shift needs images: this task has no attribute 'shape' (channels, height, width), nor has "
            f"its model, and its {inputs} inputs are no square; take this probe out of the experiment"
        )
    return 1, side, side


def darkest(images: Tensor) -> Tensor:
    """Return the smallest value of each channel, ``[..., C, 1, 1]``, its background."""
    return images.amin((-2, -1), keepdim=True)


def shifted(images: Tensor, rows: int, columns: int) -> Tensor:
    """Return images ``[..., C, H, W]`` moved down and to the right; what comes in is the channel's darkest value.

    >>> shifted(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 0, 1)
    tensor([[[1., 1.],
             [1., 3.]]])
    """
    height, width = images.shape[-2:]
    row_H, column_W = torch.arange(height) - rows, torch.arange(width) - columns
    inside_HW = ((row_H >= 0) & (row_H < height)).unsqueeze(1) & (column_W >= 0) & (column_W < width)
    moved = images.roll((rows, columns), (-2, -1))
    return torch.where(inside_HW.to(images.device), moved, darkest(images))


def smoothing(length: int, deviation: float) -> Tensor:
    """Return the matrix ``[length, length]`` of Gaussian means along an axis whose ends go on as they are; float64.

    Row i has the weights ``exp(-(j - i)^2 / (2 deviation^2))`` over their sum, for j up to 3 deviations away.

    >>> smoothing(3, 0.0)
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]], dtype=torch.float64)
    """
    reach = math.ceil(REACH * deviation)
    offset_K = torch.arange(-reach, reach + 1)
    weight_K = torch.exp(-torch.square(offset_K.double() / deviation) / 2) if deviation else torch.ones(1).double()
    place_LK = (torch.arange(length).unsqueeze(1) + offset_K).clamp(0, length - 1)
    zeros = torch.zeros(length, length, dtype=torch.float64)
    return zeros.scatter_add(1, place_LK, (weight_K / weight_K.sum()).expand(length, -1))


def blurred(images: Tensor, deviation: float) -> Tensor:
    """Return Gaussian means over pixels of images ``[..., C, H, W]``, see :func:`smoothing`."""
    down_HH, along_WW = (smoothing(size, deviation).to(images.device, images.dtype) for size in images.shape[-2:])
    return down_HH @ images @ along_WW.mT


def occluded(images: Tensor, side: int, stream: torch.Generator) -> Tensor:
    """Return images ``[..., N, C, H, W]``, each with one square in the channel's darkest value.

    Its place is uniform among those inside the image, the same for the n-th image whatever comes before N.
    """
    count, (height, width) = images.shape[-4], images.shape[-2:]
    top_N1 = torch.randint(height - side + 1, (count, 1), generator=stream)
    left_N1 = torch.randint(width - side + 1, (count, 1), generator=stream)
    row_H, column_W = torch.arange(height), torch.arange(width)
    rows_NH = (row_H >= top_N1) & (row_H < top_N1 + side)
    columns_NW = (column_W >= left_N1) & (column_W < left_N1 + side)
    covered_NHW = rows_NH.unsqueeze(2) & columns_NW.unsqueeze(1)
    return torch.where(covered_NHW.unsqueeze(1).to(images.device), darkest(images), images)


def measure(
    solution: Solution,
    task: Task,
    *,
    shift: Sequence[int] = (1, 2, 3),
    blur: Sequence[float] = (0.5, 1.0, 1.5),
    contrast: Sequence[float] = (0.5, 0.25, 0.125),
    brightness: Sequence[float] = (0.5, 1.0, 1.5),
    occlusion: Sequence[int] = (2, 3, 4),
    examples: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    """Measure the accuracy on test images under five corruptions, each at declared severities, counted from 1.

    An image is what the task declares (attribute ``shape``: channels, height, width), else what its model does, else a
    grey square, row by row. Corrupted values are not kept in the range of the images.

    Args:
        solution: the solution.
        task: its task, of images.
        shift: by how many pixels; the accuracy is the mean over right, left, down and up. See :func:`shifted`.
        blur: standard deviation of a Gaussian mean, in pixels.
        contrast: what inputs are multiplied by; 0, the mean of standardized inputs, is grey.
        brightness: what is added to inputs, in their own units (standard deviations, for standardized ones).
        occlusion: side, in pixels, of a square that is covered. See :func:`occluded`.
        examples: how many of the first test examples (all, if there are fewer).
        seed: of the places of the squares, the same for all replicas.

    Returns:
        ``accuracy`` and ``drop``, dims ``(setting, seed, snapshot, corruption, severity)``; ``mean_accuracy`` over
        both and ``relative_drop``, 1 minus it over the accuracy on the same images as they are (NaN if that is 0),
        dims ``(setting, seed, snapshot)``.

    Raises:
        ValueError: an option outside its range, severities that differ in number, or inputs that are no images.
    """
    strengths = {"shift": shift, "blur": blur, "contrast": contrast, "brightness": brightness, "occlusion": occlusion}
    strengths = {name: list(values) for name, values in strengths.items()}
    if not task.tensor("x_test").is_floating_point():
        raise ValueError(
            f"distribution_shift needs real inputs and those of this task are {task.tensor('x_test').dtype}; take this "
            "probe out of the experiment"
        )
    shape = image_shape(task)
    _check(strengths, examples, shape)

    def versions(images: Tensor, name: str, strength: float) -> list[Tensor]:
        """Corrupted images; the accuracy is the mean over the list."""
        corrupt: dict[str, Callable[[], list[Tensor]]] = {
            "shift": lambda: [shifted(images, strength * down, strength * right) for down, right in DIRECTIONS],
            "blur": lambda: [blurred(images, strength)],
            "contrast": lambda: [images * strength],
            "brightness": lambda: [images + strength],
            "occlusion": lambda: [occluded(images, strength, generator(seed, "distribution_shift", strength))],
        }
        return corrupt[name]()

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("test"), replicas.y("test")[..., :examples]
        x = x.narrow(int(task.seeded), 0, y.shape[-1])
        images = x.unflatten(-1, shape)

        def right(corrupted: list[Tensor]) -> Tensor:
            parts = [accuracy(task.logits(replicas.weights, each.flatten(-3)), y) for each in corrupted]
            return torch.stack(parts, -1).mean(-1)

        rows = [[right(versions(images, name, each)) for each in values] for name, values in strengths.items()]
        accuracy_RKS = torch.stack([torch.stack(row, -1) for row in rows], -2)
        clean_R, mean_R = right([images]), accuracy_RKS.mean((-2, -1))
        return {
            "accuracy": accuracy_RKS,
            "drop": clean_R[:, None, None] - accuracy_RKS,
            "mean_accuracy": mean_R,
            "relative_drop": 1 - mean_R / clean_R.where(clean_R > 0, torch.nan),
        }

    severities = list(range(1, len(strengths["shift"]) + 1))
    return solution.each(task, kernel, MEASURES, {"corruption": list(strengths), "severity": severities})


def _check(strengths: dict[str, list], examples: int, shape: tuple[int, int, int]) -> None:
    """Refuse severities that are none, or that differ in number from corruption to corruption."""
    counts = {name: len(values) for name, values in strengths.items()}
    if examples < 1 or len(set(counts.values())) > 1 or 0 in counts.values():
        raise ValueError(
            f"distribution_shift: examples {examples} is at least 1, and every corruption has the same number of "
            f"severities, at least one; here it is {counts}"
        )
    side = min(shape[1:])
    for name, values in strengths.items():
        pixels = name in ("shift", "occlusion")
        whole = all(isinstance(value, int) and value <= side for value in values)
        if min(values) < 0 or (pixels and not whole):
            allowed = f"whole numbers from 0 to {side}, the side of the image" if pixels else "at least 0"
            raise ValueError(f"distribution_shift: {name} {values}; allowed: {allowed}")
