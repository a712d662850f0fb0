"""A genotype copied out of a log: the line's beginning is taken off, mere words are explained."""

import re

from darts_pl.errors import GenotypeError

CALL = re.compile(r"(?<![\w.])Genotype\(")
WORDS = re.compile(r"\b\d+: *\w+\(\d+\)")  # of a cell, as logs and closing lines tell it: "2: sep_conv_3x3(0) + ..."
BRACKET = re.compile(r"[()]")
MOST_REPEATED = 20  # of one genotype in a log


def looks_pasted(spec: str) -> bool:
    """Whether `spec` is the text of a genotype, and not the name of a file or a published genotype."""
    return spec.lstrip().startswith("{") or is_call(spec) or bool(WORDS.search(spec))


def is_call(text: str) -> bool:
    """Whether there is a `Genotype(...)` in `text`, whatever a logger, "[2026-11-22 ...]", put before it."""
    return not text.lstrip().startswith("{") and bool(CALL.search(text))


def without_surroundings(text: str, where: str) -> str:
    """The one `Genotype(...)` in `text`, without the time and level that a logger put before it; any other text as it
    is.

    Raises:
        GenotypeError: several, of which one cannot know which is meant; or the words of a log, which tell no output.
    """
    found = list(CALL.finditer(text))
    if not found:
        if WORDS.search(text):
            raise GenotypeError(
                f"{where}: found the words that a log tells a genotype with, which leave out what a cell puts out. "
                "Give the run folder, or the file genotype_best.json in it"
            )
        return text
    if len(found) <= MOST_REPEATED and len(calls := {_call_at(text, match.start()) for match in found}) == 1:
        return calls.pop()
    raise GenotypeError(f"{where}: found {len(found)} genotypes, expected one. Keep the line that is meant")


def _call_at(text: str, start: int) -> str:
    """The call that begins at `start`, up to the bracket that closes it, or to the end where none does."""
    depth = 0
    for bracket in BRACKET.finditer(text, start):
        depth += 1 if bracket.group() == "(" else -1
        if depth == 0:
            return text[start : bracket.end()]
    return text[start:]
