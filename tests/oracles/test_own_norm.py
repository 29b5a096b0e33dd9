"""Trained solutions of problems that are solved on paper: rare classes, rotated memories, singular modes."""

import importlib

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import brentq

from imprint.fleet.train import train
from imprint.probes.dynamics import mode_times
from imprint.probes.function import class_losses
from imprint.solution import Solution
from imprint.task import Task

GRADIENT = {"update": "torch.optim:SGD", "sees": "elements"}
SIGN = {"update": "sign_descent", "sees": "elements"}
SPECTRAL = {"update": "spectral_descent", "sees": "matrices"}
MUON = {"update": "muon", "sees": "matrices"}
ADAM = {"update": "torch.optim:Adam", "sees": "elements"}


def problem(name, values=None, **options):
    """A task of one seed, and one matrix that starts at 0."""
    module = importlib.import_module(f"imprint.tasks.{name}")
    data = xr.concat([module.build(**options, seed=5)], xr.IndexVariable("seed", [0]), data_vars="all")
    return Task(data, {"name": "deep_linear", "scale": 0.0, "values": values}, module.LOSS, "float64")


def trained(task, recipe, rate, steps, kept=()):
    plan = {"batch_size": None, "executor": "stacked", "block": None, "stop": {"steps": steps}, "evaluate_every": steps}
    plan["snapshots"] = {f"path_{step}": {"step": step} for step in kept}
    return Solution(train(task, {"recipe": recipe, **plan}, [{"lr": rate}], [0]))


def final(probe, solution, task):
    return probe.measure(solution, task).sel(snapshot="final").isel(setting=0, seed=0)


def flow(share, classes, time):
    """Loss at a time of the gradient flow from 0: its logit m solves ``(K - 1) m + exp(m) - 1 = K share time``."""
    logit = brentq(lambda m: (classes - 1) * m + np.expm1(m) - classes * share * time, 0, 50)
    return np.log1p((classes - 1) * np.exp(-logit))


def test_class_losses_of_the_gradient_flow():
    """Steps of 0.1 for a time of 50: Euler's error is that of about a step more, 0.1, a fifth of a percent."""
    task = problem("heavy_tail", classes=8)
    found = final(class_losses, trained(task, GRADIENT, 0.1, 500), task)
    share = np.array([8, 4, 3, 2, 2, 1, 1, 1]) / 22
    np.testing.assert_allclose(found["frequency"], share, rtol=1e-14)
    expected = [flow(pi, 8, 50.0) for pi in share]
    np.testing.assert_allclose(found["loss"], expected, rtol=5e-3)
    later = [flow(pi, 8, 51.0) for pi in share]
    assert np.abs(np.log(later) - np.log(expected)).min() > 1e-2  # the tolerance resolves a hundredth of the time


def test_class_losses_of_the_flow_end_at_one_over_frequency_and_time():
    share, time = np.array([0.5, 0.1, 0.01]), 1e9
    np.testing.assert_allclose([flow(pi, 8, time) * pi * time for pi in share], 7 / 8, rtol=1e-4)


def test_sign_descent_gives_every_class_the_same_loss():
    """Every step moves the right logit up and the others down by rate x length, whatever the frequency."""
    task = problem("heavy_tail", classes=8, length=2.0)
    found = final(class_losses, trained(task, SIGN, 0.01, 100), task)
    np.testing.assert_allclose(found["loss"], np.log1p(7 * np.exp(-2 * 100 * 0.01 * 2)), rtol=1e-12)
    assert found["variation"] < 1e-12 and abs(found["slope"]) < 1e-12


def probabilities(rotated, recipe, rate, steps):
    task = problem("associative", values=1 if rotated else None, pairs=10, length=3.0, rotated=rotated)
    return final(class_losses, trained(task, recipe, rate, steps), task)["probability"].values


