"""How a delimited file is written, and a table as it was read from one, before any check of its values."""

import codecs
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from darts_pl.errors import ConfigError, nearest

DECIMALS = (".", ",")
THOUSANDS = (",", ".", " ", "'", "_")
NAMED = {"space": " ", "apostrophe": "'"}  # marks that shells make hard to write
ALIKE = {" ": " \u00a0\u202f\u2009", "'": "'\u2019"}  # written for a space or an apostrophe between thousands
QUOTINGS = ("auto", "cells", "none")
USUAL = "usual"
USUAL_MISSING = (  # those of pandas.read_csv
    *("NA", "N/A", "n/a", "<NA>", "#NA", "#N/A", "#N/A N/A", "null", "NULL", "None", "nan", "NaN", "-nan", "-NaN"),
    *("1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
OF_NULL, OF_NAN = ("null", "NULL", "Null"), ("nan", "NaN", "NAN")  # as which YAML and Hydra read words without quotes


@dataclass(frozen=True)
class Dialect:
    r"""How a file is written.

    Args:
        separator: between columns, one character of ASCII; the two characters `\t` stand for a tabulator.
        decimal: the mark before decimals, "." or ",".
        thousands: the mark between thousands: "," "." "_", " " or "space" (narrow ones too), "'" or "apostrophe"; None
            where there is none. Groups are of three digits, else the number is refused.
        units: what may stand before or behind a number and is taken off: `["%", "EUR"]`.
        quoting: "auto": quotation marks around a cell are taken off, and one that seems to be a character of a text,
            since it would make one cell of whole rows, is refused; "cells": such a cell is right; "none": quotation
            marks are characters like others.
        missing_words: words that stand for a missing value, beside the empty cell: `["NA", "?"]`; "usual" for those
            that pandas takes for one.
        encoding: of the file.

    Raises:
        ConfigError: an unknown choice, marks that contradict each other.
    """

    separator: str = ","
    decimal: str = "."
    thousands: str | None = None
    units: Sequence[str] = ()
    quoting: str = "auto"
    missing_words: str | Sequence[str] = ()
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        object.__setattr__(self, "separator", "\t" if self.separator == r"\t" else self.separator)
        object.__setattr__(self, "thousands", NAMED.get(self.thousands or "", self.thousands))
        object.__setattr__(self, "units", _words("units", self.units))
        object.__setattr__(self, "missing_words", _missing(self.missing_words))
        if len(self.separator) != 1 or not self.separator.isascii():
            raise ConfigError(f"data.separator={self.separator!r}: expected one character of ASCII")
        if self.separator.isalnum() or self.separator in '"\r\n':
            raise ConfigError(f"data.separator={self.separator!r}: expected a mark such as ',' ';' '|' or '\\t'")
        if self.decimal not in DECIMALS:
            raise ConfigError(f"data.decimal={self.decimal!r}: expected one of {_listed(DECIMALS)}")
        if self.thousands is not None and self.thousands not in THOUSANDS:
            raise ConfigError(
                f"data.thousands={self.thousands!r}: expected one of {_listed(THOUSANDS)}, {_listed(NAMED)}, or null"
            )
        if self.thousands == self.decimal:
            raise ConfigError(f"data.thousands and data.decimal are both {self.decimal!r}, expected different marks")
        if self.quoting not in QUOTINGS:
            raise ConfigError(f"data.quoting={self.quoting!r} is unknown. {nearest(self.quoting, QUOTINGS)}")
        if self.quoting == "none" and self.separator in (self.decimal, self.thousands):
            raise ConfigError(
                f"data.separator={self.separator!r} is a mark of numbers too, which needs quotation marks"
            )
        if wrong := [unit for unit in self.units if any(mark.isdigit() for mark in unit)]:
            raise ConfigError(f"data.units: found {wrong[0]!r}, expected marks or words without digits")
        try:
            codecs.lookup(self.encoding)
        except LookupError as error:
            raise ConfigError(
                f"data.encoding={self.encoding!r} is unknown, expected a name such as utf-8 or latin-1"
            ) from error

    @property
    def between_thousands(self) -> str:
        """Every mark that stands for `thousands`; "" where there is none."""
        return "" if self.thousands is None else ALIKE.get(self.thousands, self.thousands)


@dataclass(frozen=True)
class RawTable:
    """A table before any check.

    Attributes:
        frame: its columns; the index holds the number of each row in the source.
        name: what messages call the source.
        unit: what the index counts: "line" of a file (the header is line 1) or "row" (from 1).
        dialect: how numbers are written in columns of text.
    """

    frame: pd.DataFrame
    name: str
    unit: str
    dialect: Dialect = field(default_factory=Dialect)

    def place(self, position: int) -> str:
        """Where the row at `position` of the frame stands in the source, such as "line 17"."""
        return f"{self.unit} {self.frame.index[position]}"


def _missing(given: Any) -> tuple[str, ...]:
    if given == USUAL:
        return USUAL_MISSING
    found: list[Any] = []
    for word in [given] if isinstance(given, str | int | float) else given:
        if word is None or (isinstance(word, float) and math.isnan(word)):
            found.extend(OF_NULL if word is None else OF_NAN)
        else:
            found.append(str(word) if isinstance(word, int | float) else word)
    return _words("missing_words", found)


def _words(key: str, given: str | Sequence[str]) -> tuple[str, ...]:
    found = (given,) if isinstance(given, str) else tuple(given)
    for word in found:
        if not isinstance(word, str) or not word.strip():
            raise ConfigError(f"data.{key}: found {word!r}, expected words")
    return tuple(word.strip() for word in found)


def _listed(marks: Iterable[str]) -> str:
    return ", ".join(map(repr, marks))
