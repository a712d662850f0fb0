"""What conf/data instantiates for series: one function a source, each giving a `SeriesData`."""

from darts_pl.data.delimited import Dialect
from darts_pl.data.passed_on import passes_on_to
from darts_pl.data.series.module import SeriesData
from darts_pl.data.series.reading import TableFile
from darts_pl.data.series.sources import Etth1, MaunaLoaCo2


@passes_on_to(Dialect, SeriesData)
def csv_data(csv: str, **others) -> SeriesData:
    """One's own CSV or Parquet file; keyword arguments go to `Dialect` and to `SeriesData`."""
    dialect, series_data = Dialect.taken_from(others)
    return SeriesData(source=TableFile(csv, dialect), **series_data)


@passes_on_to(SeriesData)
def etth1_data(root: str | None = None, download: bool = True, **series_data) -> SeriesData:
    """ETTh1 below `root`; without one below $DARTS_PL_DATA, else downloaded; cut by the standard protocol. Further
    keyword arguments go to `SeriesData`."""
    return SeriesData(source=Etth1(root, download), **{"split": "ett", **series_data})


@passes_on_to(SeriesData)
def co2_data(**series_data) -> SeriesData:
    """Weekly carbon dioxide at Mauna Loa, missing weeks interpolated; keyword arguments go to `SeriesData`."""
    return SeriesData(source=MaunaLoaCo2(), **{"missing": "interpolate", **series_data})