@pytest.mark.parametrize(
    ("recipe", "rate", "error"),
    # rounding of 1e-16 over 20 steps; singular vectors of a gradient with singular values in 1 : 10 amplify it by
    # less than 1e3, Newton-Schulz's polynomial by 3.4^5 = 480
    [(GRADIENT, 0.3, 1e-13), (SPECTRAL, 0.05, 1e-11), (MUON, 0.05, 1e-11)],
)
def test_what_acts_on_matrices_does_not_see_the_embedding(recipe, rate, error):
    plain, turned = (probabilities(rotated, recipe, rate, 20) for rotated in (False, True))
    np.testing.assert_allclose(plain, turned, rtol=0, atol=error)
    assert plain.min() > 0.15  # each of ten answers began at a tenth


@pytest.mark.parametrize("recipe", [ADAM, SIGN])
def test_what_acts_on_single_weights_does(recipe):
    plain, turned = (probabilities(rotated, recipe, 0.03, 20) for rotated in (False, True))
    assert np.ptp(plain) < 1e-3 and np.ptp(turned) > 0.2
    assert np.abs(plain - turned).max() > 0.1


def test_one_spectral_step_is_as_good_for_all_pairs():
    """The correlation is diagonal less a matrix of rank one: without that, U V' is the identity and the gap is 0."""
    gap = {}
    for name, recipe, rate in (("spectral", SPECTRAL, 0.5), ("gradient", GRADIENT, 5.0)):
        task = problem("associative", pairs=50, length=10.0, rotated=True)
        gap[name] = final(class_losses, trained(task, recipe, rate, 1), task)["gap"].item()
    assert gap["spectral"] < 0.03 < 0.3 < gap["gradient"]


def test_modes_of_gradient_descent_take_turns():
    """Share ``1 - (1 - rate p l^2)^t`` at step t, so 90 % is passed at ``log .1 / log(1 - rate p l^2)``."""
    task = problem("modes", spectrum=(8, 4, 2, 1), length=2.0)
    speed = 0.1 * 4 * np.array([8, 4, 2, 1]) / 15
    exact = np.ceil(np.log(0.1) / np.log1p(-speed)).astype(int)
    found = final(mode_times, trained(task, GRADIENT, 0.1, 100, kept=range(1, 100)), task)
    np.testing.assert_array_equal(found["time"], exact)
    np.testing.assert_allclose(found["strength"], 1 - (1 - speed) ** 100, rtol=1e-12)
    np.testing.assert_allclose(found["slope"], np.polyfit(np.log(speed), np.log(exact), 1)[0], rtol=1e-12)
    assert found["plateaus"] == 3 and found["learned"] == 4


def test_modes_of_spectral_descent_come_together():
    """Every singular value of the map grows by the rate at every step: 90 % of 1 / l at ``0.9 / (l rate)``."""
    task = problem("modes", spectrum=(8, 4, 2, 1), length=2.0)
    found = final(mode_times, trained(task, SPECTRAL, 0.011, 44, kept=range(1, 44)), task)
    np.testing.assert_array_equal(found["time"], [41] * 4)
    np.testing.assert_allclose(found["strength"], 44 * 0.011 * 2, rtol=1e-12)
    assert found["spread"] == 1 and found["plateaus"] == 0


def test_two_matrices_learn_in_turn_too():
    """From a small start a mode is logistic, ``rate 2 p``: its time is ``log(9 / a) / (2 p rate)``, a its start."""
    module = importlib.import_module("imprint.tasks.modes")
    data = xr.concat([module.build(spectrum=(8, 4, 2), seed=5)], xr.IndexVariable("seed", [0]), data_vars="all")
    task = Task(data, {"name": "deep_linear", "hidden": [16], "scale": 0.01}, "squared_error", "float64")
    found = final(mode_times, trained(task, GRADIENT, 0.4, 150, kept=range(1, 150, 2)), task)
    time, share = found["time"].values, np.array([8, 4, 2]) / 14
    start = 9 / np.exp(2 * share * 0.4 * time)
    # starts differ from mode to mode by the random vectors' lengths, 16 hidden units: a factor of about 2
    assert (start > 1e-6).all() and (start < 1e-3).all() and start.max() < 8 * start.min()
    assert -1.15 < found["slope"] < -0.85 and found["plateaus"] == 2
