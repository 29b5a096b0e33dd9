"""The largest curvature at which a recipe is stable on a quadratic."""

import math

PLAIN = {
    "torch.optim:SGD": {"lr": None, "momentum": 0.0, "nesterov": False, "dampening": 0.0, "weight_decay": 0.0},
    "torch.optim:Adam": {"lr": None, "betas": (0.9, 0.999), "eps": 1e-8, "amsgrad": False, "weight_decay": 0.0},
}
FREE = {"lr", "momentum", "nesterov", "betas", "eps"}
PARTS = ("gradient", "decay", "averaging", "parametrization", "schedule", "rest")


def preconditioned(recipe: dict) -> bool:
    """Whether the threshold is one of the preconditioned Hessian: Adam's."""
    return recipe["update"] == "torch.optim:Adam"


def hyper(recipe: dict, setting: dict[str, float]) -> dict:
    """Return all hyper-parameters of a recipe whose threshold is known, at a setting.

    Raises:
        ValueError: if no threshold is known for the recipe; see :func:`threshold`.
    """
    name = recipe.get("name", recipe["update"])
    if recipe["update"] not in PLAIN:
        raise ValueError(f"no stability threshold is known for {name!r}, only for updates {sorted(PLAIN)}")
    defaults = PLAIN[recipe["update"]]
    given = {**defaults, **recipe.get("hyper", {}), **setting}
    foreign = [key for key in PARTS if recipe.get(key)]
    foreign += [key for key in given if key not in FREE and given[key] != defaults.get(key, False)]
    if foreign:
        raise ValueError(
            f"no stability threshold is known for {name!r} with {', '.join(foreign)}; take a recipe without"
        )
    if given["lr"] is None:
        raise ValueError(f"recipe {name!r} has no lr here; give the solution with its hyper-parameters")
    perturbation = recipe.get("perturbation")
    if perturbation and (
        perturbation["name"] != "sam"
        or perturbation.get("normalize", True)
        or preconditioned(recipe)
        or given["momentum"]
    ):
        raise ValueError(
            f"no stability threshold is known for {name!r} with perturbation {perturbation}; only 'sam' with "
            "normalize: false over gradient descent without momentum has one"
        )
    return given


def threshold(recipe: dict, setting: dict[str, float]) -> float:
    r"""Return the curvature :math:`\lambda^*` above which a recipe with the whole batch diverges on a quadratic.

    With the rate :math:`\eta`: gradient descent :math:`2/\eta`; heavy ball with momentum :math:`\beta`
    :math:`(2+2\beta)/\eta`; Nesterov's :math:`(2+2\beta)/(\eta(1+2\beta))`; sharpness-aware minimization that is not
    normalized, of radius :math:`\rho`, :math:`(\sqrt{1+8\rho/\eta}-1)/(2\rho)`, the root of
    :math:`\eta\lambda(1+\rho\lambda)=2`; Adam with a fixed preconditioner, :math:`(2+2\beta_1)/((1-\beta_1)\eta)` for
    the Hessian times its inverse (Cohen et al. 2021, arXiv 2103.00065; 2022, arXiv 2207.14484). In units of the loss
    per squared unit of the weights.

    Args:
        recipe: its parts, as a store's spec has them.
        setting: the hyper-parameters that vary between settings.

    Raises:
        ValueError: if no threshold is known for the recipe: another update, a part that changes the iteration.

    >>> threshold({"update": "torch.optim:SGD", "hyper": {"momentum": 0.5}}, {"lr": 0.1})
    30.0
    """
    given = hyper(recipe, setting)
    rate = given["lr"]
    if preconditioned(recipe):
        beta = given["betas"][0]
        return (2 + 2 * beta) / ((1 - beta) * rate)
    if recipe.get("perturbation"):
        radius = recipe["perturbation"].get("rho", 0.05)
        return (math.sqrt(1 + 8 * radius / rate) - 1) / (2 * radius) if radius else 2 / rate
    beta = given["momentum"]
    return (2 + 2 * beta) / (rate * (1 + 2 * beta) if given["nesterov"] else rate)
