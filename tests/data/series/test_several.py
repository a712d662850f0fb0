"""Tables of several series: refused as such whatever the options say, unless one is picked."""

import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from darts_pl.data.series import csv_data
from darts_pl.data.series.several import format_series_option
from darts_pl.errors import ConfigError, DataError


def one(name, rows: int = 60, start: int = 0, scale: float = 1.0, column: str = "unique_id") -> pd.DataFrame:
    days = pd.date_range("2022-01-01", periods=rows, freq="D") + pd.Timedelta(days=start)
    return pd.DataFrame({column: name, "ds": days, "y": (scale * (10 + np.sin(np.arange(rows) / 5))).round(3)})


def stacked(names=("A", "B", "C"), column: str = "unique_id", rows=(60, 60, 60), starts=(0, 0, 0)) -> pd.DataFrame:
    parts = [one(*each, scale=10.0**k, column=column) for k, each in enumerate(zip(names, rows, starts))]
    return pd.concat(parts, ignore_index=True)


def keyed() -> pd.DataFrame:
    """Two stores, three items in each."""
    return pd.concat([stacked((1, 2, 3), "item").assign(store=store) for store in ("x", "y")], ignore_index=True)


LONG = {
    "stacked": (stacked(), "3 series, told apart by the column 'unique_id' (A; B; C): 120 of 180 rows"),
    "row by row": (stacked().sort_values("ds", kind="stable"), "3 series, told apart by the column 'unique_id'"),
    "in any order": (stacked().sample(frac=1, random_state=0), "3 series, told apart by the column 'unique_id'"),
    "whole ids": (stacked((7, 8, 9), "store"), "3 series, told apart by the column 'store' (7; 8; 9)"),
    "ids as floats": (stacked((1.0, 2.0, 3.0), "item"), "3 series, told apart by the column 'item'"),
    "fractions": (stacked((1.1, 1.2, 2.1), "section"), "3 series, told apart by the column 'section' (1.1; 1.2; 2.1)"),
    "a measurement beside": (
        stacked().assign(x=lambda f: np.random.default_rng(0).normal(size=len(f)).round(1)),
        "3 series, told apart by the column 'unique_id'",
    ),
    "categories": (stacked().astype({"unique_id": "category"}), "3 series, told apart by the column 'unique_id'"),
    "an id left empty": (stacked(("A", "B", None)), "3 series, told apart by the column 'unique_id'"),
    "lengths": (stacked(rows=(60, 25, 10)), "3 series, told apart by the column 'unique_id'"),
    "partly at the same time": (stacked(starts=(0, 45, 90)), "3 series, told apart by the column 'unique_id'"),
    "two columns": (keyed(), "6 series, told apart by the columns 'item' and 'store' (1, x; 2, x; 3, x, ...)"),
    "whole values": (stacked().assign(y=lambda f: f["y"].astype(int)), "by the column 'unique_id'"),
    "a row doubled": (pd.concat([stacked(), stacked().iloc[[5]]]), "3 series, told apart by the column 'unique_id'"),
    "a name beside": (stacked().assign(name=lambda f: f["unique_id"].str.lower()), "by the column 'unique_id'"),
    "a flag beside": (stacked().assign(flag=lambda f: f.index % 2), "by the column 'unique_id'"),
    "melted": (stacked(("load", "wind", "sun"), "variable"), "by the column 'variable' (load; wind; sun)"),
}


@pytest.mark.parametrize("options", [{}, {"unsorted": "sort", "duplicates": "mean"}, {"targets": ["y"]}])
@pytest.mark.parametrize("kind", LONG)
def test_several_series_are_refused_as_such(data_of, kind: str, options: dict) -> None:
    frame, words = LONG[kind]
    with pytest.raises(DataError) as told:
        data_of(frame, **options).prepare()
    assert words in str(told.value) and "Pick one: 'data.series={" in str(told.value)
    assert "mean" not in str(told.value) and "duplicates" not in str(told.value)


def test_many_series(data_of) -> None:
    frame = pd.concat([one(f"s{k}", rows=20) for k in range(100)])
    with pytest.raises(DataError, match=r"100 series, told apart by the column 'unique_id' \(s0; s1; s2, \.\.\.\)"):
        data_of(frame).prepare()


def test_series_of_two_frequencies(data_of) -> None:
    hourly = pd.DataFrame({"id": "h", "ds": pd.date_range("2022-01-01", periods=240, freq="h"), "y": 1.0})
    daily = pd.DataFrame({"id": "d", "ds": pd.date_range("2022-01-01", periods=10, freq="D"), "y": 2.0})
    with pytest.raises(DataError, match="2 series, told apart by the column 'id'"):
        data_of(pd.concat([hourly, daily])).prepare()


