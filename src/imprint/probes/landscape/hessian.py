"""Curvature of the training loss: the Hessian's top eigenvalue and trace."""

from collections.abc import Callable

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "top_eigenvalue": {
        "long_name": "largest eigenvalue of the Hessian of the training loss",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Lanczos 1950; Cohen et al. 2021, arXiv 2103.00065",
    },
    "top_eigenvalue_residual": {
        "long_name": "residual of the top eigenpair: an eigenvalue lies within this distance",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Parlett 1998, The Symmetric Eigenvalue Problem",
    },
    "trace": {
        "long_name": "trace of the Hessian of the training loss",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Hutchinson 1990",
    },
    "trace_error": {
        "long_name": "standard error of the trace estimate",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Hutchinson 1990",
    },
}
Operator = Callable[[Tensor], Tensor]


def hessian(loss: Callable[[dict[str, Tensor]], Tensor], weights: dict[str, Tensor]) -> Operator:
    """Return the product ``[R, P] -> [R, P]`` with every replica's own Hessian.

    Replicas share no weights, so the Hessian of the sum of their losses is block diagonal, and one double
    backward pass multiplies by all blocks at once. The graph of the gradient is built once.

    Args:
        loss: from weights by name to one loss per replica, ``[R]``.
        weights: by name, ``[R, *shape]``; P counts one replica's parameters in this order.

    >>> curvature = torch.tensor([3.0, 5.0])
    >>> product = hessian(lambda weights: weights["a"] ** 2 @ curvature / 2, {"a": torch.ones(1, 2)})
    >>> product(torch.tensor([[1.0, 1.0]]))
    tensor([[3., 5.]])
    """
    with torch.enable_grad():
        leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        total = loss(leaves).sum()
        gradient = torch.autograd.grad(total, list(leaves.values()), create_graph=True)
        gradient_RP = torch.cat([part.flatten(1) for part in gradient], -1)

    def product(vector_RP: Tensor) -> Tensor:
        parts = torch.autograd.grad(
            gradient_RP, list(leaves.values()), vector_RP, retain_graph=True, materialize_grads=True
        )
        return torch.cat([part.flatten(1) for part in parts], -1)

    return product


