"""Initial weights: bounds, streams, and no parameter left at a value that nobody chose."""

import math

import pytest
import torch
from torch import nn

from imprint.models import mlp
from imprint.models.initialize import initialize
from imprint.streams import generator


def network(**options):
    return mlp.build(inputs=16, classes=10, hidden=[400, 25], **options)


def test_bounds_are_one_over_the_square_root_of_the_fan_in():
    weights = initialize(network(), generator(0, "init"))
    for index, fan_in in enumerate((16, 400, 25)):
        for kind in ("weight", "bias"):
            value = weights[f"layers.{index}.{kind}"]
            assert value.abs().max() <= 1 / math.sqrt(fan_in)
        # the largest of at least 250 uniform numbers is below 0.9 of the bound with probability 0.9^250 < 1e-11
        assert weights[f"layers.{index}.weight"].abs().max() > 0.9 / math.sqrt(fan_in)


def test_weights_are_uniform():
    values = initialize(network(), generator(0, "init"))["layers.0.weight"].flatten().double() * math.sqrt(16)
    # 6400 draws: mean and second moment within five standard errors
    assert abs(values.mean()) < 5 * math.sqrt(1 / 3 / 6400)
    assert abs((values**2).mean() - 1 / 3) < 5 * math.sqrt(4 / 45 / 6400)


def test_a_convolution_counts_its_whole_receptive_field():
    model = nn.Sequential(nn.Conv2d(3, 8, kernel_size=5), nn.Flatten(), nn.Linear(8, 2))
    weights = initialize(model, generator(0, "init"))
    for name in ("0.weight", "0.bias"):
        assert weights[name].abs().max() <= 1 / math.sqrt(3 * 5 * 5)
    assert weights["0.weight"].abs().max() > 0.9 / math.sqrt(3 * 5 * 5)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    one, same, other = (initialize(network(), generator(seed, "init")) for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)


def test_neither_the_model_s_own_weights_nor_the_global_stream_matter():
    torch.manual_seed(1)
    one = initialize(network(), generator(1, "init"))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    model = network()
    after = torch.get_rng_state()
    other = initialize(model, generator(1, "init"))
    assert not torch.equal(before, after)  # building a module draws, which must not show below
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(after, torch.get_rng_state())


def test_every_parameter_in_the_model_s_order_shape_and_precision():
    model = network().double()
    weights = initialize(model, generator(0, "init"))
    parameters = dict(model.named_parameters())
    assert list(weights) == list(parameters)
    assert all(weights[name].shape == parameters[name].shape for name in weights)
    assert all(value.dtype == torch.float64 for value in weights.values())


def test_scale_multiplies_and_zero_is_the_origin():
    plain, half, zero = (initialize(network(scale=scale), generator(0, "init")) for scale in (1.0, 0.5, 0.0))
    for name, value in plain.items():
        assert torch.equal(half[name], value / 2)  # a power of two: exact
        assert not zero[name].any()


def test_a_single_layer_is_its_own_root():
    assert list(initialize(nn.Linear(3, 2), generator(0, "init"))) == ["weight", "bias"]


def test_a_layer_without_a_rule_is_refused_by_name():
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    with pytest.raises(TypeError, match=r"'1' of type LayerNorm has no rule"):
        initialize(model, generator(0, "init"))
