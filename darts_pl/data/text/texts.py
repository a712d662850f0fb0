"""Texts as a source gives them, with their labels, and as loaders take them: numbers of words in one tensor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


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


class TokenRows:
    """Texts of different lengths in one tensor, padded batch by batch.

    `rows[chosen]` for int64 [B] is int64 [B, T] with T the longest of these rows; shorter ones end in 0.

    Args:
        rows: numbers, one or more a row.
    """

    def __init__(self, rows: Sequence[Sequence[int]]):
        self.lengths = torch.tensor([len(row) for row in rows])
        self.starts = self.lengths.cumsum(0) - self.lengths
        self.flat = torch.tensor([number for row in rows for number in row])

    @property
    def device(self) -> torch.device:
        """Where the numbers lie."""
        return self.flat.device

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, chosen: Tensor) -> Tensor:
        lengths = self.lengths[chosen]  # [B]
        steps = torch.arange(int(lengths.max()))  # [T]
        within = steps < lengths[:, None]  # [B, T]
        index = (self.starts[chosen][:, None] + steps).masked_fill(~within, 0)  # behind a text any number that exists
        return self.flat[index].masked_fill(~within, 0)
