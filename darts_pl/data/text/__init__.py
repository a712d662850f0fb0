"""Data modules of texts."""

from darts_pl.data.text.builders import text_data, trec_data
from darts_pl.data.text.module import TextData
from darts_pl.data.text.preprocessing import TextPreprocessing
from darts_pl.data.text.sources import TextFiles, Trec
from darts_pl.data.text.texts import LabelledTexts

__all__ = ["LabelledTexts", "TextData", "TextFiles", "TextPreprocessing", "Trec", "text_data", "trec_data"]
