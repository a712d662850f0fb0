"""A column as numbers or as words: decided by all of its cells, and refused where that would be a guess."""

import logging
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd

from darts_pl.data.delimited.dialect import USUAL_MISSING, Dialect, RawTable
from darts_pl.data.delimited.numbers import Likeness, Reader, likeness, options_that_read
from darts_pl.errors import DataError

log = logging.getLogger(__name__)

MOSTLY = 0.5  # of the values of a column: then the others are taken for mistakes
SAMPLE = 2000  # different values that are looked at first
FEW_UNITS, MANY_VALUES = 3, 5  # different words behind numbers, and different numbers, that make them quantities
PLACEHOLDERS = frozenset(
    word.lower() for word in (*USUAL_MISSING, "?", "-", "--", ".", "*", "unknown", "missing", "nil")
)  # which often stand for a missing value
EXACT = 2**53  # whole numbers beyond it are not all kept by float64
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
SHOWN = 60  # characters of a value in a message


@dataclass(frozen=True)
class ColumnTexts:
    """The texts of a column, each once.

    Attributes:
        codes: int64 [rows], which of `texts` a row holds, -1 for none. texts: the different ones, in their first order.
    """

    codes: npt.NDArray[np.int64]
    texts: list[str]
    reader: Reader

    @classmethod
    def of(cls, values: pd.Series, reader: Reader) -> "ColumnTexts":
        """Of a column; blanks alone are nothing."""
        codes, uniques = pd.factorize(values)
        texts = [str(each) for each in uniques]
        filled = np.array([bool(text.strip()) for text in texts] + [False])
        renumbered = np.where(filled, np.cumsum(filled) - 1, -1)
        return cls(renumbered[codes], [text for text in texts if text.strip()], reader)

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """How many rows hold each text."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))

    @cached_property
    def plain(self) -> list[str | None]:
        """Each text as a number in Python's notation; None where it is none."""
        return [self.reader.plain(text) for text in self.texts]

    @cached_property
    def alike(self) -> dict[int, Likeness]:
        """Of texts that are no numbers those that look like one."""
        no_numbers = [i for i, plain in enumerate(self.plain) if plain is None]
        found = {i: alike for i in no_numbers if (alike := likeness(self.texts[i])) is not None}
        units = Counter(alike.unit for alike in found.values() if alike.unit and not alike.money)
        many = len({alike.core for alike in found.values()}) >= MANY_VALUES and len(units) <= FEW_UNITS
        return {i: alike for i, alike in found.items() if alike.money or many or not (alike.unit or alike.odd)}

    @property
    def seem_numbers(self) -> bool:
        """Whether most rows hold a number, of this notation or of another."""
        if len(self.texts) > 2 * SAMPLE:
            some = [self.texts[i] for i in np.linspace(0, len(self.texts) - 1, SAMPLE).astype(int)]
            if sum(likeness(text) is not None for text in some) < MOSTLY / 2 * SAMPLE:
                return False
        numbers = sum(self.rows[i] for i, plain in enumerate(self.plain) if plain is not None or i in self.alike)
        words = sum(
            self.rows[i]
            for i, plain in enumerate(self.plain)
            if plain is None and i not in self.alike and self.texts[i].strip().lower() not in PLACEHOLDERS
        )
        return numbers > 0 and numbers >= MOSTLY * (numbers + words)

    @property
    def digits_alone(self) -> bool:
        """Whether all texts are numbers that need no option."""
        reader = Reader(Dialect())
        return all(reader.plain(text) is not None for text in self.texts)

    @property
    def any_number(self) -> bool:
        """Whether a text is a number."""
        return any(plain is not None for plain in self.plain)

    def first(self, text: int) -> int:
        """The first row that holds a text."""
        return int((self.codes == text).argmax())


def column_texts(raw: RawTable, name: str) -> ColumnTexts:
    """The texts of a column."""
    return ColumnTexts.of(raw.frame[name], Reader(raw.dialect))


def is_text(values: pd.Series) -> bool:
    """Whether a column holds texts or a mixture, and no numbers, truth values or times alone."""
    if pd.api.types.is_object_dtype(values):
        return pd.api.types.infer_dtype(values, skipna=True) not in ("boolean", "datetime", "datetime64", "date")
    return pd.api.types.is_string_dtype(values)


def number_column(raw: RawTable, name: str, otherwise: str, *, codes: bool = False) -> pd.Series:
    """A column as numbers: int64 where all are whole and none is missing, else float64.

    Args:
        raw: the table. name: of the column.
        otherwise: for messages, what to do where the column holds no numbers.
        codes: whether digits may be those of a code: then it is refused where two different ones would become one
            number, by zeros before one of them or by more digits than float64 keeps.

    Raises:
        DataError: a text, with its place and the option that reads it; codes that would become one.
    """
    values = raw.frame[name]
    if not is_text(values):
        if codes:
            _check_distinct(raw, name, values, otherwise)
        return values
    words = column_texts(raw, name)
    texts: list[str] = []
    for i, plain in enumerate(words.plain):
        if plain is None:
            _refuse(raw, name, words, i, otherwise)
        texts.append(plain)
    numbers = np.array([float(text) for text in texts], np.float64)
    whole = {i: int(text) for i, text in enumerate(texts) if text.lstrip("+-").isdigit()}
    if np.isinf(numbers).any():
        i = int(np.isinf(numbers).argmax())
        at = f"{raw.name}, {raw.place(words.first(i))}, column {name!r}: found {words.texts[i][:SHOWN]!r}"
        raise DataError(f"{at}, not finite as a number of float64; {otherwise}")
    if codes:
        _check_whole(raw, name, words, whole, otherwise)
    if codes and any(has_zeros(words.texts[i].strip()) for i in whole):
        _check_zeros(raw, name, words, whole, otherwise)
        log.warning("%s, column %r: numbers are written with zeros before them; %s", raw.name, name, otherwise)
    missing = words.codes < 0
    if len(whole) == len(words.texts) and not missing.any() and all(-(2**63) <= n < 2**63 for n in whole.values()):
        found = np.array(list(whole.values()), np.int64)[words.codes]
    else:
        found = np.where(missing, np.nan, np.append(numbers, np.nan)[words.codes])
    return pd.Series(found, index=values.index, name=name)


