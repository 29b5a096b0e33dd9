"""Waves of known frequency, polynomials of known order, texts parsed by hand, and networks that are planes."""

import math

import numpy as np
import pytest
import torch

from imprint.probes.function import complexity
from imprint.solution import Solution

GRID = 24


def on_grid(function, kind, grid=GRID):
    x = complexity.points(grid, kind)
    return function(x[:, 0], x[:, 1]).view(grid, grid)


# ------------------------------------------------------ Fourier


@pytest.mark.parametrize(("along", "across"), [(1, 0), (0, 3), (2, 5), (7.5, 1), (11.5, 11.5)])
def test_a_standing_wave_has_its_frequency(along, across):
    def wave(x, y):
        return torch.cos(math.pi * along * (x + 1)) * torch.cos(math.pi * across * (y + 1))

    found = complexity.fourier(on_grid(wave, "even"))
    # GRID^2 coefficients that should be 0 are wrong by some eps, and count with frequencies up to GRID
    assert found.item() == pytest.approx(math.hypot(along, across), abs=GRID**3 * 1e-15)


def test_the_frequency_of_a_sum_is_the_mean_by_amplitude():
    def waves(x, y):
        return 7 + 3 * torch.cos(math.pi * 2 * (x + 1)) - torch.cos(math.pi * 6 * (y + 1))

    assert complexity.fourier(on_grid(waves, "even")).item() == pytest.approx((3 * 2 + 6) / 4, abs=GRID**3 * 1e-15)


def test_coefficients_are_those_of_the_mirrored_surface():
    """By another library: the discrete Fourier transform of four mirror images side by side."""
    surface = torch.randn(GRID, GRID, generator=torch.Generator().manual_seed(0), dtype=torch.float64).numpy()
    tiled = np.block([[surface, surface[:, ::-1]], [surface[::-1], surface[::-1, ::-1]]])
    size = np.abs(np.fft.fft2(tiled))
    frequency = np.abs(np.fft.fftfreq(2 * GRID) * GRID)  # cycles per side, of which a tile has two
    level = np.hypot(frequency[:, None], frequency)
    size[0, 0] = 0
    expected = (size * level).sum() / size.sum()
    # the same sums in another order
    assert complexity.fourier(torch.tensor(surface)).item() == pytest.approx(expected, rel=1e-12)


def test_a_sine_is_mirrored_and_has_nearly_its_frequency():
    """A sine has a kink where it is mirrored; what that adds falls with the square of its frequency."""

    def sine(x, y):
        return torch.sin(math.pi * 4 * x)

    found = complexity.fourier(on_grid(sine, "even", 64)).item()
    unmirrored = torch.fft.rfft(on_grid(sine, "even", 64)[:, 0]).abs().argmax().item()
    assert unmirrored == 4
    assert found == pytest.approx(4, rel=0.2)


# ------------------------------------------------------ Chebyshev


@pytest.mark.parametrize(("n", "m"), [(1, 0), (0, 4), (3, 2), (9, 11)])
def test_a_product_of_chebyshev_polynomials_has_the_sum_of_their_orders(n, m):
    def polynomial(x, y):
        return torch.as_tensor(
            np.polynomial.chebyshev.chebval(x.numpy(), [0] * n + [1])
            * np.polynomial.chebyshev.chebval(y.numpy(), [0] * m + [1])
        )

    found = complexity.chebyshev(on_grid(polynomial, "chebyshev"))
    assert found.item() == pytest.approx(n + m, abs=GRID**3 * 1e-15)  # as above


def test_amplitudes_are_the_coefficients_of_a_fit():
    """By another library: a least-squares fit of the series at the same points."""

    def function(x, y):
        return torch.exp(x) * torch.sin(2 * y + 1) + x * y

    surface = on_grid(function, "chebyshev", 8)
    x = complexity.points(8, "chebyshev").numpy()
    basis = np.polynomial.chebyshev.chebvander2d(x[:, 0], x[:, 1], [7, 7])
    fitted = np.abs(np.linalg.lstsq(basis, surface.flatten().numpy(), rcond=None)[0]).reshape(8, 8)
    fitted[0, 0] = 0
    # 64 orthogonal columns: coefficients to some eps
    np.testing.assert_allclose(complexity.amplitudes(surface), fitted, atol=1e-13)


