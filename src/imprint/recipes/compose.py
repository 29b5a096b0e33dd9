"""One optimizer for a whole fleet, composed of a recipe's parts.

The order of the parts is fixed: gradient, update, decay. An update *sees* one of three things, declared in the recipe
and proven by the recipe job:

- ``elements``: each number alone; it runs on the stacked weights, one parameter group per setting;
- ``matrices``: each weight matrix alone, batched over leading axes; what is not a matrix goes to ``rest``;
- ``network`` (the default, exact for any optimizer): one instance per replica, with views of its own parameters.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Optimizer

from imprint.fleet.layout import Layout
from imprint.recipes.resolve import RecipeError, check_options, part, update_class


class Part:
    """An update on some columns of the fleet's weights.

    Args:
        sees: ``elements``, ``matrices`` or ``network``.
        make: from parameters, or groups of them, and hyper-parameters to an optimizer.
        layout: of the weights.
        columns: the slice of columns that this part owns.
        settings: one dict of hyper-parameters per setting.
    """

    def __init__(self, sees: str, make: Callable, layout: Layout, columns: slice, settings: list[dict]):
        self.sees, self.make, self.layout, self.columns, self.settings = sees, make, layout, columns, settings

    def begin(self, flat: Tensor, setting: Tensor) -> None:
        """Build the optimizers on the fleet's weights ``[R, P]``, each replica with its ``setting`` ``[R]``."""
        if not len(flat):
            self.optimizers = []
        elif self.sees == "network":
            self.optimizers = [
                self.make(self._bound(flat, row, row + 1), self.settings[index])
                for row, index in enumerate(setting.tolist())
            ]
        else:
            rows = self._rows(setting)
            groups = [{"params": self._bound(flat, *place), **self.settings[index]} for index, place in rows.items()]
            self.optimizers = [self.make(groups, self.settings[next(iter(rows))])]
        self.rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers]
        self._follow(flat, setting)

    def _follow(self, flat: Tensor, setting: Tensor) -> None:
        """Remember which rows each parameter is a view of."""
        self.views = [
            (parameter, view)
            for group, place in self._owners(setting)
            for parameter, view in zip(group["params"], self._views(flat, *place), strict=True)
        ]

    @staticmethod
    def _rows(setting: Tensor) -> dict[int, tuple[int, int]]:
        values, counts = torch.unique_consecutive(setting, return_counts=True)
        ends = counts.cumsum(0)
        firsts = (ends - counts).tolist()
        return dict(zip(values.tolist(), zip(firsts, ends.tolist(), strict=True), strict=True))

    def _views(self, flat: Tensor, first: int, last: int) -> list[Tensor]:
        if self.sees == "elements":
            return [flat[first:last, self.columns]]
        start = 0
        views = []
        for shape, size in zip(self.layout.shapes.values(), self.layout.sizes, strict=True):
            if self.columns.start <= start < self.columns.stop:
                block = flat[first:last, start : start + size]
                views.append(block.view(shape) if self.sees == "network" else block.view(last - first, *shape))
            start += size
        return views

    def _bound(self, flat: Tensor, first: int, last: int) -> list[Tensor]:
        return [torch.nn.Parameter(view, requires_grad=False) for view in self._views(flat, first, last)]

    def _owners(self, setting: Tensor) -> list[tuple[dict, tuple[int, int]]]:
        """Return each parameter group with the rows of the fleet that it holds."""
        if self.sees == "network":
            return [(optimizer.param_groups[0], (row, row + 1)) for row, optimizer in enumerate(self.optimizers)]
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        return list(zip(groups, self._rows(setting).values(), strict=True))

    def step(self, gradient: Tensor, setting: Tensor, multiplier: float) -> None:
        """Update this part's columns from the gradient ``[R, P]``."""
        for group, (first, last) in self._owners(setting):
            for parameter, view in zip(group["params"], self._views(gradient, first, last), strict=True):
                parameter.grad = view
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * multiplier
            optimizer.step()
        for parameter, view in self.views:
            if parameter.data_ptr() != view.data_ptr():
                # the optimizer gave its parameter new storage; the fleet's weights follow it
                view.copy_(parameter.data)
                parameter.data = view

    def leave(self, flat: Tensor, keep: Tensor, before: Tensor, after: Tensor) -> None:
        """Drop replicas: ``keep`` ``[R]`` marks who stays; ``flat`` holds the weights of those who stay."""
        if self.sees == "network":
            kept = [index for index, stays in enumerate(keep.tolist()) if stays]
            self.optimizers = [self.optimizers[index] for index in kept]
            self.rates = [self.rates[index] for index in kept]
        else:
            self._shrink(keep, before)
        self._follow(flat, after)
        for parameter, view in self.views:
            parameter.data = view
            parameter.grad = None

    def _shrink(self, keep: Tensor, before: Tensor) -> None:
        (optimizer,), (rates,) = self.optimizers, self.rates
        staying = []
        for (group, (first, last)), rate in zip(self._owners(before), rates, strict=True):
            stays = keep[first:last]
            for parameter in group["params"]:
                state = optimizer.state[parameter]
                for name, value in state.items():
                    if isinstance(value, Tensor) and value.dim() and value.shape[0] == last - first:
                        state[name] = value[stays]
                if not stays.any():
                    del optimizer.state[parameter]
            staying += [(group, rate)] if stays.any() else []
        optimizer.param_groups = [group for group, _ in staying]
        self.rates = [[rate for _, rate in staying]]


