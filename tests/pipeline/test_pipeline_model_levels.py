"""Saved models whose series stand far from 0, or were one of several in a table."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pipeline_series import HORIZON, LOOK_BACK

import darts_pl
from darts_pl.data.series import RawTableFrame, SeriesData
from darts_pl.errors import ConfigError, DataError
from darts_pl.models import TrainedModel, save_model
from darts_pl.spaces import SeriesSpace
from darts_pl.stages.pipeline.baselines import SeasonalNaive
from darts_pl.stages.pipeline.forecast_errors import forecast_errors, mase_scale

ROWS, TRAIN, TEST = 400, 280, 320


def meter(offset: float = 1e7) -> pd.DataFrame:
    """A swing of 50 and a covariate, indexed by the hour."""
    t, times = np.arange(ROWS), pd.date_range("2023-01-01", periods=ROWS, freq="h", name="time")
    return pd.DataFrame({"y": offset + 25 * np.sin(t / 4), "x": 2 * offset + 7 * np.cos(t / 6)}, index=times)


def data_of(frame: pd.DataFrame, **settings) -> SeriesData:
    settings = {"targets": ["y"], "past_covariates": ["x"], "calendar": [], **settings}
    data = SeriesData(
        source=RawTableFrame(frame), look_back=LOOK_BACK, horizon=HORIZON, purpose="retrain", batch_size=8, **settings
    )
    data.prepare()
    return data


@pytest.fixture
def model_of(tmp_path: Path) -> Callable[..., TrainedModel]:
    """An untrained network saved with the preprocessing of these data, and read again."""

    def make(data: SeriesData) -> TrainedModel:
        space = SeriesSpace(hidden_dim=8, layers=1, primitives=["identity", "grn"], tokens=["steps"], heads=2)
        torch.manual_seed(1)
        network = space.network(space.random_genotype(torch.Generator().manual_seed(1)), data.input_shape, data.outputs)
        return darts_pl.load(save_model(tmp_path / "model.safetensors", network, space, data=data, details={}))

    return make


@pytest.mark.parametrize("offset", [0.0, 1e7, 1e9, 1e12])
def test_forecasts_swing_at_any_level(model_of, offset: float) -> None:
    """The network sees what was standardised in float64, and its output is taken back in float64."""
    frame = meter(offset)
    model, values = model_of(data_of(frame)), frame.to_numpy()
    mean, std = values[:TRAIN].mean(axis=0), values[:TRAIN].std(axis=0)
    past = (values[None, -LOOK_BACK:] - mean) / std
    with torch.no_grad():
        output = model.network({"past": torch.tensor(past, dtype=torch.float32)}).double().numpy()
        found = model(torch.tensor(values[None, -LOOK_BACK:]))
    expected = output[..., 0] * std[0]
    assert found.dtype == torch.float64 and np.ptp(expected) > 1
    rounding = 1e-3 + 8 * np.spacing(offset)
    np.testing.assert_allclose(found[..., 0].numpy() - mean[0], expected, atol=rounding)
    np.testing.assert_allclose(model.forecast(frame)["y"] - mean[0], expected[0], atol=rounding)


def test_a_model_in_another_precision_keeps_its_scales(model_of) -> None:
    frame = meter()
    model = model_of(data_of(frame))
    before = model.forecast(frame)["y"]
    np.testing.assert_allclose(model.double().forecast(frame)["y"], before, atol=1e-3)
    np.testing.assert_allclose(model.bfloat16().forecast(frame)["y"], before, atol=3)


def test_windows_in_float32_are_told_to_be_rough(model_of, caplog: pytest.LogCaptureFixture) -> None:
    frame = meter()
    model, last = model_of(data_of(frame)), torch.tensor(frame.to_numpy()[None, -LOOK_BACK:])
    with caplog.at_level(logging.WARNING, "darts_pl"):
        model(last)
        assert "float64" not in caplog.text
        model(last.float())
    assert "past: torch.float32 holds values up to 2e+07 roughly. Give float64" in caplog.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda f: f.assign(y=f["y"].where(f.index != f.index[-2], 1e300)),
            "'y', at 2023-01-17 14:00:00: found 1e+300",
        ),
        (lambda f: f.assign(y=f["y"].where(f.index != f.index[-2], 1e30)), "'y' is 1e+30 at 2023-01-17 14:00:00"),
        (
            lambda f: f.assign(y=f["y"].astype(str).where(f.index != f.index[-2], "12,5")),
            "found '12,5'",
        ),
        (lambda f: pd.concat([f, f[["x"]]], axis=1), "frame: the column 'x' is there 2 times"),
        (lambda f: pd.concat([f, f]), "2023-01-01 00:00:00 comes after 2023-01-17 15:00:00, in row 401"),
        (lambda f: pd.concat([f.assign(id=k) for k in (1, 2)]), "frame holds 2 series, told apart by the column 'id'"),
        (lambda f: f.set_axis(f.index.as_unit("s") + pd.Timedelta(days=365 * 900)), "in the year 2922"),
    ],
)
def test_frames_are_held_to_what_training_was(model_of, change: Callable, words: str) -> None:
    model = model_of(data_of(meter()))
    with pytest.raises(DataError) as told:
        model.forecast(change(meter()))
    assert words in str(told.value)


def test_a_model_of_one_of_several_series(model_of) -> None:
    """It finds its own rows in the whole table, and takes those rows alone too."""
    parts = {"A": meter(), "B": meter(3e5), "C": meter(0.0)}
    table = pd.concat([part.assign(unique_id=name) for name, part in parts.items()])
    model = model_of(data_of(table, series={"unique_id": "B"}))
    expected = model.forecast(parts["B"])
    pd.testing.assert_frame_equal(model.forecast(table), expected)
    pd.testing.assert_frame_equal(model.forecast(table.sort_index(kind="stable")), expected)
    assert abs(expected["y"] - 3e5).max() < 100
    with pytest.raises(ConfigError, match=r"no row of frame has unique_id='B'\. Choose one of: A, C"):
        model.forecast(table[table["unique_id"] != "B"])
    with pytest.raises(DataError, match="in row 401"):
        model.forecast(table.drop(columns="unique_id"))


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_figures_on_the_original_scale(offset: float) -> None:
    """The last value as a forecast, in numpy on the values themselves."""
    values = meter(offset)["y"].to_numpy()
    data = data_of(meter(offset)[["y"]], past_covariates=[])
    errors = forecast_errors(SeasonalNaive(data.input_shape, 1), data.evaluation("test"), torch.device("cpu"))
    figures = errors.figures(data.scaler.std, mase_scale(data.train_targets(), 24))
    ends = np.arange(TEST, ROWS - HORIZON + 1)  # the first step that each window forecasts
    wrong = values[ends[:, None] + np.arange(HORIZON)] - values[ends - 1][:, None]
    scale = np.abs(values[24:TRAIN] - values[: TRAIN - 24]).mean()
    found = [figures[name] for name in ("mse_original", "mae_original", "mase")]
    expected = [(wrong**2).mean(), np.abs(wrong).mean(), np.abs(wrong).mean() / scale]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