def _refuse(raw: RawTable, name: str, words: ColumnTexts, i: int, otherwise: str) -> NoReturn:
    """Raises DataError of a text that is no number."""
    text, alike = words.texts[i], words.alike.get(i)
    place = f"{raw.name}, {raw.place(words.first(i))}, column {name!r}: found {text[:SHOWN]!r}"
    total = int((words.codes >= 0).sum())
    if INFINITE.fullmatch(text.strip()):
        raise DataError(f"{place}, not finite. Leave the cell empty where the value is missing; {otherwise}")
    if alike is None:
        numbers = int(sum(words.rows[j] for j, plain in enumerate(words.plain) if plain is not None))
        word = f" or give \"data.missing_words=['{text.strip()}']\"" if len(text) <= SHOWN else ""
        raise DataError(
            f"{place}, expected a number as in other rows ({numbers} of {total}). Where it stands for a missing value, "
            f"leave the cell empty{word}; {otherwise}"
        )
    others = [*words.alike] or [i]
    several = f" ({int(sum(words.rows[j] for j in others))} of {total} rows)"
    units = list(dict.fromkeys(words.alike[j].unit for j in words.alike if words.alike[j].unit))
    if alike.odd or len(units) > 1:
        what = alike.odd or f"one of numbers with different units, {', '.join(map(repr, units[:5]))}"
        raise DataError(f"{place}, {what}{several}, expected digits alone, as in 12.5 or -12. Write it so; {otherwise}")
    marked = [j for j, plain in enumerate(words.plain) if plain is not None and not words.texts[j].isdigit()]
    sample = [words.texts[j] for j in dict.fromkeys([i, *others[:SAMPLE], *marked[:SAMPLE]])]
    readings = options_that_read(sample, raw.dialect) or options_that_read([text], raw.dialect)
    how = ", or ".join(f"{options} reads it as {number:.15g}" for options, number in readings)
    how = how or f"expected a number with {raw.dialect.decimal!r} before its decimals"
    raise DataError(f"{place}, a number in another notation{several}. {how}; {otherwise}")


def _check_distinct(raw: RawTable, name: str, values: pd.Series, otherwise: str) -> None:
    if not pd.api.types.is_integer_dtype(values) or not len(values):
        return
    known = values.dropna()
    if len(known) and max(abs(int(known.min())), abs(int(known.max()))) > EXACT:
        first = np.flatnonzero((~values.duplicated() & values.notna()).to_numpy())
        found = [(int(value), str(value), int(row)) for value, row in zip(values.iloc[first], first)]
        _refuse_merged(raw, name, found, otherwise)


def _check_whole(raw: RawTable, name: str, words: ColumnTexts, whole: dict[int, int], otherwise: str) -> None:
    large = [(value, words.texts[i], i) for i, value in whole.items() if abs(value) > EXACT]
    if large:
        _refuse_merged(raw, name, [(value, text, words.first(i)) for value, text, i in large], otherwise)


def _refuse_merged(raw: RawTable, name: str, numbers: list[tuple[int, str, int]], otherwise: str) -> None:
    """Raises DataError where two different of some (number, text, row) are one in float64."""
    seen: dict[float, tuple[int, str, int]] = {}
    for value, text, row in numbers:
        other = seen.setdefault(float(value), (value, text, row))
        if other[0] != value:
            raise DataError(
                f"{raw.name}, {raw.place(row)}, column {name!r}: {text.strip()} and {other[1].strip()} "
                f"({raw.place(other[2])}) have more digits than a number keeps (float64, up to 2^53) and would become "
                f"one; {otherwise}"
            )


def _check_zeros(raw: RawTable, name: str, words: ColumnTexts, whole: dict[int, int], otherwise: str) -> None:
    """Raises DataError where a whole number is written with zeros before it and without."""
    seen: dict[int, int] = {}
    for i, value in whole.items():
        other = seen.setdefault(value, i)
        pair = [words.texts[j].strip() for j in (i, other)]
        if pair[0].lstrip("+") != pair[1].lstrip("+") and any(has_zeros(text) for text in pair):
            raise DataError(
                f"{raw.name}, {raw.place(words.first(i))}, column {name!r}: {pair[0]!r} and {pair[1]!r} "
                f"({raw.place(words.first(other))}) would become one number; {otherwise}"
            )


def has_zeros(text: str) -> bool:
    """Whether a number is written with a zero before another digit."""
    digits = text.lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
