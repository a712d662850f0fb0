"""Data modules of series."""

from darts_pl.data.series.builders import co2_data, csv_data, etth1_data
from darts_pl.data.series.given import GivenWindows, windows_data
from darts_pl.data.series.module import SeriesData
from darts_pl.data.series.reading import TableFile, TableFrame
from darts_pl.data.series.scaling import Scaler

__all__ = [
    "GivenWindows",
    "Scaler",
    "SeriesData",
    "TableFile",
    "TableFrame",
    "co2_data",
    "csv_data",
    "etth1_data",
    "windows_data",
]
