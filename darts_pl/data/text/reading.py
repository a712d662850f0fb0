"""Files of texts: one a line with its label before it, or a table with a column of texts. Refusals name the line."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from darts_pl.data.delimited import Dialect, RawTable, read_delimited
from darts_pl.data.delimited.content import content_of
from darts_pl.data.delimited.describe import log_columns
from darts_pl.data.text.texts import LabelledTexts
from darts_pl.errors import ConfigError, DataError, nearest


def labelled_lines(path: Path, encoding: str, task: str = "label") -> LabelledTexts:
    """Lines `label text`, cut at the first space or tabulator.

    Raises:
        DataError: as `content_of`, and an empty line or a label without a text.
    """
    text = str(content_of(path, encoding), "utf-8").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")  # str.splitlines would also cut at characters within a text
    if not lines[-1].strip():
        lines.pop()
    texts, labels = [], []
    for number, line in enumerate(lines, 1):
        parts = line.split(maxsplit=1)
        if not parts:
            raise DataError(f"{path}, line {number} is empty, expected a label and a text")
        if len(parts) == 1 or line[0].isspace():
            raise DataError(f"{path}, line {number}: found {line.strip()[:60]!r}, expected a label, a space and a text")
        labels.append(parts[0])
        texts.append(parts[1].strip())
    return LabelledTexts(texts, {task: labels}, str(path), range(1, len(lines) + 1))


def labelled_table(path: Path, dialect: Dialect, text: str, columns: Mapping[str, str]) -> LabelledTexts:
    """A CSV or TSV with a line of column names. Nothing is taken for a missing value but an empty cell: "NA" is a text.

    Args:
        text: the column of texts. columns: task → its column of labels.

    Raises:
        DataError: as `read_delimited`, and an empty text or label.
        ConfigError: a column that is not there.
    """
    raw = read_delimited(path, dialect, lambda name: True)
    found = {name: _cells(raw, name) for name in (text, *columns.values())}
    lines = raw.frame.index.tolist()
    log_columns(raw.name, pd.DataFrame({name: found[name] for name in columns.values()}), list(columns.values()))
    labels = {task: found[name] for task, name in columns.items()}
    return LabelledTexts(found[text], labels, str(path), lines)


def _cells(raw: RawTable, name: str) -> list[str]:
    """A column's cells without blanks around them."""
    names = [str(each) for each in raw.frame.columns]
    if name not in names:
        raise ConfigError(f"{raw.name} has no column {name!r}. {nearest(name, names)}")
    cells = raw.frame[name].fillna("").str.strip()
    if (empty := (cells == "").to_numpy(bool)).any():
        place = raw.place(int(empty.argmax()))
        raise DataError(f"{raw.name}, {place}: the column {name!r} is empty, expected a text and labels")
    return cells.tolist()
