import numpy as np
import torch

from imprint.probes.weights import mask_overlap
from imprint.solution import Solution


def test_one_replica_as_sets(fleet):
    solution, task = fleet(model={"name": "mlp", "hidden": [20, 15]})
    measured = mask_overlap.measure(solution, task).isel(setting=1, seed=2).sel(snapshot="final")
    for percent in (1, 5, 15, 50):
        both = chosen = agree = count = 0
        for name in [name for name in solution.parameters if name.endswith("weight")]:
            sizes = [np.abs(solution.values(name, snapshot)[1, 2]).ravel() for snapshot in ("init", "final")]
            kept = max(round(percent / 100 * sizes[0].size), 1)
            before, now = ({*np.argsort(size)[-kept:].tolist()} for size in sizes)
            both, chosen = both + len(before & now), chosen + kept
            agree, count = agree + sizes[0].size - len(before ^ now), count + sizes[0].size
        at = measured.sel(percent=percent)
        assert at["overlap"].item() == both / chosen
        assert at["agreement"].item() == agree / count


def test_a_monotone_map_of_sizes_keeps_the_masks(fleet):
    """What power propagation does where all gradients are alike: the order of the sizes stays."""
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    for name in solution.parameters:
        start = data[f"weight.{name}"].sel(snapshot="init")
        data[f"weight.{name}"].loc[{"snapshot": "final"}] = -np.sign(start) * np.abs(start) ** 3
    measured = mask_overlap.measure(Solution(data), task).sel(snapshot=["init", "final"])
    assert (measured["overlap"] == 1).all() and (measured["agreement"] == 1).all()


def test_unrelated_weights_overlap_by_chance():
    """Overlap of two random masks: hypergeometric, mean p, variance below p (1 - p) / (p P)."""
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 50, 40, 25, generator=generator).unbind()
    for kept in (0.05, 0.5):
        shared, agree = mask_overlap.overlap([one], [other], kept)
        error = ((1 - kept) / 1000 / 50) ** 0.5
        assert abs(shared.mean().item() - kept) < 5 * error
        torch.testing.assert_close(agree, 1 - 2 * kept * (1 - shared))  # what follows from masks of equal size
