"""What a table is asked for: its kind from the values of the target, its numbers, and the task that goes with it."""

import functools
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from darts_pl.data.delimited.describe import is_number
from darts_pl.data.split import Index
from darts_pl.data.tables.columns import as_text
from darts_pl.data.tables.table import Table
from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.tasks import BinaryClassification, Classification, Regression, Task

log = logging.getLogger(__name__)

KINDS = ("regression", "binary", "classification")
MOST_CLASSES = 20  # of whole numbers that are taken for classes unless the task is given


@dataclass(frozen=True)
class Classes:
    """A target of classes, numbered from 0 in the order of `classes`; of two, `binary` asks for one output."""

    name: str
    classes: tuple[str, ...]
    binary: bool

    @property
    def outputs(self) -> int:
        """Outputs a network needs."""
        return 1 if self.binary else len(self.classes)

    def task(self) -> Task:
        """Fresh."""
        return BinaryClassification() if self.binary else Classification(len(self.classes))

    def numbers(self, table: Table) -> Tensor:
        """int64 [rows]."""
        codes = {value: code for code, value in enumerate(self.classes)}
        return torch.tensor([codes[value] for value in as_text(table.frame[self.name])])

    def to_plain(self) -> dict[str, Any]:
        """As JSON can write it."""
        return {"name": self.name, "classes": list(self.classes), "binary": self.binary}


@dataclass(frozen=True)
class Quantities:
    """Numeric targets, standardised for training and so in its loss and figures: `means` and `stds` are those of the
    training rows."""

    names: tuple[str, ...]
    means: tuple[float, ...]
    stds: tuple[float, ...]

    @property
    def outputs(self) -> int:
        """Outputs a network needs."""
        return len(self.names)

    def task(self) -> Task:
        """Fresh."""
        return Regression(len(self.names))

    def numbers(self, table: Table) -> Tensor:
        """float32 [rows], of several targets [rows, targets]."""
        values = (_matrix(table, self.names) - np.array(self.means)) / np.array(self.stds)
        return torch.from_numpy(values.astype(np.float32)).squeeze(1)

    def original(self, output: Tensor) -> Tensor:
        """A network's outputs [..., targets] in the targets' units, float64: far from 0 float32 has no small steps."""
        wide = functools.partial(torch.tensor, dtype=torch.float64, device=output.device)
        return output.double() * wide(self.stds) + wide(self.means)

    def to_plain(self) -> dict[str, Any]:
        """As JSON can write it."""
        return {"names": list(self.names), "means": list(self.means), "stds": list(self.stds)}


Target = Classes | Quantities


def check_present(table: Table) -> None:
    """Raises DataError where a row misses a target."""
    for column in table.targets:
        if missing := np.flatnonzero(table.frame[column].isna()).tolist():
            others = f", as in {len(missing) - 1} other rows" if len(missing) > 1 else ""
            raise DataError(
                f"{table.place(missing[0])}, column {column!r}: the target is missing{others}. Leave such rows out"
            )


def kind_of(table: Table, asked: str | None) -> str:
    """`asked`, or by the target's values: numbers are a regression, but for at most 20 different whole ones; these and
    texts are classes, two of them binary.

    Raises:
        ConfigError: an unknown kind, a regression of texts, "binary" of other than two values, several class targets.
    """
    if asked is not None and asked not in KINDS:
        raise ConfigError(f"data.task={asked!r} is unknown. {nearest(asked, KINDS)}")
    values = [table.frame[name] for name in table.targets]
    if asked == "regression" or (asked is None and len(values) > 1):
        for each in values:
            if not is_number(each):
                raise ConfigError(f"data.target: {each.name!r} of {table.name} holds {each.iloc[0]!r}, no numbers")
        return "regression"
    if len(values) > 1:
        raise ConfigError(f"data.task={asked!r} with {len(values)} targets: expected one, or task=regression")
    distinct = values[0].nunique()
    if asked == "binary" and distinct != 2:
        raise ConfigError(f"data.task='binary': {values[0].name!r} holds {distinct} different values, expected 2")
    if asked is not None:
        return asked
    if is_number(values[0]):
        numbers = values[0].to_numpy(np.float64)
        if distinct > MOST_CLASSES or (numbers != np.round(numbers)).any():
            return "regression"
        log.info("target %r: %d whole numbers are taken for classes; data.task=regression says otherwise",
                 values[0].name, distinct)  # fmt: skip
    return "binary" if distinct == 2 else "classification"


