"""K-FAC (Martens and Grosse 2015) without inverses (Lin et al. 2024), by the package singd."""

import torch
from torch import Tensor, nn

try:
    from singd.optim.optimizer import SINGD
except ImportError as error:
    raise ImportError(f"{error}; K-FAC runs through the package singd: pip install imprint[kfac]") from error

FACTORS = ("Ks", "Cs", "m_Ks", "m_Cs")
STRUCTURES = ("dense", "diagonal")  # singd 0.0.5 has no others in float64


class Kfac(SINGD):
    """``W <- W - lr M``, ``M <- momentum M + C C' G K K'``, where ``K K'`` and ``C C'`` stand for inverses.

    For a layer, ``G = [dL/dW, dL/db]``; ``A`` is the mean of ``a a'`` over its inputs ``a``, 1 appended for the bias,
    and ``B`` that of ``g g'`` over the gradients ``g`` of each example's loss by its outputs, at the true labels (the
    empirical Fisher). Every ``T`` steps, from ``K = I``: ``m <- alpha1 m + (K'AK + damping K'K - I) / 2`` and
    ``K <- K - lr_cov K m``; ``C`` alike with ``B``. So ``S = (K K')^-1`` obeys K-FAC's average
    ``S <- (1 - lr_cov) S + lr_cov (A + damping I)`` up to ``lr_cov^2``, from ``S = I``, and has its limit (IKFAC of
    arXiv 2312.05705). ``kfac_like=False`` is that paper's other rule (INGD), whose factors feel each other: ``A`` is
    multiplied by the mean eigenvalue of ``C'BC`` and the damping of ``K`` by that of ``C'C``, and the other way around.

    Args:
        params: those of the model's layers, all of them.
        model: whose linear layers and convolutions they are.
        lr: learning rate.
        momentum: of the steps.
        damping: added to the eigenvalues of ``A`` and ``B``.
        T: steps between two updates of the factors; each of them costs one more pass.
        lr_cov: rate of the factors.
        alpha1: momentum of the factors; 0 with ``kfac_like``.
        structures: of ``K`` and of ``C``: ``dense`` or ``diagonal``.
        kfac_approx: how places that share weights count: ``expand``, as examples of their own, or ``reduce``, averaged.
        kfac_like: see above.
        normalize_lr_cov: divide the rate of a factor by the largest entry of ``m`` where that is above 1.

    Raises:
        ValueError: if a parameter belongs to another kind of layer, or for an option that singd does not have.
    """

    def __init__(
        self,
        params,
        model: nn.Module,
        lr: float = 1e-3,
        momentum: float = 0.9,
        damping: float = 1e-3,
        T: int = 10,
        lr_cov: float = 1e-2,
        alpha1: float = 0.0,
        structures: tuple[str, str] = ("dense", "dense"),
        kfac_approx: str = "expand",
        kfac_like: bool = True,
        normalize_lr_cov: bool = False,
    ):
        params = list(params)
        if kfac_like and alpha1:
            raise ValueError(f"Kfac: alpha1 {alpha1} has no effect with kfac_like; leave one of them out")
        if len(structures) != 2 or not set(structures) <= set(STRUCTURES):
            raise ValueError(f"Kfac: structures {structures} are not two of {', '.join(STRUCTURES)}")
        layers = [module for module in model.modules() if isinstance(module, self.SUPPORTED_MODULES)]
        owned = {id(p) for layer in layers for p in layer.parameters(recurse=False)}
        foreign = [name for name, p in model.named_parameters() if id(p) not in owned]
        if foreign or owned != {id(p) for p in params}:
            where = f"; {foreign[0]!r} is of none" if foreign else ""
            raise ValueError(f"Kfac: takes all parameters of a model's linear layers and convolutions{where}")
        super().__init__(
            model,
            params,
            lr=lr,
            momentum=momentum,
            damping=damping,
            T=T,
            lr_cov=lr_cov,
            alpha1=alpha1,
            structures=structures,
            kfac_approx=kfac_approx,
            kfac_like=kfac_like,
            normalize_lr_cov=normalize_lr_cov,
        )
        self.model = model

    def _get_param_group_entry(self, module: nn.Module, entry: str) -> object:
        """Return a hyper-parameter; singd would look for the group by addresses, which change as replicas leave."""
        return self.param_groups[0][entry]

    def step(self, loss) -> None:
        """Make one step along the gradients that the parameters hold.

        Args:
            loss: from the model to the mean loss of the batch, with its graph.
        """
        if self.steps % self.param_groups[0]["T"] == 0:
            # hooks on the layers take the factors in every backward pass: this one alone counts
            self.H_Ks.clear(), self.H_Cs.clear()
            with torch.enable_grad():
                torch.autograd.grad(loss(self.model), self.param_groups[0]["params"])
        super().step()

    def state_dict(self) -> dict:
        """Return momenta, the number of steps, and the factors as tensors."""
        stored = super().state_dict()
        for kind in FACTORS:
            stored[kind] = {layer: _tensors(factor) for layer, factor in stored[kind].items()}
        return stored

    def load_state_dict(self, state_dict: dict) -> None:
        """Continue from what :meth:`state_dict` returned."""
        stored = {**state_dict, "_grad_scales": dict(state_dict["_grad_scales"]), "H_Ks": {}, "H_Cs": {}}
        for kind in FACTORS:
            factors = getattr(self, kind)
            for layer, tensors in stored[kind].items():
                for own, value in zip(_tensors(factors[layer]), tensors, strict=True):
                    own.copy_(value)
            stored[kind] = factors
        super().load_state_dict(stored)


def _tensors(factor) -> list[Tensor]:
    return [tensor for _, tensor in factor.named_tensors()]
