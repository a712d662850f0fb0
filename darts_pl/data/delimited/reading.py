"""A delimited file as a frame: numbers where the file leaves no doubt, the texts of every other column as they are."""

import csv
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from darts_pl.data.delimited.content import Content, content_of
from darts_pl.data.delimited.dialect import Dialect, RawTable
from darts_pl.data.delimited.layout import Layout, layout_of, stream_of
from darts_pl.errors import DataError

log = logging.getLogger(__name__)

ROWS = 1 << 16  # read at a time, so that the memory of a large file is that of its numbers
LARGE_BYTES = 50 * 2**20
EXACT = 2**53  # whole numbers beyond it are not all kept by float64


def read_delimited(
    path: Path,
    dialect: Dialect,
    text: Callable[[str], bool] = lambda name: False,
    neighbours: tuple[str, ...] = (),
) -> RawTable:
    """The rows of a file below its line of column names, a column each.

    A column is int64 or float64 where every cell is such a number or empty and float64 keeps them apart, bool of truth
    values, else the cells' texts. What is missing is NaN: empty cells, and words that `dialect` names. Lines that are
    empty, or hold separators only, are left out, with a line in the log.

    Args:
        text: whether the column of a name is read as text whatever it holds.
        neighbours: suffixes of the files that a message offers where `path` is none.

    Raises:
        DataError: see `content_of` and `layout_of`; columns of one name or without one, no rows.
    """
    data = content_of(path, dialect.encoding, neighbours)
    if len(data) >= LARGE_BYTES:
        log.info("%s: reading %.0f MiB", path, len(data) / 2**20)
    layout = layout_of(data, path, dialect)
    names = layout.header
    check_names(names, str(path))
    if layout.records == layout.blank:
        raise DataError(f"{path} holds no rows below its {len(names)} column names")
    columns = _Columns(data, path, dialect, layout)
    first = next(columns.chunks(None, (), ROWS // 8))
    doubtful = [i for i, name in enumerate(names) if text(name) or not _is_plain(first[i])]
    del first
    found, lost = columns.read(doubtful)
    if layout.padded:
        lost |= {i for i, values in found.items() if _is_whole(values)}
    if lost:
        found |= columns.texts(sorted(lost))
    frame = pd.DataFrame({i: found.pop(i) for i in range(len(names))}, copy=False)
    if len(frame) != layout.records:
        raise DataError(f"{path}: {layout.records} rows were expected by its lines, {len(frame)} were read")
    frame.columns, frame.index = names, pd.Index(layout.lines())
    return RawTable(_without_blank(frame, path, layout.blank), str(path), "line", dialect)


class _Columns:
    """Columns of a file by their numbers."""

    def __init__(self, data: Content, path: Path, dialect: Dialect, layout: Layout):
        self.data, self.path, self.dialect, self.columns = data, path, dialect, len(layout.header)

    def chunks(self, columns: Sequence[int] | None, text: Sequence[int], rows: int = ROWS) -> Iterator[pd.DataFrame]:
        """The rows in parts; some columns, or all, of which `text` are not looked into."""
        own = self.dialect.decimal if self.dialect.decimal != self.dialect.separator else "."
        options = {
            "sep": self.dialect.separator,
            "decimal": own,
            "header": 0,
            "names": list(range(self.columns)),
            "usecols": columns,
            "dtype": dict.fromkeys(text, str),
            "quoting": csv.QUOTE_NONE if self.dialect.quoting == "none" else csv.QUOTE_MINIMAL,
            "na_values": ["", *self.dialect.missing_words],
            "keep_default_na": False,
            "skip_blank_lines": False,
            "index_col": False,
            "low_memory": False,
            "chunksize": rows,
            "engine": "c",
        }
        try:
            with pd.read_csv(stream_of(self.data), **options) as reader:
                yield from reader
        except pd.errors.ParserError as error:
            raise DataError(f"{self.path} is no readable table: {error}") from error

    def read(self, text: Sequence[int]) -> tuple[dict[int, pd.Series], set[int]]:
        """(all columns, those that were taken for numbers in vain)."""
        parts: dict[int, list[pd.Series]] = {i: [] for i in range(self.columns)}
        lost: set[int] = set()
        for chunk in self.chunks(None, text):
            for i in range(self.columns):
                if i not in lost and i not in text and not _is_plain(chunk[i]):
                    lost.add(i)
                    parts[i] = []
                elif i not in lost:
                    parts[i].append(chunk[i])
        lost |= {i for i, found in parts.items() if i not in lost and _would_merge(found)}
        return {i: _joined(parts.pop(i)) for i in range(self.columns) if i not in lost}, lost

    def texts(self, columns: Sequence[int]) -> dict[int, pd.Series]:
        """Some columns as text."""
        parts: dict[int, list[pd.Series]] = {i: [] for i in columns}
        for chunk in self.chunks(columns, columns):
            for i in columns:
                parts[i].append(chunk[i])
        return {i: _joined(parts.pop(i)) for i in columns}


def _would_merge(parts: list[pd.Series]) -> bool:
    """Whether whole numbers that float64 does not keep apart would become such."""
    kinds = {part.dtype for part in parts}
    return len(kinds) > 1 and any(part.dtype == np.int64 and (part.abs() >= EXACT).any() for part in parts)


def _joined(parts: list[pd.Series]) -> pd.Series:
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0].reset_index(drop=True)


def _is_plain(values: pd.Series) -> bool:
    """Whether a column was read as numbers or truth values that lost nothing."""
    if pd.api.types.is_bool_dtype(values):
        return True
    if not pd.api.types.is_numeric_dtype(values):
        return False
    if values.dtype == np.int64:
        return True
    return values.dtype == np.float64 and not bool((values.abs() >= EXACT).any())


def _is_whole(values: pd.Series) -> bool:
    """Whether a column may hold codes with zeros before them."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return False
    known = values.dropna()
    return values.dtype == np.int64 or bool((known == known.round()).all())


def _without_blank(frame: pd.DataFrame, path: Path, blank: int) -> pd.DataFrame:
    """`frame` without rows that hold nothing."""
    candidates = np.flatnonzero(frame.iloc[:, 0].isna().to_numpy())
    if not len(candidates):
        return frame
    empty = candidates[frame.iloc[candidates].isna().all(axis=1).to_numpy()]
    if not len(empty):
        return frame
    if len(empty) > blank:
        log.warning(
            "%s: %d rows without a value are left out, the first in line %d", path, len(empty), frame.index[empty[0]]
        )
    else:
        log.info("%s: %d empty lines are left out, the first is line %d", path, len(empty), frame.index[empty[0]])
    return frame.drop(index=frame.index[empty])


def check_names(names: list[str], where: str) -> None:
    """Raises DataError where a column has no name, or two have one."""
    if nameless := [i for i, name in enumerate(names, 1) if name in ("", "nan")]:
        raise DataError(
            f"{where}: column {nameless[0]} of {len(names)} has no name, as where row numbers were saved. Name it "
            "(`date` where it holds the times) or leave it out"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{where}: two columns are named {', '.join(map(repr, twice))}; expected each name once")
