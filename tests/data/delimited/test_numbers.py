"""Numbers of other notations are read by an option or refused with it; words stay words."""

import itertools
import random

import numpy as np
import pandas as pd
import pytest

from darts_pl.data.delimited import Dialect, RawTable
from darts_pl.data.delimited.columns import column_texts, number_column
from darts_pl.errors import ConfigError, DataError

OTHERWISE = "data.categories=['x']"


def table(texts: list, **dialect) -> RawTable:
    frame = pd.DataFrame({"x": texts}, index=range(2, len(texts) + 2))
    return RawTable(frame, "my.csv", "line", Dialect(**{"separator": ";", **dialect}))


def read(texts: list, **dialect) -> list:
    return number_column(table(texts, **dialect), "x", OTHERWISE, codes=True).tolist()


@pytest.mark.parametrize(
    ("texts", "dialect", "option", "numbers"),
    [
        (["12,50", "3,7", "8"], {"decimal": ","}, "data.decimal=','", [12.5, 3.7, 8]),
        (["-1,5e3", "2"], {"decimal": ","}, "data.decimal=','", [-1500, 2]),
        (["1.234,56", "7,5"], {"decimal": ",", "thousands": "."}, "data.thousands='.'", [1234.56, 7.5]),
        (["1,234.5", "1,234,567"], {"thousands": ","}, "data.thousands=','", [1234.5, 1234567]),
        (["1 234", "12"], {"thousands": "space"}, "data.thousands=space", [1234, 12]),
        (["1\u202f234", "1\u2009000", "1\u00a0001"], {"thousands": " "}, "data.thousands=space", [1234, 1000, 1001]),
        (["1'234", "1\u2019000"], {"thousands": "'"}, "data.thousands=apostrophe", [1234, 1000]),
        (["1_234", "7"], {"thousands": "_"}, "data.thousands='_'", [1234, 7]),
        (["97%", "3 %", "-1%"], {"units": ["%"]}, "data.units=['%']", [97, 3, -1]),
        (["$5", "-$6.5", "$-7", "8"], {"units": ["$"]}, "data.units=['$']", [5, -6.5, -7, 8]),
        (["5 \u20ac", "6,5\u20ac"], {"units": "\u20ac", "decimal": ","}, "data.decimal=','", [5, 6.5]),
        (["USD 5", "USD 6"], {"units": ["USD"]}, "data.units=['USD']", [5, 6]),
        ([f"{i} kg" for i in range(5)], {"units": ["kg"]}, "data.units=['kg']", list(range(5))),
    ],
)
def test_another_notation_is_refused_with_the_option_that_reads_it(texts, dialect, option, numbers) -> None:
    assert column_texts(table(texts), "x").seem_numbers
    with pytest.raises(DataError, match=r"my.csv, line \d, column 'x': found .*number in another notation") as told:
        read(texts)
    assert option in str(told.value) and OTHERWISE in str(told.value)
    assert read(texts, **dialect) == numbers


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(12)", "a negative number in brackets"),
        ("12-", "a minus behind the number"),
        ("0x1F", "a hexadecimal number"),
        ("1,23,456", "digits in groups that are not of three"),
        ('"12"', "a number in quotation marks"),
        ("unknown", r"expected a number as in other rows \(3 of 4\).*data.missing_words=\['unknown'\]"),
        ("NA", r"data.missing_words=\['NA'\]"),
        ("inf", "not finite"),
        ("-Infinity", "not finite"),
        ("1e999", "not finite"),
        ("5+", "expected a number as in other rows"),
        ("1.5.2", "expected a number as in other rows"),
        ("9" * 5000, "expected a number as in other rows"),
    ],
)
def test_what_no_option_reads_is_named(text: str, told: str) -> None:
    with pytest.raises(DataError, match=f"my.csv, line 4, column 'x': found .*{told}"):
        read(["1.5", "2", text, "3"])


