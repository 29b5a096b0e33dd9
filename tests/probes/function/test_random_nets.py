"""Random networks: exact identities of rectifiers, and the known answers on a grid."""

import pytest
import torch

from imprint.probes.function import random_nets
from imprint.probes.function.complexity import fourier
from imprint.streams import generator


def networks(count, width=64, depth=2):
    return [random_nets.draw(width, depth, generator(0, "nets", width, net)) for net in range(count)]


def test_rectifiers_are_homogeneous():
    """With weights times a and the biases of layer l times a^l, the output is that times a^L: as complex as before."""
    layers = networks(1)[0]
    grown = [(3 * weight, 3.0 ** (place + 1) * bias) for place, (weight, bias) in enumerate(layers)]
    plain, large = (random_nets.surfaces([each], "relu", 16, "even") for each in (layers, grown))
    torch.testing.assert_close(large, 27 * plain, rtol=1e-12, atol=1e-12)  # sums of 64 products, in three layers
    assert fourier(large).item() == pytest.approx(fourier(plain).item(), rel=1e-10)


def test_a_network_is_that_of_its_layers():
    """By torch's own modules."""
    layers = networks(1, width=32)[0]
    x = torch.rand(7, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    hidden = x
    for weight, bias in layers[:-1]:
        hidden = torch.nn.functional.tanh(torch.nn.functional.linear(hidden, weight, bias))
    expected = torch.nn.functional.linear(hidden, *layers[-1]).flatten()
    torch.testing.assert_close(random_nets.evaluate(layers, "tanh", x), expected, rtol=1e-13, atol=1e-13)


def test_weights_and_biases_have_their_ranges():
    for (weight, bias), (inputs, outputs) in zip(networks(1)[0], [(2, 64), (64, 64), (64, 1)], strict=True):
        bound = (6 / (inputs + outputs)) ** 0.5
        assert weight.shape == (outputs, inputs)
        assert 0.9 * bound < weight.abs().max() <= bound or weight.numel() < 100
        assert bias.abs().max() <= 1


def test_scaling_weights_leaves_biases():
    layers = networks(1)[0]
    for (weight, bias), (own, offset), (both, moved) in zip(
        layers, random_nets.scaled_by(layers, 10.0, "weights"), random_nets.scaled_by(layers, 10.0, "all"), strict=True
    ):
        assert torch.equal(own, 10 * weight) and torch.equal(offset, bias)
        assert torch.equal(both, 10 * weight) and torch.equal(moved, 10 * bias)


def test_rank_correlation_with_ties_is_that_of_scipy():
    from scipy.stats import spearmanr

    values = torch.randint(5, (30, 3), generator=torch.Generator().manual_seed(0)).double()
    expected = torch.as_tensor(spearmanr(values.numpy()).statistic)
    torch.testing.assert_close(random_nets.rank_correlation(values), expected, rtol=1e-12, atol=1e-12)


def test_known_answers():
    """Eight networks of four seeds: rectifiers keep their frequency, tanh more than doubles it, measures agree."""
    found = [random_nets.of_seed(seed, nets=8, depth=2, grid=24) for seed in range(900, 904)]
    mean = {name: torch.stack([each[name] for each in found]).mean(0) for name in random_nets.MEASURES}
    everything, weights = random_nets.SCALED.index("all"), random_nets.SCALED.index("weights")
    assert abs(mean["relu_change"][everything]) < 0.15  # the bounds of the known answers, from the source
    assert mean["tanh_ratio"][everything] > 2
    assert mean["tanh_ratio"][weights] > 2
    assert mean["agreement"][random_nets.POOLS.index("tanh")] > 0.75  # 0.8 over more networks


def test_the_same_whatever_was_trained(fleet):
    solution, task = fleet()
    found = random_nets.measure(solution, task, nets=2, grid=8)
    for name in random_nets.MEASURES:
        first = found[name].isel(setting=0).sel(snapshot="init")
        assert (found[name] == first).all()
        assert not (first.isel(seed=0) == first.isel(seed=1)).all()
