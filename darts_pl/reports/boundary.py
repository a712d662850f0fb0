"""The boundary around each part of a page: odd or damaged content costs the part that shows it, never the page."""

import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from darts_pl.errors import DartsError
from darts_pl.reports.page import Block, Section

Made = TypeVar("Made")
Part = tuple[str, Callable[[], Sequence[Block]]]  # the title of a section, and what makes its blocks

# What content raises that is not as expected: a value of another type (AttributeError, TypeError), a name or a place
# that is not there (LookupError), a number that cannot be (ArithmeticError, ValueError), a file that cannot be read or
# unpacked, nesting or sizes that no page has room for. Others are faults of this program and stay tracebacks.
CONTENT_ERRORS = (
    ArithmeticError,
    AttributeError,
    DartsError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
LONGEST_REASON = 300  # characters


def reason(error: BaseException) -> str:
    """An error on one line: what ours say, of others their class too."""
    text = " ".join(str(error).split())
    text = text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"
    if isinstance(error, DartsError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def attempt(what: str, make: Callable[[], Made], otherwise: Made, left_out: list[str]) -> Made:
    """What `make` returns; where content keeps it from that, `otherwise`, and a line in `left_out` names `what`."""
    try:
        return make()
    except CONTENT_ERRORS as error:
        left_out.append(f"Left out, because it cannot be drawn: {what} ({reason(error)}).")
        return otherwise


def filled_sections(parts: Iterable[Part], left_out: list[str]) -> list[Section]:
    """The sections that have something to show, each behind the boundary."""
    nothing: Sequence[Block] = ()
    made = ((title, attempt(title, make, nothing, left_out)) for title, make in parts)
    return [Section(title, blocks) for title, blocks in made if blocks]
