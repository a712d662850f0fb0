"""Weights & Biases and MLflow for runs of several fits; the packages are imported where a logger is made."""

import os
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import MLFlowLogger, WandbLogger


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


class MlflowRun(MLFlowLogger):
    """A run of MLflow for one fit, named after its folder.

    Args:
        save_dir: folder of the fit. tracking_uri: of a server or a database; None takes `$MLFLOW_TRACKING_URI`, else
            mlflow.db in the current folder. others: of `lightning.pytorch.loggers.MLFlowLogger`.
    """

    def __init__(self, save_dir: str, tracking_uri: str | None = None, **others: Any):
        uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
        super().__init__(save_dir=save_dir, tracking_uri=uri, **{"run_name": Path(save_dir).name, **others})
