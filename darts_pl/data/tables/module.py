"""The LightningDataModule of tables: rows of numbers and categories for a number, a class, or yes or no."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from torch import Tensor

from darts_pl.data.base import PairedDataModule, Source, check_source
from darts_pl.data.batches import Indexed, NamedRows
from darts_pl.data.delimited.describe import format_bytes
from darts_pl.data.split import SUBSET_SEED, Index, as_tensors, holdout, paired_halves, stratified_subset
from darts_pl.data.tables.preprocessing import TablePreprocessing
from darts_pl.data.tables.table import Table, made_once
from darts_pl.data.tables.target import KINDS, Classes, check_classes_known, check_present, fit_target, kind_of
from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.inputs import TensorInput
from darts_pl.tasks import Task

log = logging.getLogger(__name__)

TEST_SEED = 0
HASHED = 1 << 16  # rows at a time
Features = Tensor | dict[str, Tensor]  # float32 [N, F], of several inputs by name


@dataclass(frozen=True, eq=False)
class Stored:
    """Rows as a network takes them: (x, y) of "train" and "test", of a table that lives as long as they do."""

    table: Table
    parts: dict[str, tuple[Features, Tensor]]


class TableData(PairedDataModule):
    """Batches of rows, `(x, y)` or `{"weights": (x, y), "alphas": (x, y)}` in a search.

    x is float32 [B, F], or a dictionary of these where the source gives several inputs. y is int64 [B] of classes,
    float32 [B] of a regression ([B, targets] of several). Numbers are standardised, categories become features of 0 and
    1, missing values are filled and marked, all by the training rows, never by test rows; both halves of a search, and
    the held-out part of a retraining, are among these training rows and share that. So do regression targets: the loss
    and figures are those of targets with mean 0 and variance 1 over the training rows, as for series
    (`preprocessing.target.original` gives outputs in the targets' units; `r2` is the same in both).

    Args:
        source: gives the table.
        task: "regression", "binary" or "classification"; None decides by the target (see `kind_of`).
        fold: test by this fold of `folds`, from 0, instead of by the source's test rows: folds of a seed of their own,
            the same for every `seed`, stratified for classes.
        folds: how many.
        test_fraction: of the rows, held out for testing where the source has no test rows, the same for every `seed`.
        paired: see `PairedDataModule`; the cuts keep the share of each class.

    Raises:
        ConfigError: a source that cannot load, an unknown `purpose` or `task`, a number out of range.
    """

    unit = "row"

    def __init__(
        self,
        *,
        source: Source[Table],
        task: str | None = None,
        fold: int | None = None,
        folds: int = 5,
        test_fraction: float = 0.2,
        **paired: Any,
    ) -> None:
        super().__init__(**paired)
        check_source(source, "Diabetes, TableFile")
        if task is not None and task not in KINDS:
            raise ConfigError(f"data.task={task!r} is unknown. {nearest(task, KINDS)}")
        if folds < 2 or not (fold is None or 0 <= fold < folds):
            raise ConfigError(
                f"data.fold={fold} of data.folds={folds}: expected 2 folds or more and one from 0 of them"
            )
        if not 0 < test_fraction < 1:
            raise ConfigError(f"data.test_fraction={test_fraction}: expected a share above 0 and below 1")
        self.source, self._kind_chosen, self.fold, self.folds, self.test_fraction = (
            source,
            task,
            fold,
            folds,
            test_fraction,
        )

    @cached_property
    def table(self) -> Table:
        """Everything the source holds.

        Raises:
            DataError: what the source refuses, and a row that misses a target.
        """
        table = self.source.load()
        check_present(table)
        return table

    @cached_property
    def preprocessing(self) -> TablePreprocessing:
        """What makes raw rows a network's inputs."""
        training, test = self.rows
        target = fit_target(self.table, self._kind, training)
        check_classes_known(self.table, target, training, test)
        return TablePreprocessing.fit(self.table, target, training)

    @cached_property
    def rows(self) -> tuple[Index, Index]:
        """Numbers of the training rows, after `limit_train`, and of the test rows, in the table."""
        count, codes = len(self.table.frame), self._codes
        if self.fold is not None:
            training, test = self._folded(self.fold)
        elif self.table.test is not None:
            test = self.table.test
            training = np.setdiff1d(np.arange(count), test)
        else:
            training, test = self._cut(np.arange(count), 1 - self.test_fraction, TEST_SEED)
        if self.limit_train is not None and self.limit_train < len(training):
            if codes is None:
                training = self._cut(training, self.limit_train / len(training), SUBSET_SEED)[0]
            else:
                chosen = stratified_subset(codes[training], self.limit_train, SUBSET_SEED, self.classes, self.unit)
                training = training[chosen]
        return training, test

    @property
    def input_shape(self) -> TensorInput | dict[str, TensorInput]:
        """(F,) of the table, or of each by its name."""
        return self.preprocessing.input_shape

    @property
    def outputs(self) -> int:
        """How many outputs a network needs: one a class, 1 for yes or no, one a number to predict."""
        return self.preprocessing.target.outputs

    def default_task(self) -> Task:
        """A regression, or a classification of two classes or more."""
        return self.preprocessing.target.task()

    def prepare(self) -> None:
        """Read the table and check everything that depends on it, the test rows too; see `PairedDataModule`."""
        _ = self.task
        self.test_dataloader()
        super().prepare()

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; none of a regression."""
        target = self._all_classes
        return target.classes if target else ()

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the training and test rows in use, as read, their columns' roles and the target's kind."""
        table = self.table
        facts = (self._kind, table.targets, table.features, table.inputs, self.classes, list(map(len, self.rows)))
        digest = hashlib.sha256(repr(facts).encode())
        columns = [*table.features, *table.targets]
        for rows in self.rows:
            for first in range(0, len(rows), HASHED):
                part = table.frame.iloc[rows[first : first + HASHED]][columns]
                digest.update(pd.util.hash_pandas_object(part, index=False).to_numpy("<u8").tobytes())
        return digest.hexdigest()

    def train_rows(self) -> tuple[Features, Tensor]:
        """(x, y) of all training rows in use, both halves together."""
        return self._stored.parts["train"]

    def test_rows(self) -> tuple[Features, Tensor]:
        """(x, y) of the test rows."""
        return self._stored.parts["test"]

    @property
    def training_count(self) -> int:
        """Training rows in use, after `limit_train`."""
        return len(self.rows[0])

    def cut(self, fraction: float) -> tuple[Tensor, Tensor]:
        """The training rows in two by `seed`, with the share of each class kept."""
        codes = None if self._codes is None else self._codes[self.rows[0]]
        if codes is None:
            return as_tensors(self._cut(np.arange(self.training_count), fraction, self.seed))
        halves = paired_halves(codes, fraction=fraction, seed=self.seed, classes=self.classes, unit=self.unit)
        return as_tensors(halves)

    def samples_of(self, part: str) -> tuple[Indexed, Tensor]:
        """x and y of "train" or "test"."""
        x, y = self._stored.parts[part]
        return (x if isinstance(x, Tensor) else NamedRows(x)), y

    @cached_property
    def _kind(self) -> str:
        return kind_of(self.table, self._kind_chosen)

    @cached_property
    def _all_classes(self) -> Classes | None:
        """The classes of all rows, where there are any: what the cuts are stratified by."""
        if self._kind == "regression":
            return None
        classes = fit_target(self.table, self._kind, np.arange(len(self.table.frame)))
        assert isinstance(classes, Classes)  # of every kind but a regression
        return classes

    @cached_property
    def _codes(self) -> Index | None:
        return None if self._all_classes is None else self._all_classes.numbers(self.table).numpy()

    @cached_property
    def _stored(self) -> Stored:
        cuts = [hashlib.sha256(rows.tobytes()).digest() for rows in self.rows]
        return made_once((id(self.table), self._kind, *cuts), self._transformed)

    def _transformed(self) -> Stored:
        preprocessing, table = self.preprocessing, self.table
        y = preprocessing.target.numbers(table)
        found = {}
        for part, rows in zip(("train", "test"), self.rows):
            x = preprocessing.encode(table.frame, self._places(rows), rows)
            found[part] = (x, y[rows])
        train, test = ([*x.values()] if isinstance(x, dict) else [x] for x, _ in found.values())
        log.info(
            "%s: %s training and %s test rows of %d features, %s in memory",
            table.name,
            f"{len(train[0]):,}",
            f"{len(test[0]):,}",
            sum(each.shape[1] for each in train),
            format_bytes(sum(each.nbytes for each in (*train, *test))),
        )
        return Stored(table, found)

    def _places(self, rows: Index) -> Callable[[int], str]:
        """For messages, where each of some rows of the table stands."""
        return lambda position: self.table.place(int(rows[position]))

    def _cut(self, rows: Index, fraction: float, seed: int) -> tuple[Index, Index]:
        """Some rows of the table in two, the first with `fraction`: stratified for classes."""
        if self._codes is not None:
            first, second = holdout(self._codes[rows], 1 - fraction, seed, self.classes, self.unit)
            return rows[first], rows[second]
        size = round(len(rows) * fraction)
        if not 0 < size < len(rows):
            raise DataError(f"{self.table.name}: {len(rows)} rows, of which {fraction:.3g} leaves a part empty")
        first, second = train_test_split(rows, train_size=size, random_state=seed)
        return np.sort(first), np.sort(second)

    def _folded(self, fold: int) -> tuple[Index, Index]:
        codes, count = self._codes, len(self.table.frame)
        fewest = count if codes is None else int(np.bincount(codes).min())
        if fewest < self.folds:
            what = (
                f"the {count} rows"
                if codes is None
                else f"the class {self.classes[int(np.bincount(codes).argmin())]!r}"
            )
            raise ConfigError(f"data.folds={self.folds}: {what} of {self.table.name} fill only {fewest} folds")
        kind = KFold if codes is None else StratifiedKFold
        cuts = kind(self.folds, shuffle=True, random_state=TEST_SEED).split(np.zeros(count), codes)
        return list(cuts)[fold]
