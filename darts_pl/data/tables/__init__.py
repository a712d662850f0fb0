"""Data modules of tables."""

from darts_pl.data.tables.file import TableFile
from darts_pl.data.tables.module import TableData
from darts_pl.data.tables.preprocessing import TablePreprocessing
from darts_pl.data.tables.sources import (
    BreastCancer,
    BreastCancerData,
    CsvTableData,
    Diabetes,
    DiabetesData,
    DigitsTable,
    DigitsTableData,
    Wine,
    WineData,
)
from darts_pl.data.tables.table import Table

# The names in conf/data, which the configurations of earlier runs hold.
breast_cancer_data, diabetes_data, wine_data = BreastCancerData, DiabetesData, WineData
digits_table_data, csv_table_data = DigitsTableData, CsvTableData

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
