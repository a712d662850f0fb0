"""What reaches a network: channels in their places, covariates of the horizon's own rows, both shapes of windows."""

import json
from pathlib import Path

import lightning
import numpy as np
import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from darts_pl.commands.check import check_config
from darts_pl.data.series import RawTableFrame, Scaler, SeriesData, csv_data
from darts_pl.errors import ConfigError
from darts_pl.paths import conf_dir


def frame_of(rows: int = 120, columns: str = "abcd", frequency: str = "h") -> pd.DataFrame:
    """Column k holds 1000 · k + row."""
    values = {name: 1000.0 * k + np.arange(rows) for k, name in enumerate(columns)}
    return pd.DataFrame({"date": pd.date_range("2021-01-04", periods=rows, freq=frequency), **values})


@pytest.mark.parametrize(("look_back", "horizon"), [(6, 3), (3, 12), (1, 1), (10, 10)])
def test_each_channel_is_where_it_belongs(data_of, look_back: int, horizon: int) -> None:
    data = data_of(
        frame_of(),
        targets=["c", "a"],
        past_covariates=["d"],
        future_covariates=["b"],
        calendar=["hour"],
        look_back=look_back,
        horizon=horizon,
        purpose="retrain",
    )
    assert data.target_names == ("c", "a") and data.outputs == 2
    shape = data.input_shape
    assert (shape.targets, shape.past_covariates, shape.known_future, shape.channels) == (2, 1, 2, 3)
    x, y = data.windows("test")[:]
    first = 96 - look_back + np.arange(len(y))[:, None]
    seen, ahead = first + np.arange(look_back), first + look_back + np.arange(horizon)
    np.testing.assert_array_equal(x["past"], np.stack([2000 + seen, seen, 3000 + seen], axis=-1))
    np.testing.assert_array_equal(y, np.stack([2000 + ahead, ahead], axis=-1))
    np.testing.assert_allclose(x["past_known"], np.stack([1000 + seen, seen % 24 / 23 - 0.5], axis=-1), rtol=1e-6)
    np.testing.assert_allclose(x["future_known"], np.stack([1000 + ahead, ahead % 24 / 23 - 0.5], axis=-1), rtol=1e-6)


def test_without_known_features_there_are_no_keys(data_of) -> None:
    x, _ = data_of(purpose="retrain").windows("val")[:2]
    assert set(x) == {"past"}


def test_a_horizon_longer_than_the_look_back_trains_batches(data_of) -> None:
    data = data_of(
        frame_of(2400, "ab"), look_back=96, horizon=200, calendar="auto", purpose="search", scaling="standard"
    )
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    for x, y in batch.values():
        assert x["past"].shape == (4, 96, 2) and x["future_known"].shape == (4, 200, 4) and y.shape == (4, 200, 2)
        assert {part.dtype for part in (*x.values(), y)} == {torch.float32}


def test_scaling_sees_training_rows_only(data_of) -> None:
    frame = frame_of()
    changed = frame.copy()
    changed.loc[84:, ["a", "d"]] = 1e6 + np.arange(72.0).reshape(36, 2)
    options = {"targets": ["a", "b"], "past_covariates": ["c"], "future_covariates": ["d"], "scaling": "standard"}
    data, other = data_of(frame, **options), data_of(changed, **options)
    for role, name in (("targets", "a"), ("past", "c"), ("future", "d")):
        scaler = data.windowed.scalers[role]
        assert scaler.mean[0] == pytest.approx(frame[name][:84].mean(), rel=1e-12)
        assert scaler.std[0] == pytest.approx(frame[name][:84].std(ddof=0), rel=1e-12)
        np.testing.assert_array_equal(scaler.mean, other.windowed.scalers[role].mean)
    _, y = data.windows("train")[:]
    np.testing.assert_allclose(data.scaler.inverse(y.double()).numpy()[:, 0, 0], np.arange(6, 82), atol=1e-4)
    np.testing.assert_allclose(data.scaler.inverse(y.numpy())[:, 0, 1], 1000 + np.arange(6, 82), atol=1e-4)


