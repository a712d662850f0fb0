"""Errors of forecasts against numpy: over every window, on both scales, and MASE."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pipeline_series import HORIZON, LOOK_BACK, SEASON, TARGETS, TRAIN, hourly, parts_from
from pipeline_windows import Y, inputs, scale_of, truth

from darts_pl.errors import TrainingError
from darts_pl.ops.series import SeriesShape
from darts_pl.stages.pipeline.baselines import NLinear
from darts_pl.stages.pipeline.forecast_errors import ForecastErrors, forecast_errors, mase_scale

CPU = torch.device("cpu")
SHAPE = SeriesShape(LOOK_BACK, HORIZON, targets=2, past_covariates=1, known_future=4)
# Two steps of two targets, whose standard deviations are 2 and 10 and whose scales 0.5 and 5.
ERRORS = ForecastErrors(mse=np.array([[1.0, 3.0], [2.0, 6.0]]), mae=np.array([[0.5, 1.5], [1.0, 2.0]]))
STD, SCALE = np.array([2.0, 10.0]), np.array([0.5, 5.0])


def test_figures_by_hand() -> None:
    """MSE by target 1.5 and 4.5, MAE 0.75 and 1.75; originally 1.5 · 4 and 4.5 · 100, 0.75 · 2 and 1.75 · 10."""
    found = ERRORS.figures(STD, SCALE)
    assert found == {
        "mse": pytest.approx(3.0),
        "mae": pytest.approx(1.25),
        "mse_original": pytest.approx((6 + 450) / 2),
        "mae_original": pytest.approx((1.5 + 17.5) / 2),
        "mase": pytest.approx((1.5 / 0.5 + 17.5 / 5) / 2),
    }


@pytest.mark.parametrize("scale", [[0.5, 0.0], [np.nan, 5.0]])
def test_no_mase_without_a_scale(scale: list[float]) -> None:
    assert ERRORS.figures(STD, np.array(scale))["mase"] is None


def test_errors_by_step() -> None:
    assert ERRORS.by_step() == [{"step": 1, "mse": 2.0, "mae": 1.0}, {"step": 2, "mse": 4.0, "mae": 1.5}]


def test_the_scale_of_mase_by_hand() -> None:
    """Of 1, 2, 4, 8, 3 the steps of two apart: 3, 6 and 1; the other target is constant."""
    train = np.stack([[1.0, 2.0, 4.0, 8.0, 3.0], np.full(5, 7.0)], axis=1)
    np.testing.assert_allclose(mase_scale(train, 2), [(3 + 6 + 1) / 3, 0])
    np.testing.assert_allclose(mase_scale(train, 1)[0], (1 + 2 + 4 + 5) / 4)
    assert np.isnan(mase_scale(train, 5)).all()


def test_errors_are_over_all_windows(csv: Path) -> None:
    """73 test windows in batches of 64: the last one holds 9, which count as much as the others."""
    torch.manual_seed(3)
    network = NLinear(SHAPE)
    data = parts_from(csv).final_data()
    assert [len(y) for _, y, _ in data.evaluation("test")] == [64, 9]
    found = forecast_errors(network, data.evaluation("test"), CPU)

    frame = hourly()
    past = inputs(frame, "test")["past"].double().numpy()[..., :Y]
    last = past[:, -1:]
    weight, bias = network.map.weight.detach().double().numpy(), network.map.bias.detach().double().numpy()
    forecast = np.einsum("pt,bty->bpy", weight, past - last) + bias[:, None] + last
    error = forecast - truth(frame, "test")
    assert len(error) == 73
    np.testing.assert_allclose(found.mse, (error**2).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.mae, np.abs(error).mean(axis=0), rtol=1e-5)


def test_the_scale_of_the_series(csv: Path) -> None:
    frame, data = hourly(), parts_from(csv).final_data()
    train = frame[TARGETS].to_numpy()[:TRAIN]
    assert data.seasonal_period == SEASON
    expected = np.abs(train[SEASON:] - train[:-SEASON]).mean(axis=0)
    np.testing.assert_allclose(mase_scale(data.train_targets(), data.seasonal_period), expected, rtol=1e-12)
    np.testing.assert_allclose(data.scaler.std, scale_of(frame)[1][:Y], rtol=1e-12)


def test_forecasts_that_are_not_finite_are_refused(csv: Path) -> None:
    network = NLinear(SHAPE)
    torch.nn.init.constant_(network.map.bias, float("inf"))
    with pytest.raises(TrainingError, match="forecasts values that are not finite"):
        forecast_errors(network, parts_from(csv).final_data().evaluation("val"), CPU)
