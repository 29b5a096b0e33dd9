"""How much of what a network says is a linear function of its inputs?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "r_squared": {
        "long_name": "share of the logits' variance over test examples that a linear map of the inputs explains",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "after Vasudeva et al. 2025, arXiv 2505.24022",
    },
}
RANK = 1e-10


def span(x_ND: Tensor) -> Tensor:
    """Return an orthonormal basis ``[N, K]`` of what the inputs span over examples, after centring.

    >>> span(torch.tensor([[1.0, 2.0], [1.0, 4.0]])).abs()
    tensor([[0.7071],
            [0.7071]], dtype=torch.float64)
    """
    centred_ND = x_ND.double() - x_ND.double().mean(0)
    basis_NK, sigma_K, _ = torch.linalg.svd(centred_ND, full_matrices=False)
    return basis_NK[:, sigma_K > RANK * sigma_K.max()]


def explained(logits_NC: Tensor, basis_NK: Tensor) -> Tensor:
    r"""Return the adjusted share of variance of the best affine fit, a scalar, 1 for an affine function.

    :math:`1 - \frac{N - 1}{N - K - 1} \frac{\min_{A, b} \sum_i \|z_i - A x_i - b\|^2}{\sum_i \|z_i - \bar z\|^2}` with
    z the logits minus their mean over classes, which the softmax ignores, and K the rank of the centred inputs. The
    first factor makes the expectation 0 for logits that have nothing to do with the inputs; NaN for constant logits.

    Args:
        logits_NC: of one replica.
        basis_NK: see :func:`span`.
    """
    relative_NC = logits_NC.double() - logits_NC.double().mean(-1, keepdim=True)
    centred_NC = relative_NC - relative_NC.mean(0)
    residual_NC = centred_NC - basis_NK @ (basis_NK.mT @ centred_NC)
    examples, rank = basis_NK.shape
    unexplained = residual_NC.square().sum() / centred_NC.square().sum()
    return 1 - (examples - 1) / (examples - rank - 1) * unexplained


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure how linear the logits are on the test examples.

    Returns:
        ``r_squared``, at most 1; dims ``(setting, seed, snapshot)``.

    Raises:
        ValueError: if there are too few test examples to leave anything unexplained.
    """
    x = task.split("test")[0]
    bases = [span(x_ND) for x_ND in (x if task.seeded else x.unsqueeze(0))]
    for basis_NK in bases:
        examples, rank = basis_NK.shape
        if examples <= rank + 1:
            raise ValueError(
                f"linearity: {examples} test examples of rank {rank} are fitted exactly by a linear map; "
                f"it needs more than {rank + 1} test examples"
            )
    data_of_seed = task.seed_index(solution.data["seed"].values.tolist())

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        own = data_of_seed[replicas.cells[:, 1]].tolist()
        logits_RNC = replicas.logits("test")
        pairs = zip(logits_RNC, own, strict=True)
        return {"r_squared": torch.stack([explained(logits_NC, bases[place]) for logits_NC, place in pairs])}

    return solution.each(task, kernel, MEASURES)
