"""Errors of forecasts over windows, by horizon step and target: MSE and MAE, standardised and original, and MASE."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn as nn
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError, Metric

from darts_pl.errors import TrainingError

Array = npt.NDArray[np.float64]
Inputs = TypeVar("Inputs", Tensor, dict[str, Tensor])


@dataclass(frozen=True)
class ForecastErrors:
    """Mean errors over windows of standardised series.

    Attributes:
        mse, mae: float64 [P, Y], by horizon step and target.
    """

    mse: Array
    mae: Array

    def figures(self, std: Array, scale: Array) -> dict[str, float | None]:
        """`mse`, `mae` of the standardised series; `mse_original`, `mae_original` in the targets' own units (squared),
        averaged over targets; `mase`, the mean over targets of MAE over `scale`, None where a scale is 0.

        Args:
            std: [Y], what each target was divided by. scale: [Y], see `mase_scale`.
        """
        mae_original = self.mae.mean(axis=0) * std
        sound = bool(np.isfinite(scale).all() and (scale > 0).all())
        return {
            "mse": float(self.mse.mean()),
            "mae": float(self.mae.mean()),
            "mse_original": float((self.mse.mean(axis=0) * std**2).mean()),
            "mae_original": float(mae_original.mean()),
            "mase": float((mae_original / scale).mean()) if sound else None,
        }

    def by_step(self) -> list[dict[str, float]]:
        """`step` (from 1), `mse` and `mae` of the standardised series, averaged over targets."""
        pairs = zip(self.mse.mean(axis=1).tolist(), self.mae.mean(axis=1).tolist())
        return [{"step": step, "mse": mse, "mae": mae} for step, (mse, mae) in enumerate(pairs, start=1)]


def mase_scale(train: Array, season: int) -> Array:
    """[Y]: the mean absolute error of the seasonal naive forecast inside the training rows, in the targets' own units
    (Hyndman and Koehler, 2006, equation for MASE, with the season of the series); NaN where there are too few rows.

    Args:
        train: [rows, Y]; a season of NaN between rows that do not follow each other.
    """
    differences = np.abs(train[season:] - train[:-season])
    if not np.isfinite(differences).any(axis=0).all():
        return np.full(train.shape[1], np.nan)
    return np.nanmean(differences, axis=0)


def to_device(x: Inputs, network: nn.Module, device: torch.device) -> Inputs:
    """A tensor or inputs by name on `device`, floats of the type of the parameters of `network`: double after training
    with precision 64-true."""
    dtype = next((parameter.dtype for parameter in network.parameters()), torch.float32)

    def move(part: Tensor) -> Tensor:
        return part.to(device, dtype) if part.is_floating_point() else part.to(device)

    return apply_to_collection(x, Tensor, move)


@torch.no_grad()
def forecast_errors(
    network: nn.Module, batches: Iterable[tuple[dict[str, Tensor], Tensor, int]], device: torch.device
) -> ForecastErrors:
    """Errors of `network` (x → (B, P, Y)) over all windows of `batches`, in eval mode, summed in float64.

    Raises:
        TrainingError: a forecast that is not finite.
    """
    network.eval()
    sums: list[Metric] = []
    for x, y, *_ in batches:
        output = network(to_device(x, network, device)).cpu().double()  # [B, P, Y]
        if not torch.isfinite(output).all():
            raise TrainingError("the network forecasts values that are not finite")
        if not sums:
            shape = y.shape[1:]
            sums = [metric(num_outputs=shape.numel()) for metric in (MeanSquaredError, MeanAbsoluteError)]
            sums = [metric.set_dtype(torch.float64) for metric in sums]
        for metric in sums:
            metric.update(output.flatten(1), y.double().cpu().flatten(1))
    mse, mae = (metric.compute().double().reshape(shape).numpy() for metric in sums)
    return ForecastErrors(mse, mae)