class FleetOptimizer(Optimizer):
    """The composed optimizer: Lightning steps it once per batch."""

    def __init__(self, recipe: dict, layout: Layout, flat: Tensor, setting: Tensor, settings: list[dict]):
        self.recipe, self.flat, self.setting = recipe, flat, setting
        self.parts = _parts(recipe, layout, settings)
        for owner in self.parts:
            owner.begin(flat, setting)
        schedule = dict(recipe.get("schedule") or {"name": "constant"})
        self.multiplier = functools.partial(part("schedule", schedule.pop("name")), **schedule)
        decay = dict(recipe.get("decay") or {})
        self.decay = functools.partial(part("decay", decay.pop("name")), **decay) if decay else None
        self.steps = 0
        self.change = torch.zeros_like(flat)
        super().__init__([torch.nn.Parameter(flat, requires_grad=False)], {"lr": 1.0})

    def rates(self) -> Tensor:
        """Return the learning rate of each replica's first part, ``[R]``."""
        scale = self.multiplier(max(self.steps, 1))
        base = torch.tensor([settings["lr"] for settings in self.parts[0].settings], dtype=torch.float64)
        return base[self.setting] * scale

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one step of every replica from ``flat.grad`` ``[R, P]``; ``change`` holds what it did."""
        self.steps += 1
        before = self.flat.clone()
        scale = self.multiplier(self.steps)
        for owner in self.parts:
            owner.step(self.gradient, self.setting, scale)
        torch.sub(self.flat, before, out=self.change)
        if self.decay:
            for owner in self.parts:
                rates = [settings["lr"] * scale for settings in owner.settings]
                rate = torch.tensor(rates, dtype=self.flat.dtype)[self.setting].unsqueeze(1).to(self.flat.device)
                columns = owner.columns
                self.change[:, columns] = self.decay(before[:, columns], self.change[:, columns], rate)
            torch.add(before, self.change, out=self.flat)

    def leave(self, keep: Tensor) -> None:
        """Drop the replicas that are not marked in ``keep`` ``[R]``."""
        before = self.setting
        self.flat, self.setting, self.change = self.flat[keep], self.setting[keep], self.change[keep]
        for owner in self.parts:
            owner.leave(self.flat, keep, before, self.setting)
        self.param_groups[0]["params"][0].data = self.flat

    def stored(self) -> dict:
        """Return what continues this optimizer beside weights and settings; tensors and plain values."""
        parts = [[o.state_dict() for o in owner.optimizers] if len(self.flat) else [] for owner in self.parts]
        return {"steps": self.steps, "parts": parts}

    def restore(self, stored: dict) -> None:
        """Continue from what :meth:`stored` returned."""
        self.steps = stored["steps"]
        for owner, contents in zip(self.parts, stored["parts"], strict=True):
            for optimizer, content in zip(owner.optimizers, contents, strict=True):
                optimizer.load_state_dict(content)
                # load_state_dict casts states to the parameters' precision; what was stored goes on as it was
                parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
                for place, values in content["state"].items():
                    optimizer.state[parameters[place]] = {name: _moved(v, self.flat) for name, v in values.items()}

    def hyperparameters(self) -> list[dict]:
        """Return the hyper-parameters as they really run: one dict per part, read back from the built optimizer."""
        ran = []
        for owner in self.parts:
            group = owner.optimizers[0].param_groups[0]
            ran.append({key: value for key, value in group.items() if key != "params"} | {"lr": owner.rates[0][0]})
        return ran


def _moved(value: object, like: Tensor) -> object:
    return value.to(like.device) if isinstance(value, Tensor) and value.dim() else value


def _parts(recipe: dict, layout: Layout, settings: list[dict]) -> list[Part]:
    name, rest = recipe.get("name", recipe["update"]), recipe.get("rest")
    everything, matrices = slice(0, layout.columns), slice(0, layout.matrix_columns)
    first = _part(name, recipe, layout, matrices if rest else everything, settings)
    if not rest:
        if recipe.get("sees") == "matrices" and layout.matrix_columns < layout.columns:
            others = [key for key, shape in layout.shapes.items() if len(shape) != 2]
            raise RecipeError(
                f"recipe {name!r} sees matrices only, but {others[0]!r} has shape {layout.shapes[others[0]]}; "
                "give the recipe a 'rest:' with an update for what is not a matrix"
            )
        return [first]
    if layout.matrix_columns == layout.columns:
        return [first]
    others = slice(layout.matrix_columns, layout.columns)
    return [first, _part(name, rest, layout, others, [{} for _ in settings])]


def _part(name: str, spec: dict, layout: Layout, columns: slice, settings: list[dict]) -> Part:
    cls = update_class(name, spec["update"])
    merged = [{**spec.get("hyper", {}), **setting} for setting in settings]
    for setting in merged:
        check_options(name, cls, setting)
        if "lr" not in setting:
            raise RecipeError(f"recipe {name!r}: update {spec['update']!r} needs an 'lr' in hyper or search")
    return Part(spec.get("sees", "network"), functools.partial(_make, name, cls), layout, columns, merged)


def _make(name: str, cls: type, parameters: list, hyper: dict) -> Optimizer:
    try:
        return cls(parameters, **hyper)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise RecipeError(f"recipe {name!r}: {cls.__module__}.{cls.__qualname__} refuses: {error}") from error
