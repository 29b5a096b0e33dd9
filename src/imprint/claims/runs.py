"""Measurements of many runs as one table of features, with what made each run."""

from dataclasses import dataclass, fields, replace

import numpy as np

LACKING = 0.05
"""Features that more than this share of the runs lack are left out."""


@dataclass(frozen=True)
class Runs:
    """N runs of P optimizers with F features.

    Attributes:
        x_NF: feature values, NaN where one is lacking.
        measure_F: name ``probe.variable`` of the measure that a feature is of; one with labels has several features.
        optimizer_N: which optimizer made it, 0 to P - 1.
        seed_N: which initial weights it began from; runs of several orders share a seed.
        setting_N: the place of its setting among those of its optimizer.
        steps_N: steps that were taken, negative or NaN where the condition that ends them never held.
    """

    x_NF: np.ndarray
    measure_F: np.ndarray
    optimizer_N: np.ndarray
    seed_N: np.ndarray
    setting_N: np.ndarray
    steps_N: np.ndarray

    def features(self, chosen_F: np.ndarray) -> "Runs":
        """Return the same runs with some of the features."""
        return replace(self, x_NF=self.x_NF[:, chosen_F], measure_F=self.measure_F[chosen_F])

    def some(self, chosen_N: np.ndarray) -> "Runs":
        """Return some of the runs."""
        parts = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "measure_F"}
        return replace(self, **{name: values[chosen_N] for name, values in parts.items()})

    @property
    def probe_F(self) -> np.ndarray:
        """The probe that a feature is of."""
        return np.array([str(measure).partition(".")[0] for measure in self.measure_F])

    @property
    def reached_N(self) -> np.ndarray:
        """Which runs reached the condition and have a value at all."""
        return (np.nan_to_num(self.steps_N, nan=-1) >= 0) & np.isfinite(self.x_NF).any(1)

    @property
    def measured_F(self) -> np.ndarray:
        """Which features hardly any run lacks."""
        return np.isfinite(self.x_NF).mean(0) >= 1 - LACKING


def unfit(runs: Runs) -> str:
    """Return in words why optimizers cannot be told apart in these runs; empty if that can be tried."""
    if not runs.x_NF.size:
        return "no measure of a run at equal training loss is left"
    optimizers, seeds = len(np.unique(runs.optimizer_N)), len(np.unique(runs.seed_N))
    settings = [len(np.unique(runs.setting_N[runs.optimizer_N == each])) for each in np.unique(runs.optimizer_N)]
    if optimizers < 2 or seeds < 2 or min(settings) < 2:
        return f"it takes 2 optimizers, seeds and settings, and there are {optimizers}, {seeds} and {min(settings)}"
    return ""
