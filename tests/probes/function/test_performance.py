import numpy as np
import torch

from imprint.probes.function import performance


def test_against_each_module_alone(fleet):
    """Every replica loaded into the plain module, with torch's own loss."""
    solution, task = fleet()
    measured = performance.measure(solution, task)
    for setting in range(2):
        for place, seed in enumerate(solution.data["seed"].values):
            weights = {
                name: torch.as_tensor(solution.values(name, "final")[setting, place]) for name in solution.parameters
            }
            for split in ("train", "validation", "test"):
                x, y = task.split(split)
                logits = torch.func.functional_call(task.model, weights, (x,))
                cell = measured.sel(setting=setting, seed=seed, snapshot="final")
                expected = torch.nn.functional.cross_entropy(logits, y).item()
                np.testing.assert_allclose(cell[f"{split}_loss"], expected, rtol=1e-12)  # float64 sums of 500
                assert cell[f"{split}_accuracy"].item() == (logits.argmax(-1) == y).double().mean().item()
