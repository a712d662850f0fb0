"""The saved model: raw values in, forecasts on the targets' own scale out; and what it refuses."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from pipeline_series import HORIZON, LOOK_BACK, TARGETS, FinishedRun, hourly
from pipeline_windows import COLUMNS, Y, calendar, inputs, scale_of

import darts_pl
from darts_pl.errors import DataError
from darts_pl.models import TrainedModel


@pytest.fixture(scope="module")
def model(whole: FinishedRun) -> TrainedModel:
    """What the run saved, read by the path of the run."""
    return darts_pl.load(whole.path)


@pytest.fixture
def frame() -> pd.DataFrame:
    """The series indexed by time."""
    return hourly().set_index("date")


def by_hand(model: TrainedModel, x: dict[str, torch.Tensor]) -> np.ndarray:
    """The network's forecast of standardised windows, taken back to the targets' scale in numpy."""
    mean, std = (part[:Y] for part in scale_of(hourly()))
    with torch.no_grad():
        return model.network(x).double().numpy() * std + mean


def test_raw_windows_are_standardised_and_taken_back(model: TrainedModel) -> None:
    raw = inputs(hourly(), "test", hourly()[COLUMNS].to_numpy())
    with torch.no_grad():
        found = model(**raw)
    assert not model.training and found.shape == (73, HORIZON, Y)
    np.testing.assert_allclose(found.numpy(), by_hand(model, inputs(hourly(), "test")), rtol=1e-4)


def test_what_comes_after_the_last_row(model: TrainedModel, frame: pd.DataFrame) -> None:
    found = model.forecast(frame)
    ahead = pd.date_range("2021-01-20 16:00", periods=HORIZON, freq="h")
    assert list(found.columns) == TARGETS == list(model.target_names) and found.index.equals(ahead)

    mean, std = scale_of(hourly())
    last = frame.iloc[-LOOK_BACK:]
    arrays = {
        "past": (last[COLUMNS].to_numpy() - mean) / std,
        "past_known": calendar(last.index),
        "future_known": calendar(ahead),
    }
    expected = by_hand(model, {name: torch.tensor(each[None], dtype=torch.float32) for name, each in arrays.items()})
    np.testing.assert_allclose(found.to_numpy(), expected[0], rtol=1e-5)


def test_only_the_look_back_and_the_columns_of_the_training_count(model: TrainedModel, frame: pd.DataFrame) -> None:
    expected = model.forecast(frame)
    pd.testing.assert_frame_equal(model.forecast(frame.iloc[-LOOK_BACK:]), expected)
    pd.testing.assert_frame_equal(model.forecast(frame[COLUMNS[::-1]].assign(other="text")), expected)
    assert not np.allclose(model.forecast(frame.iloc[:-1]).to_numpy()[1:], expected.to_numpy()[:-1])


def changed(column: str, value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """One value of the last row."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[frame.index[-1], column] = value
        return frame

    return change


REFUSED = {
    "too few rows": (lambda frame: frame.iloc[-23:], "frame: found 23 rows, expected at least 24"),
    "a column": (
        lambda frame: frame.rename(columns={"wind": "winds"}),
        "frame: the column 'wind' is missing. Did you mean 'winds'?",
    ),
    "nan": (changed("flow", np.nan), "frame: 'flow' is nan at 2021-01-20 15:00:00"),
    "infinite": (changed("wind", np.inf), "frame, column 'wind', at 2021-01-20 15:00:00: found inf"),
    "a gap": (
        lambda frame: frame.drop(index=frame.index[-5]),
        "frame: times are not in steps of h from 2021-01-19 15:00:00 on",
    ),
    "backwards": (lambda frame: frame.iloc[::-1], "frame: times are not in steps of h"),
    "twice": (lambda frame: pd.concat([frame, frame.iloc[-1:]]), "frame: times are not in steps of h"),
    "another step": (lambda frame: frame.iloc[::2], "frame: times are not in steps of h"),
    "no times": (lambda frame: frame.reset_index(), "frame: found an index that holds no times"),
    "a zone": (lambda frame: frame.tz_localize("UTC"), "its times have timezone UTC, those of the training None"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_frames_that_cannot_be_forecast_from(model: TrainedModel, frame: pd.DataFrame, name: str) -> None:
    change, words = REFUSED[name]
    with pytest.raises(DataError) as error:
        model.forecast(change(frame))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "found"), [("past", (73, 23, 3)), ("past_known", None), ("future_known", (73, HORIZON, 3))]
)
def test_windows_of_another_form(model: TrainedModel, name: str, found: tuple | None) -> None:
    raw = inputs(hourly(), "test", hourly()[COLUMNS].to_numpy())
    raw[name] = None if found is None else torch.zeros(found)
    with pytest.raises(DataError) as error:
        model(**raw)
    assert f"{name}: found {found}, expected (batch, " in str(error.value)


def test_the_details_are_those_of_the_table(whole: FinishedRun, model: TrainedModel) -> None:
    row = whole.rows["searched"]
    assert {name: model.details[name] for name in row if name != "name"} == {
        name: value for name, value in row.items() if name != "name"
    }
    assert model.genotype == darts_pl.genotype.read(whole.path / "retrain" / "genotype.json")


def test_the_model_can_be_exported(model: TrainedModel) -> None:
    """Through a file, with any number of windows."""
    raw = inputs(hourly(), "test", hourly()[COLUMNS].to_numpy())
    few = {name: each[:5] for name, each in raw.items()}
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(model, (), kwargs=few, dynamic_shapes={name: {0: batch} for name in few})
    stream = io.BytesIO()
    torch.export.save(program, stream)
    stream.seek(0)
    exported = torch.export.load(stream).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(**raw), model(**raw), rtol=1e-5, atol=1e-5)
