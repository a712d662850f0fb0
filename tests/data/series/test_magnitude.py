"""Values far from 0, far from each other and beyond what numbers hold: seen as they are, or refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from darts_pl.data.series import Scaler
from darts_pl.data.series.window_file import windows_of_loader
from darts_pl.errors import DataError

ROWS, TRAIN = 120, 84
WAVE = np.sin(np.arange(ROWS) / 4)


def frame_of(**columns) -> pd.DataFrame:
    return pd.DataFrame({"date": pd.date_range("2021-01-04", periods=ROWS, freq="h"), **columns})


def with_value(at: int, value: float, base=WAVE) -> np.ndarray:
    found = np.array(base, dtype=float)
    found[at] = value
    return found


@pytest.mark.parametrize(
    ("offset", "swing"), [(0, 1), (1e7, 25), (1e9, 25), (1e12, 1), (1e15, 10), (0, 1e-200), (0, 1e39), (0, 1e140)]
)
def test_a_swing_is_seen_whatever_its_level(data_of, offset: float, swing: float) -> None:
    """Standardised windows are those of the swing alone, as far as float64 can tell it at that level."""
    values = offset + swing * WAVE
    data = data_of(frame_of(a=values), scaling="standard", purpose="retrain")
    _, y = data.windows("test")[:]
    kept = (values - offset) / swing  # what float64 has kept of the wave
    expected = (kept - kept[:TRAIN].mean()) / kept[:TRAIN].std()
    rounding = np.spacing(offset) / swing  # of the mean
    np.testing.assert_allclose(y[:, 0, 0], expected[96 : 96 + len(y)], atol=1e-5 + rounding)
    restored = data.scaler.inverse(y)
    assert restored.dtype == torch.float64
    np.testing.assert_allclose(restored[:, 0, 0], values[96 : 96 + len(y)], atol=1e-6 * swing, rtol=1e-15)


def test_many_rows_far_from_0_are_not_constant() -> None:
    """Of 100,000 rows scikit-learn's bound on rounding is above the variance that is there."""
    values = 1e12 + np.sin(np.arange(100_000) / 4)[:, None]
    scaler = Scaler.fit(values)
    np.testing.assert_allclose(scaler.std, (values - 1e12).std(axis=0), rtol=1e-6)
    np.testing.assert_allclose(scaler.mean, 1e12, atol=1e-3)


@pytest.mark.parametrize("role", ["targets", "past_covariates", "future_covariates"])
def test_finite_values_that_no_variance_is_made_of(data_of, role: str) -> None:
    roles = {"targets": ["a"], role: ["a", "b"] if role == "targets" else ["b"]}
    for value in (1e300, -1e200):
        with pytest.raises(DataError, match=r"column 'b', row 8: found -?1e\+[23]00, .*at most 1e\+150.*1 such"):
            data_of(frame_of(a=WAVE, b=with_value(7, value)), scaling="standard", **roles).prepare()


def test_a_file_of_huge_values(csv_of) -> None:
    from darts_pl.data.series import csv_data

    path = csv_of("time,y", *(f"2023-01-01 {h:02d}:00,{(-1) ** h}e300" for h in range(24)))
    with pytest.raises(DataError, match=r"my\.csv, column 'y', line 2: found 1e\+300, which is too large to be stand"):
        csv_data(csv=str(path), look_back=2, horizon=1).prepare()


@pytest.mark.parametrize("value", [1e20, 9.96921e36, -1e39, 1e100])
def test_a_value_far_from_the_training_rows(data_of, value: float) -> None:
    """As where a file writes a number in the place of missing ones, here in the test rows."""
    with pytest.raises(
        DataError, match=r"'a', 2021-01-08 14:00:00: .* too large for squares in float32.*data\.missing"
    ):
        data_of(frame_of(a=with_value(110, value)), scaling="standard").prepare()


@pytest.mark.parametrize("value", [1e9, 1e20, 9.96921e36, -1e39, 1e100])
def test_a_value_beside_which_all_others_are_equal(data_of, value: float) -> None:
    with pytest.raises(DataError, match=r"'a', 2021-01-05 02:00:00: .* so far from the others, .*data\.missing"):
        data_of(frame_of(a=with_value(26, value)), scaling="standard").prepare()


@pytest.mark.parametrize("offset", [1e7, 1e9, 1e12])
def test_values_that_are_handed_over_as_they_are(data_of, offset: float) -> None:
    frame = frame_of(a=WAVE, b=offset + 25 * WAVE)
    with pytest.raises(DataError, match=r"column 'b', .*float32 holds the values roughly.*data\.scaling=standard"):
        data_of(frame, scaling="none").prepare()
    data_of(frame_of(a=1e5 + 500 * WAVE), scaling="none").prepare()


def test_what_is_no_fault(data_of) -> None:
    """Intermittent demand, steps between two levels, a ramp, an outlier."""
    columns = {
        "rare": np.where(np.arange(ROWS) % 17 == 0, 5.0, 0.0),
        "steps": np.where(np.arange(ROWS) % 24 < 12, 0.0, 1e9),
        "ramp": np.arange(ROWS) * 1e6,
        "outlier": with_value(26, 1e4),
    }
    data_of(frame_of(**columns), scaling="standard").prepare()


def test_columns_that_are_constant_but_for_rounding(data_of) -> None:
    third = np.where(np.arange(ROWS) % 2, 0.1 + 0.2, 0.3)
    with pytest.raises(DataError, match=r"column 'b' is 0\.3 in all 84 training rows"):
        data_of(frame_of(a=WAVE, b=third)).prepare()


def test_whole_numbers_that_float64_merges(data_of) -> None:
    near = 2**53 + 1 + np.arange(ROWS) % 7
    with pytest.raises(DataError, match=r"'a': whole numbers such as 9007199254740993 differ by little more than"):
        data_of(frame_of(a=near), scaling="standard").prepare()
    data = data_of(frame_of(a=10**18 + 1000 * np.arange(ROWS)), scaling="standard", purpose="retrain")
    data.prepare()  # 128 apart at most, of steps of 1,000


# Windows that loaders give


def windows(rows: np.ndarray, dtype=torch.float64):
    rows = torch.tensor(rows, dtype=dtype)[:, None]
    x = torch.stack([rows[i : i + 6] for i in range(90)])
    return [(x, torch.stack([rows[i + 6 : i + 9] for i in range(90)]))]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_windows_that_float32_holds_roughly(dtype) -> None:
    with pytest.raises(DataError, match=r"train_loader: channel 0 of past deviates by .*Standardise the series before"):
        windows_of_loader(windows(1e7 + 25 * WAVE, dtype), "train_loader")


def test_windows_beyond_float32_name_the_value() -> None:
    with pytest.raises(DataError, match=r"train_loader: past of window 5, step 5, channel 0 would reach .* 1e\+39"):
        windows_of_loader(windows(with_value(10, 1e39)), "train_loader")


def test_windows_are_kept_in_float32() -> None:
    part, _ = windows_of_loader(windows(WAVE), "train_loader")
    assert part.y.dtype == part.x["past"].dtype == torch.float32
    np.testing.assert_allclose(part.x["past"][3, :, 0], WAVE[3:9], atol=1e-7)
