"""Tables as they come: a CSV or Parquet file or a frame at hand, with the place of each row kept for messages."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from darts_pl.errors import ConfigError, DataError

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".txt", ".tsv")
NEIGHBOURS = 5  # files that a message about a missing one names


@dataclass(frozen=True)
class RawTable:
    """A table before any check.

    Attributes:
        frame: its columns; the index holds the number of each row in the source.
        name: what messages call the source.
        unit: what the index counts: "line" of a file (the header is line 1) or "row" (from 1).
    """

    frame: pd.DataFrame
    name: str
    unit: str

    def place(self, position: int) -> str:
        """Where the row at `position` of the frame stands in the source, such as "line 17"."""
        return f"{self.unit} {self.frame.index[position]}"


class TableSource(Protocol):
    """Anything that gives a table: `TableFile`, `TableFrame`, or one's own."""

    def load(self) -> RawTable:
        """The table."""
        ...


@dataclass(frozen=True)
class TableFile:
    """A CSV file in UTF-8 with one line of column names, or a Parquet file (`.parquet`, `.pq`).

    Args:
        path: the file. separator: of a CSV's columns.
    """

    path: str | Path
    separator: str = ","

    def load(self) -> RawTable:
        """The table.

        Raises:
            DataError: no such file, an empty or damaged one, not UTF-8, columns of one name, rows longer than the
                header. ConfigError: pyarrow is missing, or a file that is neither kind.
        """
        path = Path(self.path).expanduser()
        if not path.is_file():
            raise DataError(f"{path} is no file. {_neighbours(path)}")
        kind = path.suffix.lower()
        if kind not in PARQUET + TEXT:
            raise ConfigError(f"{path}: found the suffix {kind!r}, expected {', '.join(TEXT + PARQUET)}")
        table = _read_parquet(path) if kind in PARQUET else _read_csv(path, self.separator)
        if table.frame.empty:
            raise DataError(f"{path} holds no rows below its {len(table.frame.columns)} column names")
        return table


@dataclass(frozen=True)
class TableFrame:
    """A pandas frame; an index of times becomes a column of its name, or `time`."""

    frame: pd.DataFrame
    name: str = "the table"

    def load(self) -> RawTable:
        """The table.

        Raises:
            DataError: no rows, or two columns of one name.
        """
        if self.frame.empty:
            raise DataError(f"{self.name} holds no rows")
        return _numbered(self.frame, self.name)


def _read_csv(path: Path, separator: str) -> RawTable:
    separator = "\t" if separator == r"\t" else separator  # as a command line gives it
    if len(separator) != 1:
        raise ConfigError(f"data.separator={separator!r}: expected one character")
    options = {"sep": separator, "encoding": "utf-8-sig", "skip_blank_lines": False}
    try:
        header = pd.read_csv(path, header=None, nrows=1, dtype=str, **options)
        frame = pd.read_csv(path, low_memory=False, **options)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}. Save it as UTF-8"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} is empty; expected a line of column names and rows below it") from error
    except pd.errors.ParserError as error:
        raise DataError(f"{path} is no readable CSV with the separator {separator!r}: {error}") from error
    names = [str(name).strip() for name in header.iloc[0]]
    if len(names) == 1 and (other := next((mark for mark in ";\t|" if mark in names[0]), None)):
        raise DataError(f"{path}: found one column, {names[0]!r}. Give its separator: data.separator={other!r}")
    _check_names(names, str(path))
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(f"{path}: the rows hold more values than the {len(names)} column names of line 1")
    frame.columns = names
    frame.index = frame.index + 2  # the header is line 1
    return RawTable(frame.dropna(how="all"), str(path), "line")  # blank lines


def _read_parquet(path: Path) -> RawTable:
    try:
        import pyarrow
    except ImportError as error:
        raise ConfigError(f"{path}: Parquet needs pyarrow: pip install 'darts_pl[forecasting]'") from error
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is no readable Parquet file ({type(error).__name__}: {error})") from error
    return _numbered(frame, str(path))


def _numbered(frame: pd.DataFrame, name: str) -> RawTable:
    if isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.rename_axis(frame.index.name or "time").reset_index()
    names = [str(column) for column in frame.columns]
    _check_names(names, name)
    return RawTable(frame.set_axis(names, axis=1).set_axis(range(1, len(frame) + 1), axis=0), name, "row")


def _check_names(names: list[str], where: str) -> None:
    if nameless := [i for i, name in enumerate(names, 1) if name in ("", "nan")]:
        raise DataError(
            f"{where}: column {nameless[0]} of {len(names)} has no name, as where row numbers were saved. Name it "
            "(`date` where it holds the times) or leave it out"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{where}: two columns are named {', '.join(map(repr, twice))}; expected each name once")


def _neighbours(path: Path) -> str:
    folder = path.parent.absolute()
    if path.is_dir():
        return "It is a folder; give the file in it"
    if not folder.is_dir():
        return f"The folder {path.parent} does not exist"
    tables = sorted(other.name for other in folder.iterdir() if other.suffix.lower() in PARQUET + TEXT)
    if close := difflib.get_close_matches(path.name, tables, n=1):
        return f"Did you mean {close[0]!r}?"
    tables = [name for name in tables if not name.lower().endswith(".txt")]  # few of these are tables
    shown = ", ".join(tables[:NEIGHBOURS]) + (", ..." if len(tables) > NEIGHBOURS else "")
    return f"In {folder} there {f'are the tables {shown}' if tables else 'is no table'}"
