"""Data modules of texts."""

from darts_pl.data.text.module import TextData
from darts_pl.data.text.preprocessing import TextPreprocessing
from darts_pl.data.text.sources import TextFileData, TextFiles, Trec, TrecData
from darts_pl.data.text.texts import LabelledTexts

# The names in conf/data, which the configurations of earlier runs hold.
text_data, trec_data = TextFileData, TrecData

__all__ = ["LabelledTexts", "TextData", "TextFiles", "TextPreprocessing", "Trec", "text_data", "trec_data"]
