"""Corruptions that change nothing, networks that do not see them, and images by scipy and by hand."""

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.ndimage import gaussian_filter

from imprint.probes.function import performance
from imprint.probes.robustness import distribution_shift
from imprint.probes.robustness.distribution_shift import blurred, image_shape, occluded, shifted
from imprint.solution import Solution
from imprint.streams import generator
from imprint.task import Task

LINEAR = {"name": "mlp", "hidden": [], "bias": False}
NONE = {"shift": [0], "blur": [0.0], "contrast": [1.0], "brightness": [0.0], "occlusion": [0]}
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def images(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", ["classification", "separable"])
def test_severity_0_is_the_accuracy_on_the_images_as_they_are(fleet, name):
    solution, task = fleet(name, **({"dimensions": 16} if name == "separable" else {}))
    found = distribution_shift.measure(solution, task, **NONE)
    usual = performance.measure(solution, task)["test_accuracy"]
    for corruption in found["corruption"].values:
        np.testing.assert_array_equal(found["accuracy"].sel(corruption=corruption, severity=1), usual)
    assert (found["drop"] == 0).all()
    # means of five equal numbers are rounded
    np.testing.assert_allclose(found["relative_drop"].where(usual > 0, 0), 0, atol=4 * np.finfo(float).eps)


def test_contrast_leaves_the_largest_logit_of_a_linear_network_without_bias(fleet):
    """Powers of 2 only change exponents, so this holds to the bit."""
    solution, task = fleet(model=LINEAR)
    found = distribution_shift.measure(solution, task, contrast=[0.5, 0.125, 4.0])
    assert (found["drop"].sel(corruption="contrast") == 0).all()
    assert (found["drop"].sel(corruption="brightness") != 0).any()


def test_brightness_leaves_a_network_that_does_not_see_it(fleet):
    """Weights of whole numbers that sum to 0, on inputs of whole numbers: sums are exact."""
    solution, task = fleet(model=LINEAR)
    data = solution.data.copy(deep=True)
    weight = np.round(5 * data["weight.layers.0.weight"].values)
    weight[..., -1] -= weight.sum(-1)
    data["weight.layers.0.weight"][:] = weight
    task._tensors["x_test"] = (4 * task.tensor("x_test")).round()
    found = distribution_shift.measure(Solution(data), task, brightness=[1, 2, 16])
    assert (found["drop"].sel(corruption="brightness") == 0).all()
    assert (found["drop"].sel(corruption="occlusion") != 0).any()


def test_a_shift_is_not_seen_by_a_network_that_sums_all_pixels(fleet):
    """Whole numbers with a dark frame as wide as the shift, so that nothing leaves the image and sums are exact."""
    solution, task = fleet(model={"name": "mlp", "hidden": []}, pool=1)
    x = images(300, 1, 8, 8).mul(3).round().clamp(min=-4)
    x[..., [0, 1, 6, 7], :] = x[..., :, [0, 1, 6, 7]] = -4
    data = solution.data.copy(deep=True)
    weight = np.round(5 * data["weight.layers.0.weight"].values[..., :1])
    data["weight.layers.0.weight"][:] = weight
    data["weight.layers.0.bias"][:] = -weight[..., 0] * x.sum((1, 2, 3)).median().item()
    task._tensors |= {"x_test": x.flatten(1), "y_test": torch.arange(300) % 10}
    found = distribution_shift.measure(Solution(data), task, shift=[1, 2, 4])
    drop = found["drop"].sel(corruption="shift")
    assert (drop.sel(severity=[1, 2]) == 0).all()
    assert (drop.sel(severity=3) != 0).any()


def test_accuracy_under_a_shift_is_that_of_weights_shifted_back(fleet):
    """Of a linear network on images with a dark frame of 0, by numpy; the mean over four directions."""
    solution, task = fleet(model=LINEAR, pool=1)
    x = images(400, 8, 8).abs()
    x[:, [0, -1], :] = x[:, :, [0, -1]] = 0
    y = torch.arange(400) % 10
    task._tensors |= {"x_test": x.flatten(1), "y_test": y}
    found = distribution_shift.measure(solution, task, **{**NONE, "shift": [1]}, examples=400)
    weight = solution.values("layers.0.weight", "final").reshape(2, 3, 10, 8, 8)
    expected = []
    for axis, step in ((3, 1), (3, -1), (4, 1), (4, -1)):
        logits = np.einsum("ksrhw,nhw->ksnr", np.roll(weight, step, axis), x.numpy())
        expected.append((logits.argmax(-1) == y.numpy()).mean(-1))
    result = found["accuracy"].sel(snapshot="final", corruption="shift", severity=1)
    # a mean of four quotients
    np.testing.assert_allclose(result, np.mean(expected, axis=0), rtol=1e-14)


@pytest.mark.parametrize(("rows", "columns"), [(k * down, k * right) for down, right in DIRECTIONS for k in (0, 2, 5)])
def test_shifted_images_by_loops(rows, columns):
    x = images(3, 2, 4, 5)
    moved = shifted(x, rows, columns)
    for n, c, h, w in np.ndindex(*x.shape):
        inside = 0 <= h - rows < 4 and 0 <= w - columns < 5
        assert moved[n, c, h, w] == (x[n, c, h - rows, w - columns] if inside else x[n, c].min())


@pytest.mark.parametrize("deviation", [0.4, 1.0, 2.5])
def test_blur_is_that_of_scipy(deviation):
    x = images(2, 3, 6, 9)
    reach = int(np.ceil(3 * deviation))
    expected = gaussian_filter(x.numpy(), deviation, axes=(2, 3), mode="nearest", radius=reach)
    # sums of at most 17 x 17 numbers of order 1
    np.testing.assert_allclose(blurred(x, deviation), expected, atol=1e-13)


def test_no_blur_is_exact():
    x = images(4, 1, 5, 5)
    assert torch.equal(blurred(x, 0.0), x)


def test_a_square_of_each_image_is_covered():
    """The same place whatever comes before the images; the darkest pixel itself looks as before under the square."""
    x = images(2, 500, 1, 5, 7)
    changed = occluded(x, 3, generator(0, "test")) != x
    assert (occluded(x, 3, generator(0, "test"))[changed] == x.amin((-2, -1), keepdim=True).expand_as(x)[changed]).all()
    assert set(changed.sum((2, 3, 4)).unique().tolist()) == {8, 9}
    places = set()
    for each in changed.any(0).squeeze(1):
        rows, columns = each.nonzero().T
        assert rows.max() - rows.min() == 2 and columns.max() - columns.min() == 2
        places.add((rows.min().item(), columns.min().item()))
    # one of the 15 places is missed by 500 squares with probability 15 (14 / 15)^500 < 1e-13
    assert len(places) == 15


def test_the_shape_is_that_of_the_task_or_of_the_model_or_a_square(fleet):
    assert image_shape(fleet("dominoes")[1]) == (1, 16, 8)
    assert image_shape(fleet(pool=1)[1]) == (1, 8, 8)
    data = fleet("clusters", dimensions=12)[1].data
    model = {"name": "convnet", "shape": [1, 3, 4], "channels": [2]}
    assert image_shape(Task(data, model, "cross_entropy")) == (1, 3, 4)


def test_rows_and_columns_of_an_image_that_is_no_square(fleet):
    """Dominoes are 16 x 8: the first step to the right leaves every row in place."""
    solution, task = fleet("dominoes", model=LINEAR)
    found = distribution_shift.measure(solution, task, **{**NONE, "shift": [2]})
    x, y = task.tensor("x_test").unflatten(1, (16, 8)), task.tensor("y_test")
    fill = x.amin((1, 2), keepdim=True)
    moved = [torch.cat([fill.expand(-1, 16, 2), x[:, :, :-2]], 2), torch.cat([x[:, :, 2:], fill.expand(-1, 16, 2)], 2)]
    moved += [torch.cat([fill.expand(-1, 2, 8), x[:, :-2]], 1), torch.cat([x[:, 2:], fill.expand(-1, 2, 8)], 1)]
    weight = torch.as_tensor(solution.values("layers.0.weight", "final"))
    right = [(each.flatten(1) @ weight.mT).argmax(-1) == y for each in moved]
    expected = torch.stack([each.double().mean(-1) for each in right]).mean(0)
    result = found["accuracy"].sel(snapshot="final", corruption="shift", severity=1)
    # a mean of four quotients
    np.testing.assert_allclose(result, expected, rtol=1e-14)


def test_summaries_are_means(fleet):
    solution, task = fleet()
    found = distribution_shift.measure(solution, task, examples=50)
    mean = found["accuracy"].mean(("corruption", "severity"))
    # means of 15 numbers, added in another order
    xr.testing.assert_allclose(found["mean_accuracy"], mean, rtol=1e-14)
    clean = (found["accuracy"] + found["drop"]).isel(corruption=0, severity=0)
    np.testing.assert_allclose(found["relative_drop"], (1 - mean / clean).where(clean > 0), atol=1e-13)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"examples": 0}, "examples 0 is at least 1"),
        ({"blur": [1.0]}, "same number of severities, at least one; here it is .*'blur': 1"),
        ({name: [] for name in NONE}, "same number of severities, at least one"),
        ({"shift": [1, 2, 5]}, r"shift \[1, 2, 5\]; allowed: whole numbers from 0 to 4, the side of the image"),
        ({"occlusion": [1, 2, 1.5]}, r"occlusion \[1, 2, 1.5\]; allowed: whole numbers from 0 to 4"),
        ({"contrast": [0.5, 0.2, -1]}, r"contrast \[0.5, 0.2, -1\]; allowed: at least 0"),
    ],
)
def test_options_outside_their_range_are_refused(fleet, options, message):
    solution, task = fleet()
    with pytest.raises(ValueError, match=message):
        distribution_shift.measure(solution, task, **options)


def test_inputs_that_are_no_images_are_refused(fleet):
    solution, task = fleet("clusters", dimensions=12)
    with pytest.raises(ValueError, match=r"this task has no attribute 'shape' .* and its 12 inputs are no square"):
        distribution_shift.measure(solution, task)
    task._tensors["x_test"] = torch.zeros(3, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="needs real inputs and those of this task are torch.int64"):
        distribution_shift.measure(solution, task)
