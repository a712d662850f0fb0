"""Lines and separators of a delimited file, counted apart from the reader that makes rows of them."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from darts_pl.data.delimited.content import Content, blocks, numbered_blocks
from darts_pl.data.delimited.dialect import Dialect
from darts_pl.data.delimited.quotes import LINE_FEED, QUOTE, RETURN, Quoted, quoted_cells
from darts_pl.errors import DataError

OTHERS = ";\t|,"  # separators that a file may have instead
DIGITS = 32  # of a number, at most, that is looked at for zeros before it
NONE = Quoted(np.zeros(0, np.int64), np.zeros(0, np.int64), 0, [])


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
    ends, blank, separators, padded = 0, 0, 0, False
    previous = -1  # place of the line end before
    for start, block in numbered_blocks(data):
        separators += block.count(mark)
        padded = padded or _is_padded(bytes(data[max(start - DIGITS, 0) : start]) + block, dialect)
        places = _line_ends(data, start, block)
        if len(places):
            gaps = np.diff(places, prepend=previous)
            previous = int(places[-1])
            ends, blank = ends + len(places), blank + int(_empty(data, places, gaps).sum())
    records = ends + (previous < len(data) - 1) - sum(inner for _, inner in quoted.breaks)
    blank -= sum(_blank_within(data, start, end) for start, end in zip(quoted.starts, quoted.ends)) if blank else 0
    if separators - quoted.separators != (records - blank) * (len(header) - 1):
        refuse_length(data, path, dialect, len(header))
    return Layout([name.strip() for name in header], records - 1, blank, quoted, padded)


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
    quoting = csv.QUOTE_NONE if dialect.quoting == "none" else csv.QUOTE_MINIMAL
    reader = csv.reader(text, delimiter=dialect.separator, quoting=quoting)
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

    def readinto(self, buffer) -> int:
        part = self.data[self.at : self.at + len(buffer)]
        buffer[: len(part)] = part
        self.at += len(part)
        return len(part)


def stream_of(data: Content) -> io.BufferedReader:
    """`data` as a binary file."""
    return io.BufferedReader(_Stream(data))


def refuse_length(data: Content, path: Path, dialect: Dialect, columns: int) -> None:
    """Raises DataError of the first row that has other than `columns` cells; nothing where there is none."""
    try:
        for line, row in _rows(data, dialect):
            if row and len(row) != columns:
                hint = " Put a text with separators in it in quotation marks" if len(row) > columns else ""
                raise DataError(f"{path}, line {line}: found {len(row)} values, expected {columns} as in line 1.{hint}")
    except csv.Error as error:
        raise DataError(f"{path}: rows of other lengths than line 1, and no readable table ({error})") from error


def _line_ends(data: Content, start: int, block: bytes) -> npt.NDArray[np.int64]:
    """Places of the last byte of each line end."""
    bytes_ = np.frombuffer(block, np.uint8)
    feeds = np.flatnonzero(bytes_ == LINE_FEED) + start
    if b"\r" not in block:
        return feeds
    returns = np.flatnonzero(bytes_ == RETURN) + start
    whole = np.frombuffer(data, np.uint8)
    alone = whole[np.minimum(returns + 1, len(whole) - 1)] != LINE_FEED
    return np.sort(np.concatenate([feeds, returns[alone]]))


def _empty(data: Content, places: npt.NDArray[np.int64], gaps: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which line ends follow the one before at once."""
    whole = np.frombuffer(data, np.uint8)
    both = (gaps == 2) & (whole[places] == LINE_FEED) & (whole[np.maximum(places - 1, 0)] == RETURN)
    return (gaps == 1) | both


def _blank_within(data: Content, start: int, end: int) -> int:
    inside = bytes(data[start:end]).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return sum(1 for line in inside.split(b"\n")[1:-1] if not line)


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
