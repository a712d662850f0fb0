"""ETTh1 as the literature cuts and scales it, against pandas and numpy on the file itself."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from darts_pl.data.series import co2_data, etth1_data
from darts_pl.data.series.sources import Etth1
from darts_pl.errors import DataError


@pytest.fixture(scope="module")
def table(real_data: Path) -> pd.DataFrame:
    return pd.read_csv(real_data / "ett" / "ETTh1.csv")


@pytest.fixture(scope="module")
def etth1(real_data: Path):
    return etth1_data(root=str(real_data), purpose="retrain")


def test_window_counts(etth1, real_data: Path) -> None:
    assert [len(etth1.windows(part)) for part in ("train", "val", "test")] == [8449, 2785, 2785]
    longer = etth1_data(root=str(real_data), purpose="retrain", horizon=720)
    assert [len(longer.windows(part)) for part in ("train", "val", "test")] == [7825, 2161, 2161]
    assert longer.windows("test")[:2][1].shape == (2, 720, 7)


def test_scaler_is_of_the_training_rows(etth1, table: pd.DataFrame) -> None:
    train = table.iloc[:8640, 1:]
    np.testing.assert_allclose(etth1.scaler.mean, train.mean(), rtol=1e-12)
    np.testing.assert_allclose(etth1.scaler.std, train.std(ddof=0), rtol=1e-12)
    assert etth1.scaler.mean[6] == pytest.approx(17.1282617, abs=1e-6)  # OT
    np.testing.assert_array_equal(etth1.train_targets(), train)


def test_last_value_has_its_known_error(etth1, table: pd.DataFrame) -> None:
    """Numpy alone: standardise, slide over rows 11520-96 to 14400, repeat the last value of each look-back."""
    train = table.iloc[:8640, 1:].to_numpy()
    rows = ((table.iloc[:14400, 1:].to_numpy() - train.mean(0)) / train.std(0))[11520 - 96 :]
    errors = [(rows[s + 96 : s + 192] - rows[s + 95]) for s in range(len(rows) - 191)]
    by_hand = float(np.mean(np.square(errors)))
    squares = [((x["past"][:, -1:] - y).double() ** 2).sum() for x, y, _ in etth1.evaluation("test")]
    assert float(sum(squares)) / (2785 * 96 * 7) == pytest.approx(by_hand, rel=1e-6)
    assert by_hand == pytest.approx(1.2944, abs=2e-4)


def test_every_window_is_where_it_should_be(etth1, table: pd.DataFrame) -> None:
    values = table.iloc[:, 1:].to_numpy()
    times = etth1.window_times("test")
    for number in (0, 1, 1234, 2784):
        x, y = etth1.windows("test")[torch.tensor([number])]
        start = 11520 - 96 + number
        np.testing.assert_allclose(etth1.scaler.inverse(x["past"][0].numpy()), values[start : start + 96], atol=2e-5)
        np.testing.assert_allclose(etth1.scaler.inverse(y[0].numpy()), values[start + 96 : start + 192], atol=2e-5)
        assert str(times[number]) == table["date"][start + 96]


def test_what_it_says_of_itself(etth1) -> None:
    assert (etth1.frequency, etth1.seasonal_period, etth1.outputs) == ("h", 24, 7)
    assert etth1.target_names[-1] == "OT" and etth1.task.monitor == "mse"
    shape = etth1.input_shape
    assert (shape.look_back, shape.horizon, shape.targets, shape.past_covariates, shape.known_future) == (
        96,
        96,
        7,
        0,
        4,
    )


def test_the_last_partial_batch_is_kept(etth1) -> None:
    sizes = [len(y) for _, y, _ in etth1.test_dataloader()]
    assert sum(sizes) == 2785 and sizes[-1] == 2785 % 128


def test_a_file_of_the_name_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ETTh1.csv").write_text("date,OT\n2020-01-01,1\n")
    with pytest.raises(DataError, match=r"SHA-256.*data=csv"):
        Etth1(tmp_path).load()
    with pytest.raises(DataError, match=r"not found.*raw\.githubusercontent\.com/zhouhaoyi/ETDataset.*DARTS_PL_DATA"):
        Etth1(tmp_path / "empty").load()


def test_co2_ships_with_statsmodels() -> None:
    data = co2_data(look_back=52, horizon=26, purpose="retrain")
    data.prepare()
    assert (data.frequency, data.seasonal_period, data.target_names) == ("W-SAT", 52, ("co2",))
    assert len(data.windowed.series.times) == 2284 and np.isfinite(data.windowed.series.values).all()
    with pytest.raises(DataError, match=r"co2.*'co2'.*row 7.*1958-05-10.*59 of 2284.*data\.missing=interpolate"):
        co2_data(missing="refuse").prepare()
