"""Every fault in a table is told with its column, its place and the option that handles it, and that option does."""

import numpy as np
import pandas as pd
import pytest

from darts_pl.data.series import RawTableFile, RawTableFrame, SeriesData, csv_data
from darts_pl.errors import ConfigError, DataError

HOURS = [f"2021-01-04 {hour:02d}:00" for hour in range(24)]


def lines(**changes: str) -> list[str]:
    """24 hours of a CSV with columns date, a, b; `line5="..."` replaces a line, an empty text removes it."""
    found = ["date,a,b", *(f"{stamp},{i}.5,{10 + i % 7}" for i, stamp in enumerate(HOURS))]
    for name, text in changes.items():
        found[int(name.removeprefix("line")) - 1] = text
    return [line for line in found if line != ""]


def read(path, **options):
    options = {"look_back": 2, "horizon": 1, "batch_size": 2, "calendar": [], "scaling": "none", **options}
    data = csv_data(csv=str(path), **options)
    data.prepare()
    return data.windowed.series


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            lines(line5="2021-01-04 03:00,,13"),
            r"'a', line 5, 2021-01-04 03:00:00: .*missing \(1 of 24\).*data\.missing=i",
        ),
        (lines(line5="2021-01-04 03:00,nan,13"), r"line 5, column 'a': found 'nan', .*data\.missing_words=\['nan'\]"),
        (lines(line5="2021-01-04 03:00,inf,13"), r"line 5, column 'a': found 'inf', not finite"),
        (
            lines(line5="2021-01-04 03:00,1.5.2,13"),
            r"line 5, column 'a': found '1\.5\.2', expected a number as in other rows \(23 of 24\)",
        ),
        (
            lines(line5="2021-01-04 02:00,3,13"),
            r"2021-01-04 02:00:00 \(line 4\) stands in line 5 too.*data\.duplicates=last",
        ),
        (
            lines(line5="2021-01-04 00:30,3,13"),
            r"00:30:00 \(line 5\) comes after .*02:00:00 \(line 4\).*data\.unsorted=sort",
        ),
        (
            lines(line5=""),
            r"04:00:00 \(line 5\) comes after .*02:00:00 \(line 4\), expected 2021-01-04 03:00:00.*data\.gaps",
        ),
        (
            lines(line5="2021-01-04 02:30,3,13"),
            r"02:30:00 \(line 5\) .*expected .*03:00:00 .*between two steps.*resample",
        ),
        (
            lines(line5="4th of January,3,13"),
            r"'date', line 5: found '4th of January', expected .*ISO 8601.*data\.time_format",
        ),
        (lines(line5=",3,13"), r"'date', line 5: the time is missing"),
        (
            lines(line5="2021-01-04 03:00+01:00,3,13"),
            r"line 2 is '2021-01-04 00:00', line 5 '2021-01-04 03:00\+01:00'.*offset",
        ),
        (lines(line5="2021-01-04 03:00,3,13,9"), "line 5: found 4 values, expected 3 as in line 1"),
        (lines(line1="date,a"), "line 2: found 3 values, expected 2 as in line 1"),
        (lines(line1="date,a,a"), "two columns are named 'a'"),
        (lines(line1=",a,b"), "column 1 of 3 has no name"),
        (lines(line1="when,a,b"), "no column is named as times.*data.time=<one of when, a, b>"),
        (lines(line1="date,time,b"), "columns date, time could each be the times"),
        (["date,a,b"], "holds no rows below its 3 column names"),
        ([], "is empty"),
        (lines(line1="date;a;b"), "found one column, 'date;a;b'. Give its separator: \"data.separator=';'\""),
        (lines()[:8], "the weights block of a search holds 2 of 4 training rows, 3 are needed"),
    ],
)
def test_a_fault_is_told(csv_of, tmp_path, content, message) -> None:
    path = csv_of(*content) if content else tmp_path / "my.csv"
    if not content:
        path.write_bytes(b"")
    with pytest.raises(DataError, match=message) as told:
        read(path)
    assert str(path) in str(told.value)


@pytest.mark.parametrize(
    ("content", "options", "row", "expected"),
    [
        (lines(line5="2021-01-04 03:00,,13"), {"missing": "interpolate"}, 3, 3.5),
        (lines(line5="2021-01-04 03:00,,13"), {"missing": "forward_fill"}, 3, 2.5),
        (lines(line5=""), {"gaps": "fill", "missing": "interpolate"}, 3, 3.5),
        (lines(line5=""), {"gaps": "fill", "missing": "forward_fill"}, 3, 2.5),
        ([*lines(), "2021-01-04 03:00,99,13"], {"unsorted": "sort", "duplicates": "last"}, 3, 99.0),
        ([*lines(), "2021-01-04 03:00,99,13"], {"unsorted": "sort", "duplicates": "mean"}, 3, (3.5 + 99) / 2),
        ([lines()[0], *reversed(lines()[1:])], {"unsorted": "sort"}, 3, 3.5),
        ([lines()[0], "", *lines()[1:], ""], {}, 3, 3.5),
    ],
)
def test_the_option_handles_it(csv_of, content, options, row, expected) -> None:
    series = read(csv_of(*content), **options)
    assert len(series.times) == 24 and series.times.is_monotonic_increasing and np.isfinite(series.values).all()
    assert series.values[row, 0] == expected and series.values[row - 1, 0] == row - 0.5