def top_eigenvalue(operator: Operator, start_RP: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Return the largest eigenvalue and its residual, each ``[R]``, of :func:`top_eigenvalues`."""
    value_RK, residual_RK = top_eigenvalues(operator, start_RP, iterations, 1)
    return value_RK[:, 0], residual_RK[:, 0]


def top_eigenvalues(operator: Operator, start_RP: Tensor, iterations: int, count: int) -> tuple[Tensor, Tensor]:
    """Return the largest eigenvalues, falling, and their residuals ``||H v - theta v||``, each ``[R, count]``.

    By Lanczos' method with full reorthogonalization, twice. The k-th ``theta`` never exceeds the k-th largest
    eigenvalue (but for rounding), and some eigenvalue lies within the residual of it; one more product each measures
    it, rounding included. An eigenvalue of several directions is found once, and again where rounding has let its
    other directions grow. A replica whose Krylov space is exhausted stops: NaN where it gave fewer than ``count``.

    Args:
        operator: product with a symmetric matrix per replica.
        start_RP: start vectors, not zero.
        iterations: dimension of the Krylov space.
        count: how many eigenvalues.

    >>> matrix = torch.diag(torch.tensor([1.0, 4.0, 2.0]))
    >>> values, _ = top_eigenvalues(lambda vector: vector @ matrix, torch.ones(1, 3), iterations=3, count=2)
    >>> values.round(decimals=4).tolist()
    [[4.0, 2.0]]
    """
    basis_RKP, diagonal_RK, coupling_RK = lanczos(operator, start_RP, iterations)
    off_RK = coupling_RK[:, :-1]
    # where the space is exhausted, an entry below every true one (Gershgorin), so that none is invented
    known_RK = torch.nn.functional.pad(off_RK > 0, (1, 0), value=True).long().cumprod(-1).bool()
    reach_RK = torch.nn.functional.pad(off_RK, (1, 0)) + torch.nn.functional.pad(off_RK, (0, 1))
    lowest_R1 = (diagonal_RK - reach_RK).where(known_RK, torch.inf).amin(-1, keepdim=True)
    below_R1 = lowest_R1 - lowest_R1.abs() - diagonal_RK.abs().amax(-1, keepdim=True)
    diagonal_RK = diagonal_RK.where(known_RK, below_R1)
    tridiagonal_RKK = diagonal_RK.diag_embed() + off_RK.diag_embed(1) + off_RK.diag_embed(-1)
    values_RK, vectors_RKK = torch.linalg.eigh(tridiagonal_RKK)
    values_RK, vectors_RKK = values_RK.flip(-1), vectors_RKK.flip(-1).to(start_RP.dtype)
    values_RK = torch.nn.functional.pad(values_RK, (0, max(0, count - iterations)), value=torch.nan)[:, :count]
    residual_RK = torch.full_like(values_RK, torch.nan)
    for rank in range(min(count, iterations)):
        vector_RP = torch.einsum("rkp,rk->rp", basis_RKP, vectors_RKK[:, :, rank])
        residual_RK[:, rank] = (operator(vector_RP) - values_RK[:, rank, None] * vector_RP).norm(dim=-1)
    found_RK = torch.arange(count, device=start_RP.device) < known_RK.sum(-1, keepdim=True)
    return values_RK.where(found_RK, torch.nan), residual_RK.where(found_RK, torch.nan)


def lanczos(operator: Operator, start_RP: Tensor, iterations: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return basis ``[R, K, P]``, diagonal and couplings to the next vector ``[R, K]``, 0 from where a space ends."""
    eps = torch.finfo(start_RP.dtype).eps
    basis_RKP = start_RP.new_zeros(len(start_RP), iterations + 1, start_RP.shape[-1])
    basis_RKP[:, 0] = start_RP / start_RP.norm(dim=-1, keepdim=True)
    diagonal_RK = start_RP.new_zeros(len(start_RP), iterations)
    coupling_RK = torch.zeros_like(diagonal_RK)
    for k in range(iterations):
        vector_RP = operator(basis_RKP[:, k])
        diagonal_RK[:, k] = (basis_RKP[:, k] * vector_RP).sum(-1)
        known_RKP = basis_RKP[:, : k + 1]
        for _ in range(2):
            vector_RP = vector_RP - torch.einsum(
                "rkp,rk->rp", known_RKP, torch.einsum("rkp,rp->rk", known_RKP, vector_RP)
            )
        length_R = vector_RP.norm(dim=-1)
        scale_R = torch.maximum(diagonal_RK.abs().amax(-1), coupling_RK.amax(-1))
        length_R = length_R.where(length_R > eps * scale_R, 0)
        coupling_RK[:, k] = length_R
        basis_RKP[:, k + 1] = (vector_RP / length_R.unsqueeze(-1)).where(length_R.unsqueeze(-1) > 0, 0)
    return basis_RKP[:, :-1], diagonal_RK.double(), coupling_RK.double()


def trace(operator: Operator, signs_MP: Tensor, replicas: int) -> tuple[Tensor, Tensor]:
    """Return Hutchinson's estimate ``mean_m s_m' H s_m`` and its standard error, each ``[R]``.

    Exact, with error 0, for a diagonal matrix. The same signs serve every replica, so that differences
    between replicas are paired.

    Args:
        operator: product with a symmetric matrix per replica.
        signs_MP: M > 1 independent vectors of +1 and -1.
        replicas: R.
    """
    forms_MR = torch.stack(
        [(signs_P * operator(signs_P.expand(replicas, -1))).sum(-1).double() for signs_P in signs_MP]
    )
    return forms_MR.mean(0), forms_MR.std(0) / len(forms_MR) ** 0.5


def exact_trace(operator: Operator, like_RP: Tensor) -> Tensor:
    """Return the trace ``[R]`` from one product for every one of the P parameters; ``like_RP`` gives R, P and dtype.

    >>> exact_trace(lambda vector: 3 * vector, torch.ones(1, 4))
    tensor([12.], dtype=torch.float64)
    """
    total_R = torch.zeros(len(like_RP), dtype=torch.float64, device=like_RP.device)
    for place in range(like_RP.shape[-1]):
        unit_RP = torch.zeros_like(like_RP)
        unit_RP[:, place] = 1
        total_R += operator(unit_RP)[:, place]
    return total_R


def measure(
    solution: Solution, task: Task, *, examples: int = 500, iterations: int = 30, draws: int = 20
) -> xr.Dataset:
    """Measure curvature of the mean loss of the first training examples with respect to all parameters.

    Args:
        solution: the solution.
        task: its task.
        examples: how many of the first training examples (all, if there are fewer).
        iterations: of the Lanczos method, from one start vector for all replicas.
        draws: sign vectors of the trace estimate, at least 2.

    Returns:
        ``top_eigenvalue``, ``top_eigenvalue_residual``, ``trace``, ``trace_error``, in units of the loss per
        squared unit of the weights; dims ``(setting, seed, snapshot)``.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("train")[..., :examples, :], replicas.y("train")[..., :examples]
        operator = hessian(lambda weights: task.loss(task.logits(weights, x), y).mean(-1), replicas.weights)
        parameters = sum(weight[0].numel() for weight in replicas.weights.values())
        stream = generator(0, "hessian")
        start_P = torch.randn(parameters, generator=stream, dtype=torch.float64)
        signs_MP = torch.randint(2, (draws, parameters), generator=stream) * 2 - 1
        start_RP = start_P.to(task.device, task.precision).expand(len(replicas), -1)
        value_R, residual_R = top_eigenvalue(operator, start_RP, iterations)
        trace_R, error_R = trace(operator, signs_MP.to(task.device, task.precision), len(replicas))
        return {
            "top_eigenvalue": value_R,
            "top_eigenvalue_residual": residual_R,
            "trace": trace_R,
            "trace_error": error_R,
        }

    return solution.each(task, kernel, MEASURES)
