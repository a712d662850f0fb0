"""The header of a model file: what it holds, checked before anything is built from it."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from darts_pl.errors import RunError, nearest

FORMAT, VERSION = "darts_pl.model", 1
MAX_LAYERS, MAX_SIZE = 1000, 100_000


class Rule(NamedTuple):
    """What one value of the header must be, in words and as a test."""

    expected: str
    holds: Callable[[Any], bool]


def _whole(highest: int) -> Rule:
    return Rule(f"a whole number from 1 to {highest}", lambda v: type(v) is int and 1 <= v <= highest)


def _is_list(value: Any, of: Callable[[Any], bool], length: int | None = None) -> bool:
    return isinstance(value, list) and bool(value) and length in (None, len(value)) and all(map(of, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


SIZE = _whole(MAX_SIZE)
KEYS = {
    "genotype": Rule("a genotype's mapping", lambda v: isinstance(v, dict)),
    "space": Rule("a mapping", lambda v: isinstance(v, dict)),
    "input_shape": Rule(f"[C, H, W], each from 1 to {MAX_SIZE}", lambda v: _is_list(v, SIZE.holds, 3)),
    "classes": Rule("a list of names", lambda v: _is_list(v, _is_text)),
    "mean": Rule("a list of numbers", lambda v: _is_list(v, _is_number)),
    "std": Rule("a list of numbers above 0", lambda v: _is_list(v, lambda n: _is_number(n) and n > 0)),
    "details": Rule("a mapping", lambda v: isinstance(v, dict)),
    "versions": Rule(
        "a mapping of names to versions", lambda v: isinstance(v, dict) and all(map(_is_text, v.values()))
    ),
}
SIZES = {"init_channels": SIZE, "layers": _whole(MAX_LAYERS)}
SPACES = {"cells": {**SIZES, "stem": Rule("a stem's name", _is_text)}, "nasbench201": SIZES}


def read_header(text: str, where: str) -> dict[str, Any]:
    """The header in `text`, every value of it of the right type and range.

    Args:
        text: JSON. where: the file, for messages.

    Raises:
        RunError: another format or version, a missing or unknown key, or a value of another type or size; the message
            names the file, the key, what was found and what was expected.
    """
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of more digits than Python reads
        raise RunError(f"{where}: its header is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise RunError(f"{where}: its header is {_shown(header)}, expected a mapping")
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        found = f"format {_shown(header.get('format'))} version {_shown(header.get('version'))}"
        raise RunError(f"{where}: found {found}, expected {FORMAT!r} version {VERSION}")
    header.setdefault("versions", {})  # absent from the first files of this version
    _check({key: header[key] for key in header if key not in ("format", "version")}, KEYS, where, "")
    _check(header["space"], SPACES[space_of(header)], where, "space.")
    for key in ("mean", "std"):
        channels = header["input_shape"][0]
        if len(header[key]) != channels:
            raise RunError(
                f"{where}: {key} has {len(header[key])} values, expected one for each of {channels} channels"
            )
    return header


def space_of(header: Mapping[str, Any]) -> str:
    """The space that the header's genotype names; where it names none there is, the first, whose reader tells."""
    space = header["genotype"].get("space")
    return space if isinstance(space, str) and space in SPACES else next(iter(SPACES))


def _check(values: Mapping[str, Any], rules: Mapping[str, Rule], where: str, prefix: str) -> None:
    if missing := [prefix + key for key in rules if key not in values]:
        raise RunError(f"{where}: its header lacks {', '.join(missing)}")
    for key, value in values.items():
        if key not in rules:
            raise RunError(f"{where}: its header has the unknown key {prefix}{key}. {nearest(key, rules)}")
        if not rules[key].holds(value):
            raise RunError(f"{where}: {prefix}{key} is {_shown(value)}, expected {rules[key].expected}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
