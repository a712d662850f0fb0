"""Times counted since 1970: every unit is read, a wrong one is refused with the right one."""

import numpy as np
import pandas as pd
import pytest

from darts_pl.data.series.epochs import unit_of
from darts_pl.errors import ConfigError, DataError

SECONDS = 1_682_899_200 + 900 * np.arange(120)  # 2023-05-01 00:00 UTC on, every quarter of an hour
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
FORMS = {
    "whole": lambda counts: counts,
    "float": lambda counts: counts.astype(float),
    "digits": lambda counts: [str(count) for count in counts],
    "digits and a point": lambda counts: [f"{count}.0" for count in counts],
    "nullable": lambda counts: pd.array(counts, "Int64"),
}
EXPECTED = pd.date_range("2023-05-01", periods=120, freq="15min", tz="UTC")


def read(data_of, times, **options) -> pd.DatetimeIndex:
    frame = pd.DataFrame({"time": times, "a": np.arange(len(times)) % 17.0})
    return data_of(frame, **options).windowed.series.times


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_is_read(data_of, unit: str, form: str) -> None:
    times = read(data_of, FORMS[form](SECONDS * UNITS[unit]), time_format=f"unix_{unit}")
    assert (times == EXPECTED).all()


def test_a_file_of_milliseconds(csv_of, data_of) -> None:
    path = csv_of("time,y", *(f"{1000 * second},{i % 7}" for i, second in enumerate(SECONDS)))
    frame = pd.read_csv(path)
    assert (read(data_of, frame["time"], time_format="unix_ms") == EXPECTED).all()


def test_fractions_of_a_second_stay_on_their_grid(data_of) -> None:
    times = read(data_of, 1_682_899_200 + 0.1 * np.arange(120), time_format="unix")
    assert (times == pd.date_range("2023-05-01", periods=120, freq="100ms", tz="UTC")).all()


def test_the_zone_of_choice(data_of) -> None:
    times = read(data_of, SECONDS * 1000, time_format="unix_ms", timezone="Europe/Berlin")
    assert str(times[0]) == "2023-05-01 02:00:00+02:00"


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("taken", [None, *UNITS])
def test_another_unit_is_refused_with_the_right_one(data_of, unit: str, taken: str | None) -> None:
    if taken == unit:
        return
    with pytest.raises(DataError, match=rf"2023-05-01 00:00:00 to .*data\.time_format=unix_{unit}\b") as told:
        read(data_of, SECONDS * UNITS[unit], time_format=taken and f"unix_{taken}")
    assert "column 'time', row 1" in str(told.value)


@pytest.mark.parametrize(("numbers", "unit"), [("ms", "s"), ("us", "ms"), ("ns", "us"), ("s", "ns"), ("ms", "ns")])
def test_a_frame_whose_times_were_made_by_another_unit(data_of, numbers: str, unit: str) -> None:
    """As pandas makes them without a word, years ahead or all within 1970."""
    times = pd.to_datetime(SECONDS * UNITS[numbers], unit=unit)
    with pytest.raises(DataError, match=r"(year 55298|in 1970).* they are 2023-05-01 00:00:00 to .*unit="):
        read(data_of, times)


@pytest.mark.parametrize("taken", [None, "unix_s", "unix_ms"])
def test_two_units_in_one_column(data_of, taken: str | None) -> None:
    mixed = np.where(np.arange(120) < 60, SECONDS, SECONDS * 1000)
    with pytest.raises(DataError, match=r"several units \(1682899200 seconds, 1682953200000 milliseconds\)"):
        read(data_of, mixed, time_format=taken)


@pytest.mark.parametrize(
    ("times", "options"),
    [
        (3600 * np.arange(120), {"time_format": "unix"}),
        (3600 * np.arange(120) - 315_360_000, {"time_format": "unix"}),
        (pd.date_range("1970-01-02", periods=120, freq="h"), {}),
        (pd.date_range("2023-05-01", periods=120, freq="15min", unit="ms"), {}),
        (pd.date_range("2199-12-01", periods=31, freq="D").astype(str), {}),
    ],
)
def test_unusual_times_that_are_right(data_of, times, options) -> None:
    assert len(read(data_of, times, look_back=2, horizon=1, **options)) == len(times)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([*EXPECTED.tz_localize(None)[:-1].astype(str), "9999-12-31 00:00:00"], r"row 120: 9999-12-31 .* year 9999"),
        (pd.date_range("2190-01-01", periods=240, freq="MS"), r"row 133: 2201-01-01 .* expected 1678 to 2200"),
        (1000 + np.arange(120), r"row 1: 1000-01-01 .* year 1000"),  # numbers of steps, read as years
    ],
)
def test_years_that_no_series_has(data_of, times, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(data_of, times)


def test_text_among_the_counts(data_of) -> None:
    with pytest.raises(DataError, match=r"'time', row 3: found 'soon', expected the milliseconds since 1970"):
        read(data_of, [*map(str, SECONDS[:2] * 1000), "soon", *map(str, SECONDS[3:] * 1000)], time_format="unix_ms")


@pytest.mark.parametrize(
    ("given", "words"),
    [("epoch_ms", "Choose one of: unix"), ("unixms", "Did you mean 'unix_ms'"), ("%Q", "is no pattern of datetime")],
)
def test_formats_that_do_not_exist(data_of, given: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"data\.time_format='{given}' .*{words}"):
        data_of(time_format=given)


def test_no_number_fits_two_units() -> None:
    counts = np.unique(np.geomspace(1, 9e18, 20_000).astype(np.int64))
    found = [unit_of(counts[at : at + 1]) for at in range(len(counts))]
    order = [unit for unit in dict.fromkeys(found) if unit]
    assert order == list(UNITS) and None in found
