"""Data modules of series."""

from darts_pl.data.delimited import RawTableFile, RawTableFrame
from darts_pl.data.series.module import SeriesData
from darts_pl.data.series.scaling import Scaler
from darts_pl.data.series.sources import Co2Data, CsvSeriesData, Etth1Data
from darts_pl.data.series.user_windows import UserWindows, WindowFileData
from darts_pl.data.series.windows import WindowDataModule

# The names in conf/data, which the configurations of earlier runs hold.
csv_data, etth1_data, co2_data, windows_data = CsvSeriesData, Etth1Data, Co2Data, WindowFileData

__all__ = [
    "RawTableFile",
    "RawTableFrame",
    "Scaler",
    "SeriesData",
    "UserWindows",
    "WindowDataModule",
    "co2_data",
    "csv_data",
    "etth1_data",
    "windows_data",
]
