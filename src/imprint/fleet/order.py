"""Which examples a replica sees at a step: a pure function of seed, task of the sequence and step."""

import torch
from torch import Tensor

from imprint.streams import generator


class Order:
    """Batches drawn without replacement within an epoch; what does not fill a batch waits for the next shuffle.

    Args:
        stage_of: for each training example ``[N]`` the task of the sequence it belongs to.
        stages: how many tasks the sequence has.
        batch_size: examples per batch; None takes all examples of a stage in their order.
        seed: of the order of every replica; None takes each replica's own.
    """

    def __init__(self, stage_of: Tensor, stages: int, batch_size: int | None, seed: int | None = None):
        self.examples = [torch.nonzero(stage_of == stage).flatten() for stage in range(stages)]
        sizes = [len(examples) for examples in self.examples]
        self.batch_size, self.seed = batch_size, seed
        if batch_size is not None and min(sizes) < batch_size:
            raise ValueError(f"batch_size {batch_size} is larger than the smallest task's {min(sizes)} examples")
        self.batches = [1 if batch_size is None else size // batch_size for size in sizes]
        self._epochs: dict[tuple[int, int], tuple[int, tuple[Tensor, ...]]] = {}

    @property
    def whole(self) -> bool:
        """Whether every batch is the whole training set."""
        return self.batch_size is None and len(self.examples) == 1

    def steps(self, length: dict, stage: int) -> int:
        """Return how many steps ``{"steps": n}`` or ``{"epochs": n}`` are on a task of the sequence."""
        return length["steps"] if "steps" in length else length["epochs"] * self.batches[stage]

    def batch(self, seed: int, stage: int, step: int) -> Tensor:
        """Return the indices ``[B]`` of the training examples of a batch."""
        if self.batch_size is None:
            return self.examples[stage]
        seed = seed if self.seed is None else self.seed
        epoch, place = divmod(step, self.batches[stage])
        known = self._epochs.get((seed, stage))
        if known is None or known[0] != epoch:
            examples = self.examples[stage]
            draw = torch.randperm(len(examples), generator=generator(seed, "order", stage, epoch))
            known = self._epochs[seed, stage] = (epoch, examples[draw].split(self.batch_size))
        return known[1][place]
