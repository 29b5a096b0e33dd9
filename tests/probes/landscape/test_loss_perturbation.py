import numpy as np
import pytest
import torch

from imprint.probes.landscape import loss_perturbation
from imprint.solution import Solution
from imprint.task import Task

LINEAR = {"name": "mlp", "hidden": [], "bias": False}


def test_linear_least_squares_in_closed_form(fleet):
    """The mean rise is ``s^2/2 sum_i ||w_i||^2 tr(X'X/n) / D``: a uniform direction has covariance I/D."""
    solution, task = fleet(model=LINEAR)
    task = Task(task.data, LINEAR, "squared_error", precision="float64")
    measured = loss_perturbation.measure(solution, task, sizes=(0.1, 1.0), draws=200, examples=50)
    x = task.split("train")[0][:50].numpy()
    spread = np.square(x).sum() / 50 / x.shape[1]
    for snapshot in ("middle", "final"):
        norms = np.square(solution.values("layers.0.weight", snapshot)).sum((-1, -2))
        for size in (0.1, 1.0):
            cell = measured.sel(snapshot=snapshot, size=f"{size:g}")
            # four standard errors of 200 draws, themselves known to 1 / sqrt(2 * 199), 5 %
            assert (abs(cell["rise"] - size**2 / 2 * norms * spread) < 4 * 1.05 * cell["rise_error"]).all()
            assert (cell["rise_error"] < 0.05 * cell["rise"]).all()  # the bound above can fail


def test_rise_of_a_quadratic_is_its_second_order_expansion(fleet):
    """With the probe's own noise: the slope cancels, ``s^2 d'Hd / 2`` remains, by plain numpy for one replica."""
    solution, task = fleet(model=LINEAR)
    task = Task(task.data, LINEAR, "squared_error", precision="float64")
    weight = torch.as_tensor(solution.values("layers.0.weight", "final")[:1, 0])
    noise = torch.randn(weight.shape[1:], generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    x, y = (value[:30] for value in task.split("train"))

    def loss(weights):
        return task.loss(task.logits(weights, x), y).mean(-1)

    found = loss_perturbation.rises(loss, {"layers.0.weight": weight}, [{"layers.0.weight": noise}], [0.2])
    w, d, inputs = weight[0].numpy(), noise.numpy(), x.numpy()
    d = d * np.linalg.norm(w, axis=1, keepdims=True) / np.linalg.norm(d, axis=1, keepdims=True)
    curvature = np.square(inputs @ d.T).sum() / 30
    assert found.item() == pytest.approx(0.02 * curvature, rel=1e-10)  # cancellation of the two losses


def test_layers_may_be_rescaled(fleet):
    """A ReLU network whose first layer is 4 times as large and whose second is a quarter is the same network."""
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    for name, factor in (("layers.0.weight", 4), ("layers.0.bias", 4), ("layers.1.weight", 0.25)):
        data[f"weight.{name}"] *= factor
    first, second = (loss_perturbation.measure(Solution(each), task, draws=4) for each in (solution.data, data))
    np.testing.assert_allclose(second["rise"], first["rise"], rtol=1e-9, atol=1e-12)  # factors are powers of two


def test_biases_and_empty_filters_stay():
    noise = torch.ones(3, 2, 2, 2)
    weight = torch.ones(5, 3, 2, 2, 2)
    weight[:, 1] = 0
    moved = loss_perturbation.filter_normalized(noise, weight)
    assert moved.shape == weight.shape
    torch.testing.assert_close(torch.linalg.vector_norm(moved, dim=(2, 3, 4))[0] ** 2, torch.tensor([8.0, 0.0, 8.0]))
    assert not loss_perturbation.filter_normalized(torch.ones(3), torch.ones(5, 3)).any()


def test_draws_are_a_function_of_the_seed_alone(fleet):
    """Replicas of equal weights rise alike; another seed gives other numbers."""
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    for name in solution.parameters:
        data[f"weight.{name}"][:] = data[f"weight.{name}"].isel(setting=0, seed=0).values
    measured = loss_perturbation.measure(Solution(data), task, draws=3)
    values = measured["rise"].sel(snapshot="final").values
    np.testing.assert_allclose(values, values[:1, :1] + 0 * values, rtol=1e-9)  # rounding of batched products
    other = loss_perturbation.measure(Solution(data), task, draws=3, seed=1)["rise"].sel(snapshot="final").values
    assert (abs(other - values) > 1e-6).all()


def test_labels_are_the_sizes(fleet):
    solution, task = fleet()
    measured = loss_perturbation.measure(solution, task, sizes=[0.05, 0.5], draws=2)
    assert measured["size"].values.tolist() == ["0.05", "0.5"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 1}, "draws=1; at least 2"),
        ({"sizes": ()}, r"sizes=\[\]; give positive numbers, each once"),
        ({"sizes": (0.1, 0.1)}, "sizes="),
        ({"sizes": (-0.1,)}, "sizes="),
    ],
)
def test_impossible_options_are_refused(fleet, options, message):
    solution, task = fleet()
    with pytest.raises(ValueError, match=message):
        loss_perturbation.measure(solution, task, **options)
