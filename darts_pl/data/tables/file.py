"""One's own table in a CSV or Parquet file."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from darts_pl.data.delimited import Dialect, RawTable, RawTableFile
from darts_pl.data.delimited.columns import ColumnTexts, column_texts, is_text, number_column
from darts_pl.data.delimited.describe import is_number, log_columns
from darts_pl.data.split import Index
from darts_pl.data.tables.columns import as_text
from darts_pl.data.tables.table import Table, made_once
from darts_pl.errors import ConfigError, DataError, nearest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TableFile:
    """A CSV file with one line of column names, or a Parquet file.

    A column of a CSV whose cells are all numbers or empty holds numbers, one of texts holds categories; what is neither
    for sure is refused, with the option that decides.

    Args:
        csv: the file.
        target: the column to predict, or several columns of numbers.
        tables: name of an input → its columns, where a network gets several tables; columns in none are left out.
            None: one table of all columns but the target.
        test: a second file with the same columns that holds the test rows.
        categories: columns that hold categories whatever they look like, such as postal codes, read as they are
            written; a target among them is of classes.
        dialect: how the files are written.
    """

    csv: str | Path
    target: str | Sequence[str]
    tables: Mapping[str, Sequence[str]] | None = None
    test: str | Path | None = None
    categories: Sequence[str] = ()
    dialect: Dialect = field(default_factory=Dialect)

    def load(self) -> Table:
        """The table, checked; its size and the types of its columns are told in the log. A table that is still in use
        somewhere is not read again.

        Raises:
            DataError: what `read_delimited` and `number_column` refuse, a test file of other columns, an infinite
                value, with file, row and column.
            ConfigError: a target, a table's column or a category that is no column, a table without columns.
        """
        files = [Path(file).expanduser() for file in (self.csv, self.test) if file is not None]
        states = [(each.st_mtime_ns, each.st_size) for file in files if file.is_file() and (each := file.stat())]
        return made_once((repr(self), *states), self._read)

    def _read(self) -> Table:
        train = RawTableFile(self.csv, self.dialect).load(self._is_category)
        names = [str(name) for name in train.frame.columns]
        targets = (self.target,) if isinstance(self.target, str) else tuple(self.target)
        self._check_columns(names, targets, train.name)
        used = [name for name in names if name in self._used(names, targets)]
        columns = {name: self._column(train, name) for name in used}
        log_columns(train.name, pd.DataFrame(columns, copy=False), used, Path(self.csv).expanduser().stat().st_size)
        test = self._test(train.name, columns) if self.test is not None else None
        frame, place, test_rows = _joined(train, columns, *(test or (None, {})))
        return Table(frame, targets, train.name, self._inputs(), None, test_rows, place)

    def _is_category(self, name: str) -> bool:
        return name in self.categories

    def _used(self, names: list[str], targets: tuple[str, ...]) -> set[str]:
        inputs = self._inputs()
        return {*targets, *(names if inputs is None else (column for group in inputs.values() for column in group))}

    def _column(self, raw: RawTable, name: str) -> pd.Series:
        """A column as numbers, or as categories: texts or truth values."""
        values = raw.frame[name]
        if self._is_category(name):
            return as_text(values)
        if is_text(values):
            words = column_texts(raw, name)
            if not words.seem_numbers or (raw.unit == "row" and words.digits_alone):  # text by its type, as codes are
                _warn_of_blanks(raw, name, words)
                return values.where(words.codes >= 0) if (words.codes < 0).any() else values
        elif not is_number(values):
            return values
        otherwise = f"\"data.categories=['{name}']\" takes the column for categories"
        numbers = number_column(raw, name, otherwise, codes=True)
        infinite = np.isinf(numbers.to_numpy(np.float64, na_value=np.nan))
        if infinite.any():
            at = int(infinite.argmax())
            raise DataError(f"{raw.name}, {raw.place(at)}, column {name!r}: found {numbers.iloc[at]}, not finite")
        return numbers

    def _test(self, train: str, columns: Mapping[str, pd.Series]) -> tuple[RawTable, dict[str, pd.Series]]:
        """The test rows, whose columns are of the types of the training rows."""
        words = {name for name, values in columns.items() if is_text(values)}
        assert self.test is not None  # asked for where there is one
        test = RawTableFile(self.test, self.dialect).load(words.__contains__)
        names = [str(name) for name in test.frame.columns]
        if missing := [name for name in columns if name not in names]:
            advice = nearest(missing[0], names)
            raise DataError(f"{test.name} has no column {missing[0]!r}, expected those of {train}. {advice}")
        found: dict[str, pd.Series] = {}
        for name, values in columns.items():
            if is_number(values):
                otherwise = f"the column holds numbers in {train}"
                found[name] = number_column(test, name, otherwise, codes=True)
            else:
                found[name] = as_text(test.frame[name]) if name in words else test.frame[name]
        log_columns(test.name, pd.DataFrame(found, copy=False), list(found))
        return test, found

    def _inputs(self) -> dict[str, tuple[str, ...]] | None:
        return None if self.tables is None else {str(name): tuple(found) for name, found in self.tables.items()}

    def _check_columns(self, names: list[str], targets: tuple[str, ...], file: str) -> None:
        groups = {"target": targets, "categories": self.categories}
        groups |= {f"tables.{name}": columns for name, columns in (self._inputs() or {}).items()}
        for group, columns in groups.items():
            if not columns and group != "categories":
                raise ConfigError(f"data.{group}: found no column, expected columns of {file}: {', '.join(names)}")
            for column in columns:
                if column not in names:
                    raise ConfigError(f"data.{group}: {file} has no column {column!r}. {nearest(column, names)}")
                if column in targets and group.startswith("tables."):
                    raise ConfigError(f"data.{group}: {column!r} is the target, expected columns to predict it from")
        if self.tables is not None and not all(map(str, self.tables or {"": ()})):
            raise ConfigError("data.tables: found no table or one without a name, expected names and columns, or null")
        if not set(names) - set(targets):
            raise DataError(f"{file}: found no column but the target, expected some to predict it from")


def _warn_of_blanks(raw: RawTable, name: str, words: ColumnTexts) -> None:
    """Tell categories that blanks around them keep apart."""
    seen: dict[str, str] = {}
    for text in words.texts:
        other = seen.setdefault(text.strip(), text)
        if other != text:
            log.warning("%s, column %r: %r and %r are two categories, by their blanks", raw.name, name, other, text)
            return


def _joined(
    train: RawTable, columns: Mapping[str, pd.Series], test: RawTable | None, test_columns: Mapping[str, pd.Series]
) -> tuple[pd.DataFrame, Callable[[int], str], Index | None]:
    """All rows, where each stands, and the numbers of the test rows."""
    size = len(train.frame)
    frame = pd.DataFrame({name: values.array for name, values in columns.items()}, copy=False)
    if test is None:
        return frame, lambda position: f"{train.name}, {train.place(position)}", None
    frame = pd.concat([frame, pd.DataFrame(test_columns)], ignore_index=True)

    def place(position: int) -> str:
        table, at = (train, position) if position < size else (test, position - size)
        return f"{table.name}, {table.place(at)}"

    return frame, place, np.arange(size, len(frame))
