"""One column of a table as numbers a network can take, fitted to training rows."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from darts_pl.data.delimited.columns import is_text
from darts_pl.data.delimited.describe import is_number
from darts_pl.data.delimited.dialect import USUAL_MISSING
from darts_pl.errors import DataError

log = logging.getLogger(__name__)

Features = npt.NDArray[np.float32]
TRUTHS = ("true", "false")
MOST_CATEGORIES = 100  # of one column that become features


def as_text(values: pd.Series) -> pd.Series:
    """Values as text, missing ones and blanks None: the code 7 is "7", also where missing values made it 7.0."""

    def text(value: object) -> str | None:
        if pd.isna(value):
            return None
        if isinstance(value, (float, np.floating)) and float(value).is_integer():
            return str(int(value))
        return str(value) if str(value).strip() else None

    if pd.api.types.is_object_dtype(values) and pd.api.types.infer_dtype(values, skipna=True) != "string":
        return pd.Series([text(value) for value in values], index=values.index, dtype=object)
    codes, distinct = pd.factorize(values)
    texts = np.array([*map(text, distinct), None], dtype=object)
    return pd.Series(texts[codes], index=values.index, dtype=object)


@dataclass(frozen=True)
class Number:
    """A column of numbers: standardised, what is missing at the median, and 1 in a second feature where it is missing.

    Attributes:
        median, mean, std: of the training rows, the latter two after filling; std is None where all known values are
            the same, and then only the second feature is left.
        indicator: whether training rows missed values, and so whether there is the second feature.
    """

    name: str
    median: float
    mean: float
    std: float | None
    indicator: bool

    @classmethod
    def fit(cls, values: pd.Series) -> "Number | None":
        """Of training rows; None for a column that says nothing: one value, none missing, or all missing.

        Raises:
            DataError: values so large that their spread is not finite.
        """
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        missing = np.isnan(numbers)
        if missing.all():
            return None
        median = float(np.median(numbers[~missing]))
        constant = bool((numbers[~missing] == median).all())
        if constant and not missing.any():
            return None
        filled = np.where(missing, median, numbers)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, std = float(filled.mean()), float(filled.std())
        if not np.isfinite([mean, std]).all():
            raise DataError(f"column {values.name!r}: values up to {np.abs(filled).max():.3g} are too large")
        return cls(str(values.name), median, mean, None if constant else std, bool(missing.any()))

    @property
    def features(self) -> list[str]:
        """Names of what the column becomes."""
        return [self.name] * (self.std is not None) + [f"{self.name} is missing"] * self.indicator

    def transform(self, values: pd.Series, place: Callable[[int], str], out: Features | None = None) -> Features:
        """float32 [rows, features], written into `out` where it is given.

        Raises:
            DataError: something else than a finite number or nothing, with its `place`.
        """
        out = np.empty((len(values), len(self.features)), np.float32) if out is None else out
        plain = values if is_number(values) else pd.to_numeric(values, errors="coerce").astype(np.float64)
        numbers, missing = plain.to_numpy(np.float64, na_value=np.nan), _missing(values)
        if len(wrong := np.flatnonzero((np.isnan(numbers) & ~missing) | np.isinf(numbers))):
            at = int(wrong[0])
            found = values.iloc[[at]].tolist()[0]  # a number of Python
            raise DataError(
                f"{place(at)}, column {self.name!r}: found {found!r}, expected a finite number, with a point before "
                "its decimals where it is text"
            )
        if self.std is not None:
            out[:, 0] = (np.where(missing, self.median, numbers) - self.mean) / self.std
        if self.indicator:
            out[:, -1] = missing
        return out

    def check_reading(self, values: pd.Series) -> None:
        """Nothing: a text of a number is that number, however a frame was read."""


@dataclass(frozen=True)
class Category:
    """A column of categories: one feature a category, 1 where a row is of it; all 0 of a category that is not known.

    Attributes:
        values: the training rows' categories, sorted; the `MOST_CATEGORIES` most frequent where there are more.
        indicator: whether training rows missed values, which has a feature of its own then.
    """

    name: str
    values: tuple[str, ...]
    indicator: bool

    @classmethod
    def fit(cls, values: pd.Series) -> "Category | None":
        """Of training rows; None for a column that says nothing: one category, none missing, or all missing."""
        text = as_text(values)
        counts = text.value_counts()
        if len(counts) == 0 or (len(counts) == 1 and text.notna().all()):
            return None
        frequent = sorted(counts.index, key=lambda value: (-counts[value], value))[:MOST_CATEGORIES]
        if len(counts) > MOST_CATEGORIES:
            log.warning(
                "column %r holds %d categories: the %d most frequent ones become features",
                values.name,
                len(counts),
                MOST_CATEGORIES,
            )
        return cls(str(values.name), tuple(sorted(frequent)), bool(text.isna().any()))

    @property
    def features(self) -> list[str]:
        """Names of what the column becomes."""
        return [f"{self.name}={value}" for value in self.values] + [f"{self.name} is missing"] * self.indicator

    def transform(self, values: pd.Series, place: Callable[[int], str], out: Features | None = None) -> Features:
        """float32 [rows, features], written into `out` where it is given."""
        out = np.empty((len(values), len(self.features)), np.float32) if out is None else out
        out[:] = 0
        text = as_text(values).to_numpy()
        codes = self._codes(text)
        known = np.flatnonzero(codes >= 0)
        out[known, codes[known]] = 1
        if self.indicator:
            out[:, -1] = pd.isna(text)
        return out

    def check_reading(self, values: pd.Series) -> None:
        """Whether rows that somebody else read can mean the categories of the training.

        Raises:
            DataError: numbers, where the categories are codes with zeros before them or the like; missing values, where
                a category is a word that pandas takes for one unless told otherwise.
        """
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            floats = pd.api.types.is_float_dtype(values)
            lost = next((each for each in self.values if not _survives(each, floats)), None)
            if lost is not None:
                raise DataError(
                    f"column {self.name!r}: found numbers, in which a category of the training such as {lost!r} is "
                    f"lost. Read the column as text: pandas.read_csv(..., dtype={{{self.name!r}: str}})"
                )
        text = as_text(values)
        words = [each for each in self.values if each in USUAL_MISSING]
        if words and (absent := values.isna().to_numpy()).any() and not text.isin(words).any():
            raise DataError(
                f"column {self.name!r}: nothing is found in {int(absent.sum())} rows (first row "
                f"{int(absent.argmax()) + 1}), while {words[0]!r} is a category of the training, which pandas takes "
                "for missing unless told otherwise. Read it as text: pandas.read_csv(..., keep_default_na=False)"
            )
        unknown = text[(self._codes(text.to_numpy()) < 0) & text.notna().to_numpy()]
        if len(unknown):
            log.warning(
                "column %r: %d of %d rows hold categories that the training had none of, such as %r",
                self.name,
                len(unknown),
                len(text),
                unknown.iloc[0],
            )

    def _codes(self, text: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
        """The numbers of categories, -1 of others; truth values are the same in capitals and in small letters."""
        codes = pd.Index(self.values, dtype=object).get_indexer(text)
        truths = [each for each in self.values if each.lower() in TRUTHS]
        if len({each.lower() for each in truths}) == len(truths) > 0:
            lower = {each.lower(): code for code, each in enumerate(self.values) if each in truths}
            for at in np.flatnonzero(codes < 0):
                codes[at] = lower.get(text[at].lower(), -1) if isinstance(text[at], str) else -1
        return codes


def _missing(values: pd.Series) -> npt.NDArray[np.bool_]:
    """Where a row holds nothing, or blanks."""
    missing = values.isna().to_numpy(bool)
    if not is_text(values):
        return missing
    return missing | np.array([isinstance(value, str) and not value.strip() for value in values], bool)


def _survives(category: str, floats: bool) -> bool:
    """Whether a category that was read as a number, as float64 or as it came, is the same as text; words are none."""
    number = pd.to_numeric(category, errors="coerce")
    number = float(number) if floats else number
    return bool(np.isnan(number)) or as_text(pd.Series([number])).iloc[0] == category


Column = Number | Category


def fit_column(values: pd.Series) -> Column | None:
    """A column of training rows by its kind; None for one that says nothing."""
    return (Number if is_number(values) else Category).fit(values)
