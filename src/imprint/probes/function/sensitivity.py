"""How much do the outputs change when an input does?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "logits": {
        "long_name": "mean Frobenius norm of the logits' Jacobian by the test inputs",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "after Novak et al. 2018, arXiv 1802.08760",
    },
    "probabilities": {
        "long_name": "mean Frobenius norm of the class probabilities' Jacobian by the test inputs",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Novak et al. 2018, arXiv 1802.08760",
    },
}


def jacobian(task: Task, weights: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits ``[N, C]`` and their derivatives by each input, ``[N, C, D]``, of one replica.

    Args:
        task: whose model it is; examples do not influence one another in it.
        weights: of one replica, ``[1, *shape]``.
        x: inputs ``[N, ...]``, of D numbers each.
    """
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        (logits_NC,) = task.logits(weights, x.unsqueeze(0))
        rows = [torch.autograd.grad(column.sum(), x, retain_graph=True)[0].flatten(1) for column in logits_NC.unbind(1)]
    return logits_NC.detach(), torch.stack(rows, 1)


def sizes(logits_NC: Tensor, jacobian_NCD: Tensor) -> dict[str, Tensor]:
    r"""Return the mean over examples of two Frobenius norms, scalars.

    ``logits``: :math:`\|J - \bar J\|` with the mean over classes taken off, which the softmax ignores.
    ``probabilities``: :math:`\|(\mathrm{diag}(p) - p p^\top) J\|`, p the softmax of the logits.

    >>> flat = sizes(torch.zeros(1, 2), torch.tensor([[[3.0, 0.0], [-3.0, 0.0]]]))
    >>> round(flat["logits"].item(), 4), round(flat["probabilities"].item(), 4)
    (4.2426, 2.1213)
    """
    p_NC1 = logits_NC.softmax(-1).unsqueeze(-1)
    through_NCD = p_NC1 * (jacobian_NCD - (p_NC1 * jacobian_NCD).sum(1, keepdim=True))
    centred_NCD = jacobian_NCD - jacobian_NCD.mean(1, keepdim=True)
    return {
        "logits": torch.linalg.matrix_norm(centred_NCD).mean(),
        "probabilities": torch.linalg.matrix_norm(through_NCD).mean(),
    }


def measure(solution: Solution, task: Task, *, examples: int = 300) -> xr.Dataset:
    """Measure the sensitivity to the inputs, at the first test examples, one replica after the other.

    Args:
        solution: the solution.
        task: its task, with real inputs.
        examples: how many of the test examples (all, if there are fewer).

    Returns:
        ``logits`` and ``probabilities``, at least 0, per unit of the input; dims ``(setting, seed, snapshot)``.

    Raises:
        ValueError: if inputs are not real numbers, or no example is wanted.
    """
    if examples < 1:
        raise ValueError(f"sensitivity: examples {examples} is less than 1")
    if not task.tensor("x_test").is_floating_point():
        raise ValueError(
            f"sensitivity needs real inputs and those of this task are {task.tensor('x_test').dtype}; take this "
            "probe out of the experiment"
        )

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, rows = replicas.x("test"), []
        for row in range(len(replicas)):
            weights = {name: value[row : row + 1] for name, value in replicas.weights.items()}
            own = (x[row] if task.seeded else x)[:examples]
            rows.append(sizes(*(part.double() for part in jacobian(task, weights, own))))
        return {name: torch.stack([row[name] for row in rows]) for name in MEASURES}

    return solution.each(task, kernel, MEASURES)
