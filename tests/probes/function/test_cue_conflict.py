import numpy as np
import pytest
import torch
from scipy import stats

from imprint.probes.function import cue_conflict
from imprint.solution import Solution
from imprint.tasks import sprites

SIDE = sprites.EXAMPLE["side"]
LINEAR = {"name": "mlp", "hidden": [], "bias": False}
CHANCE = (4**2 - 1) / (4**3 - 1)  # of the 64 cells of one value of a cue, 16 agree in another; the diagonal is left out


def with_weights(solution, weight):
    """The same solution with these weights (C, D) in every replica."""
    data = solution.data.copy(deep=True)
    data["weight.layers.0.weight"][:] = weight
    return Solution(data)


def test_a_network_that_reads_colour(fleet):
    """Logits are the inner products of the summed channels with the four hues: the largest is the colour's own."""
    solution, task = fleet("sprites", LINEAR)
    weight = np.repeat(sprites.HUES, SIDE**2, axis=1)
    measured = cue_conflict.measure(with_weights(solution, weight), task).sel(snapshot="final")
    assert measured["cue"].values.tolist() == list(sprites.CUES)
    shape = (2, 3, 1)
    expected = {
        "accuracy": [1, CHANCE, CHANCE, CHANCE],
        "share": [1, 0, 0, 0],
        "preferred": [1, 0, 0, 0],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(measured[name], np.broadcast_to(values, (*shape[:2], 4)), rtol=1e-12)
    for name, value in (("share_total", 1), ("others", CHANCE), ("chance", CHANCE)):
        np.testing.assert_allclose(measured[name], value, rtol=1e-12)
    lengths = sprites.description_lengths(SIDE)
    for compressor in ("zlib", "lz76"):
        assert min(lengths[compressor]) == lengths[compressor][0]
        agree = stats.spearmanr([1, 0, 0, 0], -np.array(lengths[compressor])).statistic
        np.testing.assert_allclose(measured["order_agreement"].sel(compressor=compressor), agree, rtol=1e-12)
        length = measured["description_length"].sel(compressor=compressor)
        np.testing.assert_array_equal(length, np.broadcast_to(lengths[compressor], length.shape))


def test_a_constant_network_follows_every_cue_alike(fleet):
    solution, task = fleet("sprites", LINEAR)
    measured = cue_conflict.measure(with_weights(solution, np.zeros((4, 3 * SIDE**2))), task)
    np.testing.assert_array_equal(measured["accuracy"], 0.25)
    np.testing.assert_array_equal(measured["share"], 0.25)
    np.testing.assert_array_equal(measured["preferred"], 0.25)
    np.testing.assert_array_equal(measured["order_agreement"], 0)


def test_against_plain_loops(fleet):
    solution, task = fleet("sprites")
    measured = cue_conflict.measure(solution, task)
    place, setting = 1, 0
    seed = solution.data["seed"].values[place]
    data = task.data.isel(seed=place)
    weights = {name: torch.as_tensor(solution.values(name, "final")[setting, place]) for name in solution.parameters}
    logits = torch.func.functional_call(task.model, weights, (torch.as_tensor(data["cues_x"].values).double(),))
    hits, shares, examples = np.zeros(4), np.zeros(4), 0
    for predicted, label in zip(logits.argmax(-1).tolist(), data["cues_label"].values.tolist(), strict=True):
        follows = np.array([predicted == told for told in label])
        hits += follows
        if len(set(label)) == 4:
            shares += follows
            examples += 1
    cell = measured.sel(setting=setting, seed=seed, snapshot="final")
    np.testing.assert_allclose(cell["accuracy"], hits / data.sizes["conflict"], rtol=1e-12)
    assert examples == 24  # permutations of four values
    np.testing.assert_allclose(cell["share"], shares / examples, rtol=1e-12)
    others = [value for cue, value in enumerate(hits) if cue != hits.argmax()]
    assert cell["others"] == pytest.approx(np.mean(others) / data.sizes["conflict"], rel=1e-12)
    for compressor in ("zlib", "lz76"):
        agree = stats.spearmanr(hits, -data[f"cues_{compressor}"].values).statistic
        assert cell["order_agreement"].sel(compressor=compressor) == pytest.approx(agree, abs=1e-12)
    # every prediction follows exactly one of four cues that tell four classes, whatever the network
    np.testing.assert_allclose(measured["share_total"], 1, rtol=1e-12)


def test_rank_correlation_is_scipys():
    random = np.random.default_rng(0)
    a, b = random.integers(4, size=(2, 200, 5))  # with ties
    found = cue_conflict.rank_correlation(torch.as_tensor(a), torch.as_tensor(b)).numpy()
    for row in range(200):
        if len(set(a[row])) > 1 and len(set(b[row])) > 1:
            assert found[row] == pytest.approx(stats.spearmanr(a[row], b[row]).statistic, abs=1e-12)
        else:
            assert found[row] == 0
