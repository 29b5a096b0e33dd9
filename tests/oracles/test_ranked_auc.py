"""The area under the ROC curve against scikit-learn, and classifiers whose reliance is known."""

import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.metrics import roc_auc_score

from imprint.probes.function import randomized_blocks
from imprint.solution import Solution
from imprint.task import Task
from imprint.tasks import slabs


@pytest.mark.parametrize("levels", [2, 5, 10_000])
def test_against_scikit_learn_with_ties(levels):
    generator = torch.Generator().manual_seed(levels)
    scores_RN = torch.randint(levels, (4, 60), generator=generator).float()
    y_RN = torch.randint(2, (4, 60), generator=generator)
    expected = [roc_auc_score(y_N, scores_N) for y_N, scores_N in zip(y_RN, scores_RN, strict=True)]
    # both sum ranks of 60 numbers exactly; one division and one trapezoidal sum
    np.testing.assert_allclose(randomized_blocks.auc(scores_RN, y_RN), expected, rtol=1e-12)


def test_against_all_pairs_non_contiguous():
    generator = torch.Generator().manual_seed(0)
    scores_RN = torch.randint(6, (40, 3), generator=generator).double().T
    y_N = torch.randint(2, (40,), generator=generator)
    difference = scores_RN[:, y_N == 1].unsqueeze(-1) - scores_RN[:, y_N == 0].unsqueeze(-2)
    expected = ((difference > 0).double() + (difference == 0).double() / 2).mean((-2, -1))
    torch.testing.assert_close(randomized_blocks.auc(scores_RN, y_N), expected)


def test_one_class_has_no_area():
    assert randomized_blocks.auc(torch.randn(2, 5), torch.ones(5, dtype=torch.int64)).isnan().all()


def oracle_fleet(seeds, reads):
    """Networks that read one latent coordinate: the linear one, or the size of the first slab coordinate."""
    parts = [slabs.build(slabs=3, dimensions=4, train=10, validation=10, test=1000, seed=seed) for seed in seeds]
    data = xr.concat(parts, xr.IndexVariable("seed", seeds), data_vars="all")
    task = Task(data, {"name": "mlp", "hidden": [2], "bias": False}, "cross_entropy", precision="float64")
    direction_SD = data["blocks_rotation"].sel(latent={"linear": 0, "slab": 1}[reads]).values
    first_SHD = np.stack([direction_SD, -direction_SD], 1)  # relu(z) and relu(-z)
    last = {"linear": [[0.0, 0.0], [1.0, -1.0]], "slab": [[0.0, 0.0], [1.0, 1.0]]}[reads]
    last_SCH = np.broadcast_to(np.array(last), (len(seeds), 2, 2))
    dims = ("setting", "seed", "snapshot")
    weights = {
        "weight.layers.0.weight": ((*dims, "hidden", "feature"), first_SHD[None, :, None]),
        "weight.layers.1.weight": ((*dims, "class", "hidden"), last_SCH[None, :, None]),
    }
    return Solution(xr.Dataset(weights, {"setting": [0], "seed": seeds, "snapshot": ["final"]})), task


@pytest.mark.parametrize(("reads", "other"), [("linear", "slab"), ("slab", "linear")])
def test_a_classifier_that_reads_one_block(reads, other):
    solution, task = oracle_fleet([0, 4, 9], reads)
    measured = randomized_blocks.measure(solution, task).isel(setting=0, snapshot=0)
    # margins of 0.1 against float32 rounding of the rotation: nothing is confused
    assert (measured["auc"] == 1).all()
    assert (measured["randomized_auc"].sel(block=other) == 1).all()
    # s.d. of an AUC of 500 against 500 in random order: sqrt(1001 / (12 * 500 * 500)); 20 of them; 4 s.d.
    error = 4 * (1001 / (12 * 500 * 500) / 20) ** 0.5
    np.testing.assert_allclose(measured["randomized_auc"].sel(block=reads), 0.5, atol=error)


def test_permuting_every_coordinate_takes_whole_examples():
    generator = torch.Generator().manual_seed(0)
    x_RND = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))[0]
    order_RN = torch.stack([torch.randperm(7, generator=generator) for _ in range(2)])
    expected = torch.stack([x_RND[0, order_RN[0]], x_RND[1, order_RN[1]]])
    torch.testing.assert_close(randomized_blocks.permute_block(x_RND, rotation, order_RN), expected)
    latent = randomized_blocks.permute_block(x_RND, rotation[:1], order_RN) @ rotation.T
    torch.testing.assert_close(latent[..., 1:], (x_RND @ rotation.T)[..., 1:])


def test_permutations_belong_to_the_seed():
    assert torch.equal(randomized_blocks.orders(3, 4, 50), randomized_blocks.orders(3, 9, 50)[:4])
    assert not torch.equal(randomized_blocks.orders(3, 4, 50), randomized_blocks.orders(4, 4, 50))
