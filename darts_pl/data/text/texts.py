"""Texts as a source gives them: labelled by one task or several, each with its line for messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class LabelledTexts:
    """Texts of one file.

    Attributes:
        texts: none of them empty.
        labels: task → the label of each text.
        file: for messages. lines: of the file, one a text, from 1.
    """

    texts: Sequence[str]
    labels: Mapping[str, Sequence[str]]
    file: str
    lines: Sequence[int]

    def place(self, position: int) -> str:
        """Where a text stands, such as "TREC.train, line 7"."""
        return f"{self.file}, line {self.lines[position]}"


class Source(Protocol):
    """Anything that gives texts: `Trec`, `TextFiles`, or one's own."""

    def load(self) -> tuple[LabelledTexts, LabelledTexts | None]:
        """(training texts, test texts or None) with the same tasks."""
        ...
