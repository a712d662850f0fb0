"""What conf/data instantiates for series: one function a source, each giving a `SeriesData`."""

import inspect
from collections.abc import Callable

from darts_pl.data.series.module import SeriesData
from darts_pl.data.series.reading import TableFile
from darts_pl.data.series.sources import Etth1, MaunaLoaCo2


def _for_series_data(builder: Callable[..., SeriesData]) -> Callable[..., SeriesData]:
    """`builder` with `SeriesData`'s parameters in the place of `**series_data`, so that a misspelt or mistyped one is
    noticed where the configuration is checked."""
    own = inspect.signature(builder)
    named = {name: part for name, part in own.parameters.items() if part.kind is not part.VAR_KEYWORD}
    passed_on = inspect.signature(SeriesData).parameters
    further = [part for name, part in passed_on.items() if name != "source" and name not in named]
    builder.__signature__ = own.replace(parameters=[*named.values(), *further])
    return builder


@_for_series_data
def csv_data(csv: str, separator: str = ",", **series_data) -> SeriesData:
    """One's own CSV or Parquet file; keyword arguments go to `SeriesData`."""
    return SeriesData(source=TableFile(csv, separator), **series_data)


@_for_series_data
def etth1_data(root: str | None = None, download: bool = True, **series_data) -> SeriesData:
    """ETTh1 below `root`, else $DARTS_PL_DATA, else downloaded, cut by the standard protocol; further keyword arguments
    go to `SeriesData`."""
    return SeriesData(source=Etth1(root, download), **{"split": "ett", **series_data})


@_for_series_data
def co2_data(**series_data) -> SeriesData:
    """Weekly carbon dioxide at Mauna Loa, missing weeks interpolated; keyword arguments go to `SeriesData`."""
    return SeriesData(source=MaunaLoaCo2(), **{"missing": "interpolate", **series_data})
