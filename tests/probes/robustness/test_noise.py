"""Accuracy under noise of linear networks of two classes, by the normal distribution function."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from imprint.probes.robustness import noise

SIZES = (0.2, 1.0)


@pytest.fixture
def linear(fleet):
    """Networks ``sign(w x)``, their margins by replica and example, and what is measured with many draws."""
    solution, task = fleet("waves", model={"name": "mlp", "hidden": [], "bias": False})
    found = noise.measure(solution, task, sizes=SIZES, count=400).sel(snapshot="final")
    weight = solution.values("layers.0.weight", "final")
    x, y = (part.numpy() for part in task.split("test"))
    difference = weight[:, :, 1] - weight[:, :, 0]
    margin = (2 * y - 1) * np.einsum("krd,rnd->krn", difference, x)
    return found, margin, difference, weight, x


def within_errors(found, expected):
    # the declared standard errors of 12 means, five of them; where all draws agree, a draw's resolution
    assert (np.abs(found["accuracy"] - expected) <= 5 * found["error"] + 1e-3).all()


def test_noise_on_inputs(linear):
    """``w (x + s e)`` is normal with standard deviation ``s |w|``."""
    found, margin, difference, _, _ = linear
    for size in SIZES:
        spread = size * np.linalg.norm(difference, axis=-1)[..., None]
        within_errors(found.sel(noisy="inputs", size=size), norm.cdf(margin / spread).mean(-1))


def test_noise_on_weights(linear):
    """Noise of both rows: ``(w + s rms e) x`` has standard deviation ``s rms sqrt(2) |x|``."""
    found, margin, _, weight, x = linear
    root = np.sqrt(np.square(weight).mean((2, 3)))[..., None]
    for size in SIZES:
        spread = size * root * np.sqrt(2) * np.linalg.norm(x, axis=-1)
        within_errors(found.sel(noisy="weights", size=size), norm.cdf(margin / spread).mean(-1))


def test_the_standard_error_is_that_of_repetitions(fleet):
    solution, task = fleet("waves", model={"name": "mlp", "hidden": []})
    runs = [noise.measure(solution, task, sizes=[0.5], count=20, seed=seed) for seed in range(40)]
    spread = np.std([run["accuracy"].sel(snapshot="final").values for run in runs], axis=0, ddof=1)
    stated = np.sqrt(np.mean([np.square(run["error"].sel(snapshot="final").values) for run in runs], axis=0))
    # a standard deviation of 40 numbers is known to 1 / sqrt(78): five of these
    np.testing.assert_allclose(spread, stated, rtol=5 / 78**0.5)


def test_no_noise_is_no_drop(fleet):
    solution, task = fleet()
    found = noise.measure(solution, task, sizes=[0.0])
    # means of five equal numbers are rounded
    np.testing.assert_allclose(found[["drop", "error"]].to_array(), 0, atol=4 * np.finfo(float).eps)


def test_noise_is_relative_to_each_tensor_and_the_same_for_all_replicas():
    weights = {"a": torch.tensor([[[3.0, 4.0]], [[6.0, 8.0]]]), "b": torch.zeros(2, 1)}
    drawn = {"a": torch.tensor([[1.0, -1.0]]), "b": torch.ones(1)}
    found = noise.noisy_weights(weights, drawn, 0.5)
    root = 12.5**0.5
    torch.testing.assert_close(found["a"][0], torch.tensor([[3 + root / 2, 4 - root / 2]]))
    torch.testing.assert_close(found["a"][1], 2 * found["a"][0])
    assert torch.equal(found["b"], weights["b"])  # a tensor of zeros has no size


def test_more_draws_begin_with_the_same(fleet):
    _, task = fleet()
    short, long = (list(noise.draws(task, torch.Size([3, 4]), count, 0)) for count in (2, 3))
    for (weights, inputs), (same, alike) in zip(short, long, strict=False):
        assert torch.equal(inputs, alike)
        assert all(torch.equal(weights[name], same[name]) for name in weights)
    assert not torch.equal(short[0][1], short[1][1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": ()}, r"sizes \[\] are different and at least 0"),
        ({"sizes": (-0.1,)}, r"sizes \[-0.1\] are different and at least 0"),
        ({"sizes": (0.1, 0.1)}, r"sizes \[0.1, 0.1\] are different"),
        ({"count": 1}, "count 1 is at least 2"),
        ({"examples": 0}, "examples 0 at least 1"),
    ],
)
def test_options_outside_their_range_are_refused(fleet, options, message):
    solution, task = fleet()
    with pytest.raises(ValueError, match=message):
        noise.measure(solution, task, **options)


def test_inputs_that_are_not_real_are_refused(fleet):
    solution, task = fleet()
    task._tensors["x_test"] = torch.zeros(3, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="noise is added to real inputs and those of this task are torch.int64"):
        noise.measure(solution, task)
