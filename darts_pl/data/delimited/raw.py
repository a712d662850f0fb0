"""A table as it comes, before any check of its values, with the place of each row kept for messages."""

from dataclasses import dataclass, field

import pandas as pd

from darts_pl.data.delimited.dialect import Dialect


@dataclass(frozen=True)
class RawTable:
    """A table before any check.

    Attributes:
        frame: its columns; the index holds the number of each row in the source.
        name: what messages call the source.
        unit: what the index counts: "line" of a file (the header is line 1) or "row" (from 1).
        dialect: how numbers are written in columns of text.
    """

    frame: pd.DataFrame
    name: str
    unit: str
    dialect: Dialect = field(default_factory=Dialect)

    def place(self, position: int) -> str:
        """Where the row at `position` of the frame stands in the source, such as "line 17"."""
        return f"{self.unit} {self.frame.index[position]}"
