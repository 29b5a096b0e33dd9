"""A synthetic study in the shape of the real one: atlas, claims and experiments of four experiments."""

import numpy as np
import pandas as pd
import xarray as xr

from imprint.claims import table

BASE = ("stop", "select", "recipe", "seed", "snapshot")
SEEDS = list(range(8))
DIGITS = ["sgd", "momentum", "adam", "adamw", "lion", "muon", "shampoo"]
FORGETTING = [
    "sgd",
    "momentum",
    "adam",
    "adam_slow",
    "adam_fast",
    "adagrad",
    "muon",
    "shampoo",
    "shampoo_graft",
]
MARGINS = ["gradient_limit", "sign_limit", "spectral_limit", "adam_limit"]
SLABS = ["sgd", "adam", "muon", "shampoo"]
NORMS = ["max", "spectral", "l2"]
RARE = ["gradient_flow", "spectral_limit", "muon_limit"]
SPARSITY = ["sgd_tenth", "powerprop_a2", "powerprop_a3", "powerprop_a4"]
PATCHES = ["sgd_tenth", "adam_fast", "muon"]
SPRITES = ["sgd", "adam", "muon", "signum"]
CLONES = ["sgd", "adam", "muon"]
CHOICES = ("below", "above", "default", "half_batch", "double_batch", "no_decay")


def measure(random, coords, level, spread, extra=None, **attrs):
    """Array over the base axes (and `extra`): `level` broadcast, plus seed noise of size `spread`."""
    dims = (*BASE, *(extra or {}))
    coords = {**{key: coords[key] for key in BASE}, **(extra or {})}
    shape = tuple(len(coords[dim]) for dim in dims)
    seed_noise = random.normal(size=(1, 1, 1, shape[3], 1) + (1,) * len(extra or {}))
    noise = 0.6 * seed_noise + 0.8 * random.normal(size=shape)
    return xr.DataArray(
        np.broadcast_to(level, shape) + spread * noise,
        dims=dims,
        coords=coords,
        attrs={"units": "1", "source": "made up", "prefer": "", **attrs},
    )


def column(values, axis, extra=0):
    """`values` along one base axis, ready to broadcast."""
    shape = [1] * (len(BASE) + extra)
    shape[BASE.index(axis)] = len(values)
    return np.reshape(np.asarray(values, float), shape)


def training(random, coords, recipes, steps, losses):
    """The `/training` group: status, losses, steps and passes at snapshots, the learning rate that ran."""
    step = measure(random, coords, steps, 0.0, long_name="step of the snapshot", units="steps")
    loss = measure(random, coords, losses, 0.0, long_name="training loss", units="nats")
    loss = loss * np.exp(0.08 * random.normal(size=loss.shape))
    status = loss.isel(snapshot=0, drop=True) * 0
    cell = status.isel(seed=0, drop=True)
    return xr.Dataset(
        {
            "status": status,
            "train_loss": loss.assign_attrs(long_name="training loss", units="nats"),
            "validation_loss": (loss * 1.2 + 0.05).assign_attrs(long_name="validation loss", units="nats"),
            "snapshot_step": step.round(),
            "passes": step.round().assign_attrs(long_name="forward-backward passes", units="passes"),
            "hyper.lr": cell + np.array([10.0 ** -(1 + i % 4) for i in range(len(recipes))]),
            "at_edge": cell * 0 + (np.arange(len(recipes)) == 2),
        }
    )


def trace(random, coords, recipes, last, floor):
    """The `/trace` group: training loss falling to `floor`, faster for later recipes."""
    steps = np.linspace(0, last, 21).astype(int)[1:]
    rate = 1 + 0.5 * np.arange(len(recipes))[:, None, None]
    fall = floor + 2.3 * np.exp(-5 * rate * (steps / last))[None, None]
    values = fall * np.exp(
        0.1 * random.normal(size=(len(coords["stop"]), len(coords["select"]), len(recipes), len(coords["seed"]), 20))
    )
    labels = {**{key: coords[key] for key in BASE[:4]}, "step": steps}
    return xr.Dataset(
        {"train_loss": (tuple(labels), values, {"long_name": "training loss", "units": "nat"})}, coords=labels
    )


