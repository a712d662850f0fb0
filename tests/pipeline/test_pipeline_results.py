"""What a finished run says of itself, computed again from its files and the series alone."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pipeline_series import (
    HORIZON,
    LOOK_BACK,
    SEASON,
    TARGETS,
    TEST,
    TRAIN,
    FinishedRun,
    hourly,
    run_pipeline,
    write_csv,
)
from pipeline_windows import Y, inputs, scale_of, standardised, truth, windows

import darts_pl
from darts_pl.genotype import read
from darts_pl.ops.series import SeriesShape
from darts_pl.spaces import SeriesSpace
from darts_pl.stages.pipeline.baselines import baseline

SHAPE = SeriesShape(LOOK_BACK, HORIZON, targets=2, past_covariates=1, known_future=4)


def errors_of(forecast: np.ndarray, part: str) -> dict[str, float]:
    """Figures of standardised forecasts [W, P, Y]."""
    frame = hourly()
    error, std = forecast - truth(frame, part), scale_of(frame)[1][:Y]
    train = frame[TARGETS].to_numpy()[:TRAIN]
    scale = np.abs(train[SEASON:] - train[:-SEASON]).mean(axis=0)
    return {
        "mse": (error**2).mean(),
        "mae": np.abs(error).mean(),
        "mse_original": ((error * std) ** 2).mean(),
        "mae_original": np.abs(error * std).mean(),
        "mase": (np.abs(error * std) / scale).mean(),
    }


def of_test(row: dict) -> dict[str, float]:
    return {name.removeprefix("test_"): value for name, value in row.items() if name.startswith("test_")}


@pytest.mark.parametrize(
    ("name", "steps"), [("last value", [LOOK_BACK - 1] * HORIZON), ("seasonal naive", range(HORIZON))]
)
def test_the_naive_rows(whole: FinishedRun, name: str, steps: list[int]) -> None:
    """A season is as long as the look-back here, so that the seasonal forecast begins with its first step."""
    rows = standardised(hourly())
    forecast = windows(rows, "test")[0][:, list(steps), :Y]
    assert of_test(whole.rows[name]) == pytest.approx(errors_of(forecast, "test"), rel=1e-5)
    validation = windows(rows, "val")[0][:, list(steps), :Y]
    assert whole.rows[name]["val_mse"] == pytest.approx(errors_of(validation, "val")["mse"], rel=1e-5)
    assert whole.rows[name]["parameters"] == 0


@pytest.mark.parametrize(("name", "folder"), [("searched", "retrain"), ("random 1", "random_0")])
def test_the_trained_rows(whole: FinishedRun, name: str, folder: str) -> None:
    """Forecasts of the saved model."""
    model, frame = darts_pl.load(whole.path / folder), hourly()
    with torch.no_grad():
        forecast, validation = (model.network(inputs(frame, part)).double().numpy() for part in ("test", "val"))
    row = whole.rows[name]
    assert of_test(row) == pytest.approx(errors_of(forecast, "test"), rel=1e-4)
    assert row["val_mse"] == pytest.approx(errors_of(validation, "val")["mse"], rel=1e-4)
    assert row["parameters"] == sum(p.numel() for p in model.network.parameters())
    by_step = whole.table("errors_by_horizon.csv").query("name == @name")
    error = forecast - truth(frame, "test")
    np.testing.assert_allclose(by_step["mse"], (error**2).mean(axis=(0, 2)), rtol=1e-4)
    np.testing.assert_allclose(by_step["mae"], np.abs(error).mean(axis=(0, 2)), rtol=1e-4)


@pytest.mark.parametrize("name", ["nlinear", "dlinear"])
def test_the_linear_rows(whole: FinishedRun, name: str) -> None:
    """Forecasts with the weights of the best epoch in validation, of the two that were trained."""
    kept = torch.load(whole.path / name / "checkpoints" / "final.ckpt", weights_only=True)
    losses = pd.read_csv(whole.path / name / "history.csv")["val_mse"]
    assert len(losses) == 2 and kept["best"]["epoch"] == 1 + losses.argmin()
    network = baseline(name, SHAPE, SEASON)
    network.load_state_dict(kept["best"]["state"])
    with torch.no_grad():
        forecast = network(inputs(hourly(), "test")).double().numpy()
    assert of_test(whole.rows[name]) == pytest.approx(errors_of(forecast, "test"), rel=1e-4)
    assert whole.rows[name]["val_mse"] == pytest.approx(losses.min(), rel=1e-4)


def test_the_chosen_has_the_least_validation_error(whole: FinishedRun) -> None:
    """Each derived network with the weights of its best epoch, on all validation windows."""
    choices = whole.table("choose/choices.csv").set_index("id")
    rungs = whole.table("search/rungs.csv")
    assert set(choices.index) == set(rungs[rungs["rung"] == 1]["id"]) and len(choices) == 2
    pool = {each["id"]: each["space"] for each in whole.json("candidates/pool.json")}
    computed = {}
    for identifier in choices.index:
        folder = whole.path / "choose" / identifier
        genotype = read(folder / "genotype.json")
        assert genotype == read(whole.path / "search" / identifier / "genotype_best.json")
        network = SeriesSpace(**pool[identifier]).network(genotype, SHAPE, Y).eval()
        trained = torch.load(folder / "checkpoints" / "final.ckpt", weights_only=True)
        network.load_state_dict(trained["best"]["state"])
        with torch.no_grad():
            forecast = network(inputs(hourly(), "val")).double().numpy()
        computed[identifier] = errors_of(forecast, "val")["mse"]
    assert choices["val_mse"].to_dict() == pytest.approx(computed, rel=1e-4)
    assert list(choices.index[choices["chosen"]]) == [min(computed, key=computed.get)] == [whole.winner]
    assert whole.json("results.json")["chosen"]["genotype"] == json.loads(
        (whole.path / "retrain" / "genotype.json").read_text()
    )


def test_every_candidate_has_its_row(whole: FinishedRun) -> None:
    table = whole.table("candidates.csv").set_index("id")
    pool = {each["id"]: each["space"] for each in whole.json("candidates/pool.json")}
    assert list(table.index) == list(pool) and len(table) == 6
    assert table["status"].value_counts().to_dict() == {"screened": 2, "searched": 2, "derived": 1, "chosen": 1}
    assert table["error"].isna().all() and table["parameters"].gt(0).all()
    for identifier, space in pool.items():
        row = table.loc[identifier]
        assert (row["mode"], row["operations"]) == (space["mode"], "|".join(space["primitives"]))
        assert row["tokens"] == "|".join(space["tokens"])
    promoted = table["score"].sort_values(ascending=False, kind="stable").index[:4]
    assert set(table.index[table["status"] != "screened"]) == set(promoted)


def test_the_kept_forecasts(whole: FinishedRun) -> None:
    """On the original scale; the windows are told by the time of their first step."""
    frame = hourly()
    values = frame.set_index("date")[TARGETS]
    model = darts_pl.load(whole.path)
    with np.load(whole.path / "forecasts.npz", allow_pickle=False) as kept:
        assert list(kept["target_names"]) == TARGETS
        places = [values.index.get_loc(pd.Timestamp(start)) for start in kept["starts"]]
        assert places[0] == TEST and places[-1] == len(values) - HORIZON and len(places) == 8
        for window, place in enumerate(places):
            following, before = values.iloc[place : place + HORIZON], values.iloc[place - LOOK_BACK : place]
            np.testing.assert_allclose(kept["truth"][window], following, rtol=1e-5)
            np.testing.assert_allclose(kept["past"][window], before, rtol=1e-5)
            forecast = model.forecast(frame.set_index("date").iloc[:place])
            np.testing.assert_allclose(kept["forecast_searched"][window], forecast, rtol=1e-4)


def test_test_rows_choose_nothing(whole: FinishedRun, tmp_path: Path) -> None:
    """With other values in the test rows alone, everything up to the choice is the same, and so is the training of
    what was chosen; its test errors are not."""
    frame = hourly()
    noise = np.random.default_rng(9).standard_normal((len(frame) - TEST, 3))
    frame.loc[TEST:, [*TARGETS, "wind"]] += 5 * noise
    other = run_pipeline(tmp_path / "run", write_csv(tmp_path / "other.csv", frame))
    for name in ("screen/scores.csv", "search/rungs.csv", "choose/choices.csv", "candidates.csv"):
        pd.testing.assert_frame_equal(other.table(name), whole.table(name), check_exact=True)
    for name, row in whole.rows.items():
        assert other.rows[name]["val_mse"] == row["val_mse"], name
        assert other.rows[name]["test_mse"] > 2 * row["test_mse"], name
