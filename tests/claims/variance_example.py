"""Values with known components of variance."""

import numpy as np


def drawn(random, design, component, shape, draw="normal"):
    """Values with these components: one draw for each level of a term, spread over the other axes."""
    parts = [np.zeros(shape)]
    for name, size in component.items():
        levels = [n if axis in design.terms[name] else 1 for axis, n in zip(design.axes, shape, strict=True)]
        effect = random.normal(size=levels) if draw == "normal" else random.exponential(size=levels) - 1
        parts.append(np.sqrt(size) * effect)
    return sum(parts)
