"""What conf/data names for texts: TREC's questions, and files of one's own."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darts_pl.data.delimited import Dialect
from darts_pl.data.text.module import TextData
from darts_pl.data.text.reading import labelled_lines, labelled_table
from darts_pl.data.text.texts import LabelledTexts
from darts_pl.errors import ConfigError, DataError

TREC_FILES = ("TREC.train", "TREC.test")
SEPARATORS = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True)
class Trec:
    """5,452 and 500 questions by what they ask for (Li & Roth 2002): tasks `coarse`, 6 classes, and `fine`, 50.

    A fine class is named with its coarse one, `NUM:other`, as the same word occurs under several.

    Args:
        root: a folder in which, or in whose `trec`, TREC.train and TREC.test lie; without it, $DARTS_PL_DATA.
    """

    root: str | Path | None = None

    def load(self) -> tuple[LabelledTexts, LabelledTexts]:
        """Training and test questions.

        Raises:
            DataError: the files are not there, or hold something else than lines `COARSE:fine text`.
        """
        folder = self._folder()
        train, test = (_both_labels(labelled_lines(folder / name, "latin-1")) for name in TREC_FILES)
        return train, test

    def _folder(self) -> Path:
        given = self.root or os.environ.get("DARTS_PL_DATA")
        base = Path(given).expanduser() if given else None
        for folder in (base, base / "trec") if base else ():
            if all((folder / name).is_file() for name in TREC_FILES):
                return folder
        raise DataError(
            f"TREC is not in {base or 'any known folder'}; expected {' and '.join(TREC_FILES)} there or in its trec/. "
            "Name that folder as data.root or in $DARTS_PL_DATA. The files come from Li & Roth, cogcomp.seas.upenn.edu/"
            "Data/QA/QC, and with github.com/harvardnlp/sent-conv-torch"
        )


@dataclass(frozen=True)
class TextFiles:
    """One's own texts: a CSV or TSV with a column of texts and columns of labels, else lines `label text`.

    Args:
        train: the file of training texts. test: of test texts, in the same form.
        text: the column of texts. labels: the column of labels, or several, each a task by its name.
        separator: of columns; None: by the suffix, and lines `label text` where it is neither .csv nor .tsv.
        quoting, encoding: of the files, see `Dialect`.
    """

    train: str | Path
    test: str | Path | None = None
    text: str = "text"
    labels: str | Sequence[str] = "label"
    separator: str | None = None
    quoting: str = "auto"
    encoding: str = "utf-8"

    def load(self) -> tuple[LabelledTexts, LabelledTexts | None]:
        """Training texts, and test texts where there is a file of them.

        Raises:
            DataError: what `darts_pl.data.text.reading` refuses, with file and line.
            ConfigError: no or unknown columns, a separator of several characters.
        """
        return self._read(self.train), None if self.test is None else self._read(self.test)

    def _read(self, file: str | Path) -> LabelledTexts:
        path = Path(file).expanduser()
        separator = SEPARATORS.get(path.suffix.lower()) if self.separator is None else self.separator
        labels = (self.labels,) if isinstance(self.labels, str) else tuple(self.labels)
        if not labels or self.text in labels:
            raise ConfigError(f"data.labels: found {list(labels)}, expected columns of labels beside {self.text!r}")
        dialect = Dialect(separator=separator or ",", quoting=self.quoting, encoding=self.encoding)
        if separator is None:
            return labelled_lines(path, self.encoding)
        return labelled_table(path, dialect, self.text, {name: name for name in labels})


def _both_labels(found: LabelledTexts) -> LabelledTexts:
    fine = found.labels["label"]
    for position, label in enumerate(fine):
        if not all(label.partition(":")):
            raise DataError(f"{found.place(position)}: found the label {label!r}, expected COARSE:fine")
    coarse = [label.partition(":")[0] for label in fine]
    return LabelledTexts(found.texts, {"coarse": coarse, "fine": fine}, found.file, found.lines)


class TrecData(TextData):
    """TREC's questions below `root`, else $DARTS_PL_DATA; the other arguments are those of `TextData`."""

    def __init__(self, root: str | None = None, **text_data: Any) -> None:
        super().__init__(source=Trec(root), **text_data)


class TextFileData(TextData):
    """One's own texts, see `TextFiles`; the other arguments are those of `TextData`."""

    def __init__(
        self,
        train: str,
        test: str | None = None,
        text: str = "text",
        labels: str | Sequence[str] = "label",
        separator: str | None = None,
        quoting: str = "auto",
        encoding: str = "utf-8",
        **text_data: Any,
    ) -> None:
        named = labels if isinstance(labels, str) else tuple(labels)
        super().__init__(source=TextFiles(train, test, text, named, separator, quoting, encoding), **text_data)