@pytest.mark.parametrize("value", ["B", 2, 2.0, "2"])
def test_one_is_picked(data_of, value) -> None:
    names = ("A", "B", "C") if value == "B" else (1, 2, 3)
    data = data_of(stacked(names), series={"unique_id": value})
    expected = one("B", scale=10.0)
    np.testing.assert_array_equal(data.windowed.series.values[:, 0], expected["y"])
    assert data.target_names == ("y",) and (data.windowed.series.times == expected["ds"]).all()
    assert data.preprocessing.to_plain()["series"] == {"unique_id": str(value)}


def test_one_of_two_columns_is_picked(data_of) -> None:
    with pytest.raises(DataError, match="3 series, told apart by the column 'item'"):
        data_of(keyed(), series={"store": "y"}).prepare()
    assert len(data_of(keyed(), series={"store": "y", "item": 3}).windowed.series.times) == 60


def test_what_cannot_be_picked(csv_of) -> None:
    path = csv_of("unique_id,ds,y", *(f"{name},2022-01-{d:02d},{d % 5}" for name in "AB" for d in range(1, 29)))
    with pytest.raises(ConfigError, match=r"data\.series: no row of .*my\.csv has unique_id='C'. Choose one of: A, B"):
        csv_data(csv=str(path), series={"unique_id": "C"}, look_back=2, horizon=1).prepare()
    with pytest.raises(ConfigError, match=r"data\.series: 'uniqe_id' is no column .*Did you mean 'unique_id'"):
        csv_data(csv=str(path), series={"uniqe_id": "A"}, look_back=2, horizon=1).prepare()
    with pytest.raises(ConfigError, match=r"data\.series='A': expected a column and a value"):
        csv_data(csv=str(path), series="A")


@pytest.mark.parametrize(
    "series",
    [
        {"unique_id": "A"},
        {"store": 1, "item": 25},
        {"x": "Store 5"},
        {"x": "it's, {so}"},
        {"x": "null"},
        {"x": ""},
        {"x": "007"},
        {"x.y": "Größe"},
        {"x": "$HOME"},
    ],
)
def test_the_option_is_read_back_by_a_shell_and_the_command(series: dict) -> None:
    (word,) = shlex.split(format_series_option(series))
    assert OverridesParser.create().parse_override(word).value() == series


# What only looks like several series


def hours(rows: int = 200) -> pd.DataFrame:
    times = pd.date_range("2023-01-01", periods=rows, freq="h")
    return pd.DataFrame({"time": times, "y": np.sin(np.arange(rows) / 4), "kind": "first"})


def test_rows_written_twice(data_of) -> None:
    frame = pd.concat([hours(), hours().iloc[10:40]]).sort_values("time")
    with pytest.raises(
        DataError, match=r"30 such rows\), with the same values\. data\.duplicates=last keeps one"
    ) as told:
        data_of(frame).prepare()
    assert "mean" not in str(told.value)
    assert len(data_of(frame, duplicates="last").windowed.series.times) == 200


def test_a_few_doubled_rows_are_told_with_what_they_differ_in(data_of) -> None:
    second = hours().iloc[[3]].assign(y=9.0, kind="revised")
    frame = pd.concat([hours(), second]).sort_values("time", kind="stable")
    with pytest.raises(DataError, match=r"row 4\) stands in row 5 too .*'kind' \('first' and 'revised'\)") as told:
        data_of(frame).prepare()
    assert "data.duplicates=last" in str(told.value) and "mean" not in str(told.value)


def test_series_one_after_the_other_are_not_just_sorted(data_of) -> None:
    frame = stacked(("A", "B"), rows=(60, 60), starts=(100, 0))
    with pytest.raises(
        DataError, match=r"times go back: .*rows of one series.* 'unique_id' \('A' and 'B'\).*data\.series"
    ):
        data_of(frame).prepare()


def test_the_hour_that_comes_twice_in_autumn(data_of) -> None:
    """Three days of quarters of an hour, the zone's name beside: no two series."""
    stamps = pd.date_range("2020-10-24", periods=288, freq="15min", tz="Europe/Berlin")
    zones = [stamp.tzname() for stamp in stamps]
    frame = pd.DataFrame({"time": stamps.tz_localize(None), "zone": zones, "y": np.arange(288) % 17.0})
    with pytest.raises(DataError, match="times go back"):
        data_of(frame).prepare()
    assert data_of(frame, timezone="Europe/Berlin").windowed.series.times.equals(pd.DatetimeIndex(stamps))


def test_columns_of_few_values_beside_one_series(data_of) -> None:
    frame = hours().assign(day=lambda f: f["time"].dt.day_of_week, count=np.arange(200) % 5)
    assert data_of(frame).target_names == ("y", "day", "count")


def test_the_case_of_the_reports(tmp_path: Path) -> None:
    """unique_id, ds, y: three series of other scales, below each other in a file."""
    stacked().to_csv(tmp_path / "long.csv", index=False)
    with pytest.raises(DataError, match=r"long\.csv holds 3 series"):
        csv_data(csv=str(tmp_path / "long.csv"), look_back=6, horizon=3).prepare()
