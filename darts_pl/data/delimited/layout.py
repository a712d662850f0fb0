"""Lines and separators of a delimited file, counted apart from the reader that makes rows of them."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from darts_pl.data.delimited.content import BLOCK, Content, blocks, numbered_blocks, release
from darts_pl.data.delimited.dialect import Dialect
from darts_pl.data.delimited.quotes import LINE_FEED, QUOTE, RETURN, Quoted, quoted_cells
from darts_pl.errors import DataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

OTHERS = ";\t|,"  # separators that a file may have instead
DIGITS = 32  # of a number, at most, that is looked at for zeros before it
NONE = Quoted(np.zeros(0, np.int64), np.zeros(0, np.int64), [])


@dataclass(frozen=True)
class Layout:
    """What is where in a file.

    Attributes:
        header: its first line, cells stripped. records: lines below the header, those of one cell as one.
        blank: how many of these are empty. quoted: cells with separators or line ends in quotation marks.
        padded: whether a cell seems to begin with a zero before another digit.
    """

    header: list[str]
    records: int
    blank: int
    quoted: Quoted
    padded: bool

    def lines(self) -> npt.NDArray[np.int64]:
        """The line of the file, from 1, in which each record begins."""
        steps = np.ones(self.records + 1, np.int64)  # from the beginning of each record, the header first, to the next
        passed = 0  # line ends within cells so far
        for line, inner in self.quoted.breaks:
            steps[line - passed - 1] += inner
            passed += inner
        return 1 + np.cumsum(steps[:-1]) if self.records else np.zeros(0, np.int64)


def layout_of(data: Content, path: Path, dialect: Dialect) -> Layout:
    """The lines of a file, checked: every row holds as many cells as the header.

    Raises:
        DataError: see `quoted_cells`; a row that is longer or shorter, with its line.
    """
    header = _header(data, path, dialect)
    _check_separator(path, header)
    mark = dialect.separator.encode()
    quoted = NONE
    if dialect.quoting != "none" and any(b'"' in block for block in blocks(data)):
        quoted = quoted_cells(data, path, dialect.separator, len(header), dialect.quoting)
    counted = _Counter(data, mark, len(header), quoted)
    padded = False
    for start, block in numbered_blocks(data):
        counted.add(start, block)
        padded = padded or _is_padded(bytes(data[max(start - DIGITS, 0) : start]) + block, dialect)
    counted.finish()
    if counted.uneven:
        refuse_length(data, path, dialect, len(header))
    return Layout([name.strip() for name in header], counted.lines - 1, counted.blank, quoted, padded)


class _Counter:
    """Counts the cells of every line, block by block; what lies within a cell in quotation marks counts for nothing.

    Attributes:
        lines: so far. blank: how many of these are empty. uneven: whether one has other than `columns` cells.
    """

    def __init__(self, data: Content, mark: bytes, columns: int, quoted: Quoted):
        self.data, self.mark, self.separators, self.quoted = data, ord(mark), columns - 1, quoted
        self.whole = np.frombuffer(data, np.uint8)
        self.lines, self.blank, self.uneven = 0, 0, False
        self.previous, self.carried = -1, 0  # place of the line end before, separators behind it

    def add(self, start: int, block: bytes) -> None:
        """The next block, which begins at `start`."""
        marks = self._outside(np.flatnonzero(np.frombuffer(block, np.uint8) == self.mark) + start)
        ends = self._outside(_line_ends(self.whole, start, block))
        if not len(ends):
            self.carried += len(marks)
            return
        before = np.searchsorted(marks, ends)
        counts = np.diff(before, prepend=0)
        counts[0] += self.carried
        empty = _empty(self.whole, ends, np.diff(ends, prepend=self.previous))
        self.uneven = self.uneven or bool(((counts != self.separators) & ~empty).any())
        self.lines, self.blank = self.lines + len(ends), self.blank + int(empty.sum())
        self.previous, self.carried = int(ends[-1]), len(marks) - int(before[-1])

    def finish(self) -> None:
        """The last line, where it has no end."""
        if self.previous < len(self.data) - 1:
            self.lines += 1
            self.uneven = self.uneven or self.carried != self.separators

    def _outside(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Which of some places lie in no quoted cell."""
        if not len(self.quoted.starts):
            return places
        cell = np.searchsorted(self.quoted.starts, places) - 1
        return places[(cell < 0) | (places > self.quoted.ends[np.maximum(cell, 0)])]


