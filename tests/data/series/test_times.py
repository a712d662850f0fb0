"""Stamps, zones and frequencies, against what the calendar says."""

import numpy as np
import pandas as pd
import pytest

from darts_pl.data.series.calendar import calendar_features
from darts_pl.data.series.frequency import calendar_level, infer_frequency, parse_frequency, seasonal_period
from darts_pl.errors import ConfigError, DataError


def series_of(data_of, stamps, **options):
    frame = pd.DataFrame({"date": stamps, "a": np.arange(len(stamps), dtype=float) % 17})
    return data_of(frame, **options).windowed.series


@pytest.mark.parametrize(
    "frequency",
    [
        "s",
        "30s",
        "min",
        "15min",
        "h",
        "4h",
        "D",
        "2D",
        "B",
        "W-SUN",
        "W-SAT",
        "MS",
        "ME",
        "QS-JAN",
        "QE-DEC",
        "YS-JAN",
        "YE-DEC",
    ],
)
@pytest.mark.parametrize("hole", [False, True])
def test_the_frequency_is_found_with_and_without_a_gap(frequency: str, hole: bool) -> None:
    times = pd.date_range("2018-01-01", periods=60, freq=frequency)
    found = infer_frequency(times.delete(30) if hole else times, "here")
    assert pd.date_range(times[0], periods=60, freq=found).equals(times)


@pytest.mark.parametrize(
    ("frequency", "period", "level"),
    [
        ("h", 24, "hour"),
        ("2h", 12, "hour"),
        ("15min", 96, "minute"),
        ("min", 60, "minute"),
        ("10s", 360, "second"),
        ("D", 7, "day"),
        ("2D", 1, "day"),
        ("B", 5, "day"),
        ("W-SAT", 52, "week"),
        ("MS", 12, "month"),
        ("ME", 12, "month"),
        ("2MS", 6, "month"),
        ("QS", 4, "month"),
        ("YS", 1, "year"),
    ],
)
def test_seasons_and_levels(frequency: str, period: int, level: str) -> None:
    offset = parse_frequency(frequency)
    assert (seasonal_period(offset), calendar_level(offset)) == (period, level)


def test_calendar_features_of_known_times() -> None:
    times = pd.DatetimeIndex(
        ["2021-01-04 00:00:00", "2021-12-31 23:59:59", "2020-12-31 12:30:30", "2021-07-16 06:00:00"]
    )
    names = ["second", "minute", "hour", "day_of_week", "day_of_month", "day_of_year", "week_of_year", "month"]
    expected = [  # by hand: a Monday, a Friday in week 52, day 366 in week 53, a Friday in week 28
        [0, 0, 0, 0, 3 / 30, 3 / 365, 0, 0],
        [1, 1, 1, 4 / 6, 1, 364 / 365, 51 / 52, 1],
        [30 / 59, 30 / 59, 12 / 23, 3 / 6, 1, 1, 1, 1],
        [0, 0, 6 / 23, 4 / 6, 15 / 30, 196 / 365, 27 / 52, 6 / 11],
    ]
    np.testing.assert_allclose(calendar_features(times, names), np.array(expected) - 0.5, atol=1e-12)
    assert calendar_features(times, []).shape == (4, 0)


def test_summer_time_by_offsets(data_of) -> None:
    """Hours across 25 October 2020 in Berlin, where 02:00 comes twice: regular in absolute time, local in features."""
    stamps = pd.date_range("2020-10-24", periods=120, freq="h", tz="Europe/Berlin")
    texts = stamps.map(lambda stamp: stamp.isoformat())
    assert {text[-6:] for text in texts} == {"+02:00", "+01:00"}
    with pytest.raises(DataError, match=r"offset from UTC is \+02:00 in row 1 and \+01:00 in row 28.*data\.timezone="):
        series_of(data_of, texts)
    series = series_of(data_of, texts, timezone="Europe/Berlin")
    assert series.times.equals(pd.DatetimeIndex(stamps)) and series.offset.freqstr == "h"
    hours = (calendar_features(series.times, ["hour"])[:, 0] + 0.5) * 23
    np.testing.assert_allclose(hours[24:30], [0, 1, 2, 2, 3, 4])
    in_utc = series_of(data_of, texts, timezone="UTC")
    assert str(in_utc.times[0]) == "2020-10-23 22:00:00+00:00"


