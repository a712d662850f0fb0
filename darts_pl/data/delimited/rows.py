"""Whether the lines within one cell are rows of the file: they have its columns, of the kinds that these hold."""

import csv
import io
import itertools
from collections.abc import Sequence
from functools import cached_property

from darts_pl.data.delimited.content import Content

HEAD_BYTES, SAMPLE = 1 << 20, 500  # of a file, and rows of these, that kinds of columns are learnt from
FEW, LEAST = 20, 3  # different values of a column of categories; rows that teach something
ROW_LIKE = 0.75  # of some lines that are rows: then all are


class Rows:
    """What rows of a file look like, by its first ones as its quotation marks have them.

    Args:
        data: the file. mark: its separator. columns: of its header.
    """

    def __init__(self, data: Content, mark: bytes, columns: int):
        self.data, self.mark, self.columns = data, mark, columns

    def are_those(self, lines: Sequence[bytes]) -> bool:
        """Whether `lines`, of which the first begins as a row and the last ends as one, are rows, each with as many
        cells as the header. What two lines of texts have by chance, the kinds of the columns rule out."""
        found = [line.count(self.mark) == self.columns - 1 for line in lines]
        if self.columns < 2 or not (found[0] and found[-1]) or sum(found) < ROW_LIKE * len(lines):
            return False
        if not any(self._kinds):  # nothing tells texts from rows but their number
            return len(lines) > LEAST
        return sum(map(self._fits, lines)) >= (ROW_LIKE if len(lines) > LEAST else 1) * len(lines)

    def _fits(self, line: bytes) -> bool:
        """Whether the cells of a line are of its columns' kinds; one with a quotation mark may be any."""
        cells = line.split(self.mark)
        if len(cells) != self.columns:
            return False
        return all(b'"' in cell or kind is None or _is_of(cell, kind) for cell, kind in zip(cells, self._kinds))

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


def _is_of(cell: bytes, kind: "set[bytes] | str") -> bool:
    return _is_number(cell) if isinstance(kind, str) else cell in kind


def _is_number(value: bytes) -> bool:
    """Whether a cell is empty or begins with a digit, behind a sign: whatever the notation."""
    return value.strip().lstrip(b"+-.,")[:1].isdigit() or not value.strip()
