"""Files of texts: one a line with its label before it, or a table with a column of texts. Refusals name the line."""

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from darts_pl.data.text.texts import LabelledTexts
from darts_pl.errors import ConfigError, DataError, nearest


def decoded(path: Path, encoding: str) -> str:
    """The text of a file; a byte order mark is left out.

    Raises:
        DataError: no such file, an empty one, or one in another encoding, with the line and the byte.
        ConfigError: an unknown encoding.
    """
    if not path.is_file():
        names = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = nearest(path.name, names) if names else f"The folder {path.parent} holds nothing"
        raise DataError(f"{path} is no file. {hint}")
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        raise ConfigError(f"data.encoding={encoding!r} is unknown, expected a name such as utf-8 or latin-1") from error
    data = path.read_bytes()
    if not data.strip():
        raise DataError(f"{path} is empty, expected texts with labels")
    try:
        return data.decode("utf-8-sig" if name == "utf-8" else name)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        other = "latin-1" if name == "utf-8" else "utf-8"
        raise DataError(
            f"{path}, line {line}: byte {column} of it is 0x{data[error.start]:02x}, no {encoding}. "
            f"Another encoding may be right, such as encoding={other}"
        ) from error


def labelled_lines(path: Path, encoding: str, task: str = "label") -> LabelledTexts:
    """Lines `label text`, cut at the first space or tabulator.

    Raises:
        DataError: as `decoded`, and an empty line or a label without a text.
    """
    lines = decoded(path, encoding).split("\n")  # str.splitlines would also cut at characters within a text
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


def labelled_table(path: Path, encoding: str, separator: str, text: str, columns: Mapping[str, str]) -> LabelledTexts:
    """A CSV or TSV with a line of column names. Nothing is taken for a missing value but an empty cell: "NA" is a text.

    Args:
        text: the column of texts. columns: task → its column of labels.

    Raises:
        DataError: as `decoded`, and a row of another length, an empty text or label, no rows, columns of one name.
        ConfigError: a column that is not there.
    """
    reader = csv.reader(io.StringIO(decoded(path, encoding), newline=""), delimiter=separator, strict=True)
    texts: list[str] = []
    labels: dict[str, list[str]] = {task: [] for task in columns}
    lines: list[int] = []
    try:
        header = [name.strip() for name in next(reader)]
        places = {name: _column(path, header, name) for name in (text, *columns.values())}
        line = reader.line_num + 1
        for row in reader:
            _check_row(path, line, row, header)
            for name, place in places.items():
                if not row[place].strip():
                    raise DataError(f"{path}, line {line}: the column {name!r} is empty, expected a text and labels")
            texts.append(row[places[text]].strip())
            for task, name in columns.items():
                labels[task].append(row[places[name]].strip())
            lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: no readable table ({error})") from error
    if not texts:
        raise DataError(f"{path} holds no rows below its {len(header)} column names")
    return LabelledTexts(texts, labels, str(path), lines)


def _column(path: Path, header: Sequence[str], name: str) -> int:
    if header.count(name) > 1:
        raise DataError(f"{path}: two columns are named {name!r}, expected each name once")
    if name not in header:
        raise ConfigError(f"{path} has no column {name!r}. {nearest(name, header)}")
    return header.index(name)


def _check_row(path: Path, line: int, row: Sequence[str], header: Sequence[str]) -> None:
    if not row:
        raise DataError(f"{path}, line {line} is empty, expected {len(header)} values")
    if len(row) != len(header):
        hint = " Put a text with separators in it in quotation marks" if len(row) > len(header) else ""
        raise DataError(f"{path}, line {line}: found {len(row)} values, expected {len(header)} as in line 1.{hint}")
