"""Which of several cues does the network follow where they disagree?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("cues",)
MEASURES = {
    "accuracy": {
        "long_name": "accuracy on examples whose cues disagree, labelled by one cue",
        "units": "1",
        "dims": ("cue",),
        "prefer": None,
        "source": "Scimeca et al. 2022, arXiv 2110.03095",
    },
    "share": {
        "long_name": "share of predictions that follow one cue, on examples whose cues all differ",
        "units": "1",
        "dims": ("cue",),
        "prefer": None,
        "source": "definition",
    },
    "share_total": {
        "long_name": "sum over the cues of the shares of predictions that follow them",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "preferred": {
        "long_name": "whether the cue has the largest accuracy, split evenly among equals",
        "units": "1",
        "dims": ("cue",),
        "prefer": None,
        "source": "Scimeca et al. 2022, arXiv 2110.03095",
    },
    "others": {
        "long_name": "mean accuracy by the cues other than the one with the largest",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "chance": {
        "long_name": "share of the examples whose cues disagree on which two cues still agree, mean over pairs",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "a property of the data",
    },
    "order_agreement": {
        "long_name": "rank correlation between a cue's accuracy and the shortness of its description",
        "units": "1",
        "dims": ("compressor",),
        "prefer": None,
        "source": "Scimeca et al. 2022, arXiv 2110.03095; Spearman 1904",
    },
    "description_length": {
        "long_name": "bits that a cue adds to the description of an example",
        "units": "bit",
        "dims": ("cue", "compressor"),
        "prefer": None,
        "source": "a property of the data; Lempel and Ziv 1976, 1977",
    },
}
COMPRESSORS = ("zlib", "lz76")


def agreement(predicted_RN: Tensor, label_NQ: Tensor, among_N: Tensor) -> Tensor:
    """Return the share of predictions that are what each cue tells, ``[R, Q]``; NaN among no examples.

    Args:
        predicted_RN: predicted classes.
        label_NQ: what each of the Q cues tells, ``[N, Q]`` or ``[R, N, Q]``.
        among_N: which examples count, ``[N]`` or ``[R, N]``.

    >>> agreement(torch.tensor([[0, 1, 1]]), torch.tensor([[0, 1], [1, 0], [0, 1]]), torch.tensor([True, True, False]))
    tensor([[1., 0.]], dtype=torch.float64)
    """
    follows_RNQ = (predicted_RN.unsqueeze(-1) == label_NQ) & among_N.unsqueeze(-1)
    return follows_RNQ.sum(-2).double() / among_N.sum(-1, keepdim=True)


def all_differ(label_NQ: Tensor) -> Tensor:
    """Return whether the labels of an example's cues all differ, ``[..., N]``.

    >>> all_differ(torch.tensor([[0, 1, 2], [0, 1, 0]]))
    tensor([ True, False])
    """
    ordered_NQ = label_NQ.sort(-1).values
    return (ordered_NQ[..., 1:] != ordered_NQ[..., :-1]).all(-1)


def pair_agreement(label_NQ: Tensor) -> Tensor:
    """Return on which share of the examples two different cues tell the same, mean over pairs of cues, ``[...]``.

    >>> pair_agreement(torch.tensor([[0, 0, 1], [0, 1, 2]]))
    tensor(0.1667, dtype=torch.float64)
    """
    same_NQQ = (label_NQ.unsqueeze(-1) == label_NQ.unsqueeze(-2)).double()
    cues = label_NQ.shape[-1]
    return (same_NQQ.sum((-1, -2)) - cues).mean(-1) / (cues * (cues - 1))


def first(values_RQ: Tensor) -> Tensor:
    """Return 1 for the largest value of each row and 0 else, ``[R, Q]``; m equals have 1/m each.

    >>> first(torch.tensor([[0.9, 0.3, 0.2], [0.4, 0.1, 0.4]]))
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 0.0000, 0.5000]])
    """
    top_RQ = (values_RQ == values_RQ.amax(-1, keepdim=True)).to(values_RQ.dtype)
    return top_RQ / top_RQ.sum(-1, keepdim=True)


def ranks(values_RQ: Tensor) -> Tensor:
    """Return the ranks from 1 to Q within each row, ``[R, Q]``; equals share the mean of theirs.

    >>> ranks(torch.tensor([[0.9, 0.3, 0.3]]))
    tensor([[3.0000, 1.5000, 1.5000]], dtype=torch.float64)
    """
    below_RQ = (values_RQ.unsqueeze(-1) > values_RQ.unsqueeze(-2)).sum(-1)
    equal_RQ = (values_RQ.unsqueeze(-1) == values_RQ.unsqueeze(-2)).sum(-1)
    return below_RQ + (equal_RQ + 1).double() / 2


def rank_correlation(a_RQ: Tensor, b_RQ: Tensor) -> Tensor:
    """Return Spearman's correlation of each row, ``[R]`` in [-1, 1]; 0 where one side has no order.

    >>> rank_correlation(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[5.0, 7.0, 6.0, 8.0]]))
    tensor([0.8000], dtype=torch.float64)
    """
    a_RQ, b_RQ = (ranks(values) - (values.shape[-1] + 1) / 2 for values in (a_RQ, b_RQ))
    scale_R = (a_RQ.square().sum(-1) * b_RQ.square().sum(-1)).sqrt()
    return torch.where(scale_R > 0, (a_RQ * b_RQ).sum(-1) / scale_R, 0)


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the predictions on the view ``cues``.

    The view gives ``cues_x (conflict, feature)`` with ``cues_label (conflict, cue)``, the class that each cue tells,
    which are never all equal; and for each compressor ``cues_<compressor> (cue)``, a cue's description length.
    A network that reads one cue alone has accuracy 1 by it and ``chance`` by the others; with K values of each of Q
    cues and all cells of disagreement equally frequent, that is ``(K^(Q-2) - 1) / (K^(Q-1) - 1)``.

    Returns:
        Dims ``(setting, seed, snapshot)`` and: ``accuracy (cue)``; ``share (cue)`` and ``share_total``, on the
        examples whose cues all differ, where with as many cues as classes every prediction follows exactly one cue
        and the total is 1; ``preferred (cue)``; ``others``; ``chance``; ``order_agreement (compressor)`` in [-1, 1],
        1 if accuracy falls as description length rises; ``description_length (cue, compressor)``, the same for all.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        label = replicas.view("cues_label")
        predicted_RN = task.logits(replicas.weights, replicas.view("cues_x")).argmax(-1)
        accuracy_RQ = agreement(predicted_RN, label, torch.ones_like(label[..., 0], dtype=torch.bool))
        share_RQ = agreement(predicted_RN, label, all_differ(label))
        length_RQZ = torch.stack([replicas.view(f"cues_{name}") for name in COMPRESSORS], -1).double()
        length_RQZ = length_RQZ.expand(len(replicas), -1, -1)
        agree_RZ = [rank_correlation(accuracy_RQ, -length_RQ) for length_RQ in length_RQZ.unbind(-1)]
        total_R, best_R = accuracy_RQ.sum(-1), accuracy_RQ.amax(-1)
        return {
            "accuracy": accuracy_RQ,
            "share": share_RQ,
            "share_total": share_RQ.sum(-1),
            "preferred": first(accuracy_RQ),
            "others": (total_R - best_R) / (accuracy_RQ.shape[-1] - 1),
            "chance": pair_agreement(label).expand(len(replicas)),
            "order_agreement": torch.stack(agree_RZ, -1),
            "description_length": length_RQZ,
        }

    return solution.each(
        task, kernel, MEASURES, {"cue": task.data["cue"].values.tolist(), "compressor": list(COMPRESSORS)}
    )