def test_scaler_round_trips() -> None:
    values = np.random.default_rng(0).normal(5, 3, (50, 3))
    scaler = Scaler.fit(values)
    np.testing.assert_allclose(scaler.transform(values).mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(scaler.transform(values).std(0), 1, rtol=1e-12)
    np.testing.assert_allclose(scaler.inverse(scaler.transform(values)), values, rtol=1e-12)
    again = Scaler.from_plain(scaler.to_plain())
    assert (again.mean == scaler.mean).all() and (again.std == scaler.std).all()
    assert torch.equal(scaler.inverse(torch.zeros(2, 4, 3)), torch.tensor(scaler.mean).expand(2, 4, 3))


def test_batches_of_a_part_are_its_windows(data_of) -> None:
    data = data_of(purpose="retrain", eval_batch_size=7)
    windows = data.windows("test")
    by_batch = [y for _, y, key in data.evaluation("test") if key == -1]
    assert [len(y) for y in by_batch] == [7, 7, 7, 1]
    assert torch.equal(torch.cat(by_batch), windows[:][1])
    assert len(data.window_times("test")) == len(windows) == 22
    with pytest.raises(ConfigError, match=r"part='tset' is unknown\. Did you mean 'test'"):
        data.windows("tset")


def test_parts_do_not_share_rows_to_forecast(data_of) -> None:
    data = data_of(purpose="retrain", targets=["a"])
    ahead = {part: set(data.windows(part)[:][1].flatten().tolist()) for part in ("train", "val", "test")}
    assert (
        ahead["train"] == set(range(6, 84))
        and ahead["val"] == set(range(84, 96))
        and ahead["test"] == set(range(96, 120))
    )


@pytest.mark.parametrize(
    "change",
    [
        {"look_back": 7},
        {"horizon": 4},
        {"calendar": ["hour"]},
        {"scaling": "standard"},
        {"ratios": [0.6, 0.2, 0.2]},
        {"targets": ["b", "a"]},
        {"targets": ["a"], "past_covariates": ["b"]},
        {"targets": ["a"], "future_covariates": ["b"]},
    ],
)
def test_fingerprint_tells_other_data_apart(data_of, change: dict) -> None:
    assert data_of().fingerprint == data_of(seed=5, batch_size=8).fingerprint != data_of(**change).fingerprint


def test_fingerprint_covers_values_times_and_names(data_of) -> None:
    frame = frame_of(120, "ab")
    value = frame.assign(b=frame["b"].where(frame.index != 119, 0.0))
    later = frame.assign(date=frame["date"] + pd.Timedelta(hours=1))
    named = frame.rename(columns={"a": "x"})
    prints = {data_of(given).fingerprint for given in (frame, value, later, named)}
    assert len(prints) == 4 and data_of(frame.copy()).fingerprint in prints


def test_parquet_equals_csv(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = frame_of(200, "ab").assign(a=rng.normal(size=200).round(6), b=rng.integers(0, 9, 200))
    frame.to_csv(tmp_path / "my.csv", index=False)
    frame.to_parquet(tmp_path / "my.parquet")
    frame.set_index("date").to_parquet(tmp_path / "indexed.parquet")
    frame.assign(date=frame["date"].astype(str)).to_csv(tmp_path / "my.tsv", index=False, sep="\t")
    options = {"look_back": 8, "horizon": 4}
    reference = csv_data(csv=str(tmp_path / "my.csv"), **options).fingerprint
    assert csv_data(csv=str(tmp_path / "my.parquet"), **options).fingerprint == reference
    assert csv_data(csv=str(tmp_path / "indexed.parquet"), **options).fingerprint == reference
    assert csv_data(csv=str(tmp_path / "my.tsv"), separator=r"\t", **options).fingerprint == reference
    assert SeriesData(source=RawTableFrame(frame.set_index("date")), **options).fingerprint == reference


def test_preprocessing_is_json(data_of) -> None:
    data = data_of(frame_of(), targets=["a"], future_covariates=["b"], calendar=["hour"], scaling="standard")
    stored = json.loads(json.dumps(data.preprocessing.to_plain()))
    assert stored["columns"] == {"targets": ["a"], "past_covariates": [], "future_covariates": ["b"]}
    assert stored["calendar"] == ["hour"] and stored["frequency"] == "h" and stored["timezone"] is None
    again = Scaler.from_plain(stored["scalers"]["targets"])
    assert again.mean.tolist() == data.scaler.mean.tolist() and again.std.tolist() == data.scaler.std.tolist()


def test_lightning_trains_on_it(data_of) -> None:
    class Linear(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.seen, self.layer = [], torch.nn.Linear(6, 3)

        def forward(self, x):
            return self.layer(x["past"].transpose(1, 2)).transpose(1, 2)

        def training_step(self, batch, number):
            return sum(((self(x) - y) ** 2).mean() for x, y in batch.values())

        def validation_step(self, batch, number):
            self.seen.append(len(batch[1]))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 1e-3)

    module = Linear()
    trainer = lightning.Trainer(
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        accelerator="cpu",
        num_sanity_val_steps=0,
    )
    data = data_of(scaling="standard")
    trainer.fit(module, datamodule=data)
    assert sum(module.seen) == len(data.halves[1]) == 34 and trainer.global_step == len(data.train_dataloader())


@pytest.mark.parametrize("name", ["csv", "etth1", "co2"])
def test_configuration_fits_its_builder(name: str, csv_of, real_data, tmp_path: Path) -> None:
    given = [f"data.csv={tmp_path / 'my.csv'}"] if name == "csv" else []
    if name == "csv":
        frame_of(1000, "ab").to_csv(tmp_path / "my.csv", index=False)
    with initialize_config_dir(str(conf_dir()), version_base=None):
        config = compose(overrides=[f"+data={name}", *given])
    check_config(config)
    data = instantiate(config.data, purpose="retrain", batch_size=16, seed=1)
    data.prepare()
    assert len(data.windows("val")) > 0
    misspelt = config.copy()
    misspelt.data = {**config.data, "horizn": 3}
    with pytest.raises(ConfigError, match=r"horizn: unknown key\. Did you mean 'horizon'"):
        check_config(misspelt)