# ------------------------------------------------------ Lempel and Ziv


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"", 0), (b"a", 1), (b"ababab", 4), (b"aabababbaab", 6)],  # a|b|ab|ab; a|ab|aba|b|ba|ab
)
def test_phrases_by_hand(text, expected):
    assert complexity.phrases(text) == expected


def test_a_constant_text_has_about_the_root_of_its_length():
    for count in range(1, 40):  # 1 + 2 + ... + count letters are cut into phrases of growing length
        assert complexity.phrases(b"a" * (count * (count + 1) // 2)) == count


def test_no_letter_is_worth_two_phrases_and_random_texts_are_the_longest():
    stream = np.random.default_rng(0)
    random = stream.integers(10, size=4096).astype(np.uint8).tobytes()
    periodic = bytes(range(10)) * 409
    constant = bytes(4096)
    counts = [complexity.phrases(text) for text in (constant, periodic, random)]
    assert counts[0] == 91  # 90 * 91 / 2 = 4095 letters, and one is left
    assert counts[0] < counts[1] < counts[2] / 2
    # at least n / log(n) phrases are needed for n random letters, with logarithms by their number (Ziv, Lempel 1978)
    assert counts[2] > 4096 / math.log(4096, 10)


def test_levels_do_not_depend_on_offset_or_scale():
    surface = torch.randn(GRID, GRID, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for scale, offset in ((4.0, 0.0), (0.25, 1.0)):
        assert torch.equal(complexity.rounded(surface * scale, 10), complexity.rounded(surface, 10))
        # an offset may round a number to another level, no more than one in these few hundred
        moved = complexity.rounded(surface + offset, 10) != complexity.rounded(surface, 10)
        assert moved.sum() <= 1
    assert complexity.rounded(surface, 10).unique().tolist() == list(range(10))


def test_rows_and_columns_count_alike():
    surface = torch.randn(3, GRID, GRID, generator=torch.Generator().manual_seed(2))
    assert torch.equal(complexity.lempel_ziv(surface, 10), complexity.lempel_ziv(surface.mT, 10))


# ------------------------------------------------------ invariances, planes, networks


def measures(function):
    return torch.stack(
        [
            complexity.fourier(on_grid(function, "even")),
            complexity.chebyshev(on_grid(function, "chebyshev")),
        ]
    )


def test_scale_offset_and_reflection_do_not_matter():
    def function(x, y):
        return torch.tanh(3 * x - 2 * y) + y**2

    plain = measures(function)
    for changed in (
        lambda x, y: 5 - 3 * function(x, y),
        lambda x, y: function(-x, y),
        lambda x, y: function(y, x),
    ):
        torch.testing.assert_close(measures(changed), plain, rtol=1e-10, atol=0)  # sums in another order


def test_a_constant_has_no_complexity():
    assert measures(lambda x, y: torch.zeros_like(x)).tolist() == [0, 0]
    assert complexity.lempel_ziv(torch.full((1, 4, 4), 3.0), 10).item() == 6  # 1 + ... + 5 = 15 of 16 letters


def test_the_plane_of_two_features_is_the_square():
    origin, axes = complexity.plane(torch.randn(9, 2))
    assert origin.tolist() == [0, 0]
    assert axes.tolist() == [[1, 0], [0, 1]]


def test_the_plane_of_more_features_is_that_of_their_largest_variance():
    """Inputs with standard deviations 5, 2 and 0.1 along known directions around a known mean."""
    stream = np.random.default_rng(0)
    direction = np.linalg.qr(stream.standard_normal((3, 3)))[0]
    latent = stream.standard_normal((50, 3))
    latent = np.linalg.qr(latent - latent.mean(0))[0] * 50**0.5 * [5, 2, 0.1]  # exact moments
    origin, axes = complexity.plane(torch.tensor(latent @ direction.T + 7))
    np.testing.assert_allclose(origin, 7, rtol=1e-12)
    np.testing.assert_allclose(axes.norm(dim=1), [4, 10], rtol=1e-12)
    np.testing.assert_allclose(np.abs(axes.numpy() @ direction), [[0, 4, 0], [10, 0, 0]], atol=1e-10)


def test_a_linear_network_has_the_complexity_of_a_plane(fleet):
    solution, task = fleet("waves", model={"name": "mlp", "hidden": []})
    found = complexity.measure(solution, task, grid=GRID)
    weight = torch.as_tensor(solution.values("layers.0.weight", "final"))[1, 0]
    slope = (weight[1] - weight[0]).tolist()
    expected = measures(lambda x, y: slope[0] * x + slope[1] * y)
    cell = found.isel(setting=1, seed=0).sel(snapshot="final")
    # the network's logits are rounded, each coefficient by some eps of the largest
    assert cell["fourier"].item() == pytest.approx(expected[0].item(), rel=1e-10)
    np.testing.assert_allclose(found["chebyshev"], 1, atol=1e-10)  # the orders of x and of y are both 1


def test_a_network_of_known_steps(fleet):
    """Two classes, one relu each of the first coordinate: |x|, whose mirrored series is known."""
    solution, task = fleet("waves", model={"name": "mlp", "hidden": [2], "bias": False})
    data = solution.data.copy(deep=True)
    data["weight.layers.0.weight"][:] = [[1.0, 0.0], [-1.0, 0.0]]
    data["weight.layers.1.weight"][:] = [[1.0, 1.0], [0.0, 0.0]]
    found = complexity.measure(Solution(data), task, grid=GRID)
    expected = measures(lambda x, y: x.abs())
    np.testing.assert_allclose(found["fourier"], expected[0].item(), rtol=1e-10)
    np.testing.assert_allclose(found["chebyshev"], expected[1].item(), rtol=1e-10)
    height = on_grid(lambda x, y: x.abs(), "even").numpy()
    texts = [np.minimum((part - part.min()) / np.ptp(part) * 10 // 1, 9).astype(np.uint8) for part in (height, -height)]
    by_hand = (
        np.mean([complexity.phrases(rows.tobytes("C")) + complexity.phrases(rows.tobytes("F")) for rows in texts]) / 2
    )
    assert (found["lempel_ziv"] == by_hand).all()


def test_growth_is_against_the_same_network_before_training(fleet):
    solution, task = fleet("waves")
    found = complexity.measure(solution, task, grid=8)
    # a quotient of the same two numbers
    np.testing.assert_allclose(found["growth"], found["fourier"] / found["fourier"].sel(snapshot="init"), rtol=1e-15)
    data = solution.data.copy(deep=True)
    for name in solution.parameters:
        data[f"weight.{name}"].loc[{"snapshot": "init", "seed": 0}] = 0.0
    growth = complexity.measure(Solution(data), task, grid=8)["growth"]
    assert (np.isnan(growth) == (growth["seed"] == 0)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"grid": 3}, "grid 3 is at least 4"), ({"levels": 1}, "levels 1 lies between 2 and 256")],
)
def test_options_outside_their_range_are_refused(fleet, options, message):
    solution, task = fleet("waves")
    with pytest.raises(ValueError, match=message):
        complexity.measure(solution, task, **options)


def test_inputs_that_span_no_plane_are_refused(fleet):
    solution, task = fleet("waves")
    del task.data["x_train"]  # what a task of one feature would hold
    task._tensors["x_train"] = torch.zeros(3, 10, 1, dtype=torch.float64)
    with pytest.raises(ValueError, match="looks at a plane of vectors of at least 2 numbers"):
        complexity.measure(solution, task)
