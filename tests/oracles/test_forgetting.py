"""What an accuracy matrix says, against loops over its definition and cases known beforehand."""

import numpy as np
import pytest
import torch

from imprint.probes.dynamics.accuracy_matrix import mask_logits, stage_classes, stage_means, summaries

NAMES = ("learned", "last", "average", "old", "old_masked", "old_loss", "forgetting", "backward_transfer")


def looped(accuracy, masked, loss):
    """The definitions, one number at a time, from lists of rows after task 1, 2, ..., K."""
    count = len(accuracy)
    now, old = accuracy[-1], range(count - 1)
    best = [max(accuracy[k][t] for k in range(count - 1)) for t in old]
    return {
        "learned": np.mean([accuracy[k][k] for k in range(count)]),
        "last": now[count - 1],
        "average": np.mean([now[t] for t in range(count)]),
        "old": np.mean([now[t] for t in old]),
        "old_masked": np.mean([masked[-1][t] for t in old]),
        "old_loss": np.mean([loss[-1][t] for t in old]),
        "forgetting": np.mean([best[t] - now[t] for t in old]),
        "backward_transfer": np.mean([now[t] - accuracy[t][t] for t in old]),
    }


@pytest.mark.parametrize(("learned", "stages"), [(2, 2), (2, 5), (4, 5), (5, 5)])
def test_against_loops(learned, stages):
    generator = torch.Generator().manual_seed(learned)
    tables = [torch.rand(3, learned, stages, generator=generator, dtype=torch.float64) for _ in range(3)]
    found = summaries(*tables)
    for replica in range(3):
        expected = looped(*(table[replica].tolist() for table in tables))
        for name in NAMES:
            # means of at most five numbers below 1
            assert found[name][replica].item() == pytest.approx(expected[name], abs=1e-14), name


def test_identical_tasks_forget_nothing():
    accuracy = torch.full((1, 4, 4), 0.9, dtype=torch.float64)
    found = summaries(accuracy, accuracy, accuracy)
    assert found["forgetting"].item() == found["backward_transfer"].item() == 0


def test_forgetting_and_transfer_have_opposite_signs():
    """Learned perfectly, then lost completely: forgetting 1, transfer -1; improved later: the reverse."""
    lost = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    found = summaries(lost, lost, lost)
    assert (found["forgetting"].item(), found["backward_transfer"].item(), found["old"].item()) == (1, -1, 0)
    gained = torch.tensor([[[0.5, 0.0], [0.75, 1.0]]])
    found = summaries(gained, gained, gained)
    assert (found["forgetting"].item(), found["backward_transfer"].item()) == (-0.25, 0.25)


def test_one_task_has_no_old_ones():
    found = summaries(*[torch.full((2, 1, 3), 0.5)] * 3)
    assert found["learned"].tolist() == found["last"].tolist() == found["average"].tolist() == [0.5, 0.5]
    for name in ("old", "old_masked", "old_loss", "forgetting", "backward_transfer"):
        assert found[name].shape == (2,) and found[name].isnan().all(), name


def test_stages_and_masks_by_hand():
    stage, y = torch.tensor([0, 1, 1, 0]), torch.tensor([0, 2, 3, 1])
    allowed = stage_classes(y, stage, stages=2, classes=4)
    assert allowed.tolist() == [[True, True, False, False], [False, False, True, True]]
    logits = torch.tensor([[[1.0, 0, 9, 9], [9, 9, 2, 1], [9, 9, 2, 1], [5, 4, 9, 9]]])
    assert mask_logits(logits, stage, allowed).argmax(-1).tolist() == [[0, 2, 2, 0]]
    assert stage_means(torch.tensor([[1.0, 2.0, 4.0, 0.0]]), stage, 2).tolist() == [[0.5, 3.0]]


def test_stages_may_differ_by_replica():
    stage, y = torch.tensor([[0, 1], [1, 0]]), torch.tensor([[0, 1], [0, 1]])
    allowed = stage_classes(y, stage, stages=2, classes=2)
    assert allowed.tolist() == [[[True, False], [False, True]], [[False, True], [True, False]]]
    masked = mask_logits(torch.zeros(2, 2, 2), stage, allowed)
    assert masked.argmax(-1).tolist() == y.tolist()
    assert stage_means(torch.tensor([[1.0, 2.0], [1.0, 2.0]]), stage, 2).tolist() == [[1.0, 2.0], [2.0, 1.0]]
