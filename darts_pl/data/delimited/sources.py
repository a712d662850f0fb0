"""Where tables come from: a delimited or Parquet file, or a frame at hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd

from darts_pl.data.delimited.dialect import Dialect
from darts_pl.data.delimited.raw import RawTable
from darts_pl.data.delimited.reading import check_names, read_delimited
from darts_pl.errors import ConfigError, DataError, nearest

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".txt", ".tsv")


class TableSource(Protocol):
    """Anything that gives a table: `TableFile`, `TableFrame`, or one's own."""

    def load(self) -> RawTable:
        """The table."""
        ...


@dataclass(frozen=True)
class TableFile:
    """A CSV file with one line of column names, or a Parquet file (`.parquet`, `.pq`).

    Args:
        path: the file. separator: of a CSV's columns. dialect: how else a CSV is written; its separator counts for
            nothing where `separator` is given.
    """

    path: str | Path
    separator: str | None = None
    dialect: Dialect = field(default_factory=Dialect)

    def load(self, text: Callable[[str], bool] = lambda name: False) -> RawTable:
        """The table.

        Args:
            text: whether the column of a name is read as text whatever it holds.

        Raises:
            DataError: no such file, an empty or damaged one, and what `read_delimited` refuses.
            ConfigError: pyarrow is missing, or a file that is neither kind.
        """
