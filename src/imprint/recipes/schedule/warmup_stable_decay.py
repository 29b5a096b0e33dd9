"""Warm up, hold, cool down (Hu et al. 2024, arXiv 2404.06395); shapes of cooldowns (Hägele et al. 2024, 2405.18392)."""

import math

SHAPES = ("linear", "cosine", "sqrt")


def cooldown(place: float, shape: str) -> float:
    """Return a cooldown's factor, 1 at its start ``place = 0`` and 0 at its end ``place = 1``.

    ``linear``: ``1 - place``; ``cosine``: ``(1 + cos(pi place)) / 2``; ``sqrt``: ``1 - sqrt(place)``.

    Raises:
        ValueError: for another shape.
    """
    if shape == "linear":
        return 1 - place
    if shape == "cosine":
        return (1 + math.cos(math.pi * place)) / 2
    if shape == "sqrt":
        return 1 - math.sqrt(place)
    raise ValueError(f"cooldown: shape {shape!r} is not one of {', '.join(SHAPES)}")


def warmed(step: int, length: int, warmup: float) -> tuple[float, float]:
    """Return the factor of a linear warmup and the place after it, from 0 to 1.

    The warmup takes ``w = round(warmup * length)`` steps. A step's rate is the schedule at the step's beginning, so
    that no step has the rate 0: up to step ``w`` the factor is ``step / w``, after it the place is
    ``(step - 1 - w) / (length - w)``. Steps beyond ``length`` stay at its end.

    Raises:
        ValueError: if the warmup is not in [0, 1).
    """
    if not 0 <= warmup < 1:
        raise ValueError(f"schedule: warmup {warmup} is not a fraction in [0, 1)")
    steps = round(warmup * length)
    if step <= steps:
        return step / steps, 0.0
    return 1.0, min((step - 1 - steps) / max(length - steps, 1), 1.0)


def multiplier(step: int, length: int, *, warmup: float = 0.0, decay: float = 0.2, shape: str = "sqrt") -> float:
    """Return the factor at a step: linear up to 1, then 1, then the cooldown to 0.

    The last ``d = round(decay * length)`` steps cool down; the first of them has the factor 1, the place of step ``s``
    in the cooldown is ``(s - 1 - (length - d)) / d``.

    Args:
        step: counted from 1.
        length: steps of the whole training.
        warmup: fraction of the steps that warm up.
        decay: fraction of the steps that cool down.
        shape: of the cooldown: ``linear``, ``cosine`` or ``sqrt``.

    Raises:
        ValueError: for another shape, a fraction outside [0, 1], or fractions of more than 1 together.
    """
    if decay < 0 or warmup + decay > 1:
        raise ValueError(f"warmup_stable_decay: decay {decay} is not a fraction in [0, 1 - warmup = {1 - warmup:g}]")
    steps = round(decay * length)
    rise, _ = warmed(step, length, warmup)
    place = (step - 1 - (length - steps)) / steps if steps else 0.0
    return rise * cooldown(min(max(place, 0.0), 1.0), shape)
