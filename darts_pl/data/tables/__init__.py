"""Data modules of tables."""

from darts_pl.data.tables.builders import (
    breast_cancer_data,
    csv_table_data,
    diabetes_data,
    digits_table_data,
    wine_data,
)
from darts_pl.data.tables.file import TableFile
from darts_pl.data.tables.known import BreastCancer, Diabetes, DigitsTable, Wine
from darts_pl.data.tables.module import TableData
from darts_pl.data.tables.preprocessing import TablePreprocessing
from darts_pl.data.tables.table import Table

__all__ = [
    "BreastCancer",
    "Diabetes",
    "DigitsTable",
    "Table",
    "TableData",
    "TableFile",
    "TablePreprocessing",
    "Wine",
    "breast_cancer_data",
    "csv_table_data",
    "diabetes_data",
    "digits_table_data",
    "wine_data",
]
