"""A task at run time: its data as tensors, its model, its loss."""

import importlib

import torch
import xarray as xr
from torch import Tensor

from imprint.losses import LOSSES

PRECISIONS = {"float32": torch.float32, "float64": torch.float64}


class Task:
    """Data, model and loss, for any number of replicas at once.

    Args:
        data: what the data stage wrote: ``x_train``, ``y_train``, ... (a leading ``seed`` if drawn per seed).
        model: ``{"name": ..., **options}``, a file of :mod:`imprint.models`.
        loss: a name of :data:`imprint.losses.LOSSES`.
        precision: ``float32`` or ``float64``.
        device: where tensors live.
    """

    def __init__(self, data: xr.Dataset, model: dict, loss: str, precision: str = "float32", device: str = "cpu"):
        self.data = data
        self.precision = PRECISIONS[precision]
        self.device = torch.device(device)
        self.classes = int(data.attrs["classes"])
        self.stages = int(data.attrs.get("stages", 1))
        self.seeded = "seed" in data["x_train"].dims
        options = {key: value for key, value in model.items() if key != "name"}
        self.architecture = importlib.import_module(f"imprint.models.{model['name']}")
        self.model = self.architecture.build(inputs=int(data.attrs["inputs"]), classes=self.classes, **options)
        self.model.to(dtype=self.precision, device=self.device).eval()
        self._loss = LOSSES[loss]
        self.input_dims = data["x_train"].ndim - self.seeded
        self._tensors: dict[str, Tensor] = {}

    def tensor(self, name: str) -> Tensor:
        """Return a variable of the data as a tensor; floating values in the task's precision."""
        if name not in self._tensors:
            value = torch.as_tensor(self.data[name].values)
            dtype = self.precision if value.is_floating_point() else value.dtype
            self._tensors[name] = value.to(self.device, dtype)
        return self._tensors[name]

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Return ``x, y`` of ``train``, ``validation`` or ``test``: ``[N, D], [N]``, after a seed if drawn per seed."""
        return self.tensor(f"x_{name}"), self.tensor(f"y_{name}")

    def stage_of(self, split: str) -> Tensor:
        """Return for each example ``[N]`` which task of the sequence it belongs to (zeros without a sequence)."""
        if f"stage_{split}" in self.data:
            return self.tensor(f"stage_{split}")
        return torch.zeros(self.split(split)[1].shape[-1], dtype=torch.int64, device=self.device)

    def seed_index(self, seeds: list[int]) -> Tensor:
        """Return the places of ``seeds`` along the data's ``seed``; zeros if all seeds share the data."""
        if not self.seeded:
            return torch.zeros(len(seeds), dtype=torch.int64)
        available = self.data["seed"].values.tolist()
        return torch.tensor([available.index(seed) for seed in seeds])

    def forward(self, weights: dict[str, Tensor], x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return logits ``[R, N, C]`` and hidden activations ``{layer: [R, N, H]}``."""
        if hasattr(self.architecture, "stacked"):
            return self.architecture.stacked(self.model, weights, x)
        forward = torch.func.vmap(self._single, in_dims=(0, None if x.dim() == self.input_dims else 0))
        return forward(weights, x), {}

    def cut(self, weights: dict[str, Tensor], x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what :meth:`forward` does, with every hidden activation detached where the next layer reads it.

        Raises:
            ValueError: if the model's file gives no ``stacked`` forward pass that can be cut.
        """
        if not hasattr(self.architecture, "stacked"):
            name = self.architecture.__name__.rpartition(".")[2]
            raise ValueError(f"model {name!r} has no 'stacked' forward pass that can be cut between its layers")
        return self.architecture.stacked(self.model, weights, x, cut=True)

    def _single(self, weights: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(self.model, weights, (x,))

    def logits(self, weights: dict[str, Tensor], x: Tensor) -> Tensor:
        """Return logits ``[R, N, C]`` of inputs ``[N, D]`` or ``[R, N, D]``."""
        return self.forward(weights, x)[0]

    def activations(self, weights: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
        """Return the hidden layers' activations ``{layer: [R, N, H]}`` in the order of the layers."""
        return self.forward(weights, x)[1]

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the loss of every example, ``[R, N]``, for targets ``[N]`` or ``[R, N]``."""
        return self._loss(logits, y.expand(logits.shape[:-1]))
