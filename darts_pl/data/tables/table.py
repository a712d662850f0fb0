"""A table as a source gives it: features and targets in one frame, and what the source knows of them."""

import weakref
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from darts_pl.data.split import Index


def _row(position: int) -> str:
    return f"row {position + 1}"


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of features and targets.

    Attributes:
        frame: features and targets, a column each; what is missing is NaN or None.
        targets: the columns to predict; several are numbers.
        name: what messages call the table.
        inputs: name of an input → its columns, where a network gets several tables; None: all features at once.
        classes: the values of the target in the order of their numbers; None: sorted.
        test: the numbers of the test rows where the source has its own.
        place: the position of a row in the frame → where the source has it, such as "line 7".
    """

    frame: pd.DataFrame
    targets: tuple[str, ...]
    name: str
    inputs: Mapping[str, tuple[str, ...]] | None = None
    classes: tuple[str, ...] | None = None
    test: Index | None = None
    place: Callable[[int], str] = _row

    @property
    def features(self) -> list[str]:
        """The columns that are no targets, in the frame's order; with `inputs` only those that one of them names."""
        named = None if self.inputs is None else {column for columns in self.inputs.values() for column in columns}
        every = [column for column in self.frame.columns if column not in self.targets]
        return every if named is None else [column for column in every if column in named]


Made = TypeVar("Made")

_in_use: "weakref.WeakValueDictionary[Hashable, Any]" = weakref.WeakValueDictionary()


def made_once(key: Hashable, make: Callable[[], Made]) -> Made:
    """What `make` gives, made once for a `key` as long as somebody holds it, since a search and the retraining after it
    read the same table; it is not to be changed."""
    found = _in_use.get(key)
    if found is None:
        found = _in_use[key] = make()
    return found
