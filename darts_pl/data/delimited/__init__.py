"""The one reader of delimited files (CSV, TSV): tables, texts and series alike."""

from darts_pl.data.delimited.dialect import Dialect
from darts_pl.data.delimited.raw import RawTable
from darts_pl.data.delimited.reading import read_delimited

__all__ = ["Dialect", "RawTable", "read_delimited"]
