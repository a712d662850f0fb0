"""Tables that a run wrote: CSV of bounded size, read by pandas."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from darts_pl.bounded.texts import read_bytes, shown
from darts_pl.errors import DartsError, RunError

LARGEST_TABLE = 64 << 20  # bytes
MOST_CELLS, MOST_COLUMNS = 3_000_000, 10_000


def read_table(
    path: Path | str, columns: Sequence[str] = (), *, error: type[DartsError] = RunError, **options: Any
) -> pd.DataFrame:
    """The table in a CSV file.

    Args:
        columns: it must have. error: the class to raise. options: of `pandas.read_csv`.

    Raises:
        DartsError: `error`; no such file, not CSV in UTF-8, empty, a column that is missing, or larger than a
            run's table can be.
    """
    data = read_bytes(path, error=error, largest=LARGEST_TABLE)
    if (cells := data.count(b",") + data.count(b"\n")) > MOST_CELLS:
        raise error(f"{path}: found about {cells:,} cells, expected at most {MOST_CELLS:,}")
    widest = max((line.count(b",") + 1 for line in io.BytesIO(data)), default=0)
    if widest > MOST_COLUMNS:
        raise error(f"{path}: found a line of {widest:,} columns, expected at most {MOST_COLUMNS:,}")
    try:
        table = pd.read_csv(io.BytesIO(data), **options)
    except (ValueError, OverflowError) as problem:  # pandas' own errors are ValueErrors
        raise error(f"{path}: cannot be read as a table: {str(problem).strip()[:200]}") from problem
    found = [*map(str, table.columns), str(table.index.name)]
    if missing := [name for name in columns if name not in found]:
        raise error(f"{path}: no column {missing[0]!r}, found {shown(', '.join(found))}")
    return table