@pytest.mark.parametrize(
    ("content", "missing", "message"),
    [
        (lines(line2="2021-01-04 00:00,,10"), "interpolate", r"line 2, .*no value before it: leave out those rows$"),
        (lines(line2="2021-01-04 00:00,,10"), "forward_fill", r"line 2, .*no value before it"),
        (
            lines(line25="2021-01-04 23:00,,10"),
            "interpolate",
            r"line 25, .*no value after it.*data\.missing=forward_fill",
        ),
        ([line.rsplit(",", 1)[0] + "," for line in lines()[1:]], "interpolate", "Every value of the column is missing"),
    ],
)
def test_what_no_rule_can_fill(csv_of, content, missing, message) -> None:
    content = content if content[0].startswith("date") else ["date,a,b", *content]
    with pytest.raises(DataError, match=message):
        read(csv_of(*content), missing=missing)


def test_places_survive_blank_lines_and_sorting(csv_of) -> None:
    shuffled = [lines()[0], "", *reversed(lines(line5="2021-01-04 03:00,,13")[1:])]
    with pytest.raises(DataError, match=r"line 23, 2021-01-04 03:00"):
        read(csv_of(*shuffled), unsorted="sort")


def test_a_stamp_far_away_is_not_filled_up_to(csv_of) -> None:
    with pytest.raises(DataError, match=r"2121.*more than 20 times as many steps"):
        read(csv_of(*lines(line25="2121-01-04 23:00,1,2")), gaps="fill", missing="interpolate")


def test_columns_that_cannot_be_used(csv_of, tmp_path) -> None:
    path = csv_of(*lines())
    with pytest.raises(ConfigError, match=r"data\.targets: 'aa' is no column.*Did you mean 'a'"):
        read(path, targets=["aa"])
    with pytest.raises(ConfigError, match=r"data\.future_covariates: 'a' stands in data\.targets already"):
        read(path, targets=["a"], future_covariates=["a"])
    with pytest.raises(ConfigError, match=r"data\.past_covariates: 'date' is the time column"):
        read(path, past_covariates=["date"])
    with pytest.raises(DataError, match=r"data\.time='dat' is no column\. Did you mean 'date'"):
        read(path, time="dat")
    with pytest.raises(DataError, match=r"no column to forecast is left.*a, b"):
        read(path, future_covariates=["a", "b"])
    assert read(path, targets="b").roles.targets == ("b",)


def test_a_column_of_text_is_left_out_and_named(csv_of, caplog) -> None:
    series = read(csv_of(*(f"{line},{'place' if i == 0 else 'north'}" for i, line in enumerate(lines()))))
    assert series.roles.targets == ("a", "b") and "column 'place' holds no numbers" in caplog.text


def test_numbers_of_another_notation_are_read_or_refused(csv_of, caplog) -> None:
    caplog.set_level("INFO")
    path = csv_of(*(line.replace(",", ";").replace(".", ",") for line in lines()))
    with pytest.raises(DataError, match=r"line 2, column 'a': found '0,5', .*data.decimal=','\" reads it as 0.5"):
        read(path, separator=";")
    series = read(path, separator=";", decimal=",")
    assert series.roles.targets == ("a", "b") and series.values[:, 0].tolist() == [i + 0.5 for i in range(24)]
    assert "a: 24 numbers from 0.5 to 23.5" in caplog.text
    stray = csv_of(
        *(f"{line},{mark}x" for line, mark in zip(["date,a,b,n", *lines()[1:]], [*[""] * 9, '"', *[""] * 15]))
    )
    stray.write_text(stray.read_text().replace("date,a,b,n,x", "date,a,b,n"))
    with pytest.raises(DataError, match=r"line 10, byte \d+: a quotation mark opens the cell"):
        read(stray)
    short = csv_of(*lines(line7="2021-01-04 05:00,5.5"))
    with pytest.raises(DataError, match="line 7: found 2 values, expected 3 as in line 1"):
        read(short, missing="interpolate")
    with pytest.raises(DataError, match=r"row 5, column 'a': found 'x', expected a number"):
        frame = pd.DataFrame({"date": HOURS, "a": ["1", "2", "3", "4", "x", *"6" * 19]})
        SeriesData(source=RawTableFrame(frame), look_back=2, horizon=1, batch_size=2).prepare()