def fit_target(table: Table, kind: str, training: Index) -> Target:
    """The target; `training` are the rows that numbers are standardised by.

    Raises:
        DataError: classes of which one is alone or has one row, a class that only test rows have, numbers that are all
            the same.
    """
    if kind == "regression":
        return _fit_quantities(table, training)
    name = table.targets[0]
    text = as_text(table.frame[name])
    counts = text.value_counts()
    if len(counts) < 2:
        raise DataError(f"{table.name}, column {name!r}: every row is of the class {text[0]!r}, expected two or more")
    if counts.min() < 2:
        value = counts.index[counts.to_numpy().argmin()]
        position = int(np.flatnonzero(text == value)[0])
        raise DataError(
            f"{table.place(position)}, column {name!r}: the class {value!r} has only this row, expected 2 at least, to "
            "train by and to compare by. Leave it out or join it with another"
        )
    classes = table.classes or _sorted(table.frame[name])
    if unknown := set(counts.index) - set(classes):
        raise DataError(
            f"{table.name}, column {name!r}: {min(unknown)!r} is no class. {nearest(min(unknown), classes)}"
        )
    return Classes(name, classes, kind == "binary")


def check_classes_known(table: Table, target: Target, training: Index, test: Index) -> None:
    """Raises DataError where a class occurs in test rows only."""
    if not isinstance(target, Classes):
        return
    text = as_text(table.frame[target.name])
    known = set(text.iloc[training])
    if (unknown := ~text.iloc[test].isin(known).to_numpy()).any():
        row = int(np.asarray(test)[unknown][0])
        value = text.iloc[row]
        raise DataError(
            f"{table.place(row)}, column {target.name!r}: no training row is of the class {value!r}. "
            f"{nearest(value, known)}"
        )


def target_from_plain(plain: Any) -> Target:
    """What `to_plain` wrote.

    Raises:
        ConfigError: anything else.
    """
    match plain:
        case {"name": str(name), "classes": [*classes], "binary": bool(binary)}:
            return Classes(name, tuple(map(str, classes)), binary)
        case {"names": [*names], "means": [*means], "stds": [*stds]} if len(names) == len(means) == len(stds) > 0:
            return Quantities(tuple(map(str, names)), tuple(map(float, means)), tuple(map(float, stds)))
    raise ConfigError(f"target: found {plain!r}, expected name, classes and binary, or names, means and stds")


def _fit_quantities(table: Table, training: Index) -> Quantities:
    values = _matrix(table, table.targets)[training]
    with np.errstate(over="ignore", invalid="ignore"):
        means, stds = values.mean(axis=0), values.std(axis=0)
    for name, std, column in zip(table.targets, stds, values.T):
        if (column == column[0]).all() or not np.isfinite(std):
            raise DataError(
                f"{table.name}, column {name!r}: the spread of the training rows is {std}, nothing to learn"
            )
    return Quantities(table.targets, tuple(means.tolist()), tuple(stds.tolist()))


def _matrix(table: Table, names: tuple[str, ...]) -> npt.NDArray[np.float64]:
    return table.frame[list(names)].to_numpy(np.float64)


def _sorted(values: pd.Series) -> tuple[str, ...]:
    """Different values as text, numbers by size."""
    distinct = values.drop_duplicates()
    return tuple(as_text(distinct.sort_values() if is_number(values) else as_text(distinct).sort_values()))
