"""Small tables whose values say where they stand, written to files of a test's own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darts_pl.data.series import RawTableFrame, SeriesData


def numbered(rows: int = 120, columns: str = "ab", frequency: str = "h", tz: str | None = None) -> pd.DataFrame:
    """Column k holds 1000 · k + row, so that a value tells its column and its row."""
    values = {name: 1000.0 * k + np.arange(rows) for k, name in enumerate(columns)}
    return pd.DataFrame({"date": pd.date_range("2021-01-04", periods=rows, freq=frequency, tz=tz), **values})


@pytest.fixture
def data_of() -> Callable[..., SeriesData]:
    """A data module of `numbered` rows, or of a frame, with small windows and unscaled values."""

    def make(frame: pd.DataFrame | int = 120, **options) -> SeriesData:
        frame = numbered(frame) if isinstance(frame, int) else frame
        options = {"look_back": 6, "horizon": 3, "batch_size": 4, "scaling": "none", "calendar": [], **options}
        return SeriesData(source=RawTableFrame(frame), **options)

    return make


@pytest.fixture
def csv_of(tmp_path: Path) -> Callable[..., Path]:
    """Writes lines to a file of UTF-8."""

    def write(*lines: str, name: str = "my.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