def test_summer_time_by_wall_clock(data_of) -> None:
    stamps = pd.date_range("2020-10-24", periods=120, freq="h", tz="Europe/Berlin")
    wall = stamps.tz_localize(None).strftime("%Y-%m-%d %H:%M")
    with pytest.raises(DataError, match=r"02:00:00 \(row 27\) stands in row 28 too.*data\.timezone"):
        series_of(data_of, wall)
    assert series_of(data_of, wall, timezone="Europe/Berlin").times.equals(pd.DatetimeIndex(stamps))
    spring = pd.date_range("2021-03-27", periods=120, freq="h").strftime("%Y-%m-%d %H:%M")
    with pytest.raises(DataError, match=r"2021-03-28 02:00:00 does not exist in Europe/Berlin"):
        series_of(data_of, spring, timezone="Europe/Berlin")


def test_days_stay_days_across_summer_time(data_of) -> None:
    stamps = pd.date_range("2021-03-01", periods=120, freq="D", tz="Europe/Berlin")
    series = series_of(data_of, stamps)
    assert series.offset.freqstr == "D" and series.times.equals(pd.DatetimeIndex(stamps))


def test_one_offset_is_kept(data_of) -> None:
    texts = [f"2021-01-{4 + hour // 24:02d}T{hour % 24:02d}:00:00+05:30" for hour in range(120)]
    assert str(series_of(data_of, texts).times[0]) == "2021-01-04 00:00:00+05:30"


@pytest.mark.parametrize(
    ("texts", "options", "first"),
    [
        (
            [f"{day:02d}/{month:02d}/2021" for month in (1, 2, 3) for day in range(1, 29)][:28],
            {"time_format": "%d/%m/%Y"},
            "2021-01-01",
        ),
        ([1609459200 + 3600 * i for i in range(120)], {"time_format": "unix"}, "2021-01-01 00:00:00+00:00"),
        (list(range(1900, 2020)), {}, "1900-01-01"),
        ([20210101 + i for i in range(28)], {}, "2021-01-01"),
    ],
)
def test_other_forms_of_times(data_of, texts, options, first) -> None:
    series = series_of(data_of, texts, look_back=2, horizon=1, **options)
    assert series.times[0] == pd.Timestamp(first)


def test_ambiguous_dates_are_not_guessed(data_of) -> None:
    with pytest.raises(DataError, match=r"row 1: found '01/02/2021', expected .*ISO 8601.*%d/%m/%Y"):
        series_of(data_of, [f"{day:02d}/02/2021" for day in range(1, 29)])
    with pytest.raises(DataError, match="row 1: found '1609459200'"):
        series_of(data_of, [1609459200 + i for i in range(40)])


def test_a_given_frequency_that_does_not_fit(data_of) -> None:
    stamps = pd.date_range("2021-01-02", periods=60, freq="W-SAT")
    with pytest.raises(
        DataError, match=r"2021-01-02 .*row 1.* no start of a step of data\.frequency=W-SUN; .*look like W-SAT"
    ):
        series_of(data_of, stamps, frequency="W")
    with pytest.raises(DataError, match=r"2021-01-09 00:00:00 \(row 2\) comes after .*expected 2021-01-03.*given"):
        series_of(data_of, stamps, frequency="D")
    with pytest.raises(ConfigError, match=r"data\.timezone='Europe/Berln'.*Did you mean 'Europe/Berlin'"):
        series_of(data_of, stamps, timezone="Europe/Berln")


def test_cut_by_dates_in_a_zone(data_of) -> None:
    stamps = pd.date_range("2021-01-04", periods=120, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"date": stamps, "a": np.arange(120.0)})
    data = data_of(frame, split="dates", val_start="2021-01-07", test_start="2021-01-08 00:30", purpose="retrain")
    cuts = data.windowed.cuts
    assert (cuts.train, cuts.val, cuts.test) == (72, 97, 120)
    assert data.window_times("val")[0] == pd.Timestamp("2021-01-07", tz="Europe/Berlin")
    assert data.window_times("test")[0] == pd.Timestamp("2021-01-08 01:00", tz="Europe/Berlin")
