import numpy as np
import pytest
import torch

from imprint.probes.representation import class_cosine


def test_collapsed_classes():
    """Class means 2 e_i + 7: centred a simplex, cosine -1/(C - 1) for every pair (Papyan et al. 2020)."""
    y = torch.arange(5).repeat(3)
    activations = torch.nn.functional.one_hot(y, 5).double().unsqueeze(0) * 2 + 7
    means = class_cosine.class_means(activations, y, 5)
    centred = class_cosine.mean_off_diagonal(class_cosine.cosines(means - means.mean(-2, keepdim=True)))
    torch.testing.assert_close(centred, torch.tensor([-0.25], dtype=torch.float64))
    raw = class_cosine.mean_off_diagonal(class_cosine.cosines(means))
    exact = (5 * 49 + 2 * 2 * 7) / (4 * 49 + 81)
    torch.testing.assert_close(raw, torch.tensor([exact], dtype=torch.float64))


def test_against_loops(fleet):
    solution, task = fleet()
    measured = class_cosine.measure(solution, task)
    weights = {name: torch.as_tensor(solution.values(name, "final")[:1, 1]) for name in solution.parameters}
    x, y = task.split("test")
    hidden = task.activations(weights, x)["hidden_2"][0].numpy()
    means = np.stack([hidden[y.numpy() == label].mean(0) for label in range(10)])
    for vectors, name in ((means, "cosine"), (means - means.mean(0), "centred_cosine")):
        pairs = [
            vectors[i] @ vectors[j] / np.linalg.norm(vectors[i]) / np.linalg.norm(vectors[j])
            for i in range(10)
            for j in range(i)
        ]
        found = measured[name].sel(snapshot="final").values[0, 1]
        np.testing.assert_allclose(found, np.mean(pairs), rtol=1e-10)  # float64 sums of a few hundred


def test_classes_without_examples_are_left_out(fleet):
    """Three pairs of digits: classes 6 to 9 never occur."""
    solution, task = fleet("split_classes")
    final = class_cosine.measure(solution, task).sel(snapshot="final")
    matrix = final["matrix"].isel(setting=0, seed=0).values
    assert np.isfinite(matrix[:6, :6]).all() and np.isnan(matrix[6:]).all() and np.isnan(matrix[:, 6:]).all()
    assert np.isfinite(final["centred_cosine"]).all()
    present = matrix[:6, :6][~np.eye(6, dtype=bool)].mean()
    np.testing.assert_allclose(final["cosine"].values[0, 0], present, rtol=1e-12)


def test_a_model_without_hidden_layers_is_refused(fleet):
    solution, task = fleet(model={"name": "mlp", "hidden": []})
    with pytest.raises(ValueError, match="MLP shows no hidden activations"):
        class_cosine.measure(solution, task)
