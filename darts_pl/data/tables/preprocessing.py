"""Everything between raw rows and a network, fitted to training rows and written as JSON."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from darts_pl.bounded.texts import shown
from darts_pl.data.preprocessing import Preprocessing
from darts_pl.data.split import Index
from darts_pl.data.tables.columns import Category, Column, Number, fit_column
from darts_pl.data.tables.table import Table
from darts_pl.data.tables.target import Quantities, Target, target_from_plain
from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.inputs import TensorInput

log = logging.getLogger(__name__)

AT_ONCE = 1 << 14  # rows, so that their features stay in a processor's cache
SINGLE = ""  # the name of the only input, which is a tensor and not a dictionary


@dataclass(frozen=True)
class TablePreprocessing(Preprocessing):
    """Numbers standardised, categories as features of 0 and 1, missing values filled and marked, by training rows.

    Attributes:
        inputs: name of an input → its columns; one of the name "" is given as a tensor.
        target: what the outputs mean.
    """

    inputs: Mapping[str, Sequence[Column]]
    target: Target

    kind = "table"

    @classmethod
    def fit(cls, table: Table, target: Target, training: Index) -> "TablePreprocessing":
        """Of the rows `training` of a table; columns that say nothing are left out, with a warning in the log.

        Raises:
            DataError: an input whose columns all say nothing, values that are too large.
        """
        fitted = {name: fit_column(table.frame[name].iloc[training]) for name in table.features}
        if constant := [repr(name) for name, column in fitted.items() if column is None]:
            log.warning("left out, as all training rows have the same value in them: %s", ", ".join(constant))
        asked = table.inputs if table.inputs is not None else {SINGLE: table.features}
        inputs = {}
        for name, columns in asked.items():
            inputs[name] = [column for column in map(fitted.get, columns) if column is not None]
            if not inputs[name]:
                where = f"the columns of data.tables.{name}" if name else "all columns"
                raise DataError(f"{table.name}: {where} are constant over the training rows, nothing to learn from")
        return cls(inputs, target)

    @property
    def input_shape(self) -> TensorInput | dict[str, TensorInput]:
        """(features,) of the table, or of each by its name."""
        shapes = {name: TensorInput((len(features),)) for name, features in self.features.items()}
        return shapes.get(SINGLE, shapes)

    @property
    def features(self) -> dict[str, list[str]]:
        """Names of the features of each input."""
        return {name: [each for column in columns for each in column.features] for name, columns in self.inputs.items()}

    def encode(
        self,
        frame: pd.DataFrame,
        place: Callable[[int], str] = lambda position: f"row {position + 1}",
        rows: Index | None = None,
    ) -> Tensor | dict[str, Tensor]:
        """Raw rows as a network takes them: float32 [rows, features], or a dictionary of these.

        Args:
            frame: has the columns of the training table by name, in any order; the target may be missing.
            place: of a row, for messages. rows: numbers of some rows, in whose order they come; None for all.

        Raises:
            DataError: a column is missing, or a value among numbers is none.
        """
        found = {name: self._transformed(frame, columns, place, rows) for name, columns in self.inputs.items()}
        return found.get(SINGLE, found)

    def transform(self, raw: Any) -> Tensor | dict[str, Tensor]:
        """`encode` of rows that somebody else read, whose columns may have lost what the training's reader keeps: a
        DataFrame, one row as a Series, or dictionaries, a list of one a row.

        Raises:
            DataError: numbers without the names of their columns; see `encode` and `Category.check_reading`.
        """
        frame = _rows_of(raw)
        for columns in self.inputs.values():
            for column in columns:
                column.check_reading(_column_of(frame, column.name))
        return self.encode(frame)

    def in_units(self, output: Tensor) -> Tensor:
        """Numbers in the target's units."""
        return self.target.original(output) if isinstance(self.target, Quantities) else output

    def to_plain(self) -> dict[str, Any]:
        """As JSON can write it."""
        inputs = {
            name: [{"kind": type(column).__name__.lower(), **asdict(column)} for column in columns]
            for name, columns in self.inputs.items()
        }
        return {"inputs": inputs, "target": self.target.to_plain()}

    @classmethod
    def from_plain(cls, plain: Any) -> "TablePreprocessing":
        """What `to_plain` wrote.

        Raises:
            ConfigError: anything else.
        """
        match plain:
            case {"inputs": dict(inputs), "target": target} if inputs:
                columns = {str(name): [_column(each) for each in found] for name, found in inputs.items()}
                return cls(columns, target_from_plain(target))
        raise ConfigError(f"preprocessing: found {shown(repr(plain))}, expected the inputs and the target of a table")

    def _transformed(
        self, frame: pd.DataFrame, columns: Sequence[Column], place: Callable[[int], str], rows: Index | None
    ) -> Tensor:
        """Some rows at a time into one tensor, so that a large table is not held several times."""
        values = [_column_of(frame, column.name) for column in columns]
        ends = np.cumsum([len(column.features) for column in columns])
        count = len(frame) if rows is None else len(rows)
        out = np.empty((count, int(ends[-1])), np.float32)
        for first in range(0, count, AT_ONCE):
            part = slice(first, first + AT_ONCE) if rows is None else rows[first : first + AT_ONCE]

            def at(position: int, first: int = first) -> str:
                return place(first + position)

            for column, each, end in zip(columns, values, ends):
                column.transform(each.iloc[part], at, out[first : first + AT_ONCE, end - len(column.features) : end])
        return torch.from_numpy(out)


def _rows_of(raw: Any) -> pd.DataFrame:
    if isinstance(raw, pd.DataFrame):
        return raw
    if isinstance(raw, pd.Series):
        return raw.to_frame().T.infer_objects()
    if isinstance(raw, (list, tuple)) and raw and all(isinstance(row, Mapping) for row in raw):
        return pd.DataFrame(list(raw))
    raise DataError(
        f"found {type(raw).__name__}, expected a DataFrame with the columns of the training, or a list of "
        "dictionaries, one a row: it must tell which number belongs to which column"
    )


def _column_of(frame: pd.DataFrame, name: str) -> pd.Series:
    """The column of a name; columns that are named by numbers have these as text."""
    names = list(map(str, frame.columns))
    if name not in names:
        raise DataError(f"the rows have no column {name!r}. {nearest(name, names)}")
    return frame.iloc[:, names.index(name)]


def _column(plain: Any) -> Column:
    match plain:
        case {"kind": "number", "name": str(), "median": _, "mean": _, "std": _, "indicator": bool()}:
            values = {name: plain[name] for name in ("median", "mean", "std")}
            if all(isinstance(value, (int, float)) or (name, value) == ("std", None) for name, value in values.items()):
                return Number(plain["name"], **values, indicator=plain["indicator"])
        case {"kind": "category", "name": str(), "values": [*values], "indicator": bool()}:
            return Category(plain["name"], tuple(map(str, values)), plain["indicator"])
    raise ConfigError(
        f"preprocessing: found the column {shown(repr(plain))}, expected a number or a category with its settings"
    )
