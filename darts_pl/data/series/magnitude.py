"""Numbers that are finite and yet too large, or too close together, for what a network is given: float32."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from darts_pl.errors import DataError

LARGEST = 1e150  # its square, and with it a variance, is still finite in float64
LARGEST_INPUT = 1e15  # squares of such values, summed over the windows of a batch, are finite in float32
COARSEST = 0.01  # of the deviations of a column, the steps of float32 at most
ENOUGH = 1_000_000  # rows at even distances that tell how a column deviates

Floats = npt.NDArray[np.float64]
Place = Callable[[int, int], str]


def check_standardisable(numbers: Floats, where: str, place: Callable[[int], str]) -> None:
    """Raises DataError for a finite value [rows] that no variance can be made of, with its place."""
    if (large := np.abs(numbers) > LARGEST).any():
        at = int(large.argmax())
        raise DataError(
            f"{where}, {place(at)}: found {numbers[at]:g}, which is too large to be standardised, expected at most "
            f"{LARGEST:g} in size ({int(large.sum())} such values). Give the column in larger units; where the number "
            "stands for a missing value, leave the cell empty, and data.missing says what to do"
        )


def check_whole(column: pd.Series, numbers: Floats, where: str) -> None:
    """Raises DataError for whole numbers of a `column` that become equal, or much rounded, as float64 `numbers`."""
    largest = np.nanmax(np.abs(numbers), initial=0)
    if largest <= 2**53 or pd.api.types.is_float_dtype(column) or column.nunique() == 1:
        return
    step, deviation = float(np.spacing(largest)), float(typical_deviations(numbers[:, None])[0])
    if step > COARSEST * deviation:
        raise DataError(
            f"{where}: whole numbers such as {column.iloc[0]} differ by little more than float64 tells apart there, "
            f"{step:g}. Take off what they have in common, or leave the column out"
        )


def check_network_input(given: Floats, place: Place, remedy: str) -> None:
    """Check what goes into float32.

    Args:
        given: [rows, channels]. place: of a row and a channel, for messages. remedy: a sentence.

    Raises:
        DataError: a value beyond `LARGEST_INPUT` in size, or none.
    """
    if (large := ~(np.abs(given) <= LARGEST_INPUT)).any():
        row, channel = map(int, np.argwhere(large)[0])
        raise DataError(
            f"{place(row, channel)} would reach a network as {given[row, channel]:.3g}, too large for squares in "
            f"float32, expected at most {LARGEST_INPUT:g} in size ({int(large[:, channel].sum())} such). {remedy}"
        )


def too_coarse(given: Floats, deviations: Floats) -> npt.NDArray[np.bool_]:
    """[channels]: where steps of float32 between most of `given` [rows, channels] are no longer small beside the
    `deviations` [channels] of `given`; where these are 0 nothing is told."""
    steps = np.spacing(np.median(np.abs(_sample(given)), axis=0).astype(np.float32)).astype(np.float64)
    return (deviations > 0) & (steps > COARSEST * deviations)


def typical_deviations(values: Floats) -> Floats:
    """[channels]: how far values [rows, channels] are typically from their median, those equal to it left out; 0 where
    all are equal. A value far from all others changes it little."""
    sample = _sample(values)
    distances = np.abs(sample - np.median(sample, axis=0))
    return np.array([np.median(column[column > 0]) if (column > 0).any() else 0.0 for column in distances.T])


def farthest(values: Floats) -> int:
    """The number of the value [rows] that is farthest from the median."""
    return int(np.abs(values - np.median(values)).argmax())


def _sample(values: Floats) -> Floats:
    return values[:: max(1, len(values) // ENOUGH)].astype(np.float64)