def _header(data: Content, path: Path, dialect: Dialect) -> list[str]:
    try:
        header = next(_rows(data, dialect))[1]
    except csv.Error:  # a cell without an end, which is refused where quotation marks are looked at
        return [""]
    if not header:
        raise DataError(f"{path}, line 1 is empty, expected column names")
    return header


def _check_separator(path: Path, names: list[str]) -> None:
    """Raises DataError where the only column seems to be several."""
    if len(names) == 1 and (other := next((mark for mark in OTHERS if mark in names[0]), None)):
        shown = r"\t" if other == "\t" else other
        raise DataError(f"{path}: found one column, {names[0]!r}. Give its separator: \"data.separator='{shown}'\"")


def _rows(data: Content, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every row in turn, by Python's reader: slow, for the header and to find what is wrong."""
    text = io.TextIOWrapper(io.BufferedReader(_Stream(data)), "utf-8", newline="")
    if dialect.quoting == "none":
        reader = csv.reader(text, delimiter=dialect.separator, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(text, delimiter=dialect.separator, quoting=csv.QUOTE_MINIMAL)
    line = 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1


class _Stream(io.RawIOBase):
    """Bytes in memory, read without a copy of them all."""

    def __init__(self, data: Content):
        self.data, self.at = data, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        place = memoryview(buffer)
        part = self.data[self.at : self.at + len(place)]
        place[: len(part)] = part
        self.at += len(part)
        if self.at // BLOCK > (self.at - len(part)) // BLOCK:
            release(self.data)
        return len(part)


def stream_of(data: Content) -> io.BufferedReader:
    """`data` as a binary file."""
    return io.BufferedReader(_Stream(data))


def refuse_length(data: Content, path: Path, dialect: Dialect, columns: int) -> None:
    """Raises DataError of the first row that has other than `columns` cells."""
    try:
        for line, row in _rows(data, dialect):
            if row and len(row) != columns:
                hint = " Put a text with separators in it in quotation marks" if len(row) > columns else ""
                raise DataError(f"{path}, line {line}: found {len(row)} values, expected {columns} as in line 1.{hint}")
    except csv.Error as error:
        raise DataError(f"{path}: rows of other lengths than line 1, and no readable table ({error})") from error
    raise DataError(f"{path}: no readable table with the separator {dialect.separator!r}")


def _line_ends(whole: npt.NDArray[np.uint8], start: int, block: bytes) -> npt.NDArray[np.int64]:
    """Places of the last byte of each line end."""
    cells = np.frombuffer(block, np.uint8)
    feeds = np.flatnonzero(cells == LINE_FEED) + start
    if b"\r" not in block:
        return feeds
    returns = np.flatnonzero(cells == RETURN) + start
    alone = whole[np.minimum(returns + 1, len(whole) - 1)] != LINE_FEED
    return np.sort(np.concatenate([feeds, returns[alone]]))


def _empty(
    whole: npt.NDArray[np.uint8], places: npt.NDArray[np.int64], gaps: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Which line ends follow the one before at once."""
    both = (gaps == 2) & (whole[places] == LINE_FEED) & (whole[np.maximum(places - 1, 0)] == RETURN)
    return (gaps == 1) | both


def _is_padded(block: bytes, dialect: Dialect) -> bool:
    """Whether a cell that begins in a block, behind its first bytes, is 0 and further digits."""
    cells = np.frombuffer(block, np.uint8)
    edges = np.zeros(256, bool)
    edges[[ord(dialect.separator), LINE_FEED, RETURN, QUOTE]] = True
    zeros = np.flatnonzero(cells == ord("0"))
    zeros = zeros[(zeros > 1) & (zeros < len(cells) - 1)]
    behind = cells[zeros + 1]
    zeros = zeros[(behind >= ord("0")) & (behind <= ord("9"))]
    before = cells[zeros - 1]
    signed = ((before == ord("-")) | (before == ord("+"))) & edges[cells[zeros - 2]]
    ends = zeros[edges[before] | signed] + 1
    for _ in range(DIGITS):
        ends = ends[(cells[ends] >= ord("0")) & (cells[ends] <= ord("9"))] + 1
        if (ends == len(cells)).any() or edges[cells[ends]].any():
            return True
    return False
