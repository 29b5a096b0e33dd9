"""The Lightning side of training: manual optimization, one composite optimizer, stepped once per batch."""

import logging
import warnings

import pytorch_lightning as pl
from pytorch_lightning.plugins.environments import LightningEnvironment

from imprint.fleet.fleet import Fleet, FleetOptimizer
from imprint.fleet.recorder import Recorder
from imprint.fleet.resume import Checkpoint


class FleetModule(pl.LightningModule):
    """Trains a fleet; a Lightning batch is the number of a step, the fleet draws its own examples."""

    def __init__(self, fleet: Fleet, recorder: Recorder, checkpoint: Checkpoint | None = None):
        super().__init__()
        self.automatic_optimization = False
        self.fleet, self.recorder, self.checkpoint = fleet, recorder, checkpoint

    def configure_optimizers(self) -> FleetOptimizer:
        """Return the fleet's one optimizer."""
        return FleetOptimizer(self.fleet)

    def training_step(self, batch: int, batch_idx: int) -> None:
        """Make one step of every active replica."""
        self.optimizers().step()
        if self.recorder.due():
            self.recorder.evaluate()
        if self.checkpoint:
            self.checkpoint.maybe_write(self.fleet, self.recorder)
        if not len(self.fleet):
            self.trainer.should_stop = True


def fit(fleet: Fleet, recorder: Recorder, checkpoint: Checkpoint | None = None) -> None:
    """Train a fleet until every replica is done or has diverged."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    steps = recorder.most_steps - fleet.step_count
    if not len(fleet):
        return
    trainer = pl.Trainer(
        accelerator="gpu" if fleet.task.device.type == "cuda" else "cpu",
        devices=1,
        plugins=[LightningEnvironment()],
        max_steps=steps,
        max_epochs=1,
        min_epochs=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    with warnings.catch_warnings():
        # the fleet draws its batches itself, so there is no DataLoader to give workers to
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # Lightning 2.6 asks torch 2.13 for a name that torch has renamed
        warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
        # it is one process: a login node with Slurm, or a job of it, needs no srun
        warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
        trainer.fit(FleetModule(fleet, recorder, checkpoint), train_dataloaders=range(steps))
