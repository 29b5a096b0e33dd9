"""Where do all eigenvalues of the Hessian lie, the bulk and the negative ones, not only the largest?"""

import math

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.landscape import hessian
from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "density": {
        "long_name": "density of the Hessian's eigenvalues over the log-modulus of their part of the largest modulus",
        "units": "1",
        "dims": ("relative",),
        "prefer": None,
        "source": "Ubaru, Chen, Saad 2017; Ghorbani, Krishnan, Xiao 2019, arXiv 1901.10159",
    },
    "largest": {
        "long_name": "largest Ritz value of the Hessian of the training loss",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Lanczos 1950",
    },
    "smallest": {
        "long_name": "smallest Ritz value of the Hessian of the training loss",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Lanczos 1950",
    },
    "negative_mass": {
        "long_name": "sum of the moduli of the Hessian's negative eigenvalues over that of all",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Alain, Le Roux, Manzagol 2019, arXiv 1902.02366 (negative eigenvalues of the Hessian)",
    },
    "negative_mass_error": {
        "long_name": "standard error of the negative mass over the draws",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "jackknife",
    },
    "negative_share": {
        "long_name": "share of the Hessian's eigenvalues that are negative beyond the declared zero",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Sagun et al. 2017, arXiv 1706.04454; Ghorbani, Krishnan, Xiao 2019, arXiv 1901.10159",
    },
    "negative_share_error": {
        "long_name": "standard error of the negative share over the draws",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "jackknife",
    },
    "bulk_share": {
        "long_name": "share of the Hessian's eigenvalues within the declared part of the largest modulus",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Sagun et al. 2017, arXiv 1706.04454",
    },
    "bulk_share_error": {
        "long_name": "standard error of the bulk share over the draws",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "jackknife",
    },
    "effective_number": {
        "long_name": "effective number of eigenvalues of the Hessian that are not small, their participation number",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "participation number (Bell, Dean 1970) of the moduli of the eigenvalues",
    },
    "effective_number_error": {
        "long_name": "standard error of the effective number over the draws",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "jackknife",
    },
}
LINEAR = 0.001  # of the largest modulus, where the scale turns from linear to logarithmic
SMOOTH = 0.03  # standard deviation of the kernel, on the scale of the log-modulus
REACH = 1.1  # of the grid, on the same scale
CELLS = 101
APART = 0.01  # of an eigenvalue, the residual at which it is known by itself
GHOST = 1e-12  # weight below which a node is one of rounding


def log_modulus(relative: Tensor) -> Tensor:
    r"""Return ``sign(r) log(1 + |r| / c) / log(1 + 1 / c)`` with c = 0.001: -1, 0, 1 at -1, 0, 1 (John, Draper 1980).

    >>> log_modulus(torch.tensor([-1.0, 0.0, 0.01, 1.0])).round(decimals=3)
    tensor([-1.0000,  0.0000,  0.3470,  1.0000])
    """
    return relative.sign() * torch.log1p(relative.abs() / LINEAR) / math.log1p(1 / LINEAR)


def grid() -> tuple[Tensor, Tensor]:
    """Return the edges ``[G + 1]`` of the cells of the density, in log-modulus, and the centres as relative ``[G]``."""
    edges_E = torch.linspace(-REACH, REACH, CELLS + 1, dtype=torch.float64)
    centre_G = (edges_E[1:] + edges_E[:-1]) / 2
    return edges_E, centre_G.sign() * LINEAR * torch.expm1(centre_G.abs() * math.log1p(1 / LINEAR))


