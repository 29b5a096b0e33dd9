"""An update on some columns of the trained parameters of R replicas.

It *sees* one of three things, declared in the recipe and proven by the recipe job:

- ``elements``: each number alone; it runs on the stacked parameters, one parameter group per setting;
- ``matrices``: each matrix alone, batched over leading axes; what is not a matrix goes to ``rest``;
- ``network`` (the default, exact for any optimizer): one instance per replica, with views of its own parameters.
"""

import copy
import functools
import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from imprint.fleet.layout import Layout
from imprint.recipes.resolve import RecipeError
from imprint.streams import seed_of


class Part:
    """One update and the columns that it owns.

    Args:
        name: of the recipe, for messages.
        sees: ``elements``, ``matrices`` or ``network``.
        cls: a ``torch.optim.Optimizer`` class.
        layout: of the trained parameters.
        columns: the slice of columns that this part owns.
        settings: one dict of hyper-parameters per setting.
        model: whose parameters these are, for an update that looks into it.

    Attributes:
        closure: whether the update evaluates the loss by itself: its ``step`` requires a closure.
        curvature: whether its ``step`` takes the diagonal of the Hessian.
        inside: whether it looks into the model: its constructor takes a ``model``, and its ``step`` a ``loss`` from
            the model to the mean loss of the batch. Each replica gets a module of its own, with views of its
            parameters.
    """

    def __init__(
        self,
        name: str,
        sees: str,
        cls: type,
        layout: Layout,
        columns: slice,
        settings: list[dict],
        model: nn.Module | None = None,
    ):
        self.name, self.sees, self.cls, self.model = name, sees, cls, model
        self.layout, self.columns, self.settings = layout, columns, settings
        wanted = inspect.signature(cls.step).parameters
        self.closure = "closure" in wanted and wanted["closure"].default is inspect.Parameter.empty
        self.curvature = "hessian" in wanted
        self.inside = "model" in inspect.signature(cls).parameters
        if self.inside != ("loss" in wanted):
            raise RecipeError(
                f"recipe {name!r}: {cls.__qualname__} must take both a 'model' in its constructor and a 'loss' in its "
                "step, or neither"
            )
        does = {
            "evaluates the loss by itself": self.closure,
            "takes the Hessian": self.curvature,
            "looks into the model of one replica": self.inside,
        }
        needs = [text for text, needed in does.items() if needed]
        if needs and sees != "network":
            raise RecipeError(f"recipe {name!r}: {cls.__qualname__} {needs[0]}; leave 'sees: {sees}' out")

    def due(self, number: int) -> bool:
        """Whether an update that takes the Hessian takes it at a step, counted from 1."""
        return (number - 1) % getattr(self.optimizers[0], "update_period", 1) == 0

    def begin(self, flat: Tensor, setting: Tensor) -> None:
        """Build the optimizers on parameters ``[R, P]``, each replica with its ``setting`` ``[R]``."""
        if not len(flat):
            self.optimizers = []
        elif self.sees == "network":
            self.optimizers = [
                self._alone(self._bound(flat, row, row + 1), self.settings[index])
                for row, index in enumerate(setting.tolist())
            ]
        else:
            rows = self._rows(setting)
            groups = [{"params": self._bound(flat, *place), **self.settings[index]} for index, place in rows.items()]
            self.optimizers = [self._make(groups, self.settings[next(iter(rows))])]
        self._follow(flat, setting)
        self.rates = [group["lr"] for group, _ in self.owners]

    def _alone(self, parameters: list[nn.Parameter], hyper: dict) -> torch.optim.Optimizer:
        """Return the optimizer of one replica, on a module of its own if it looks into the model."""
        if not self.inside:
            return self._make(parameters, hyper)
        module = copy.deepcopy(self.model)
        for name, parameter in zip(self.layout.shapes, parameters, strict=True):
            place, _, own = name.rpartition(".")
            setattr(module.get_submodule(place), own, parameter.requires_grad_())
        return self._make(parameters, hyper, model=module)

    def _make(self, parameters: list, hyper: dict, **supplied: nn.Module) -> torch.optim.Optimizer:
        try:
            return self.cls(parameters, **supplied, **hyper)
        except (TypeError, ValueError, RuntimeError, AssertionError) as error:
            where = f"{self.cls.__module__}.{self.cls.__qualname__}"
            raise RecipeError(f"recipe {self.name!r}: {where} refuses: {error}") from error

    def _follow(self, flat: Tensor, setting: Tensor) -> None:
        """Remember which columns and rows each parameter is a view of."""
        self.owners = self._owners(setting)
        self.views = [
            (parameter, view)
            for group, place in self.owners
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
        """Return each parameter group with the rows that it holds."""
        if self.sees == "network":
            return [(optimizer.param_groups[0], (row, row + 1)) for row, optimizer in enumerate(self.optimizers)]
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        return list(zip(groups, self._rows(setting).values(), strict=True))

    def step(
        self,
        gradient: Tensor,
        multipliers: list[float],
        seeds: list[int],
        number: int,
        again: Callable,
        diagonal: Tensor | None,
        loss: Callable,
    ) -> None:
        """Update this part's columns.

        Args:
            gradient: ``[R, P]``.
            multipliers: of each replica's learning rate; equal for replicas that share a parameter group.
            seeds: of each replica; what an update draws is a function of seed and step.
            number: of the step, from 1.
            again: from a row to the loss and gradient ``[1, P]`` of that replica where its parameters now are.
            diagonal: of the Hessian ``[R, P]``, for an update that takes it.
            loss: from a row and a module to the mean loss of that replica's batch, with its graph.
        """
        for (group, place), rate in zip(self.owners, self.rates, strict=True):
            self._give(group, gradient, *place)
            group["lr"] = rate * multipliers[place[0]]
        if self.sees == "network":
            self._step_each(seeds, number, again, diagonal, loss)
        else:
            self.optimizers[0].step()
        self.synchronize()

    def _give(self, group: dict, gradient: Tensor, first: int, last: int) -> None:
        for parameter, view in zip(group["params"], self._views(gradient, first, last), strict=True):
            parameter.grad = view

    def _step_each(
        self, seeds: list[int], number: int, again: Callable, diagonal: Tensor | None, loss: Callable
    ) -> None:
        stream = torch.get_rng_state()
        for row, optimizer in enumerate(self.optimizers):
            torch.manual_seed(seed_of(seeds[row], "noise", "update", number))
            try:
                self._step_one(row, optimizer, again, diagonal, loss)
            except (ArithmeticError, torch.linalg.LinAlgError):
                self._diverge(row)
            except RuntimeError as error:
                if "overflow" not in str(error):
                    raise
                self._diverge(row)
        torch.set_rng_state(stream)

    def _step_one(
        self,
        row: int,
        optimizer: torch.optim.Optimizer,
        again: Callable,
        diagonal: Tensor | None,
        loss: Callable,
    ) -> None:
        if self.closure:
            optimizer.step(self._closure(row, again))
        elif self.inside:
            optimizer.step(loss=functools.partial(loss, row))
        elif diagonal is not None:
            optimizer.step(hessian=self._views(diagonal, row, row + 1))
        else:
            optimizer.step()

    def _diverge(self, row: int) -> None:
        """Mark a replica whose numbers its update could not work with: it leaves, its neighbours do not notice."""
        for parameter in self.owners[row][0]["params"]:
            parameter.data.fill_(torch.nan)

    def _closure(self, row: int, again: Callable) -> Callable[[], Tensor]:
        def closure() -> Tensor:
            self.synchronize()
            loss, gradient = again(row)
            self._give(self.owners[row][0], gradient, 0, 1)
            return loss

        return closure

    def synchronize(self) -> None:
        """Let the fleet's parameters follow an optimizer that gave its own ones new storage."""
        for parameter, view in self.views:
            if parameter.data_ptr() != view.data_ptr():
                view.copy_(parameter.data)
                parameter.data = view

    def leave(self, flat: Tensor, keep: Tensor, before: Tensor, after: Tensor) -> None:
        """Drop replicas: ``keep`` ``[R]`` marks who stays; ``flat`` holds the parameters of those who stay."""
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
        (optimizer,) = self.optimizers
        staying = []
        for (group, (first, last)), rate in zip(self._owners(before), self.rates, strict=True):
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
        self.rates = [rate for _, rate in staying]

    def held(self, name: str, like: Tensor) -> Tensor:
        """Return a tensor of the optimizers' state that has its parameters' shape, as columns like ``[R, P]``.

        NaN where a parameter has none of that name.
        """
        found = torch.full_like(like, torch.nan)
        optimizers = self.optimizers if self.sees == "network" else self.optimizers * len(self.owners)
        for optimizer, (group, place) in zip(optimizers, self.owners, strict=True):
            for parameter, view in zip(group["params"], self._views(found, *place), strict=True):
                value = optimizer.state.get(parameter, {}).get(name)
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    view.copy_(value)
        return found

    def holds(self) -> set[str]:
        """Return the names of the tensors in the optimizers' state that have their parameter's shape."""
        return {
            name
            for optimizer in self.optimizers
            for parameter, values in optimizer.state.items()
            for name, value in values.items()
            if isinstance(value, Tensor) and value.dim() and value.shape == parameter.shape
        }

    def stored(self) -> list[dict]:
        """Return the optimizers' states; tensors and plain values."""
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def restore(self, stored: list[dict], flat: Tensor, setting: Tensor) -> None:
        """Continue on parameters ``[R, P]`` from what :meth:`stored` returned."""
        for optimizer, content in zip(self.optimizers, stored, strict=True):
            optimizer.load_state_dict(content)
            # load_state_dict casts states to the parameters' precision; what was stored goes on as it was
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            for place, values in content["state"].items():
                optimizer.state[parameters[place]] = {name: _moved(value, flat) for name, value in values.items()}
        self._follow(flat, setting)


def _moved(value: object, like: Tensor) -> object:
    return value.to(like.device) if isinstance(value, Tensor) and value.dim() else value
