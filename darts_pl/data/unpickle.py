"""Reading the CIFAR batches' pickles: only the few names that these files need are admitted.

A pickle may name any function to be called while it is read. Here a name outside `ADMITTED` ends the reading.
"""

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from darts_pl.errors import DataError

MALFORMED = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    ImportError,
    LookupError,
    TypeError,
    ValueError,
    MemoryError,
)


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """What `_codecs.encode` does in a pickle of protocol 2: bytes written as text in Latin-1."""
    if encoding != "latin1":
        raise ValueError(f"bytes written as {encoding!r}, expected 'latin1'")
    return text.encode("latin1")


def _empty_array(kind: type, shape: tuple[int, ...], code: str | bytes) -> np.ndarray:
    """The empty array that numpy's pickles fill afterwards."""
    if kind is not np.ndarray or shape != (0,):
        raise ValueError("an array of an unexpected kind")
    return np.ndarray(shape, dtype=np.uint8)


ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1_bytes,
}


class _Admitting(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise DataError(f"the pickle names {module}.{name}, which no CIFAR batch needs; it is not read")
        return ADMITTED[module, name]


def unpickle(data: bytes, where: str) -> Any:
    """The object in `data`: containers, numbers, texts and numpy arrays.

    Args:
        data: a pickle; one of Python 2 is read with its texts as Latin-1.
        where: the file, for messages.

    Raises:
        DataError: a name that is not admitted, or a damaged pickle.
    """
    try:
        return _Admitting(io.BytesIO(data), encoding="latin1").load()
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except MALFORMED as error:
        raise DataError(f"{where} is no readable pickle ({type(error).__name__}: {error})") from error
