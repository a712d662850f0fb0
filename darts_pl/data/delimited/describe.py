"""What a table holds, told before work: its size and the type of each column."""

import logging
from collections.abc import Sequence

import pandas as pd

from darts_pl.data.delimited.dialect import USUAL_MISSING

log = logging.getLogger(__name__)

MOST_LINES = 25  # of columns, beyond which they are summed up
FEW, SHOWN = 4, 20  # categories that are named, characters of each
MISSING_WORDS = frozenset(USUAL_MISSING)


def log_columns(name: str, frame: pd.DataFrame, columns: Sequence[str], size_bytes: int | None = None) -> None:
    """Log the size of a table and what each of `columns` was taken for, one line each."""
    size = "" if size_bytes is None else f", {format_bytes(size_bytes)}"
    log.info("%s: %s rows, %d column%s%s", name, f"{len(frame):,}", len(columns), "s" * (len(columns) > 1), size)
    for column in columns[:MOST_LINES]:
        log.info("%s", describe_column(frame[column]))
    if further := columns[MOST_LINES:]:
        numbers = sum(is_number(frame[column]) for column in further)
        log.info("%d further columns: %d of numbers, %d of categories", len(further), numbers, len(further) - numbers)
        missing = {column: int(frame[column].isna().sum()) for column in further}
        if shown := [f"{column} {count}" for column, count in missing.items() if count]:
            log.info(
                "missing in %d of them: %s",
                len(shown),
                ", ".join(shown[:MOST_LINES]) + ", ..." * (len(shown) > MOST_LINES),
            )


def describe_column(values: pd.Series) -> str:
    """What a column holds, such as "price: 12 numbers from 3.5 to 80, 2 missing"."""
    known = values.dropna()
    missing = f", {len(values) - len(known)} missing" if len(known) < len(values) else ""
    if is_number(values):
        found = f"{len(known)} numbers" + (f" from {known.min():.10g} to {known.max():.10g}" if len(known) else "")
    elif pd.api.types.is_datetime64_any_dtype(values):
        found = f"{len(known)} times" + (f" from {known.min()} to {known.max()}" if len(known) else "")
    else:
        counts = known.value_counts()
        named = ", ".join(str(value)[:SHOWN] for value in sorted(counts.index, key=str)[:FEW])
        found = f"{len(counts)} categories ({named}{', ...' * (len(counts) > FEW)})"
        if words := [f"{word} in {counts[word]} rows" for word in counts.index if word in MISSING_WORDS]:
            found += f"; {', '.join(words)} is a word like others, which data.missing_words would take as missing"
    return f"{values.name}: {found}{missing}"


def format_bytes(size_bytes: int) -> str:
    """A size in words."""
    return f"{size_bytes / 2**20:,.1f} MiB" if size_bytes >= 2**20 else f"{size_bytes / 2**10:,.1f} KiB"


def is_number(values: pd.Series) -> bool:
    """Whether a column holds numbers; truth values are categories."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
