"""Variance explained by a feature: planted shares, noise, and scikit-learn's regression."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from imprint.probes.representation import variance_explained
from imprint.solution import Solution


def drawn(examples, units=5, replicas=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    activations = torch.randn(replicas, examples, units, generator=generator, dtype=torch.float64)
    return activations, torch.randint(0, 2, (examples,), generator=generator)


def test_a_planted_share():
    """Two units with signals of amplitude 2 and 1 in the easy and the hard feature: 4/5 and 1/5 of the variance."""
    features = torch.cartesian_prod(torch.arange(2), torch.arange(2)).repeat(50, 1)
    activations = torch.stack([4.0 * features[:, 0], 2.0 * features[:, 1]], -1).unsqueeze(0)
    shares = [variance_explained.explained(activations, one, activations, one) for one in features.T]
    torch.testing.assert_close(torch.cat(shares), torch.tensor([0.8, 0.2]))


def test_against_scikit_learn():
    (fitted, feature), (held, asked) = drawn(80), drawn(60, seed=1)
    fitted[:, :, 0] += 2 * feature
    held[:, :, 0] += 2 * asked
    held[:, :, 3] *= 5
    found = variance_explained.explained(fitted, feature, held, asked)
    for row in range(3):
        model = LinearRegression().fit(feature[:, None].numpy(), fitted[row].numpy())
        expected = r2_score(held[row], model.predict(asked[:, None].numpy()), multioutput="variance_weighted")
        assert found[row].item() == pytest.approx(expected, abs=1e-13)  # sums of 300 numbers of about 1


def test_noise_explains_nothing():
    fitted, feature = drawn(4000)
    held, asked = drawn(4000, seed=1)
    # means of 2000 examples miss by 1/sqrt(2000) each: a share of about 1/1000, five times that
    assert variance_explained.explained(fitted, feature, held, asked).abs().max() < 5e-3


def test_activations_that_do_not_vary_have_no_share():
    feature = torch.tensor([0, 1, 1])
    assert variance_explained.explained(torch.ones(1, 3, 2), feature, torch.ones(1, 3, 2), feature).isnan().all()


def test_scale_shift_and_rotation_change_nothing():
    (fitted, feature), (held, asked) = drawn(80), drawn(60, seed=1)
    fitted[:, :, 1] += feature
    held[:, :, 1] += asked
    turn = torch.linalg.qr(drawn(5)[0][0]).Q
    moved = [3 * values @ turn - 7 for values in (fitted, held)]
    found = variance_explained.explained(moved[0], feature, moved[1], asked)
    # sums of 300 squares of numbers of about 10
    torch.testing.assert_close(found, variance_explained.explained(fitted, feature, held, asked), atol=1e-12, rtol=0)


def test_a_layer_of_both_features_and_one_of_the_easy_one(fleet):
    """Unit pairs that fire at the easy bit, and four that compute the exclusive or: the shares follow their sizes."""
    solution, task = fleet("easy_hard", {"name": "mlp", "hidden": [4]}, test=4000, validation=4000)
    data = solution.data.copy(deep=True)
    for name in solution.parameters:
        data[f"weight.{name}"][:] = 0
    weight, bias = data["weight.layers.0.weight"].values, data["weight.layers.0.bias"].values
    weight[..., 0, 0] = 2  # relu(2 x_0): 2 or 0
    weight[:, 1, :, 1, 1:3], bias[:, 1, :, 1] = [1, -1], -1  # 1 where the bits are (1, -1)
    weight[:, 1, :, 2, 1:3], bias[:, 1, :, 2] = [-1, 1], -1
    head = data["weight.layers.1.weight"].values
    head[..., 0], head[:, 1, :, :, 1:3] = [-1, -1, 1, 1], np.array([-1, 1, -1, 1])[:, None] * 4
    data["weight.layers.1.bias"].values[:, 1] = [2, -2, 2, -2]
    measured = variance_explained.measure(Solution(data), task).isel(layer=-1)
    one, both = measured.isel(seed=[0, 2]), measured.isel(seed=1)
    assert (one["easy"] > 1 - 1e-6).all()
    # two chance correlations of 4000 fair coins multiply: five standard errors of each
    assert (np.abs(one["hard"]) < (5 / np.sqrt(4000)) ** 2).all()
    assert (one["easy_accuracy"] == 1).all() and (both[["easy_accuracy", "hard_accuracy"]] == 1).to_array().all()
    # variances: 1 of the easy unit; 3/16 of each of the others, of which the hard feature explains 1/16 each
    expected = np.array([1, 1 / 8]) / (1 + 2 * 3 / 16)
    # shares of 4000 fair coins: a few times 1/sqrt(4000)
    np.testing.assert_allclose(both["easy"], expected[0], atol=0.03)
    np.testing.assert_allclose(both["hard"], expected[1], atol=0.03)
    np.testing.assert_allclose(both["ratio"], both["easy"] / both["hard"])
    np.testing.assert_allclose(both["gap"], both["easy"] - both["hard"])
    assert (measured["growth"] == 0).all()


def test_growth_is_the_difference_of_two_gaps(fleet):
    solution, task = fleet("easy_hard", {"name": "mlp", "hidden": [6, 5, 4]})
    measured = variance_explained.measure(solution, task)
    gap = measured["easy"] - measured["hard"]
    np.testing.assert_array_equal(measured["growth"], gap.isel(layer=2) - gap.isel(layer=0))
    np.testing.assert_array_equal(measured["gap"], gap.isel(layer=2))
