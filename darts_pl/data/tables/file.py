"""One's own table in a CSV or Parquet file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from darts_pl.data.series import reading
from darts_pl.data.series.reading import RawTable
from darts_pl.data.tables.columns import as_text, is_number
from darts_pl.data.tables.table import Table
from darts_pl.errors import ConfigError, DataError, nearest

MOSTLY = 0.9  # of the values of a column: then the others are taken for mistakes


@dataclass(frozen=True)
class TableFile:
    """A CSV file in UTF-8 with one line of column names, or a Parquet file.

    Args:
        csv: the file.
        target: the column to predict, or several columns of numbers.
        tables: name of an input → its columns, where a network gets several tables; columns in none are left out.
            None: one table of all columns but the target.
        separator: of a CSV's columns.
        test: a second file with the same columns that holds the test rows.
        categories: columns of numbers that are codes, such as postal codes; text is taken for categories anyway.
    """

    csv: str | Path
    target: str | Sequence[str]
    tables: Mapping[str, Sequence[str]] | None = None
    separator: str = ","
    test: str | Path | None = None
    categories: Sequence[str] = ()

    def load(self) -> Table:
        """The table, checked.

        Raises:
            DataError: what `darts_pl.data.series.TableFile` refuses (no such file, no rows, columns of one name, ...),
                a test file of other columns, an infinite value, a text among numbers, with file, row and column.
            ConfigError: a target, a table's column or a category that is no column, a table without columns.
        """
        train = reading.TableFile(self.csv, self.separator).load()
        test = None if self.test is None else reading.TableFile(self.test, self.separator).load()
        frame, place, test_rows = _joined(train, test)
        targets = (self.target,) if isinstance(self.target, str) else tuple(self.target)
        names = [str(name) for name in frame.columns]
        self._check_columns(names, targets, train.name)
        for column in self.categories:
            frame[column] = as_text(frame[column])
        table = Table(frame, targets, train.name, self._inputs(), None, test_rows, place)
        for column in (*targets, *table.features):
            _check_values(table, column)
        return table

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


def _joined(train: RawTable, test: RawTable | None):
    """All rows, where each stands, and the numbers of the test rows."""
    if test is None:
        return train.frame.reset_index(drop=True), lambda position: f"{train.name}, {train.place(position)}", None
    columns = list(train.frame.columns)
    if missing := [column for column in columns if column not in test.frame.columns]:
        found = nearest(missing[0], map(str, test.frame.columns))
        raise DataError(f"{test.name} has no column {missing[0]!r}, expected those of {train.name}. {found}")
    size = len(train.frame)
    frame = pd.concat([train.frame, test.frame[columns]], ignore_index=True)

    def place(position: int) -> str:
        table, at = (train, position) if position < size else (test, position - size)
        return f"{table.name}, {table.place(at)}"

    return frame, place, np.arange(size, len(frame))


def _check_values(table: Table, column: str) -> None:
    """An infinite number, or a text in a column that else holds numbers."""
    values = table.frame[column]
    if is_number(values):
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        if len(wrong := np.flatnonzero(np.isinf(numbers))):
            raise DataError(f"{table.place(int(wrong[0]))}, column {column!r}: found {numbers[wrong[0]]}, not finite")
        return
    if values.map(lambda value: isinstance(value, (bool, np.bool_))).any():
        return
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = np.flatnonzero(numbers.isna() & values.notna())
    if len(wrong) > 0 and numbers.notna().sum() >= MOSTLY * values.notna().sum():
        raise DataError(
            f"{table.place(int(wrong[0]))}, column {column!r}: found {values.iloc[int(wrong[0])]!r}, expected a number "
            "as in other rows. Leave it empty where it is missing, or name the column in data.categories"
        )
