"""How often does a network decide as a linear model does, by the optimizer that trained the linear model?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.function.performance import accuracy
from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "agreement": {
        "long_name": "share of examples that get the class which a linear model gives them",
        "units": "1",
        "dims": ("reference",),
        "prefer": None,
        "source": "Vasudeva et al. 2025, arXiv 2505.24022",
    },
    "reference_accuracy": {
        "long_name": "accuracy of the linear model on the same examples",
        "units": "1",
        "dims": ("reference",),
        "prefer": None,
        "source": "definition",
    },
    "reference_loss": {
        "long_name": "cross-entropy of the linear model on the training examples",
        "units": "nat",
        "dims": ("reference",),
        "prefer": None,
        "source": "definition",
    },
}
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


def fit(
    x_SND: Tensor, y_SN: Tensor, classes: int, optimizer: str, lr: float, steps: int, batch_size: int, order_seed: int
) -> Tensor:
    """Train linear models without bias, ``logits = W x``, on the cross-entropy, from zero weights.

    With two classes the score ``(w_1 - w_0) x`` moves twice as fast as one vector of weights would at the same rate.

    Args:
        x_SND: inputs of S training sets.
        y_SN: their targets.
        classes: C.
        optimizer: ``sgd`` (constant rate, no momentum) or ``adam`` (PyTorch's defaults).
        lr: learning rate.
        steps: number of steps.
        batch_size: examples per step, drawn without replacement, the same places in every training set; all where
            there are fewer.
        order_seed: of the draws.

    Returns:
        Weights ``[S, C, D]``.
    """
    weights_SCD = x_SND.new_zeros(len(x_SND), classes, x_SND.shape[-1])
    made = OPTIMIZERS[optimizer]([weights_SCD], lr=lr)
    order = generator(order_seed, "linear_agreement")
    examples = x_SND.shape[1]
    size = min(batch_size, examples)
    for step in range(steps):
        place = step % (examples // size)
        if place == 0:
            shuffled = torch.randperm(examples, generator=order).to(x_SND.device)
        batch = shuffled[place * size : (place + 1) * size]
        x_SBD, y_SB = x_SND[:, batch], y_SN[:, batch]
        error_SBC = (x_SBD @ weights_SCD.mT).softmax(-1) - torch.nn.functional.one_hot(y_SB, classes)
        weights_SCD.grad = error_SBC.mT @ x_SBD / size
        made.step()
    return weights_SCD


def agreement(logits_RNC: Tensor, reference_RNC: Tensor) -> Tensor:
    """Return the share ``[R]`` of examples for which both have their largest logit at the same class.

    >>> agreement(torch.tensor([[[2.0, 1.0], [0.0, 1.0]]]), torch.tensor([[[5.0, 0.0], [3.0, 0.0]]]))
    tensor([0.5000], dtype=torch.float64)
    """
    return accuracy(logits_RNC, reference_RNC.argmax(-1))


def measure(
    solution: Solution,
    task: Task,
    *,
    inputs: str = "x_test",
    sgd_steps: int = 500,
    adam_steps: int = 1500,
    sgd_lr: float = 0.1,
    adam_lr: float = 0.001,
    batch_size: int = 64,
    order_seed: int = 0,
) -> xr.Dataset:
    """Measure agreement with two linear models of the task's training examples, one per optimizer.

    Args:
        solution: the solution.
        task: its task, of flat inputs.
        inputs: on which of the task's examples decisions are compared: a variable ``(test, feature)``.
        sgd_steps: how long SGD trains its linear model; choose both lengths so that ``reference_loss`` is equal.
        adam_steps: how long Adam trains its own.
        sgd_lr: learning rate of SGD.
        adam_lr: learning rate of Adam.
        batch_size: of both.
        order_seed: of the order in which they see the examples, the same for all replicas and recipes.

    Returns:
        ``agreement``, ``reference_accuracy``, both in [0, 1], and ``reference_loss``, by which one sees how far each
        was trained; dims ``(setting, seed, snapshot, reference)``.

    Raises:
        ValueError: if the task has no such inputs.
    """
    if inputs not in task.data or not {"test", "feature"} <= set(task.data[inputs].dims):
        allowed = [str(name) for name, value in task.data.items() if {"test", "feature"} <= set(value.dims)]
        raise ValueError(f"linear_agreement: inputs {inputs!r} is no variable (test, feature); the task has {allowed}")
    x, y = task.split("train")
    x_SND, y_SN = (x, y) if task.seeded else (x.unsqueeze(0), y.unsqueeze(0))
    lengths = {"sgd": (sgd_lr, sgd_steps), "adam": (adam_lr, adam_steps)}
    fitted = [fit(x_SND, y_SN, task.classes, name, *each, batch_size, order_seed) for name, each in lengths.items()]
    losses_S = [cross_entropy(x_SND @ weights_SCD.mT, y_SN) for weights_SCD in fitted]
    data_of_seed = task.seed_index(solution.data["seed"].values.tolist())

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        own = data_of_seed[replicas.cells[:, 1]].to(x.device)
        x_test, y_test = replicas.view(inputs), replicas.y("test")
        logits_RNC = task.logits(replicas.weights, x_test)
        references = [x_test @ weights_SCD[own].mT for weights_SCD in fitted]
        return {
            "agreement": torch.stack([agreement(logits_RNC, reference_RNC) for reference_RNC in references], -1),
            "reference_accuracy": torch.stack([accuracy(reference_RNC, y_test) for reference_RNC in references], -1),
            "reference_loss": torch.stack([loss_S[own] for loss_S in losses_S], -1),
        }

    return solution.each(task, kernel, MEASURES, {"reference": list(lengths)})


def cross_entropy(logits_SNC: Tensor, y_SN: Tensor) -> Tensor:
    """Return the mean over examples of ``-log softmax(logits)[y]``, ``[S]`` in nats."""
    chosen_SN = logits_SNC.double().log_softmax(-1).gather(-1, y_SN.unsqueeze(-1)).squeeze(-1)
    return -chosen_SN.mean(-1)
