"""Weights & Biases for runs of several fits."""

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger


class WandbRun(WandbLogger):
    """A run of Weights & Biases for one fit, ended with it: the logger of Lightning would write the next fit of the
    process into the same one. The fits of a run folder share a group.

    Args:
        save_dir: folder of the fit. others: of `lightning.pytorch.loggers.WandbLogger`.
    """

    def __init__(self, save_dir: str, **others: Any):
        folder = Path(save_dir)
        super().__init__(save_dir=save_dir, **{"name": folder.name, "group": folder.parent.name, **others})

    def finalize(self, status: str) -> None:
        """End the run."""
        super().finalize(status)
        if self._experiment is not None:
            self._experiment.finish()
            self._experiment = None