def search(random, coords, recipes, metric, settings=7, high_is_good=False):
    """The `/search` group: a parabola in log lr for each recipe; the third recipe's best is at the edge."""
    dims = ("stop", "recipe", "setting", "seed")
    offset = np.arange(settings) - settings // 2
    best = np.array([-3 if i == 2 else i % 3 - 1 for i in range(len(recipes))])[None, :, None, None]
    curve = 0.25 + 0.06 * (offset[None, None, :, None] - best) ** 2
    curve = np.repeat(np.repeat(curve, len(coords["stop"]), 0), 2, 3)
    curve = curve * np.exp(0.05 * random.normal(size=curve.shape))
    values = 1 - 0.2 * curve if high_is_good else curve
    values[:, -1, -1] = np.nan  # the largest rate of the last recipe diverged
    lr = np.array([10.0 ** -(1 + i % 4) for i in range(len(recipes))])[:, None] * 10.0 ** (offset / 2)
    index = np.broadcast_to((best[:, :, 0, 0] + settings // 2)[:, None, :], (1, len(coords["select"]), len(recipes)))
    shift = np.arange(len(coords["select"]))[None, :, None] * (index > 0)
    chosen = np.repeat(index - shift, len(coords["stop"]), 0).astype(float)
    return xr.Dataset(
        {
            metric: (dims, values, {"long_name": metric.replace("_", " "), "units": "1"}),
            "lr": (
                dims[:3],
                np.repeat(lr[None], len(coords["stop"]), 0),
                {"long_name": "learning rate", "units": "1"},
            ),
            "at_edge": (("stop", "select", "recipe"), np.isin(chosen, (0, settings - 1)).astype(float)),
            "chosen": (
                ("stop", "select", "recipe"),
                chosen,
                {"long_name": "index of the chosen setting", "units": "1"},
            ),
        },
        coords={
            "stop": coords["stop"],
            "select": coords["select"],
            "recipe": recipes,
            "setting": range(settings),
        },
    )


def search_space(groups, probes):
    """The `/search_space` groups: the first seeds' values times a power of the rate over the chosen one."""
    tried, spaces = groups["search"], {}
    chosen = tried["lr"].sel(setting=tried["chosen"].isel(select=0, drop=True).fillna(0).astype(int))
    rate = (tried["lr"] / chosen.drop_vars("setting")).where(tried["chosen"].isel(select=0, drop=True).notnull())
    for probe in probes:
        whole = groups[probe].isel(select=0, drop=True).sel(snapshot=["init", "final"])
        seeds = whole.isel(seed=[0, -1]).assign_coords(seed=[1000, 1001])
        power = 0.0 if probe == "performance" else 0.3
        scaled = seeds * rate**power
        ended = xr.where(tried["status"].assign_coords(seed=[1000, 1001]) == 1, np.nan, 1.0)
        scaled = (scaled * ended).transpose("stop", "recipe", "setting", "seed", "snapshot", ...)
        for name in scaled.data_vars:
            scaled[name].attrs = groups[probe][name].attrs
        spaces[f"search_space/{probe}"] = scaled.assign({"hyper.lr": tried["lr"]})
    return spaces


def digits(random, recipes=DIGITS, seeds=SEEDS):
    """One task, three read-outs, eight probes."""
    coords = {"stop": ["steps"], "select": ["best"], "recipe": recipes, "seed": seeds}
    coords["snapshot"] = ["init", "matched_steps", "matched_loss", "final"]
    trained = column([0, 0.7, 0.85, 1], "snapshot")
    kind = np.arange(len(recipes))
    shift = column(np.array([0, 0.2, 1.0, 0.9, 1.3, 2.2, 1.6, 0.4, 1.1])[kind % 9], "recipe")

    def value(level, effect, spread, name, units="1", extra=None):
        return measure(random, coords, level + effect * shift * trained, spread, extra, long_name=name, units=units)

    sharpness = np.exp(value(2.2, -0.7, 0.18, "log"))
    sharpness.attrs.update(long_name="largest eigenvalue of the Hessian", units="1", prefer="")
    layers = {"layer": ["hidden_1", "hidden_2"]}
    accuracy = 0.1 + 0.85 * trained + 0.004 * shift * trained
    loss = 2.3 - 2.1 * trained - 0.01 * shift
    groups = {
        "performance": xr.Dataset(
            {
                "train_loss": measure(random, coords, loss, 0.02, long_name="mean loss on the training examples"),
                "test_accuracy": measure(random, coords, accuracy, 0.006, long_name="accuracy on the test examples"),
            }
        ),
        "calibration": xr.Dataset(
            {
                "calibration_error": value(
                    0.03, 0.01, 0.004, "expected calibration error of the confidence on the test examples"
                )
            }
        ),
        "hessian": xr.Dataset({"top_eigenvalue": sharpness, "trace": sharpness * 9}),
        "effective_rank": xr.Dataset(
            {
                name: measure(
                    random,
                    coords,
                    (level + effect * shift * trained)[..., None],
                    0.9,
                    layers,
                    long_name=f"{name.replace('_', ' ')} of each weight matrix",
                )
                for name, level, effect in (("effective_rank", 28, 3), ("stable_rank", 6, 1))
            }
        ),
        "activation_rank": xr.Dataset(
            {
                "effective_rank": measure(
                    random,
                    coords,
                    (22 - 2 * shift * trained)[..., None],
                    0.8,
                    layers,
                    long_name="entropy effective rank of the centred test activations of each hidden layer",
                )
            }
        ),
        "sparsity": xr.Dataset(
            {
                "near_zero": value(0.06, 0.05, 0.006, "fraction of matrix entries smaller than 0.001"),
                "hoyer": value(
                    0.22,
                    0.04,
                    0.006,
                    "Hoyer sparsity of the matrix entries (0 for equal sizes, 1 for a single one)",
                ),
            }
        ),
        "distance": xr.Dataset(
            {"distance": value(4.0, 1.5, 0.15, "Euclidean distance of all parameters from their initialization")}
        ),
        "path_length": xr.Dataset(
            {"path_length": value(9.0, 6.5, 0.5, "sum of the lengths of all updates up to the snapshot")}
        ),
    }
    for parts in groups.values():  # as in the real atlas: nothing has moved at the start
        for name in ("distance", "path_length"):
            if name in parts:
                parts[name].loc[{"snapshot": "init"}] = 0.0
    steps = column([0, 300, 300, 900], "snapshot") * np.where(
        column([0, 0, 1, 0], "snapshot") > 0, 1.5 / (0.7 + shift / 2), 1
    )
    losses = np.where(
        column([0, 0, 1, 0], "snapshot") > 0,
        0.1,
        np.exp(column([0.83, -1.8, 0, -3.5], "snapshot") - 0.2 * shift * trained),
    )
    groups["training"] = training(random, coords, recipes, steps, losses)
    groups["search"] = search(random, coords, recipes, "validation_loss")
    groups["search"]["status"] = groups["search"]["validation_loss"].isnull().astype(float)
    groups["trace"] = trace(random, coords, recipes, 900, 0.03)
    return groups | search_space(groups, ("performance", "hessian", "activation_rank", "distance"))


def forgetting(random, recipes=FORGETTING, seeds=SEEDS):
    """A sequence of five tasks under two stop rules and two selections."""
    stages = ["task_1", "task_2", "task_3", "task_4", "final"]
    coords = {"stop": ["steps", "loss"], "select": ["best", "matched"], "recipe": recipes, "seed": seeds}
    coords["snapshot"] = stages
    keeps = np.array([0, 0, 0, 0, 0, 0.02, 0, 0.25, 0.35])[np.arange(len(recipes)) % 9]
    after = np.arange(5)[:, None] - np.arange(5)[None]
    kept = np.where(after == 0, 0.98, np.where(after > 0, 1.0, 0.0))
    level = np.where(after > 0, keeps[:, None, None, None] ** np.maximum(after, 1), kept)[None, None]
    accuracy = measure(
        random, coords, level, 0.01, {"stage": range(1, 6)}, long_name="test accuracy", prefer="high"
    ).clip(0, 1)
    learned = xr.concat([accuracy.isel(snapshot=i, stage=i, drop=True) for i in range(5)], "stage").mean("stage")
    learned = (learned.expand_dims(snapshot=stages) + 0 * accuracy.isel(stage=0, drop=True)).transpose(*BASE)
    old = accuracy.isel(stage=slice(0, 4)).mean("stage")
    groups = {
        "accuracy_matrix": xr.Dataset(
            {
                "accuracy": accuracy,
                "learned": learned.assign_attrs(long_name="accuracy just after learning", units="1"),
                "old": old.assign_attrs(long_name="accuracy on the old tasks", units="1"),
                "forgetting": (learned - old).assign_attrs(long_name="accuracy lost on the old tasks", units="1"),
            }
        ),
        "class_cosine": xr.Dataset(
            {
                "centred_cosine": measure(
                    random,
                    coords,
                    0.2 - 0.3 * column(keeps, "recipe"),
                    0.03,
                    long_name="cosine between class means, centred",
                )
            }
        ),
        "activation_rank": xr.Dataset(
            {
                "effective_rank": measure(
                    random,
                    coords,
                    25 + 20 * column(keeps, "recipe"),
                    2.0,
                    long_name="effective rank of the activations",
                )
            }
        ),
    }
    groups["training"] = training(random, coords, recipes, column(np.arange(1, 6) * 160, "snapshot"), 0.08)
    groups["training"]["status"].values[1, :, -1, :2] = 1.0
    groups["training"]["status"].values[1, :, 0, :3] = 2.0
    groups["search"] = search(random, coords, recipes, "learning_accuracy", high_is_good=True)
    learned = groups["search"]["learning_accuracy"]
    lost = learned - 0.1 * (learned["setting"] % 3) - xr.DataArray(keeps, dims="recipe", coords={"recipe": recipes})
    groups["search"]["forgetting"] = lost.transpose(*learned.dims).assign_attrs(long_name="forgetting", units="1")
    groups["trace"] = trace(random, coords, recipes, 800, 0.08)
    return {name: data if name == "search" else without_search(data) for name, data in groups.items()}


def universes(random, recipes=DIGITS, choices=("chosen", *CHOICES), seeds=range(1000, 1005)):
    """`digits` under the choices of other analysts, as `multiverse/<group>`: the level moves with the choice."""
    places = [digits(random, recipes, list(seeds)) for _ in choices]
    groups = {}
    for name in ("training", "effective_rank", "activation_rank", "hessian", "performance"):
        parts = [place[name].assign_coords(select=[choice]) for place, choice in zip(places, choices, strict=True)]
        groups[f"multiverse/{name}"] = xr.concat(parts, "select")
    rank = groups["multiverse/effective_rank"]["effective_rank"]
    rank.loc[{"recipe": "muon", "select": "half_batch"}] -= 9
    status = groups["multiverse/training"]["status"]
    status.loc[{"select": "no_decay", "recipe": [name for name in recipes if name != "adamw"]}] = np.nan
    return groups


def without_search(data):
    """The same with adam_slow and adam_fast as recipes without search: their only selection is "fixed"."""
    fixed = [name for name in ("adam_slow", "adam_fast") if name in data["recipe"]]
    data = data.reindex(select=[*data["select"].values, "fixed"])
    for name, values in data.data_vars.items():
        own = values.sel(select="best", recipe=fixed)
        data[name].loc[{"select": "fixed", "recipe": fixed}] = own.transpose(
            *[d for d in values.dims if d != "select"]
        ).values
        data[name].loc[{"select": ["best", "matched"], "recipe": fixed}] = np.nan
    return data


def slabs(random, recipes=SLABS, seeds=SEEDS):
    """The negative control: every optimizer reads the linear feature only."""
    recipes = list(recipes)
    coords = {
        "stop": ["loss"],
        "select": ["fixed"],
        "recipe": recipes,
        "seed": seeds,
        "snapshot": ["init", "final"],
    }
    level = np.array([0.5, 1.0])[None, None, None, None, None]
    auc = measure(
        random, coords, level, 0.004, {"block": ["linear", "slab"]}, long_name="AUC with the block randomized"
    ).clip(0, 1)
    groups = {"randomized_blocks": xr.Dataset({"randomized_auc": auc})}
    groups["training"] = training(
        random, coords, recipes, column([0, 700], "snapshot"), column([0.7, 0.01], "snapshot")
    )
    groups["trace"] = trace(random, coords, recipes, 700, 0.01)
    return groups


def margins(random, recipes=MARGINS, seeds=SEEDS):
    """The positive control: each method maximizes the margin of its own norm."""
    recipes = list(recipes)
    coords = {"stop": ["steps"], "select": ["fixed"], "recipe": recipes, "seed": seeds, "snapshot": ["final"]}
    levels = {
        "gradient_limit": (0.2, 0.5, 0.96),
        "sign_limit": (0.97, 0.6, 0.55),
        "spectral_limit": (0.45, 0.95, 0.7),
    }
    levels["adam_limit"] = (0.96, 0.58, 0.53)
    level = np.array([levels.get(name, (0.5, 0.5, 0.5)) for name in recipes])[None, None, :, None, None]
    bound = np.array([16.5, 4.4, 4.0])
    extra = {"norm": NORMS}
    margin = measure(random, coords, level * bound, 0.05, extra, long_name="normalized margin")
    ceiling = measure(random, coords, bound, 0.0, extra, long_name="upper bound on the margin")
    groups = {"margins": xr.Dataset({"margin": margin, "bound": ceiling})}
    groups["margins"]["ratio"] = (margin / ceiling).assign_attrs(long_name="margin over its bound", units="1")
    groups["training"] = training(random, coords, recipes, 8000.0, 0.001)
    groups["trace"] = trace(random, coords, recipes, 8000, 0.001)
    return groups


def sparsity(random, recipes=SPARSITY, seeds=SEEDS):
    """Curves that fall at smaller fractions for later recipes."""
    recipes = list(recipes)
    coords = {"stop": ["steps"], "select": ["fixed"], "recipe": recipes, "seed": seeds, "snapshot": ["init", "final"]}
    kept = np.geomspace(0.01, 1, 20)
    middle = np.array([0.06, 0.03, 0.02, 0.018])[np.arange(len(recipes)) % 4, None]
    level = 0.1 + 0.87 / (1 + (middle / kept) ** 3)
    level = np.stack([np.full_like(level, 0.1), level], 1)[None, None, :, None]
    accuracy = measure(random, coords, level, 0.02, {"kept": kept.tolist()}, long_name="test accuracy")
    whole = accuracy.isel(kept=-1, drop=True).clip(0, 1)
    groups = {
        "pruning_curve": xr.Dataset({"accuracy": accuracy.clip(0, 1)}),
        "performance": xr.Dataset({"test_accuracy": whole}),
    }
    groups["training"] = training(random, coords, recipes, column([0, 2500], "snapshot"), 0.02)
    groups["trace"] = trace(random, coords, recipes, 2500, 0.02)
    return groups


def patches(random, recipes=PATCHES, seeds=SEEDS):
    """Agreement with two linear models: later recipes leave that of SGD for that of Adam."""
    recipes = list(recipes)
    coords = {"stop": ["loss"], "select": ["fixed"], "recipe": recipes, "seed": seeds, "snapshot": ["init", "final"]}
    sgd, adam = np.array([[0.99, 0.87, 0.88], [0.87, 0.99, 0.96]])[:, np.arange(len(recipes)) % 3]
    level = np.stack([[sgd - 0.4, adam - 0.4], [sgd, adam]]).transpose(2, 0, 1)[None, None, :, None]
    extra = {"reference": ["sgd", "adam"]}
    agreement = measure(random, coords, level, 0.003, extra, long_name="agreement with a linear model").clip(0, 1)
    groups = {"linear_agreement": xr.Dataset({"agreement": agreement})}
    groups["training"] = training(random, coords, recipes, column([0, 700], "snapshot"), 0.005)
    groups["trace"] = trace(random, coords, recipes, 700, 0.005)
    return groups


def clones(random, recipes=CLONES, seeds=SEEDS):
    """Copies that fall behind: those on isotropic clones at once, those on Gaussian ones later, the second's last."""
    recipes = list(recipes)
    coords = {"stop": ["length"], "select": ["best"], "recipe": recipes, "seed": seeds, "snapshot": ["init", "final"]}
    kinds, after = ["real", "gaussian", "isotropic"], np.arange(0, 210, 10)
    top = np.array([0.95, 0.92, 0.81])[:, None]
    level = 0.1 + (top - 0.1) * (1 - np.exp(-after / (20 + 5 * np.arange(len(recipes))[:, None, None, None, None])))
    accuracy = measure(
        random, coords, level[None, None], 0.005, {"data": kinds, "after": after.tolist()}, long_name="test accuracy"
    )
    time = np.array([60.0, 20.0]) * np.array([1, 3.5, 2])[np.arange(len(recipes)) % 3, None, None, None]
    steps = measure(random, coords, time[None, None], 5.0, {"clone": kinds[1:]}, long_name="steps until it is behind")
    groups = {"divergence_times": xr.Dataset({"steps": steps.clip(10, 210), "accuracy": accuracy.clip(0, 1)})}
    groups["divergence_times"] = groups["divergence_times"].where(accuracy["snapshot"] == "final")
    groups["training"] = training(random, coords, recipes, column([0, 200], "snapshot"), 0.2)
    groups["search"] = search(random, coords, recipes, "validation_loss")
    groups["trace"] = trace(random, coords, recipes, 200, 0.2)
    return groups


def easy_hard(random, recipes=CLONES, seeds=SEEDS):
    """An easy feature that takes more of deeper layers, less so under later recipes."""
    recipes = list(recipes)
    coords = {"stop": ["loss"], "select": ["best"], "recipe": recipes, "seed": seeds, "snapshot": ["init", "final"]}
    layers = {"layer": [f"hidden_{place}" for place in (1, 2, 3, 4)]}
    grows = np.array([0.15, 0.4, 0.5, 0.55]) * (1 - 0.1 * np.arange(len(recipes)))[:, None, None, None]
    shares = {
        "gap": measure(random, coords, 0.8 * grows[..., 3], 0.02, long_name="gap of the shares"),
        "easy": measure(random, coords, grows[None, None], 0.02, layers, long_name="share of the easy feature"),
        "hard": measure(random, coords, grows[None, None] / 4, 0.01, layers, long_name="share of the hard feature"),
    }
    groups = {"variance_explained": xr.Dataset(shares)}
    groups["training"] = training(random, coords, recipes, column([0, 500], "snapshot"), 0.01)
    groups["search"] = search(random, coords, recipes, "validation_loss")
    groups["trace"] = trace(random, coords, recipes, 500, 0.01)
    return groups


def rare(random, recipes=RARE, seeds=SEEDS):
    """Classes and modes of unequal frequency: the first recipe learns them in turn, the others alike."""
    recipes = list(recipes)
    coords = {"stop": ["steps"], "select": ["fixed"], "recipe": recipes, "seed": seeds}
    coords["snapshot"] = ["init", "early", "final"]
    share = np.array([0.5, 0.25, 0.15, 0.1])
    follows = (np.arange(len(recipes)) == 0)[:, None]
    reached = np.array([np.nan, 0.5, 0.02])[:, None]
    loss = np.where(follows, 0.02 / share, 0.2)[:, None, None] * reached / 0.02
    loss = np.where(np.isnan(loss), 1.4, loss)[None, None]
    time = np.where(follows, 30 / share, 90.0)[:, None, None] + 0 * np.where(reached > 0.1, np.nan, reached)
    classes, modes = {"class": range(4)}, {"mode": range(1, 5)}
    groups = {
        "class_losses": xr.Dataset(
            {
                "frequency": measure(random, coords, share, 0.0, classes, long_name="share of a class"),
                "loss": abs(measure(random, coords, loss, 0.001, classes, long_name="loss of a class")),
            }
        ),
        "balanced_accuracy": xr.Dataset(
            {
                "balanced_accuracy": measure(
                    random, coords, column([0.25, 0.5, 0.9], "snapshot"), 0.02, long_name="balanced accuracy"
                ).clip(0, 1)
            }
        ),
        "mode_times": xr.Dataset(
            {
                "value": measure(random, coords, share, 0.0, modes, long_name="singular value"),
                "time": measure(random, coords, time[None, None], 0.5, modes, long_name="learning time").round(),
            }
        ),
    }
    groups["training"] = training(
        random, coords, recipes, column([0, 100, 1000], "snapshot"), column([1.4, 0.5, 0.02], "snapshot")
    )
    groups["trace"] = trace(random, coords, recipes, 1000, 0.02)
    return groups


def sprites(random, recipes=SPRITES, seeds=SEEDS):
    """Colour is followed most, by later recipes less; scale, of a longer description, comes second."""
    recipes = list(recipes)
    coords = {"stop": ["loss"], "select": ["matched"], "recipe": recipes, "seed": seeds}
    coords["snapshot"] = ["init", "early", "final"]
    cues = {"cue": ["colour", "shape", "scale", "orientation"]}
    level = np.array([[0.25] * 4, [0.75, 0.26, 0.31, 0.27], [0.9, 0.25, 0.3, 0.26]])
    less = 0.03 * np.arange(len(recipes))[:, None, None, None] * (np.array([-1, 0, 0, 0]) * (level[:, :1] > 0.5))
    accuracy = measure(random, coords, (level + less)[None, None], 0.01, cues, long_name="accuracy by a cue").clip(0, 1)
    compressors = {"compressor": ["zlib", "lz76"]}
    bits = np.array([[816.0, 565.0], [1316.0, 877.0], [1266.0, 873.0], [1153.0, 783.0]])
    length = measure(random, coords, bits, 0.0, {**cues, **compressors}, long_name="bits")
    conflict = {"others": measure(random, coords, 0.27, 0.005, long_name="mean accuracy by the other cues")}
    conflict["chance"] = measure(random, coords, 15 / 63, 0.0, long_name="accuracy by a cue that is not read")
    conflict |= {"accuracy": accuracy, "description_length": length}
    groups = {"cue_conflict": xr.Dataset(conflict)}
    losses = column([1.4, 0.5, 0.05], "snapshot")
    groups["training"] = training(random, coords, recipes, column([0, 60, 130], "snapshot"), losses)
    groups["search"] = search(random, coords, recipes, "validation_loss")
    groups["trace"] = trace(random, coords, recipes, 130, 0.05)
    return groups


def tree(groups: dict) -> xr.DataTree:
    """Atlas of `{experiment: {group: dataset}}`."""
    return xr.DataTree.from_dict(
        {f"/{name}/{group}": data for name, parts in groups.items() for group, data in parts.items()}
    )


def atlas(seed: int = 0) -> xr.DataTree:
    """The whole study, with one diverged replica and one recipe missing from one mode."""
    random = np.random.default_rng(seed)
    groups = {
        "digits": digits(random),
        "forgetting": forgetting(random),
        "slabs": slabs(random),
        "margins": margins(random),
        "rare": rare(random),
        "sparsity": sparsity(random),
        "clones": clones(np.random.default_rng(9)),
        "easy_hard": easy_hard(np.random.default_rng(10)),
        "patches": patches(random),
        "sprites": sprites(random),
    }
    for data in [data for key, data in groups["digits"].items() if "search_space" not in key]:
        for name, values in data.data_vars.items():
            if {"seed", "snapshot"} <= set(values.dims):
                data[name].loc[{"recipe": "lion", "seed": 3, "snapshot": ["matched_loss", "final"]}] = np.nan
                data[name].loc[{"recipe": "shampoo", "snapshot": "matched_loss"}] = np.nan
    groups["digits"]["training"]["status"].loc[{"recipe": "lion", "seed": 3}] = 1.0
    groups["digits"]["training"]["status"].loc[{"recipe": "shampoo"}] = 2.0
    groups["digits"] |= universes(np.random.default_rng(11))
    return tree(groups)


def contrasts() -> dict[str, dict]:
    """The contrasts of `digits` that are judged again, as resolved."""
    found = {}
    for row in claims()[lambda rows: (rows["experiment"] == "digits") & (rows["kind"] == "claim")].to_dict("records"):
        form, _, bound = row["expect"].partition(" ")
        sides = row["recipes"].removeprefix("mean(").replace(")", "").split(" - ")
        known = {key: row[key] for key in ("says", "source", "measure", "kind")}
        known["contrast"] = [side.split(", ") for side in sides]
        known["where"] = dict([row["where"].split("=")]) if row["where"] else {}
        own = found.setdefault(row["claim"], {**known, "expect": {form: float(bound)}, "at": []})
        own["at"].append(dict(zip(("stop", "select", "snapshot"), row["mode"].split("/"), strict=True)))
    return found


def experiments() -> list[dict]:
    """Resolved specs, as the stages get them."""

    def spec(name, title, question, task, recipes, probes, **rest):
        return {
            "name": name,
            "title": title,
            "question": question,
            "task": task,
            "recipes": list(recipes),
            "seeds": SEEDS,
            "probes": {probe: {} for probe in probes},
            "claims": {},
            **rest,
        }

    return [
        spec(
            "digits",
            "What does an optimizer leave on a small classifier?",
            "At equal steps, equal training loss and at the end of training: how do the solutions differ?",
            {
                "name": "digits",
                "model": {"name": "mlp", "hidden": [64, 64]},
                "batch_size": 32,
                "length": {"epochs": 20},
            },
            DIGITS,
            [
                "performance",
                "calibration",
                "hessian",
                "effective_rank",
                "activation_rank",
                "sparsity",
                "distance",
                "path_length",
            ],
            stop={"steps": {"epochs": 20}},
            search={"settings": 7, "seeds": 2, "probes": ["performance", "hessian", "activation_rank", "distance"]},
            select={"best": {"validation_loss": "min"}},
            snapshots={
                "matched_steps": {"step": 300, "train_loss": None},
                "matched_loss": {"step": None, "train_loss": 0.1},
            },
            claims=contrasts(),
            multiverse={"seeds": 5, "choices": list(CHOICES), "claims": list(contrasts())},
        ),
        spec(
            "forgetting",
            "Which optimizers forget?",
            "After a sequence of tasks, what is left of the early ones?",
            {
                "name": "split_classes",
                "data": "digits",
                "model": {"name": "mlp", "hidden": [100, 100]},
                "batch_size": 64,
            },
            FORGETTING,
            ["accuracy_matrix", "class_cosine", "activation_rank"],
            stop={"steps": {"epochs": 5}, "loss": {"train_loss": 0.08, "at_most": {"epochs": 20}}},
            select={
                "best": {"learning_accuracy": "max"},
                "matched": {"learning_accuracy": 0.98, "within": 0.01},
            },
            snapshots={},
        ),
        spec(
            "slabs",
            "Does any optimizer escape extreme simplicity bias?",
            "When a linear feature and many slabs each solve the task, which does the network read?",
            {"name": "slabs", "model": {"name": "mlp", "hidden": [100, 100]}, "batch_size": 256},
            ["sgd", "adam", "muon", "shampoo"],
            ["randomized_blocks"],
            stop={"loss": {"train_loss": 0.01, "at_most": {"epochs": 500}}},
            select={},
            snapshots={},
        ),
        spec(
            "margins",
            "Does each method maximize the margin of its own norm?",
            "On a separable linear problem, which norm's margin does each descent method maximize?",
            {"name": "separable", "model": {"name": "linear"}, "batch_size": "full"},
            MARGINS,
            ["margins"],
            stop={"steps": {"steps": 8000}},
            select={},
            snapshots={},
        ),
        spec(
            "sprites",
            "Which cue is taken?",
            "When four cues give the class alike, which one do the networks follow?",
            {"name": "sprites", "model": {"name": "mlp", "hidden": [100, 100]}, "batch_size": 64},
            SPRITES,
            ["cue_conflict"],
            stop={"loss": {"train_loss": 0.05, "at_most": {"epochs": 20}}},
            select={"matched": {"validation_loss": 0.08, "within": 0.06}},
            snapshots={"early": {"step": None, "train_loss": 0.5}},
        ),
        spec(
            "patches",
            "Does a network find what a linear model would?",
            "When shape and colour both give the class, does the network decide as a linear model does?",
            {"name": "patches", "model": {"name": "two_layer", "hidden": 64}, "batch_size": 64},
            PATCHES,
            ["linear_agreement"],
            stop={"loss": {"train_loss": 0.005, "at_most": {"epochs": 60}}},
            select={},
            snapshots={},
        ),
        spec(
            "rare",
            "What becomes of rare classes?",
            "Are rare classes, and the modes of small singular values, learned later than frequent ones?",
            {"name": "modes", "model": {"name": "deep_linear"}, "batch_size": "full"},
            RARE,
            ["class_losses", "balanced_accuracy", "mode_times"],
            stop={"steps": {"steps": 1000}},
            select={},
            snapshots={"early": {"step": 100, "train_loss": None}},
        ),
        spec(
            "sparsity",
            "Does power propagation leave networks that can be pruned?",
            "How much accuracy is left when the smallest weights are removed at once?",
            {"name": "classification", "model": {"name": "mlp", "hidden": [300, 100]}, "batch_size": 60},
            SPARSITY,
            ["pruning_curve", "performance"],
            stop={"steps": {"steps": 2500}},
            select={},
            snapshots={},
        ),
        spec(
            "clones",
            "Do optimizers learn simple statistics first?",
            "When does a network that sees Gaussian clones of the images fall behind?",
            {"name": "clones", "model": {"name": "mlp", "hidden": [128]}, "batch_size": 128},
            CLONES,
            ["divergence_times"],
            stop={"length": {"steps": 200}},
            select={"best": {"validation_loss": "min"}},
            snapshots={},
        ),
        spec(
            "easy_hard",
            "How much of a representation goes to the easy feature?",
            "How much of the variance of the hidden layers do an easy and a hard feature explain?",
            {"name": "easy_hard", "model": {"name": "mlp", "hidden": [64, 64, 64, 64]}, "batch_size": 64},
            CLONES,
            ["variance_explained"],
            stop={"loss": {"train_loss": 0.01, "at_most": {"epochs": 60}}},
            select={"best": {"validation_loss": "min"}},
            snapshots={},
        ),
    ]


def claim(
    experiment,
    name,
    verdict,
    estimate,
    half,
    recipes,
    kind="claim",
    mode="steps/best/final",
    expect="greater_by 0.02",
    says="",
    measure_="performance.test_accuracy",
    where="",
    source="pascanu2025, figure 2",
    flags="",
):
    """One row of the table of verdicts."""
    there = verdict != "untested"
    form, bound = expect.split(" ", 1)
    return {
        "experiment": experiment,
        "claim": name,
        "kind": kind,
        "says": says,
        "recipes": recipes,
        "measure": measure_,
        "where": where,
        "mode": mode,
        "expect": expect,
        "verdict": verdict,
        "beyond": verdict == "supported" and form == "greater_by" and estimate - half >= float(bound),
        "estimate": estimate,
        "low": estimate - half if there else np.nan,
        "high": estimate + half if there else np.nan,
        "margin": np.nan if form == "within" else float(bound),
        "p": 0.0078 if there else np.nan,
        "p_adjusted": 0.0156 if there else np.nan,
        "p_holm": 0.031 if kind == "claim" else np.nan,
        "n": 8 if there else 0,
        "pairs_declared": 8,
        "family": 12,
        "sd": abs(half),
        "effect": estimate / half if half else np.nan,
        "bca_low": np.nan,
        "bca_high": np.nan,
        "unit": "1",
        "flags": flags,
        "source": source,
    }


def claims() -> pd.DataFrame:
    """About forty rows with every verdict, several modes that disagree, value claims and controls."""
    rows = []
    for snapshot in ("matched_steps", "matched_loss", "final"):
        mode, loss = f"steps/best/{snapshot}", snapshot == "matched_loss"
        rows += [
            claim(
                "digits",
                "muon_has_higher_rank",
                "inconclusive" if loss else "supported",
                0.8 if loss else 6.4,
                1.2,
                "muon - adam",
                mode=mode,
                expect="greater_by 1.0",
                measure_="effective_rank.effective_rank",
                where="layer=hidden_1",
                source="wang2025, figure 5",
                says="Muon's weights have a higher effective rank than Adam's.",
            ),
            claim(
                "digits",
                "shampoo_has_lower_rank",
                "untested" if loss else "contradicted",
                np.nan if loss else 2.6,
                0.8,
                "shampoo - adam",
                mode=mode,
                expect="less_by 1.0",
                measure_="activation_rank.effective_rank",
                where="layer=hidden_2",
                flags="reached: 0 of 8 pairs" if loss else "",
                says="Shampoo's representation has a lower rank than Adam's.",
            ),
            claim(
                "digits",
                "adam_is_sharper",
                "supported",
                0.7,
                0.25,
                "mean(adam, adamw) - muon",
                mode=mode,
                expect="greater_by 0.1",
                measure_="hessian.top_eigenvalue",
                flags="at edge: adam",
                says="Adam ends at a sharper minimum than Muon.",
            ),
            claim(
                "digits",
                "same_accuracy",
                "supported",
                0.001,
                0.004,
                "adam - sgd",
                mode=mode,
                expect="equal_within 0.01",
                says="Test accuracy does not depend on the optimizer.",
            ),
        ]
    for recipe in DIGITS:
        rows.append(
            claim(
                "digits",
                "trains",
                "supported",
                0.945,
                0.003,
                recipe,
                kind="control",
                expect="at_least 0.9",
                says="Every recipe learns the task.",
                source="this study",
            )
        )
    for stop in ("steps", "loss"):
        for select in ("best", "matched"):
            mode, weak = f"{stop}/{select}/final", stop == "loss"
            for recipe, value in (("shampoo", 0.05), ("shampoo_graft", 0.061)):
                rows.append(
                    claim(
                        "forgetting",
                        f"{recipe}_keeps_more",
                        "inconclusive" if weak else "supported",
                        value * (0.3 if weak else 1.0),
                        0.02,
                        f"{recipe} - adam",
                        mode=mode,
                        measure_="accuracy_matrix.old",
                        says=f"At equal learning accuracy {recipe} keeps more of the old pairs than Adam.",
                    )
                )
            rows.append(
                claim(
                    "forgetting",
                    "muon_keeps_more",
                    "equivalent",
                    0.0005,
                    0.001,
                    "muon - adam",
                    mode=mode,
                    measure_="accuracy_matrix.old",
                    flags="ties: 6 of 8",
                    says="Muon keeps more of the old pairs than Adam.",
                )
            )
    for recipe in SLABS:
        for block, expected in (("linear", 0.5), ("slab", 1.0)):
            rows.append(
                claim(
                    "slabs",
                    f"{block}_randomized",
                    "supported",
                    expected - 0.003,
                    0.004,
                    recipe,
                    kind="control",
                    expect=f"within [{expected - 0.02}, {expected + 0.02}]",
                    mode="loss/fixed/final",
                    measure_="randomized_blocks.randomized_auc",
                    where=f"block={block}",
                    source="shah2020, table 6",
                    says=f"With the {block} block randomized the AUC is {expected}.",
                )
            )
    for norm, winner in (("max", "sign_limit"), ("spectral", "spectral_limit")):
        rows.append(
            claim(
                "margins",
                f"{winner}_wins_{norm}",
                "supported",
                0.6,
                0.05,
                f"{winner} - gradient_limit",
                kind="control",
                expect="greater_by 0.2",
                mode="steps/fixed/final",
                measure_="margins.margin",
                where=f"norm={norm}",
                source="fan2025",
                says=f"The {winner} method has the largest margin in the {norm} norm.",
            )
        )
    return table.frame(rows)
