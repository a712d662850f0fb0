"""What `torch.save` wrote: checked by its checksums, and nothing but tensors and plain values unpickled."""

import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from darts_pl.bounded.arrays import check_unpacked
from darts_pl.bounded.texts import check_size
from darts_pl.errors import RunError

LARGEST = 1 << 36  # bytes
UNREADABLE = (  # by zipfile and torch, whose reader takes a damaged pickle as it comes
    zipfile.BadZipFile,
    zlib.error,
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def read_state(path: Path) -> dict[str, Any]:
    """What `torch.save` wrote to `path`, tensors on the CPU; nothing but tensors and plain values is unpickled.

    Raises:
        RunError: damaged (torch itself does not look at the checksums that it writes), or it unpacks to more than its
            own size can justify.
    """
    size = check_size(path, largest=LARGEST)
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked(archive, size, str(path))
            if damaged := archive.testzip():
                raise RunError(f"{path}: {damaged} is damaged")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise RunError(f"{path}: {(str(error).splitlines() or [type(error).__name__])[0][:120]}") from error
    if not isinstance(state, dict):
        raise RunError(f"{path}: holds {type(state).__name__}, expected a mapping")
    return state
