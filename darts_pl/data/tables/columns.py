"""One column of a table as numbers a network can take, fitted to training rows."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from darts_pl.errors import DataError

log = logging.getLogger(__name__)

Numbers = npt.NDArray[np.float64]
MOST_CATEGORIES = 100  # of one column that become features


def is_number(values: pd.Series) -> bool:
    """Whether a column holds numbers; truth values are categories."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def as_text(values: pd.Series) -> pd.Series:
    """Values as text, missing ones None: the code 7 is "7", also where missing values made it 7.0."""

    def text(value: object) -> str | None:
        if pd.isna(value):
            return None
        whole = isinstance(value, (float, np.floating)) and float(value).is_integer()
        return str(int(value)) if whole else str(value)

    return pd.Series([text(value) for value in values], index=values.index, dtype=object)


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

    def transform(self, values: pd.Series, place: Callable[[int], str]) -> Numbers:
        """float64 [rows, features].

        Raises:
            DataError: something else than a finite number or nothing, with its `place`.
        """
        numbers = pd.to_numeric(values, errors="coerce").astype(np.float64).to_numpy(np.float64, na_value=np.nan)
        missing = values.isna().to_numpy(bool)
        if len(wrong := np.flatnonzero((np.isnan(numbers) & ~missing) | np.isinf(numbers))):
            at = int(wrong[0])
            found = values.iloc[[at]].tolist()[0]  # a number of Python
            raise DataError(f"{place(at)}, column {self.name!r}: found {found!r}, expected a finite number")
        parts = []
        if self.std is not None:
            parts.append((np.where(missing, self.median, numbers) - self.mean) / self.std)
        if self.indicator:
            parts.append(missing.astype(np.float64))
        return np.stack(parts, axis=1)


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

    def transform(self, values: pd.Series, place: Callable[[int], str]) -> Numbers:
        """float64 [rows, features]."""
        text = as_text(values).to_numpy()
        known = [text == value for value in self.values]
        return np.stack([*known, *([values.isna().to_numpy()] if self.indicator else [])], axis=1).astype(np.float64)


Column = Number | Category


def fit_column(values: pd.Series) -> Column | None:
    """A column of training rows by its kind; None for one that says nothing."""
    return (Number if is_number(values) else Category).fit(values)
