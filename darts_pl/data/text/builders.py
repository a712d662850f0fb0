"""What conf/data instantiates for texts: one function a source, each giving a `TextData`."""

from collections.abc import Sequence

from darts_pl.data.passed_on import passes_on_to
from darts_pl.data.text.module import TextData
from darts_pl.data.text.sources import TextFiles, Trec


@passes_on_to(TextData)
def trec_data(root: str | None = None, **text_data) -> TextData:
    """TREC's questions below `root`, else $DARTS_PL_DATA; further keyword arguments go to `TextData`."""
    return TextData(source=Trec(root), **text_data)


@passes_on_to(TextData)
def text_data(
    train: str,
    test: str | None = None,
    text: str = "text",
    labels: str | Sequence[str] = "label",
    separator: str | None = None,
    quoting: str = "auto",
    encoding: str = "utf-8",
    **text_data,
) -> TextData:
    """One's own texts, see `TextFiles`; further keyword arguments go to `TextData`."""
    named = labels if isinstance(labels, str) else tuple(labels)
    return TextData(source=TextFiles(train, test, text, named, separator, quoting, encoding), **text_data)
