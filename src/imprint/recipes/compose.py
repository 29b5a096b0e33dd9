"""A recipe's seven parts on the weights of some replicas.

The order is fixed. At every step: the *parametrization* gives the weights, the *perturbation* moves them to where the
*gradient* is taken, the gradient is pulled back to the trained parameters, a decay that adds to it does so, the
*update* moves the parameters by a rate that the *schedule* scales, the *decay* adds its own change, the *averaging*
takes note. A part asks for what it needs by the names in its signature.
"""

import functools
import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from imprint.fleet.layout import Layout
from imprint.fleet.oracle import Oracle
from imprint.recipes.draw import Draw
from imprint.recipes.parametrized import Parametrized
from imprint.recipes.part import Part
from imprint.recipes.resolve import RecipeError, check_options, functions, update_class


class Composition:
    """How the weights of R replicas are updated.

    Args:
        recipe: its parts, as recipes.yaml has them; ``name`` for messages.
        layout: of the weights.
        weights: where training starts, ``[R, P]``.
        setting: which of ``settings`` each replica has, ``[R]``, in ascending order.
        settings: one dict of hyper-parameters per setting.
        seeds: of each replica.
        length: steps of the whole training, for schedules that end with it.
        model: whose weights these are, for an update that looks into it.

    Attributes:
        trained: the parameters that the update moves, ``[R, Q]``; the weights themselves if nothing parametrizes them.
        weights: ``[R, P]``.
        change: of the weights by the last step, ``[R, P]``.
        branches: where a copy leaves to cool down by itself: a step, and the multipliers of the steps it makes.
        stage: the task of a sequence that each replica is at, ``[R]``, for a schedule that asks for it.
    """

    def __init__(
        self,
        recipe: dict,
        layout: Layout,
        weights: Tensor,
        setting: Tensor,
        settings: list[dict],
        seeds: list[int] | None = None,
        length: int = 1,
        model: nn.Module | None = None,
    ):
        self.recipe, self.layout, self.setting = recipe, layout, setting
        self.name = recipe.get("name", recipe["update"])
        self.seeds = list(range(len(weights))) if seeds is None else seeds
        self.steps = 0
        self.stage = torch.zeros(len(weights), dtype=torch.int64)
        self.wanted: dict[str, set[str]] = {}
        self.parametrized = self._parametrized(weights)
        self.trained = self.parametrized.start if self.parametrized else weights
        self.weights = self._weights() if self.parametrized else weights
        self.inner = self.parametrized.inner if self.parametrized else layout
        self.gradient_of = self._function("gradient", "gradient", {"name": "backprop"})
        self.perturb = self._function("perturbation", "perturb")
        self.regularize = self._function("decay", "regularize")
        self.decay = self._function("decay", "decay")
        self.average = self._function("averaging", "average")
        self.restart = self._function("averaging", "restart")
        self.multiplier = self._function("schedule", "multiplier", {"name": "constant"}, length=length)
        leaving = self._function("schedule", "branches", length=length)
        self.branches = leaving() if leaving else []
        self.memory = (
            functions(self.name, "averaging", recipe["averaging"]["name"])["begin"](self.trained)
            if self.average
            else {}
        )
        self.parts = _parts(recipe, self.name, self.inner, settings, model)
        _check_inside(recipe, self.name, self.parts)
        self._check_staged()
        if self.parametrized and any(owner.curvature for owner in self.parts):
            raise RecipeError(
                f"recipe {self.name!r}: the Hessian by the weights is not that by what is trained in "
                "their place; leave 'parametrization' out"
            )
        for owner in self.parts:
            owner.begin(self.trained, setting)
        self.deliver = self._deliver()
        self.change = torch.zeros_like(weights)

    def _parametrized(self, weights: Tensor) -> Parametrized | None:
        given = dict(self.recipe.get("parametrization") or {})
        if not given:
            return None
        found = functions(self.name, "parametrization", given.pop("name"))
        check_options(self.name, found["split"], given)
        return Parametrized(found["split"], found["weight"], given, self.layout, weights)

    def _function(self, kind: str, function: str, default: dict | None = None, **supplied: object) -> Callable | None:
        """Return a part's function with its options bound and what it asks for supplied, None if it has none."""
        given = dict(self.recipe.get(kind) or default or {})
        if not given:
            return None
        found = functions(self.name, kind, given.pop("name")).get(function)
        if found is None:
            return None
        check_options(self.name, found, given)
        wanted = self.wanted[kind] = set(inspect.signature(found).parameters)
        known = {"layout": self.inner if kind == "decay" else self.layout, **supplied}
        return functools.partial(found, **{key: known[key] for key in known if key in wanted}, **given)

    @property
    def _staged(self) -> bool:
        """Whether the schedule asks for the task of a sequence that a replica is at."""
        return "stage" in self.wanted["schedule"]

    def _check_staged(self) -> None:
        """Refuse a schedule by stages where replicas, which may be at different ones, share a parameter group."""
        shared = [owner.sees for owner in self.parts if owner.sees != "network"]
        if self._staged and shared:
            schedule = self.recipe["schedule"]["name"]
            raise RecipeError(
                f"recipe {self.name!r}: schedule {schedule!r} goes by the task of the sequence that each replica is "
                f"at, so each needs its own optimizer; leave 'sees: {shared[0]}' out"
            )

    def _scales(self, step: int) -> list[float]:
        """Return the multiplier of each replica's learning rates at a step."""
        if self._staged:
            return [self.multiplier(step, stage=stage) for stage in self.stage.tolist()]
        return [self.multiplier(step)] * len(self)

    def _deliver(self) -> str:
        """Return which iterate is the solution, after checking that the recipe says so where there are several."""
        said = self.recipe.get("deliver")
        switches = any(hasattr(owner.cls, "eval") and hasattr(owner.cls, "train") for owner in self.parts)
        available = ["last"] + (["average"] if self.average else []) + (["evaluated"] if switches else [])
        if said is None and len(available) > 1:
            raise RecipeError(f"recipe {self.name!r} has more than one iterate; say 'deliver:' one of {available}")
        if said is not None and said not in available:
            raise RecipeError(f"recipe {self.name!r} delivers {said!r}, but its parts make only {available}")
        return said or "last"

    def __len__(self) -> int:
        return len(self.seeds)

    def _weights(self) -> Tensor:
        return self.parametrized.weights(self.trained)

    def measure(self, oracle: Oracle) -> tuple[Tensor, Tensor]:
        """Return the loss ``[R]`` and the gradient by the trained parameters ``[R, Q]`` on a batch."""
        return self._measure(oracle, self.trained, self.weights, slice(None))

    def _measure(self, oracle: Oracle, trained: Tensor, weights: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        seeds = self.seeds[rows]
        loss, place = None, weights
        if self.perturb:
            found = {}
            if "gradient" in self.wanted["perturbation"]:
                loss, found["gradient"] = self._gradient(oracle, weights, seeds)
            if "draw" in self.wanted["perturbation"]:
                found["draw"] = Draw(seeds, self.steps, "perturbation", weights)
            place = self.perturb(weights, **found)
        there, gradient = self._gradient(oracle, place, seeds)
        if self.parametrized:
            gradient = self.parametrized.pull(trained, gradient, rows)
        if self.regularize:
            gradient = self.regularize(trained, gradient)
        return there if loss is None else loss, gradient

    def _gradient(self, oracle: Oracle, weights: Tensor, seeds: list[int]) -> tuple[Tensor, Tensor]:
        found = {"draw": Draw(seeds, self.steps, "gradient", weights)} if "draw" in self.wanted["gradient"] else {}
        return self.gradient_of(oracle, weights, **found)

    @torch.no_grad()
    def step(self, gradient: Tensor, oracle: Oracle | None = None, loss: Tensor | None = None) -> None:
        """Make one step.

        Args:
            gradient: by the trained parameters, ``[R, Q]``, from :meth:`measure`.
            oracle: the batch, for an update that evaluates the loss or its curvature.
            loss: ``[R]`` from :meth:`measure`, so that a closure's first call costs nothing.
        """
        self.steps += 1
        before, old = self.trained.clone(), self.weights
        scales = self._scales(self.steps)
        self._update(gradient, scales, oracle, loss)
        if self.decay:
            change = self.trained - before
            for owner in self.parts:
                columns = owner.columns
                change[:, columns] = self._decayed(before[:, columns], change[:, columns], owner, scales)
            torch.add(before, change, out=self.trained)
        if self.average:
            self.memory = self.average(self.memory, self.trained, self.steps)
        if self.restart:
            self.trained.copy_(self.restart(self.memory, self.trained, self.steps))
        if self.parametrized:
            self.weights = self._weights()
            before = old
        torch.sub(self.weights, before, out=self.change)

    def _decayed(self, before: Tensor, change: Tensor, owner: Part, scales: list[float]) -> Tensor:
        places = zip(self.setting.tolist(), scales, strict=True)
        rates = [owner.settings[place]["lr"] * scale for place, scale in places]
        rate = torch.tensor(rates, dtype=before.dtype).unsqueeze(1).to(before.device)
        return self.decay(before, change, rate)

    def _update(self, gradient: Tensor, scales: list[float], oracle: Oracle | None, loss: Tensor | None) -> None:
        fresh = dict.fromkeys(range(len(self)), True)

        def again(row: int) -> tuple[Tensor, Tensor]:
            if fresh.pop(row, False):
                return loss[row], gradient[row : row + 1]
            rows = slice(row, row + 1)
            trained = self.trained[rows]
            weights = self.parametrized.weights(trained, rows) if self.parametrized else trained
            batch = oracle.replica(row)
            found, slope = self._measure(batch, trained, weights, rows)
            oracle.passes[row] += batch.passes[0]
            return found[0], slope

        def inside(row: int, module: nn.Module) -> Tensor:
            oracle.passes[row] += 1
            batch = oracle.replica(row)
            x, y = (batch.x, batch.y) if batch.y.dim() == 1 else (batch.x[0], batch.y[0])
            return oracle.task.loss(module(x).unsqueeze(0), y).mean()

        for owner in self.parts:
            diagonal = self._diagonal(oracle) if owner.curvature and owner.due(self.steps) else None
            owner.step(gradient, scales, self.seeds, self.steps, again, diagonal, inside)

    def _diagonal(self, oracle: Oracle) -> Tensor:
        """Return Hutchinson's estimate of the diagonal of the Hessian, ``[R, P]``: ``z * (H z)`` with random signs."""
        signs = Draw(self.seeds, self.steps, "curvature", self.weights).signs(1)[:, 0]
        return signs * oracle.curvature(self.weights, signs)

    def rates(self) -> Tensor:
        """Return the learning rate of each replica's first part, ``[R]``."""
        scales = torch.tensor(self._scales(max(self.steps, 1)), dtype=torch.float64)
        base = torch.tensor([settings["lr"] for settings in self.parts[0].settings], dtype=torch.float64)
        return base[self.setting] * scales

    def cool(self, factors: list[float]) -> None:
        """Replace the schedule from here on by these multipliers of the next steps."""
        first = self.steps + 1
        self.multiplier = lambda step: factors[step - first]

    @torch.no_grad()
    def delivered(self) -> Tensor:
        """Return the weights of the iterate that the recipe delivers, ``[R, P]``; training goes on undisturbed."""
        if self.deliver == "last" or self.steps == 0:
            return self.weights
        found = self.memory["average"] if self.deliver == "average" else self._evaluated()
        return self.parametrized.weights(found) if self.parametrized else found

    def held(self) -> dict[str, Tensor]:
        """Return what the updates keep for every trained number, by name, ``[R, P]``; NaN where a part keeps none.

        Raises:
            RecipeError: if what is trained are not the weights, so that its state has not their shapes.
        """
        if self.parametrized:
            raise RecipeError(
                f"recipe {self.name!r}: its updates see the parametrization, not the weights; "
                "leave optimizer_state out of keep"
            )
        found = {}
        for name in sorted(set().union(*(owner.holds() for owner in self.parts))):
            found[name] = torch.full_like(self.trained, torch.nan)
            for owner in self.parts:
                found[name][:, owner.columns] = owner.held(name, self.trained)[:, owner.columns]
        return found

    def _evaluated(self) -> Tensor:
        kept = self.trained.clone()
        self._switch("eval")
        found = self.trained.clone()
        self._switch("train")
        self.trained.copy_(kept)
        return found

    def _switch(self, mode: str) -> None:
        for owner in self.parts:
            for optimizer in owner.optimizers:
                if hasattr(optimizer, mode):
                    getattr(optimizer, mode)()
            owner.synchronize()

    def leave(self, keep: Tensor) -> None:
        """Drop the replicas that are not marked in ``keep`` ``[R]``."""
        before, plain = self.setting, self.parametrized is None
        self.trained, self.setting, self.change = self.trained[keep], self.setting[keep], self.change[keep]
        self.stage = self.stage[keep]
        self.weights = self.trained if plain else self.weights[keep]
        self.seeds = [seed for seed, stays in zip(self.seeds, keep.tolist(), strict=True) if stays]
        self.memory = {name: value[keep] for name, value in self.memory.items()}
        if self.parametrized:
            self.parametrized.leave(keep)
        for owner in self.parts:
            owner.leave(self.trained, keep, before, self.setting)

    def stored(self) -> dict:
        """Return what continues these replicas beside seeds and settings; tensors and plain values."""
        return {
            "steps": self.steps,
            "trained": self.trained,
            "fixed": self.parametrized.fixed if self.parametrized else {},
            "memory": self.memory,
            "parts": [owner.stored() for owner in self.parts],
        }

    def restore(self, stored: dict) -> None:
        """Continue from what :meth:`stored` returned."""
        device = self.trained.device
        self.steps = stored["steps"]
        self.trained.copy_(stored["trained"])
        self.memory = {name: value.to(device) for name, value in stored["memory"].items()}
        if self.parametrized:
            self.parametrized.fixed = {name: value.to(device) for name, value in stored["fixed"].items()}
            self.weights = self.parametrized.weights(self.trained)
        for owner, content in zip(self.parts, stored["parts"], strict=True):
            owner.restore(content, self.trained, self.setting)

    def hyperparameters(self) -> list[dict]:
        """Return the hyper-parameters as they really run: one dict per part, read back from the built optimizer."""
        ran = []
        for owner in self.parts:
            group = owner.optimizers[0].param_groups[0]
            ran.append({key: value for key, value in group.items() if key != "params"} | {"lr": owner.rates[0]})
        return ran


def _check_inside(recipe: dict, name: str, parts: list[Part]) -> None:
    """Refuse what an update that looks into the model would not see there."""
    looking = [owner.cls.__qualname__ for owner in parts if owner.inside]
    if not looking:
        return
    foreign = [kind for kind in ("parametrization", "perturbation", "rest") if recipe.get(kind)]
    if (recipe.get("gradient") or {}).get("name", "backprop") != "backprop":
        foreign.append("gradient")
    if foreign:
        raise RecipeError(
            f"recipe {name!r}: {looking[0]} looks into the model's own forward and backward pass at all of its plain "
            f"weights; leave {', '.join(map(repr, foreign))} out"
        )


def _parts(recipe: dict, name: str, layout: Layout, settings: list[dict], model: nn.Module | None) -> list[Part]:
    rest = recipe.get("rest")
    everything, matrices = slice(0, layout.columns), slice(0, layout.matrix_columns)
    first = _part(name, recipe, layout, matrices if rest else everything, settings, model)
    if not rest:
        if recipe.get("sees") == "matrices" and layout.matrix_columns < layout.columns:
            others = [key for key, shape in layout.shapes.items() if len(shape) != 2]
            raise RecipeError(
                f"recipe {name!r} sees matrices only, but {others[0]!r} has shape {layout.shapes[others[0]]}; "
                "give the recipe a 'rest:' with an update for what is not a matrix"
            )
        return [first]
    others = slice(layout.matrix_columns, layout.columns)
    if others.start == others.stop:
        return [first]
    if others.start == 0:
        raise RecipeError(
            f"recipe {name!r} has a 'rest:', but no weight is a matrix, so {recipe['update']} has nothing"
        )
    second = _part(name, rest, layout, others, [{} for _ in settings], model)
    if first.closure or second.closure:
        raise RecipeError(
            f"recipe {name!r}: an update that evaluates the loss by itself cannot share it with a 'rest:'"
        )
    return [first, second]


def _part(name: str, spec: dict, layout: Layout, columns: slice, settings: list[dict], model: nn.Module | None) -> Part:
    cls = update_class(name, spec["update"])
    fixed = {key: tuple(value) if isinstance(value, list) else value for key, value in spec.get("hyper", {}).items()}
    merged = [{**fixed, **setting} for setting in settings]
    for setting in merged:
        check_options(name, cls, setting)
        if "lr" not in setting:
            raise RecipeError(f"recipe {name!r}: update {spec['update']!r} needs an 'lr' in hyper or search")
    return Part(name, spec.get("sees", "network"), cls, layout, columns, merged, model)
