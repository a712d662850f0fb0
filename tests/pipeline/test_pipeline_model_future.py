"""A model with a covariate that is known over the horizon, and times of a zone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pipeline_series import HORIZON, LOOK_BACK, hourly
from pipeline_windows import calendar, scale_of

import darts_pl
from darts_pl.data.series import RawTableFrame, SeriesData
from darts_pl.errors import DataError
from darts_pl.models import TrainedModel, save_model
from darts_pl.models.trained import BATCH
from darts_pl.spaces import SeriesSpace

ZONE = "Europe/Berlin"


@pytest.fixture
def frame() -> pd.DataFrame:
    """The series indexed by time, over the hour that summer time leaves out."""
    frame = hourly()
    frame["date"] = pd.date_range("2021-03-20", periods=len(frame), freq="h", tz=ZONE)
    return frame.set_index("date")


@pytest.fixture
def model(frame: pd.DataFrame, tmp_path: Path) -> TrainedModel:
    """An untrained network that forecasts `load` and `flow`, given `wind` ahead."""
    data = SeriesData(
        source=RawTableFrame(frame.reset_index()),
        look_back=LOOK_BACK,
        horizon=HORIZON,
        timezone=ZONE,
        targets=["load", "flow"],
        future_covariates=["wind"],
        purpose="retrain",
    )
    data.prepare()
    space = SeriesSpace(hidden_dim=8, layers=1, primitives=["identity", "grn"], tokens=["steps"], heads=2)
    torch.manual_seed(1)
    genotype = space.random_genotype(torch.Generator().manual_seed(1))
    network = space.network(genotype, data.input_shape, data.outputs)
    torch.nn.init.normal_(network.forecaster.known_part.out.weight)  # it begins at zero, as if nothing were known
    return darts_pl.load(save_model(tmp_path / "model.safetensors", network, space, data=data, details={}))


def test_what_is_known_ahead_is_used(model: TrainedModel, frame: pd.DataFrame) -> None:
    """Nine days in, where the clocks have just been changed: the calendar's hours are those on the wall."""
    now = frame.index.get_loc(pd.Timestamp("2021-03-28 05:00", tz=ZONE))
    past, future = frame.iloc[:now], frame.iloc[now:]
    found = model.forecast(past.tz_convert("UTC"), future[["wind"]])
    assert found.index.equals(future.index[:HORIZON]) and found.index[0].hour == 5

    mean, std = scale_of(hourly())
    rows = (frame.to_numpy() - mean) / std
    known = np.concatenate([rows[:, 2:], calendar(frame.index)], axis=1)
    before, after = slice(now - LOOK_BACK, now), slice(now, now + HORIZON)
    arrays = {"past": rows[before, :2], "past_known": known[before], "future_known": known[after]}
    with torch.no_grad():
        output = model.network({name: torch.tensor(each[None]).float() for name, each in arrays.items()})
    np.testing.assert_allclose(found, output[0].double().numpy() * std[:2] + mean[:2], rtol=1e-5)
    calm = model.forecast(past, future[["wind"]] * 0)
    assert not np.allclose(calm, found)


def test_windows_are_predicted_as_they_are_called(model: TrainedModel) -> None:
    """More than are taken at a time, by name and in order; in eval mode."""
    generator = torch.Generator().manual_seed(0)
    sizes = {"past": (LOOK_BACK, 2), "past_known": (LOOK_BACK, 5), "future_known": (HORIZON, 5)}
    windows = {n: torch.rand(BATCH + 2, *size, generator=generator, dtype=torch.float64) for n, size in sizes.items()}
    with torch.no_grad():
        expected = model(*windows.values()).numpy()
    assert expected.shape == (BATCH + 2, HORIZON, 2) and expected.dtype == np.float64
    np.testing.assert_allclose(model.predict(windows), expected)
    arrays = [window.numpy() for window in windows.values()]
    np.testing.assert_allclose(model.train().predict(arrays), expected)


def test_what_is_known_ahead_has_to_be_given(model: TrainedModel, frame: pd.DataFrame) -> None:
    past, future = frame.iloc[:300], frame.iloc[300:]
    first = str(future.index[0])
    with pytest.raises(DataError) as error:
        model.forecast(past)
    assert f"future: found None, expected wind of 8 steps from {first}" in str(error.value)
    with pytest.raises(DataError) as error:
        model.forecast(past, future.iloc[:7])
    assert f"future: there is no row for {future.index[7]}; expected 8 steps from {first}" in str(error.value)
    with pytest.raises(DataError) as error:
        model.forecast(past, future.rename(columns={"wind": "wnid"}))
    assert "future_known: the column 'wind' is missing. Did you mean 'wnid'?" in str(error.value)
