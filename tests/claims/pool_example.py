"""A pool of known values: 64 replicas of three measures, and eight of them once more under another name."""

import numpy as np
import xarray as xr

from imprint.claims.pool import POOL, TWIN, Pool

REPLICAS, TWINS = 64, 8
MEASURES = ["a.loss", "a.accuracy", "b.distance"]


def pool(measures=MEASURES, change=None):
    """Loss and distance are continuous and skewed a little, accuracy has ties; ``change`` may edit the groups."""
    rng = np.random.default_rng(5)
    skill_Q = rng.normal(size=REPLICAS)
    loss_Q = np.exp(0.1 * skill_Q + 0.05 * rng.normal(size=REPLICAS))
    accuracy_Q = np.round(0.9 - 0.02 * skill_Q + 0.01 * rng.normal(size=REPLICAS), 2)
    distance_Q = 3 + 0.3 * rng.normal(size=REPLICAS)
    groups = {
        "a": measured(loss=(loss_Q, "low"), accuracy=(accuracy_Q, "high")),
        "b": measured(distance=(distance_Q, "none")),
        "training": xr.Dataset({"status": labelled(np.zeros(REPLICAS))}),
    }
    curves = np.stack([loss_Q + 1, loss_Q * (1 + 0.02 * rng.normal(size=REPLICAS))], axis=-1)
    groups["trace"] = xr.Dataset({"validation_loss": labelled(curves, step=[5, 10])})
    if change:
        change(groups)
    return Pool(xr.DataTree.from_dict({f"/{POOL}/{name}": data for name, data in groups.items()}), list(measures))


def measured(**variables):
    """A probe's group: zeros at the start, the values at the end."""
    return xr.Dataset(
        {
            name: labelled(np.stack([0 * values_Q, values_Q], axis=-1), snapshot=["init", "final"]).assign_attrs(
                prefer=prefer, units="1"
            )
            for name, (values_Q, prefer) in variables.items()
        }
    )


def labelled(values, **last):
    """Values of the replicas, and of the first of them again under the twin's name."""
    twin = np.full_like(values, np.nan)
    twin[:TWINS] = values[:TWINS]
    coords = {"stop": ["steps"], "select": ["fixed"], "recipe": [POOL, TWIN], "seed": np.arange(REPLICAS), **last}
    return xr.DataArray(np.stack([values, twin])[None, None], coords, tuple(coords))
