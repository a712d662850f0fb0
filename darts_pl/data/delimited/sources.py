"""Tables as they come: a CSV or Parquet file or a frame at hand, with the place of each row kept for messages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from darts_pl.data.delimited.dialect import Dialect, RawTable
from darts_pl.data.delimited.reading import check_names, read_delimited
from darts_pl.errors import ConfigError, DataError

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".txt", ".tsv")


@dataclass(frozen=True)
class RawTableFile:
    """A CSV file with one line of column names, or a Parquet file (`.parquet`, `.pq`).

    Args:
        path: the file. dialect: how a CSV is written.
    """

    path: str | Path
    dialect: Dialect = field(default_factory=Dialect)

    def load(self, text: Callable[[str], bool] = lambda name: False) -> RawTable:
        """The table.

        Args:
            text: whether the column of a name is read from a CSV as text, whatever it holds.

        Raises:
            DataError: no such file, an empty or damaged one, and what `read_delimited` refuses.
            ConfigError: pyarrow is missing, or a file that is neither kind.
        """
        path = Path(self.path).expanduser()
        kind = path.suffix.lower()
        if path.is_file() and kind not in PARQUET + TEXT:
            raise ConfigError(f"{path}: found the suffix {kind!r}, expected {', '.join(TEXT + PARQUET)}")
        if not path.is_file() or kind in TEXT:
            return read_delimited(path, self.dialect, text, PARQUET + TEXT)
        table = _read_parquet(path, self.dialect)
        if table.frame.empty:
            raise DataError(f"{path} holds no rows below its {len(table.frame.columns)} column names")
        return table


@dataclass(frozen=True)
class RawTableFrame:
    """A pandas frame; an index of times becomes a column of its name, or `time`.

    Args:
        frame: the rows. name: what messages call them. dialect: how numbers are written in columns of text.
    """

    frame: pd.DataFrame
    name: str = "the table"
    dialect: Dialect = field(default_factory=Dialect)

    def load(self) -> RawTable:
        """The table.

        Raises:
            DataError: no rows, or two columns of one name.
        """
        if self.frame.empty:
            raise DataError(f"{self.name} holds no rows")
        return _with_row_numbers(self.frame, self.name, self.dialect)


def _read_parquet(path: Path, dialect: Dialect) -> RawTable:
    try:
        import pyarrow
    except ImportError as error:
        raise ConfigError(f"{path}: Parquet needs pyarrow: pip install 'darts_pl[forecasting]'") from error
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is no readable Parquet file ({type(error).__name__}: {error})") from error
    return _with_row_numbers(frame, str(path), dialect)


def _with_row_numbers(frame: pd.DataFrame, name: str, dialect: Dialect) -> RawTable:
    if isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.rename_axis(frame.index.name or "time").reset_index()
    names = [str(column) for column in frame.columns]
    check_names(names, name)
    return RawTable(frame.set_axis(names, axis=1).set_axis(range(1, len(frame) + 1), axis=0), name, "row", dialect)
