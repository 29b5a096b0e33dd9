"""Which block of input coordinates does a binary classifier rely on?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ("blocks",)
MEASURES = {
    "auc": {
        "long_name": "area under the ROC curve on the test examples",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Shah et al. 2020, arXiv 2006.07710",
    },
    "randomized_auc": {
        "long_name": "area under the ROC curve on test examples with one block of coordinates permuted",
        "units": "1",
        "dims": ("block",),
        "prefer": None,
        "source": "Shah et al. 2020, arXiv 2006.07710",
    },
    "randomized_accuracy": {
        "long_name": "accuracy on test examples with one block of coordinates permuted",
        "units": "1",
        "dims": ("block",),
        "prefer": None,
        "source": "Shah et al. 2020, arXiv 2006.07710",
    },
    "accuracy_drop": {
        "long_name": "accuracy on the test examples minus that with one block of coordinates permuted",
        "units": "1",
        "dims": ("block",),
        "prefer": None,
        "source": "difference of the two accuracies of Shah et al. 2020, arXiv 2006.07710",
    },
}


def auc(scores_RN: Tensor, y: Tensor) -> Tensor:
    """Return the area under the ROC curve, ``P(positive scores higher) + P(equal) / 2``, ``[R]``.

    From the average ranks (Mann-Whitney). NaN if a class is missing.

    Args:
        scores_RN: ``[R, N]``, larger for the positive class.
        y: 0 or 1, ``[N]`` or ``[R, N]``.

    >>> auc(torch.tensor([[0.1, 0.4, 0.4, 0.8]]), torch.tensor([0, 0, 1, 1]))
    tensor([0.8750], dtype=torch.float64)
    """
    scores_RN = scores_RN.contiguous()
    ranked_RN = scores_RN.sort(-1).values
    below_RN = torch.searchsorted(ranked_RN, scores_RN, right=False)
    up_to_RN = torch.searchsorted(ranked_RN, scores_RN, right=True)
    rank_RN = (below_RN + up_to_RN + 1).double() / 2
    positives = y.sum(-1).double()
    negatives = y.shape[-1] - positives
    return ((rank_RN * y).sum(-1) - positives * (positives + 1) / 2) / (positives * negatives)


def permute_block(x_RND: Tensor, basis_KD: Tensor, order_RN: Tensor) -> Tensor:
    """Return the inputs with the coordinates of one block taken from other examples.

    Args:
        x_RND: inputs.
        basis_KD: the directions of the block's K coordinates, orthonormal rows; ``[K, D]`` or ``[R, K, D]``.
        order_RN: for each example, the example that gives the block's coordinates.
    """
    block_RNK = x_RND @ basis_KD.mT
    taken_RNK = block_RNK.gather(1, order_RN.unsqueeze(-1).expand_as(block_RNK))
    return x_RND + (taken_RNK - block_RNK) @ basis_KD


def permute_features(x_RND: Tensor, columns_D: Tensor, order_RN: Tensor) -> Tensor:
    """Return the inputs with some of their features taken from other examples.

    Args:
        x_RND: inputs.
        columns_D: which features, as booleans.
        order_RN: for each example, the example that gives them.

    >>> x = torch.arange(6.0).reshape(1, 3, 2)
    >>> permute_features(x, torch.tensor([False, True]), torch.tensor([[2, 0, 1]]))
    tensor([[[0., 5.],
             [2., 1.],
             [4., 3.]]])
    """
    taken_RND = x_RND.gather(1, order_RN.unsqueeze(-1).expand_as(x_RND))
    return torch.where(columns_D, taken_RND, x_RND)


def orders(seed: int, permutations: int, examples: int) -> Tensor:
    """Return the permutations ``[permutations, N]`` of a seed, the same for every recipe and setting."""
    stream = generator(seed, "randomized_blocks")
    return torch.stack([torch.randperm(examples, generator=stream) for _ in range(permutations)])


def measure(solution: Solution, task: Task, *, permutations: int = 20) -> xr.Dataset:
    """Measure a binary classifier with each block of the view ``blocks`` permuted across the test examples.

    The view gives ``blocks_name``, a flag with meaning: the block of each latent coordinate, with
    ``blocks_rotation (latent, feature)``, whose rows are the orthonormal directions of the latent coordinates in
    input space, or without it the block of each feature.

    Args:
        solution: the solution.
        task: its task, of two classes.
        permutations: to average over.

    Returns:
        ``auc``, dims ``(setting, seed, snapshot)``; ``randomized_auc``, ``randomized_accuracy`` and
        ``accuracy_drop``, dims ``(setting, seed, snapshot, block)``. A randomized area or accuracy is 0.5 where the
        block is all the classifier uses (of two classes of equal size), and as without permutation where it uses
        none of it, where the drop is 0.

    Raises:
        ValueError: if the task has more than two classes.
    """
    if task.classes != 2:
        raise ValueError(f"randomized_blocks needs a task of 2 classes; this one has {task.classes}")
    kind = task.data["blocks_name"]
    kind_D = (kind.isel(seed=0) if "seed" in kind.dims else kind).values
    blocks = dict(zip(kind.attrs["flag_meanings"].split(), kind.attrs["flag_values"], strict=True))
    members = [torch.as_tensor(kind_D == flag, device=task.device) for flag in blocks.values()]
    rotated = "blocks_rotation" in task.data
    seeds = solution.data["seed"].values.tolist()
    examples = task.data.sizes["test"]
    order_SMN = torch.stack([orders(seed, permutations, examples) for seed in seeds]).to(task.device)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        y = replicas.y("test")
        x_RND = replicas.x("test").expand(len(replicas), -1, -1)
        rotation = replicas.view("blocks_rotation") if rotated else None
        order_RMN = order_SMN[replicas.cells[:, 1]]

        def score(inputs_RND: Tensor) -> Tensor:
            logits_RNC = task.logits(replicas.weights, inputs_RND)
            return logits_RNC[..., 1] - logits_RNC[..., 0]

        def permuted(member_D: Tensor, order_RN: Tensor) -> Tensor:
            if rotated:
                return permute_block(x_RND, rotation[..., member_D, :], order_RN)
            return permute_features(x_RND, member_D, order_RN)

        plain_RN = score(x_RND)
        scores = [
            torch.stack([score(permuted(member_D, order_RMN[:, m])) for m in range(permutations)])
            for member_D in members
        ]
        accuracy_RK = torch.stack([mean_accuracy(scores_MRN, y) for scores_MRN in scores], -1)
        return {
            "auc": auc(plain_RN, y),
            "randomized_auc": torch.stack([mean_auc(scores_MRN, y) for scores_MRN in scores], -1),
            "randomized_accuracy": accuracy_RK,
            "accuracy_drop": mean_accuracy(plain_RN.unsqueeze(0), y).unsqueeze(-1) - accuracy_RK,
        }

    return solution.each(task, kernel, MEASURES, {"block": list(blocks)})


def mean_auc(scores_MRN: Tensor, y: Tensor) -> Tensor:
    """Return the mean over permutations of :func:`auc`, ``[R]``."""
    return torch.stack([auc(scores_RN, y) for scores_RN in scores_MRN]).mean(0)


def mean_accuracy(scores_MRN: Tensor, y: Tensor) -> Tensor:
    """Return the mean over permutations and examples of ``[score > 0] == y``, ``[R]``."""
    return ((scores_MRN > 0) == y.bool()).double().mean((0, -1))
