"""The one reader of delimited files (CSV, TSV): tables, texts and series alike."""

from darts_pl.data.delimited.dialect import Dialect, RawTable
from darts_pl.data.delimited.reading import read_delimited
from darts_pl.data.delimited.sources import RawTableFile, RawTableFrame

__all__ = ["Dialect", "RawTable", "RawTableFile", "RawTableFrame", "read_delimited"]
