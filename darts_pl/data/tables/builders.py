"""What conf/data instantiates for tables: one function a source, each giving a `TableData`."""

from collections.abc import Mapping, Sequence

from darts_pl.data.delimited import Dialect
from darts_pl.data.passed_on import passes_on_to
from darts_pl.data.tables.file import TableFile
from darts_pl.data.tables.known import BreastCancer, Diabetes, DigitsTable, Wine
from darts_pl.data.tables.module import TableData


@passes_on_to(TableData)
def diabetes_data(**table_data) -> TableData:
    """scikit-learn's diabetes, a regression; keyword arguments go to `TableData`."""
    return TableData(source=Diabetes(), **table_data)


@passes_on_to(TableData)
def breast_cancer_data(**table_data) -> TableData:
    """scikit-learn's breast cancer, two classes; keyword arguments go to `TableData`."""
    return TableData(source=BreastCancer(), **table_data)


@passes_on_to(TableData)
def wine_data(**table_data) -> TableData:
    """scikit-learn's wine, three classes; keyword arguments go to `TableData`."""
    return TableData(source=Wine(), **table_data)


@passes_on_to(TableData)
def digits_table_data(halves: bool = False, **table_data) -> TableData:
    """scikit-learn's digits as one table or, with `halves`, as two; further keyword arguments go to `TableData`."""
    return TableData(source=DigitsTable(halves), **table_data)


@passes_on_to(Dialect, TableData)
def csv_table_data(
    csv: str,
    target: str | Sequence[str],
    tables: Mapping[str, Sequence[str]] | None = None,
    test: str | None = None,
    categories: Sequence[str] = (),
    **others,
) -> TableData:
    """One's own CSV or Parquet file, see `TableFile`; further keyword arguments go to `Dialect` and to `TableData`."""
    targets = target if isinstance(target, str) else tuple(target)
    dialect, table_data = Dialect.taken_from(others)
    return TableData(source=TableFile(csv, targets, tables, test, tuple(categories), dialect), **table_data)
