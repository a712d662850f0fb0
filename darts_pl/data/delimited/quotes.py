"""Cells in quotation marks: where they lie, and marks that are characters of a text and would swallow rows."""

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from darts_pl.data.delimited.content import Content, line_and_column, numbered_blocks
from darts_pl.errors import DataError

QUOTE, LINE_FEED, RETURN = 34, 10, 13
SHOWN = 40  # characters of a line in a message
HEAD_BYTES, SAMPLE = 1 << 20, 500  # of a file, and rows of these, that kinds of columns are learnt from
FEW, LEAST = 20, 3  # different values of a column of categories; rows that teach something
ROW_LIKE = 0.75  # of some lines that are rows: then all are


@dataclass(frozen=True)
class Quoted:
    """Cells in quotation marks that hold separators or line ends, in order.

    Attributes:
        starts, ends: int64, places of their opening and closing marks.
        breaks: [(line of the file where the cell opens, line ends within it)] of the cells with such.
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    breaks: list[tuple[int, int]]


def quoted_cells(data: Content, path: Path, separator: str, columns: int, quoting: str) -> Quoted:
    """The cells of `data` that quotation marks enclose, a mark that is doubled within one being a character of it.

    Args:
        columns: of the header. quoting: "auto" or "cells", see `Dialect`.

    Raises:
        DataError: a cell whose closing mark is missing or has a text behind it, and with "auto" one that holds whole
            rows; each with the line where it opens.
    """
    mark = separator.encode()
    starts, ends, breaks = [], [], []
    rows = RowPattern(data, mark, columns)
    line, counted = 1, 0  # the line at the byte `counted`
    for start, end in _quoted_spans(data, path, ord(mark)):
        inside = bytes(data[start + 1 : end])
        inner = line_ends(inside)
        if not inner and mark not in inside:
            continue
        if inner:
            line += line_ends(bytes(data[counted:start]))
            counted = start
            if quoting == "auto" and b'""' not in inside:
                _check_no_rows(data, path, start, end, line, rows)
            breaks.append((line, inner))
        starts.append(start)
        ends.append(end)
    return Quoted(np.array(starts, np.int64), np.array(ends, np.int64), breaks)


def line_ends(data: bytes) -> int:
    """How many line ends, each LF, CR or both, some bytes hold."""
    returns = data.count(b"\r")
    return data.count(b"\n") + (returns - data.count(b"\r\n") if returns else 0)


def _quoted_spans(data: Content, path: Path, separator: int) -> Iterator[tuple[int, int]]:
    """(opening, closing mark) of every cell in quotation marks."""
    edges = np.zeros(256, bool)
    edges[[separator, LINE_FEED, RETURN]] = True
    opening, before = -1, -2  # of the cell that is open; the mark that may be the first of a doubled one
    for places, opens, closes in _marks(data, edges):
        for place, may_open, may_close in zip(places, opens, closes):
            if opening < 0:
                opening = place if may_open else -1
            elif before == place - 1:  # the second of two: a character
                before = -2
            elif may_close:
                yield opening, place
                opening = -1
            elif place + 1 < len(data) and data[place + 1] == QUOTE:
                before = place
            else:
                _refuse_text_behind(data, path, opening, place)
    if opening >= 0:
        raise DataError(
            f"{_describe_opening(data, path, opening)}, which no other closes up to the end of the file. "
            + _format_remedy("close it")
        )


def _marks(data: Content, edges: npt.NDArray[np.bool_]) -> Iterator[tuple[list[int], list[bool], list[bool]]]:
    """Of every block: places of its quotation marks, and whether a cell begins, and ends, at each."""
    whole = np.frombuffer(data, np.uint8)
    for start, block in numbered_blocks(data):
        places = np.flatnonzero(np.frombuffer(block, np.uint8) == QUOTE) + start
        if not len(places):
            continue
        begins = (places == 0) | edges[whole[places - 1]]
        ends = (places == len(whole) - 1) | edges[whole[np.minimum(places + 1, len(whole) - 1)]]
        yield places.tolist(), begins.tolist(), ends.tolist()


def _check_no_rows(data: Content, path: Path, start: int, end: int, line: int, rows: "RowPattern") -> None:
    """Raises DataError where the lines that a cell reaches over, read without it, are rows themselves."""
    last = _line_end(data, end)
    lines = bytes(data[_line_start(data, start) : last]).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if rows.are_rows(lines):
        raise DataError(
            f"{_describe_opening(data, path, start)}, which closes in line {line + len(lines) - 1} only, so that "
            f"{len(lines)} lines, each with the {rows.columns} cells of a row, would become one. "
            + _format_remedy("double it within a cell in quotation marks")
            + "; where the cell is right, data.quoting=cells"
        )


def _line_start(data: Content, place: int) -> int:
    """Where the line of a byte begins."""
    size = 1 << 12
    while True:
        start = max(place - size, 0)
        before = bytes(data[start:place])
        found = max(before.rfind(b"\n"), before.rfind(b"\r"))
        if found >= 0 or start == 0:
            return start + found + 1
        size *= 4


def _line_end(data: Content, place: int) -> int:
    """Where the line of a byte ends."""
    size = 1 << 8
    while True:
        behind = bytes(data[place : place + size])
        found = [at for mark in (b"\n", b"\r") if (at := behind.find(mark)) >= 0]
        if found or place + size >= len(data):
            return place + min(found, default=len(behind))
        size *= 4


def _refuse_text_behind(data: Content, path: Path, opening: int, closing: int) -> None:
    line, column = line_and_column(data, closing)
    behind = bytes(data[closing + 1 : closing + 1 + SHOWN]).decode(errors="replace").splitlines()[0]
    raise DataError(
        f"{_describe_opening(data, path, opening)}; the next one (line {line}, byte {column}) has the text {behind!r} "
        f"behind it, expected a separator or the end of the line. "
        + _format_remedy("double it within a cell in quotation marks")
    )


def _describe_opening(data: Content, path: Path, place: int) -> str:
    line, column = line_and_column(data, place)
    shown = bytes(data[place : place + SHOWN]).decode(errors="replace").splitlines()[0]
    return f"{path}, line {line}, byte {column}: a quotation mark opens the cell {shown!r}"


def _format_remedy(otherwise: str) -> str:
    return f"Where the mark is a character of the text, give data.quoting=none, or {otherwise}"


class RowPattern:
    """What rows of a file look like, by its first ones as its quotation marks have them.

    Args:
        data: the file. mark: its separator. columns: of its header.
    """

    def __init__(self, data: Content, mark: bytes, columns: int):
        self.data, self.mark, self.columns = data, mark, columns

    def are_rows(self, lines: Sequence[bytes]) -> bool:
        """Whether `lines`, of which the first begins as a row and the last ends as one, are rows, each with as many
        cells as the header. What two lines of texts have by chance, the kinds of the columns rule out."""
        found = [line.count(self.mark) == self.columns - 1 for line in lines]
        if self.columns < 2 or not (found[0] and found[-1]) or sum(found) < ROW_LIKE * len(lines):
            return False
        if not any(self._kinds):  # nothing tells texts from rows but their number
            return len(lines) > LEAST
        return sum(map(self._has_kinds, lines)) >= (ROW_LIKE if len(lines) > LEAST else 1) * len(lines)

    def _has_kinds(self, line: bytes) -> bool:
        """Whether the cells of a line are of its columns' kinds; one with a quotation mark may be any."""
        cells = line.split(self.mark)
        if len(cells) != self.columns:
            return False
        return all(b'"' in cell or kind is None or _is_of_kind(cell, kind) for cell, kind in zip(cells, self._kinds))

    @cached_property
    def _kinds(self) -> list["set[bytes] | str | None"]:
        """Of each column "numbers", all its values where they are few, or None."""
        text = bytes(self.data[:HEAD_BYTES]).decode(errors="replace")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.mark.decode())
        try:
            rows = list(itertools.islice(reader, 1, SAMPLE))
        except csv.Error:  # a cell without an end
            return []
        rows = [row for row in rows if len(row) == self.columns]
        return [_kind([cell.encode() for cell in cells if "\n" not in cell]) for cells in zip(*rows)]


def _kind(values: Sequence[bytes]) -> "set[bytes] | str | None":
    distinct = set(values)
    if len(values) < LEAST:
        return None
    if all(_is_number(value) for value in distinct):
        return "numbers"
    return distinct if len(distinct) <= min(FEW, len(values) / 2) else None


def _is_of_kind(cell: bytes, kind: "set[bytes] | str") -> bool:
    return _is_number(cell) if isinstance(kind, str) else cell in kind


def _is_number(value: bytes) -> bool:
    """Whether a cell is empty or begins with a digit, behind a sign: whatever the notation."""
    return value.strip().lstrip(b"+-.,")[:1].isdigit() or not value.strip()
