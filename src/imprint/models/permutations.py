"""Which orders of its hidden units leave a network's function as it is, and the one that matches another network."""

from collections.abc import Mapping

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from imprint.models.mlp import MLP

Axes = Mapping[str, tuple[str | None, ...]]
SWEEPS = 100
PROGRESS = 1e-12


def axes_of(model: nn.Module) -> dict[str, tuple[str | None, ...]]:
    """Return the layer of units along each axis of each parameter; None where the order of an axis has a meaning.

    Units of one layer may be put in any order if all axes of that layer follow.

    Raises:
        ValueError: if nobody declared the symmetries of this architecture.
    """
    if type(model) not in DECLARED:
        known = ", ".join(kind.__name__ for kind in DECLARED)
        raise ValueError(f"no permutations of units are declared for {type(model).__name__}; they are for {known}")
    return DECLARED[type(model)](model)


def _mlp(model: MLP) -> dict[str, tuple[str | None, ...]]:
    last = len(model.layers) - 1
    units = [None, *(f"hidden_{layer}" for layer in range(1, last + 1)), None]
    return {
        f"layers.{layer}.{name}": (units[layer + 1], units[layer])[: parameter.dim()]
        for layer, linear in enumerate(model.layers)
        for name, parameter in linear.named_parameters()
    }


DECLARED = {MLP: _mlp}


def permuted(weights: Mapping[str, Tensor], axes: Axes, order: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of one network with the units of each layer in another order.

    Args:
        weights: by parameter name.
        axes: see :func:`axes_of`.
        order: for each layer, which unit comes first, second, ...; a layer left out stays.
    """
    result = {}
    for name, value in weights.items():
        for axis, layer in enumerate(axes[name]):
            if layer in order:
                value = value.index_select(axis, order[layer])
        result[name] = value
    return result


def matching(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], axes: Axes) -> dict[str, Tensor]:
    r"""Return the orders of their units that bring their weights near ours (weight matching).

    Looks for the permutations P that maximize :math:`\langle \theta_A, P \theta_B \rangle`, which minimizes the
    Euclidean distance: layer by layer, from the first to the last, the best order given the other layers' is a linear
    assignment, and this is repeated until no layer gains. With one hidden layer the result is the best there is, with
    more a local optimum. It starts from the order that is there; the authors visit the layers in random order.

    Args:
        ours: weights of one network.
        theirs: those of another of the same architecture.
        axes: see :func:`axes_of`.

    Returns:
        An order for each layer, for :func:`permuted`.

    Source:
        Ainsworth, Hayase, Srinivasa 2023, arXiv 2209.04836, algorithm 1.
    """
    a = {name: value.detach().cpu().double().numpy() for name, value in ours.items()}
    b = {name: value.detach().cpu().double().numpy() for name, value in theirs.items()}
    places: dict[str, list[tuple[str, int]]] = {}
    for name, layers in axes.items():
        for axis, layer in enumerate(layers):
            if layer is not None:
                places.setdefault(layer, []).append((name, axis))
    order = {layer: np.arange(a[found[0][0]].shape[found[0][1]]) for layer, found in places.items()}
    for _ in range(SWEEPS):
        gained = False
        for layer, found in places.items():
            gain_UU = sum(_likeness(a[name], _ordered(b[name], axes[name], order, axis), axis) for name, axis in found)
            best_U = linear_sum_assignment(gain_UU, maximize=True)[1]
            rows_U = np.arange(len(best_U))
            before, after = gain_UU[rows_U, order[layer]].sum(), gain_UU[rows_U, best_U].sum()
            if after > before + PROGRESS * np.abs(gain_UU).sum():
                order[layer], gained = best_U, True
        if not gained:
            break
    return {layer: torch.as_tensor(found) for layer, found in order.items()}


def _ordered(
    value: np.ndarray, layers: tuple[str | None, ...], order: Mapping[str, np.ndarray], but: int
) -> np.ndarray:
    """Their parameter with every axis but one in the order found so far."""
    for axis, layer in enumerate(layers):
        if layer is not None and axis != but:
            value = np.take(value, order[layer], axis)
    return value


def _likeness(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    """Inner product of each of our units with each of theirs, ``[U, U]``."""
    units = a.shape[axis]
    return np.moveaxis(a, axis, 0).reshape(units, -1) @ np.moveaxis(b, axis, 0).reshape(units, -1).T