def ritz(operator: hessian.Operator, start_RP: Tensor, iterations: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    r"""Return the K Ritz values of Lanczos' method ``[R, K]``, rising, and what belongs to them.

    With the first components :math:`u_{1k}` of the tridiagonal matrix's eigenvectors, :math:`\sum_k u_{1k}^2
    f(\theta_k) = s' f(H) s / s's` for polynomials f up to degree 2 K - 1 (Golub, Welsch 1969). Where a Krylov space
    ends early, values without weight follow.

    Args:
        operator: product with a symmetric matrix per replica.
        start_RP: start vectors s, not zero.
        iterations: K.

    Returns:
        The values; the tridiagonal matrix's eigenvectors ``[R, K, K]``; the basis ``[R, K, P]``; the norms of
        the residuals ``[R, K]``.

    >>> matrix = torch.diag(torch.tensor([1.0, 4.0, 2.0]).double())
    >>> values, vectors, _, _ = ritz(lambda vector: vector @ matrix, torch.ones(1, 3).double(), 3)
    >>> values.round(decimals=6).tolist(), vectors[:, 0].square().round(decimals=6).tolist()
    ([[1.0, 2.0, 4.0]], [[0.333333, 0.333333, 0.333333]])
    """
    basis_RKP, diagonal_RK, coupling_RK = hessian.lanczos(operator, start_RP, iterations)
    off_RK = coupling_RK[:, :-1]
    value_RK, vector_RKK = torch.linalg.eigh(diagonal_RK.diag_embed() + off_RK.diag_embed(1) + off_RK.diag_embed(-1))
    return value_RK, vector_RKK, basis_RKP, coupling_RK[:, -1:] * vector_RKK[:, -1].abs()


def apart(operator: hessian.Operator, start_RP: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Return eigenvalues that stand apart ``[R, Q]``, NaN after the last, and their eigenvectors ``[R, Q, P]``, then 0.

    They are the Ritz pairs whose residual is at most 1 % of the eigenvalue; arguments are those of :func:`ritz`.
    """
    value_RK, vector_RKK, basis_RKP, residual_RK = ritz(operator, start_RP, iterations)
    known_RK = (residual_RK <= APART * value_RK.abs()) & (vector_RKK[:, 0].square() > GHOST) & (value_RK != 0)
    order_RQ = known_RK.int().argsort(dim=-1, descending=True, stable=True)[:, : known_RK.sum(-1).max()]
    known_RQ = known_RK.gather(-1, order_RQ)
    turn_RKQ = vector_RKK.gather(-1, order_RQ.unsqueeze(1).expand(-1, vector_RKK.shape[1], -1)) * known_RQ.unsqueeze(1)
    vector_RQP = torch.einsum("rkp,rkq->rqp", basis_RKP, turn_RKQ.to(basis_RKP.dtype))
    return value_RK.gather(-1, order_RQ).where(known_RQ, torch.nan), vector_RQP


def quadrature(operator: hessian.Operator, start_MP: Tensor, replicas: int, iterations: int) -> tuple[Tensor, Tensor]:
    r"""Return nodes and weights ``[R, M - 1, Q + K]`` of :math:`\mathrm{tr} f(H) / P`.

    By stochastic Lanczos quadrature. The first start finds the eigenvalues that stand :func:`apart`, nodes of the exact
    weight 1 / P. Every other one, projected off them, gives K nodes for the rest; their mean over starts is unbiased
    (Ubaru, Chen, Saad 2017). Without the first part the weights of the few large eigenvalues, each the square of a
    normal number, would be most of the noise (deflation: Gambhir, Stathopoulos, Orginos 2017, arXiv 1603.05988).

    Args:
        operator: product with a symmetric matrix per replica.
        start_MP: M > 1 independent Gaussian vectors, the same for every replica.
        replicas: R.
        iterations: K.
    """
    parameters = start_MP.shape[1]
    value_RQ, vector_RQP = apart(operator, start_MP[0].expand(replicas, -1), iterations)
    known_RQ = value_RQ.isfinite()
    left_R1 = 1 - known_RQ.sum(-1, keepdim=True).double() / parameters

    def off(any_RP: Tensor) -> Tensor:
        return any_RP - torch.einsum("rqp,rq->rp", vector_RQP, torch.einsum("rqp,rp->rq", vector_RQP, any_RP))

    nodes, weights = [], []
    for start_P in start_MP[1:]:
        start_RP = start_P.expand(replicas, -1)
        start_RP = off(off(start_RP)).where(left_R1 > 0, start_RP)
        node_RK, turn_RKK, _, _ = ritz(lambda any_RP: off(operator(off(any_RP))), start_RP, iterations)
        nodes.append(torch.cat([value_RQ.nan_to_num(), node_RK], -1))
        weights.append(torch.cat([known_RQ.double() / parameters, left_R1 * turn_RKK[:, 0].square()], -1))
    return torch.stack(nodes, 1), torch.stack(weights, 1)


def density(relative_RN: Tensor, weight_RN: Tensor, edges_E: Tensor) -> Tensor:
    """Return the mean density ``[R, G]`` over each cell, of nodes widened by a Gaussian in log-modulus.

    The outermost cells take what lies beyond them, so that the densities times the cells' widths sum to the sum of the
    weights.

    Args:
        relative_RN: nodes over the largest modulus.
        weight_RN: their weights.
        edges_E: of the cells, in log-modulus, rising.
    """
    inner_E = edges_E[1:-1].to(relative_RN.device)
    below_RNE = torch.special.ndtr((inner_E - log_modulus(relative_RN).unsqueeze(-1)) / SMOOTH)
    ends_RN1 = torch.zeros_like(below_RNE[..., :1])
    mass_RNG = torch.cat([ends_RN1, below_RNE, ends_RN1 + 1], -1).diff(dim=-1)
    return torch.einsum("rn,rng->rg", weight_RN, mass_RNG) / edges_E.diff().to(mass_RNG.device)


def shares(relative_RN: Tensor, weight_RN: Tensor, parameters: int, zero: float, bulk: float) -> dict[str, Tensor]:
    r"""Return what a spectrum says in one number each, ``[R]``.

    With eigenvalues r as parts of the largest modulus and P of them: ``negative_share`` the part with ``r < -zero``,
    ``bulk_share`` with ``|r| <= bulk``, ``negative_mass`` :math:`\sum_{r < 0} |r| / \sum |r|`, ``effective_number``
    :math:`(\sum |r|)^2 / \sum r^2`, from 1 (one eigenvalue) to P (all of one modulus).

    Args:
        relative_RN: nodes over the largest modulus.
        weight_RN: their weights, which sum to 1.
        parameters: P.
        zero: modulus up to which an eigenvalue counts as 0.
        bulk: modulus up to which it counts as part of the bulk.

    >>> found = shares(torch.tensor([[1.0, 0.5, -0.5, 0.0]]), torch.full((1, 4), 0.25), 4, 0.001, 0.01)
    >>> {name: round(value.item(), 3) for name, value in found.items()}
    {'negative_mass': 0.25, 'negative_share': 0.25, 'bulk_share': 0.25, 'effective_number': 2.667}
    """
    size_R = (weight_RN * relative_RN.abs()).sum(-1)
    return {
        "negative_mass": (weight_RN * relative_RN.clamp(max=0).abs()).sum(-1) / size_R,
        "negative_share": (weight_RN * (relative_RN < -zero)).sum(-1),
        "bulk_share": (weight_RN * (relative_RN.abs() <= bulk)).sum(-1),
        "effective_number": parameters * size_R.square() / (weight_RN * relative_RN.square()).sum(-1),
    }


def summary(node_RMK: Tensor, weight_RMK: Tensor, parameters: int, zero: float, bulk: float) -> dict[str, Tensor]:
    """Return all measures of a quadrature: :func:`shares` with their standard errors, the ends, the density.

    The errors are those of the jackknife over the M > 1 start vectors; what K nodes cannot resolve is not in them. Of a
    Hessian of zeros only the ends are known, else NaN.
    """
    draws = node_RMK.shape[1]
    real_RMK = weight_RMK > GHOST
    top_R = node_RMK.where(real_RMK, -torch.inf).amax((1, 2))
    bottom_R = node_RMK.where(real_RMK, torch.inf).amin((1, 2))
    radius_R11 = torch.maximum(top_R, -bottom_R)[:, None, None]
    relative_RMK, weight_RMK = node_RMK / radius_R11, weight_RMK.where(radius_R11 > 0, torch.nan)

    def of(rows: list[int]) -> dict[str, Tensor]:
        return shares(
            relative_RMK[:, rows].flatten(1), weight_RMK[:, rows].flatten(1) / len(rows), parameters, zero, bulk
        )

    everything = list(range(draws))
    found, without = of(everything), [of(everything[:m] + everything[m + 1 :]) for m in everything]
    for name in list(found):
        left_MR = torch.stack([each[name] for each in without])
        found[f"{name}_error"] = (left_MR.var(0, correction=0) * (draws - 1)).sqrt()
    found["density"] = density(relative_RMK.flatten(1), weight_RMK.flatten(1) / draws, grid()[0])
    return found | {"largest": top_R, "smallest": bottom_R}


def measure(
    solution: Solution,
    task: Task,
    *,
    examples: int = 300,
    iterations: int = 40,
    draws: int = 2,
    zero: float = 0.001,
    bulk: float = 0.01,
    seed: int = 0,
) -> xr.Dataset:
    """Measure the spectrum of the Hessian of the mean loss of the first training examples, by stochastic Lanczos.

    Replicas are compared on one grid: eigenvalues over the largest modulus of the replica's own, on the scale of
    :func:`log_modulus`; ``largest`` and ``smallest`` give the scale back. Masses and the effective number are integrals
    of continuous functions, which K nodes give well; the shares are of steps, which K nodes resolve to about the
    distance of the nodes there. Compare recipes at equal options.

    Args:
        solution: the solution.
        task: its task.
        examples: how many of the first training examples (all, if there are fewer).
        iterations: K, nodes to each start vector (P, if there are fewer parameters).
        draws: start vectors beside the one that finds the eigenvalues that stand apart, at least 2, the same for all
            replicas.
        zero: part of the largest modulus up to which an eigenvalue counts as 0.
        bulk: part of the largest modulus up to which an eigenvalue belongs to the bulk.
        seed: of the start vectors.

    Returns:
        ``density`` per unit of log-modulus, dims ``(setting, seed, snapshot, relative)``, labelled by the eigenvalue at
        the cell's centre over the largest modulus; ``largest`` and ``smallest`` in units of the loss per squared unit
        of the weights; ``negative_mass``, ``negative_share``, ``bulk_share`` in [0, 1] and ``effective_number`` in
        [1, P], with their standard errors: dims ``(setting, seed, snapshot)``.

    Raises:
        ValueError: an option outside its range.
    """
    if draws < 2 or iterations < 1 or examples < 1:
        raise ValueError(
            f"spectral_density: draws={draws} is at least 2 (for standard errors), iterations={iterations} and "
            f"examples={examples} at least 1"
        )
    if not (0 <= zero < 1 and 0 <= bulk < 1):
        raise ValueError(f"spectral_density: zero={zero} and bulk={bulk} are parts of the largest modulus, in [0, 1)")

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("train")[..., :examples, :], replicas.y("train")[..., :examples]
        operator = hessian.hessian(lambda weights: task.loss(task.logits(weights, x), y).mean(-1), replicas.weights)
        parameters = sum(weight[0].numel() for weight in replicas.weights.values())
        stream = generator(seed, "spectral_density")
        start_MP = torch.randn(draws + 1, parameters, generator=stream, dtype=torch.float64)
        start_MP = start_MP.to(task.device, task.precision)
        nodes, weights = quadrature(operator, start_MP, len(replicas), min(iterations, parameters))
        return summary(nodes, weights, parameters, zero, bulk)

    return solution.each(task, kernel, MEASURES, {"relative": grid()[1].tolist()})