def test_a_text_that_may_be_two_numbers_has_both_readings() -> None:
    with pytest.raises(DataError, match=r"data.thousands=','\" reads it as 1234, or .*data.decimal=','\" .* 1.234;"):
        read(["1,234", "5,678"])
    with pytest.raises(DataError, match=r"data.decimal=','\" reads it as 1.234;"):
        read(["1,234", "5,67"])  # no thousands
    with pytest.raises(DataError, match=r"different units, '\$', 'EUR'"):
        read(["5$", "6 EUR"])


@pytest.mark.parametrize("texts", [["1,5", "1,23"], ["12,34", "1,234"], ["1,2345", "1,234"], [",123", "1,234"]])
def test_thousands_come_in_threes(texts: list) -> None:
    with pytest.raises(DataError, match="found"):
        read(texts, thousands=",")


def test_signs_and_digits_that_need_no_option() -> None:
    assert read(["\u221212", "+3", "\uff11\uff12", " 5 ", "1e3", "2.", ".5"]) == [-12, 3, 12, 5, 1000, 2, 0.5]
    assert np.isnan(read(["1", "  ", None])[1:]).all()


@pytest.mark.parametrize(
    "texts",
    [
        ["a", "b", "12"],
        ["A12", "B13", "C14"],
        ["2D", "3D"],
        ["2020-01-01", "2020-01-02"],
        ["12:30", "13:30"],
        ["10-20", "20-30"],
        ["10.0.0.1", "10.0.0.2"],
        ["1.2.3", "1.2.4"],
        ["NA", "EU"],
    ],
)
def test_words_are_words(texts: list) -> None:
    assert not column_texts(table(texts), "x").seem_numbers


def test_numbers_that_float64_merges() -> None:
    ids = ["123456789012345678", "123456789012345679", "123456789012345678"]
    for texts in (ids, [int(text) for text in ids], [*ids, None], ["9" * 30, "9" * 29 + "8"]):
        with pytest.raises(DataError, match=r"line 3, column 'x': \d+ and \d+ \(line 2\) have more digits"):
            read(texts)
    assert read(["9007199254740993", "9007199254740995"]) == [9007199254740993, 9007199254740995]
    assert read(["123456789012345678", "123456789012345600"])[0] == 123456789012345678


def test_zeros_before_a_number_are_no_number_twice(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DataError, match=r"line 3, column 'x': '7' and '007' \(line 2\) would become one number"):
        read(["007", "7"])
    assert read(["01", "02", "12"]) == [1, 2, 12] and "zeros before them" in caplog.text


def test_every_written_number_is_read_back() -> None:
    draw = random.Random(0)
    for decimal, thousands in itertools.product(".,", [None, ",", ".", " ", "'", "_"]):
        if decimal == thousands:
            continue
        numbers = [round(draw.uniform(-1e7, 1e7), draw.choice([0, 1, 4])) for _ in range(40)]
        written = [f"{number:,}" if thousands else f"{number}" for number in numbers]
        marks = str.maketrans({",": thousands or "", ".": decimal})
        assert read([each.translate(marks) for each in written], decimal=decimal, thousands=thousands) == numbers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decimal": ";"}, r"data.decimal=';': expected one of '\.', ','"),
        ({"thousands": "-"}, r"data.thousands='-': expected one of"),
        ({"thousands": "."}, r"data.thousands and data.decimal are both '\.'"),
        ({"quoting": "minimal"}, r"data.quoting='minimal' is unknown"),
        ({"separator": ",", "decimal": ",", "quoting": "none"}, "needs quotation marks"),
        ({"separator": "ab"}, "data.separator='ab'"),
        ({"separator": "\u00a7"}, "expected one character of ASCII"),
        ({"separator": "e"}, "expected a mark"),
        ({"units": ["m2"]}, "data.units: found 'm2'"),
        ({"units": [""]}, "data.units: found ''"),
        ({"encoding": "utf-9"}, "data.encoding='utf-9' is unknown"),
    ],
)
def test_options_that_cannot_be(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Dialect(**options)


def test_words_that_yaml_takes_for_something_else() -> None:
    assert Dialect(missing_words=[None, float("nan"), -999, "?"]).missing_words == (
        *("null", "NULL", "Null", "nan", "NaN", "NAN", "-999", "?"),
    )
    assert {"NA", "None", "null"} <= set(Dialect(missing_words="usual").missing_words)
