"""What conf/data names for tables: small ones that scikit-learn ships, and a file of one's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.utils import Bunch

from darts_pl.data.delimited import Dialect
from darts_pl.data.split import holdout
from darts_pl.data.tables.file import TableFile
from darts_pl.data.tables.module import TableData
from darts_pl.data.tables.table import Table


@dataclass(frozen=True)
class Diabetes:
    """442 patients, ten measurements, the progression of the disease after a year (Efron et al. 2004)."""

    def load(self) -> Table:
        """The table in its original units."""
        frame = datasets.load_diabetes(as_frame=True, scaled=False).frame
        return Table(frame.rename(columns={"target": "progression"}), ("progression",), "diabetes")


@dataclass(frozen=True)
class BreastCancer:
    """569 tumours, thirty measurements, malignant or benign (Wisconsin diagnostic, UCI)."""

    def load(self) -> Table:
        """The table; benign is the class 1, as in scikit-learn."""
        return _with_names(datasets.load_breast_cancer(as_frame=True), "diagnosis", "breast cancer")


@dataclass(frozen=True)
class Wine:
    """178 wines, thirteen measurements, three growers (UCI)."""

    def load(self) -> Table:
        """The table."""
        return _with_names(datasets.load_wine(as_frame=True), "grower", "wine")


@dataclass(frozen=True)
class DigitsTable:
    """1,797 handwritten digits as 64 columns `pixel_<row>_<column>`, with the test rows of `darts_pl.data.Digits`.

    Args:
        halves: as two inputs, `upper` and `lower` half of the image, 32 columns each.
    """

    halves: bool = False

    def load(self) -> Table:
        """The table, grey values 0..16."""
        loaded = datasets.load_digits(as_frame=True)
        table = _with_names(loaded, "digit", "digits")
        pixels = [str(name) for name in loaded.data.columns]  # row by row
        inputs = {"upper": tuple(pixels[:32]), "lower": tuple(pixels[32:])} if self.halves else None
        _, test = holdout(loaded.target.to_numpy(np.int64), 0.2, seed=0)
        return Table(table.frame, table.targets, table.name, inputs, table.classes, test)


def _with_names(loaded: Bunch, target: str, name: str) -> Table:
    """A set of scikit-learn with its classes by name instead of by number."""
    classes = tuple(str(each) for each in loaded.target_names)
    frame: pd.DataFrame = loaded.data.assign(**{target: [classes[code] for code in loaded.target]})
    return Table(frame, (target,), name, classes=classes)


class DiabetesData(TableData):
    """scikit-learn's diabetes, a regression; the arguments are those of `TableData`."""

    def __init__(self, **table_data: Any) -> None:
        super().__init__(source=Diabetes(), **table_data)


class BreastCancerData(TableData):
    """scikit-learn's breast cancer, two classes; the arguments are those of `TableData`."""

    def __init__(self, **table_data: Any) -> None:
        super().__init__(source=BreastCancer(), **table_data)


class WineData(TableData):
    """scikit-learn's wine, three classes; the arguments are those of `TableData`."""

    def __init__(self, **table_data: Any) -> None:
        super().__init__(source=Wine(), **table_data)


class DigitsTableData(TableData):
    """scikit-learn's digits as one table or, with `halves`, as two; the other arguments are those of `TableData`."""

    def __init__(self, halves: bool = False, **table_data: Any) -> None:
        super().__init__(source=DigitsTable(halves), **table_data)


class CsvTableData(TableData):
    """One's own CSV or Parquet file, see `TableFile`; the other arguments are those of `Dialect` and of `TableData`."""

    def __init__(
        self,
        csv: str,
        target: str | Sequence[str],
        tables: Mapping[str, Sequence[str]] | None = None,
        test: str | None = None,
        categories: Sequence[str] = (),
        separator: str = ",",
        decimal: str = ".",
        thousands: str | None = None,
        units: Sequence[str] = (),
        quoting: str = "auto",
        missing_words: str | Sequence[str] = (),
        encoding: str = "utf-8",
        **table_data: Any,
    ) -> None:
        targets = target if isinstance(target, str) else tuple(target)
        dialect = Dialect(separator, decimal, thousands, units, quoting, missing_words, encoding)
        super().__init__(source=TableFile(csv, targets, tables, test, tuple(categories), dialect), **table_data)
