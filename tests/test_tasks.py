"""Losses and figures against numpy; batches of different sizes; a state that resumes."""

import numpy as np
import pytest
import torch

from darts_pl.errors import ConfigError
from darts_pl.tasks import Classification, Forecasting


def batches(*sizes: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(n, 5, 2, generator=generator), torch.randn(n, 5, 2, generator=generator)) for n in sizes]


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("mse", lambda e: (e**2).mean()),
        ("mae", lambda e: np.abs(e).mean()),
        ("huber", lambda e: np.where(np.abs(e) < 1, e**2 / 2, np.abs(e) - 0.5).mean()),
    ],
)
def test_forecast_figures_are_those_of_all_windows_at_once(name, of) -> None:
    task = Forecasting(name)
    metrics, errors = task.metrics(), []
    for output, y in batches(4, 4, 1):
        metrics.update(task.loss(output, y), output, y)
        errors.append((output - y).numpy().astype(np.float64))
    figures, errors = metrics.compute("val"), np.concatenate(errors)
    assert figures["val_loss"] == pytest.approx(of(errors), rel=1e-5)
    assert figures["val_mse"] == pytest.approx((errors**2).mean(), rel=1e-5)
    assert figures["val_mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)


def test_outputs_may_lie_in_memory_in_any_order() -> None:
    task, (output, y) = Forecasting(), batches(4)[0]
    metrics = task.metrics()
    metrics.update(task.loss(output, y), output.transpose(1, 2).contiguous().transpose(1, 2), y)
    assert metrics.compute("val")["val_mse"] == pytest.approx((output - y).square().mean().item(), rel=1e-5)


def test_a_state_goes_on_with_its_sums() -> None:
    task, (first, second) = Forecasting(), batches(3, 2)
    whole, part, resumed = task.metrics(), task.metrics(), task.metrics()
    for metrics, given in ((whole, (first, second)), (part, (first,))):
        for output, y in given:
            metrics.update(task.loss(output, y), output, y)
    resumed.load_state_dict(part.state_dict())
    resumed.update(task.loss(*second), *second)
    assert resumed.compute("x") == whole.compute("x")
    assert task.metrics().compute("x") == {}


def test_which_is_better() -> None:
    assert Classification(2).better(0.9, 0.8) and not Classification(2).better(float("nan"), 0.8)
    assert Forecasting().better(0.1, 0.2) and not Forecasting().better(float("nan"), 0.2)


def test_an_unknown_loss_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"loss='hubert' is no loss of a forecast\. Did you mean 'huber'"):
        Forecasting("hubert")