def test_files_that_cannot_be_read(csv_of, tmp_path) -> None:
    csv_of(*lines())
    with pytest.raises(DataError, match=r"mi\.csv is no file\. Did you mean 'my\.csv'"):
        read(tmp_path / "mi.csv")
    with pytest.raises(DataError, match=r"The folder .*nowhere does not exist"):
        read(tmp_path / "nowhere" / "my.csv")
    (tmp_path / "latin.csv").write_bytes("date,Tür\n2021-01-01,1\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.csv, line 1: byte 7 of it is 0xfc, no utf-8.*data\.encoding=cp1252"):
        read(tmp_path / "latin.csv")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no parquet")
    with pytest.raises(DataError, match=r"bad\.parquet is no readable Parquet file"):
        read(tmp_path / "bad.parquet")
    (tmp_path / "my.xlsx").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"'\.xlsx', expected \.csv"):
        read(tmp_path / "my.xlsx")
    with pytest.raises(ConfigError, match=r"data\.separator='::'"):
        read(tmp_path / "my.csv", separator="::")


def test_constant_columns(data_of, csv_of) -> None:
    frame = pd.DataFrame({"date": pd.date_range("2021-01-04", periods=120, freq="h"), "a": np.arange(120.0), "b": 7.0})
    frame.loc[100:, "b"] = 8.0  # constant where it is scaled, not later
    with pytest.raises(DataError, match=r"'b' is 7 in all 84 training rows.*data\.constant=drop"):
        data_of(frame).prepare()
    assert data_of(frame, constant="drop").target_names == ("a",)
    kept = data_of(frame, constant="keep", scaling="standard", purpose="retrain")
    assert kept.scaler.std[1] == 1.0 and kept.windows("train")[:][1][..., 1].abs().max() == 0
    with pytest.raises(DataError, match="every target is constant"):
        data_of(frame, targets=["b"], constant="drop").prepare()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, r"data\.horizon=0: expected at least 1"),
        ({"look_back": -1}, r"data\.look_back=-1"),
        ({"batch_size": 0}, r"data\.batch_size=0"),
        ({"eval_batch_size": 0}, r"data\.eval_batch_size=0"),
        ({"eval_stride": 0}, r"data\.eval_stride=0"),
        ({"limit_train": 0}, r"data\.limit_train=0"),
        ({"missing": "interpolat"}, "Did you mean 'interpolate'"),
        ({"duplicates": "lst"}, "Did you mean 'last'"),
        ({"split": "ratios"}, "Did you mean 'ratio'"),
        ({"purpose": "find"}, "purpose='find'"),
        ({"alphas_block": "frist"}, "Did you mean 'first'"),
        ({"calendar": ["houre"]}, "'houre' is no feature. Did you mean 'hour'"),
        ({"calendar": ["hour", "hour"]}, "twice"),
        ({"frequency": "fortnight"}, "data.frequency='fortnight' is unknown"),
        ({"gaps": "fill"}, "data.gaps=fill inserts rows without values"),
        ({"weights_fraction": 1.0}, "data.weights_fraction=1.0"),
        ({"val_start": "2021-01-05"}, "need data.split=dates"),
        ({"loss": "mee"}, "loss='mee'"),
    ],
)
def test_options_are_checked_before_data(options, message) -> None:
    with pytest.raises(ConfigError, match=message):
        SeriesData(source=RawTableFile("/nowhere.csv"), **options)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"ratios": [0.7, 0.2]}, ConfigError, "three|add up to 1"),
        ({"ratios": [0.7, 0.2, 0.2]}, ConfigError, "add up to 1"),
        ({"ratios": [0.97, 0.01, 0.02]}, DataError, "the val part holds 2 rows, 3 are needed for data.horizon=3"),
        ({"ratios": [0.05, 0.05, 0.9]}, DataError, "the train part holds 6 rows, 9 are needed .*look_back=6"),
        ({"split": "ett"}, DataError, "14400 rows at h; found 120"),
        ({"split": "dates", "val_start": "2021-01-07"}, ConfigError, "needs data.test_start"),
        ({"split": "dates", "val_start": "2021-01-08", "test_start": "2021-01-07"}, ConfigError, "no row before"),
        (
            {"split": "dates", "val_start": "2021-01-07", "test_start": "2031-01-07"},
            DataError,
            "lies outside.*2021-01-08",
        ),
        ({"split": "dates", "val_start": "soon", "test_start": "2021-01-07"}, ConfigError, "'soon' is no date"),
    ],
)
def test_cuts_that_cannot_work(data_of, options, kind, message) -> None:
    with pytest.raises(kind, match=message):
        data_of(**options).prepare()


def test_an_empty_frame_is_refused() -> None:
    with pytest.raises(DataError, match="holds no rows"):
        RawTableFrame(pd.DataFrame({"date": [], "a": []})).load()


def test_values_beyond_float32(data_of) -> None:
    frame = pd.DataFrame(
        {"date": pd.date_range("2021-01-04", periods=120, freq="h"), "a": 1e36 * np.arange(120.0) ** 2}
    )
    data_of(frame, scaling="standard").prepare()
    with pytest.raises(DataError, match=r"column 'a', 2021-01-04 01:00:00: 1e\+36 .*data\.scaling=standard"):
        data_of(frame).prepare()
