"""What conf/data names for series: ETTh1, the weekly carbon dioxide of Mauna Loa, and a file of one's own."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darts_pl.bounded.texts import file_digest
from darts_pl.data.delimited import Dialect, RawTable, RawTableFile, RawTableFrame
from darts_pl.data.download import download
from darts_pl.data.series.module import SeriesData
from darts_pl.errors import ConfigError, DataError
from darts_pl.paths import cache_dir

URL = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/ETTh1.csv"
MD5 = "8381763947c85f4be6ac456c508460d6"
SHA256 = "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"
FOLDERS = ("ett", "ETT-small", "")


@dataclass(frozen=True)
class Etth1:
    """ETTh1: load and oil temperature (OT) of an electricity transformer, 17,420 hours of 7 channels (Zhou et al. 2021,
    arXiv 2012.07436; zhouhaoyi/ETDataset, CC BY-ND 4.0).

    Args:
        root: the folder in which, or in whose `ett` or `ETT-small`, ETTh1.csv lies, or the file itself. Without it
            `$DARTS_PL_DATA`, then the cache. download: fetch the file (2.6 MB) into the cache where it is nowhere.
    """

    root: str | Path | None = None
    download: bool = True

    def load(self) -> RawTable:
        """The table, its bytes checked: published errors are of this file alone.

        Raises:
            DataError: nothing found, no network, or another file of the name.
        """
        path = self._find()
        if (found := file_digest(path)) != SHA256:
            raise DataError(
                f"{path} has the SHA-256 digest {found}, expected {SHA256}: cut short, damaged or another file. Its "
                f"source is {URL}; for a file of your own choose data=csv data.csv={path}"
            )
        return RawTableFile(path).load()

    def _find(self) -> Path:
        if self.root is not None and Path(self.root).expanduser().is_file():
            return Path(self.root).expanduser()
        given = os.environ.get("DARTS_PL_DATA")
        bases = [Path(self.root)] if self.root is not None else [*([Path(given)] if given else []), cache_dir()]
        places = [base.expanduser() / folder / "ETTh1.csv" for base in bases for folder in FOLDERS]
        if found := next((place for place in places if place.is_file()), None):
            return found
        if self.root is None and self.download:
            return download(URL, MD5, cache_dir() / "ett")
        raise DataError(
            f"ETTh1.csv was not found: looked for {', '.join(map(str, places))}. Fetch it from {URL} (repository "
            "zhouhaoyi/ETDataset) and name its folder as data.root, or put it in $DARTS_PL_DATA/ett/"
        )


@dataclass(frozen=True)
class MaunaLoaCo2:
    """Weekly carbon dioxide of the air at Mauna Loa, 1958 to 2001, 2,284 rows of which 59 are missing (Keeling and
    Whorf; it ships with statsmodels). Columns `date`, `co2` in parts per million."""

    def load(self) -> RawTable:
        """The table.

        Raises:
            ConfigError: statsmodels is not installed.
        """
        try:
            from statsmodels.datasets import co2
        except ImportError as error:
            raise ConfigError("data=co2 needs statsmodels: pip install 'darts_pl[forecasting]'") from error
        return RawTableFrame(co2.load_pandas().data.rename_axis("date"), "statsmodels' co2").load()


class CsvSeriesData(SeriesData):
    """One's own CSV or Parquet file; the other arguments are those of `Dialect` and of `SeriesData`."""

    def __init__(
        self,
        csv: str,
        separator: str = ",",
        decimal: str = ".",
        thousands: str | None = None,
        units: Sequence[str] = (),
        quoting: str = "auto",
        missing_words: str | Sequence[str] = (),
        encoding: str = "utf-8",
        **series_data: Any,
    ) -> None:
        dialect = Dialect(separator, decimal, thousands, units, quoting, missing_words, encoding)
        super().__init__(source=RawTableFile(csv, dialect), **series_data)


class Etth1Data(SeriesData):
    """ETTh1 below `root`; without one below $DARTS_PL_DATA, else downloaded; cut by the standard protocol. The other
    arguments are those of `SeriesData`."""

    def __init__(
        self, *, root: str | None = None, download: bool = True, split: str = "ett", **series_data: Any
    ) -> None:
        super().__init__(source=Etth1(root, download), split=split, **series_data)


class Co2Data(SeriesData):
    """Weekly carbon dioxide at Mauna Loa, missing weeks interpolated; the arguments are those of `SeriesData`."""

    def __init__(self, *, missing: str = "interpolate", **series_data: Any) -> None:
        super().__init__(source=MaunaLoaCo2(), missing=missing, **series_data)
