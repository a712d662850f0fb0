"""JSON of bounded size, depth and numbers, in which no object repeats a key."""

import json
import math
from pathlib import Path
from typing import Any

from darts_pl.bounded.texts import LARGEST_TEXT, read_text, shown
from darts_pl.errors import DartsError, RunError

MOST_VALUES = 1_000_000
DEEPEST = 100  # brackets in brackets
LONGEST_NUMBER = 100  # characters; 25 write any float64
WIDEST_INTEGER = 64  # bits


def read_json(path: Path | str, *, error: type[DartsError] = RunError, largest: int = LARGEST_TEXT) -> Any:
    """The value of a JSON file; see `read_text` and `parse_json`."""
    return parse_json(read_text(path, error=error, largest=largest), str(path), error=error)


def parse_json(
    text: str, where: str, *, error: type[DartsError] = RunError, most: int = MOST_VALUES, finite: bool = False
) -> Any:
    """The value of a JSON text.

    Args:
        where: begins every message. error: the class to raise. most: values and keys, all together.
        finite: refuse NaN and Infinity too, which Python writes and JSON does not know.

    Raises:
        DartsError: `error`; not JSON (with line and column), nested too deeply, too many values, a key given twice, a
            number too long, or one beyond 64 bits or float64.
    """
    if (count := sum(map(text.count, ",[{:"))) > most:  # those in texts are few
        raise error(f"{where}: found about {count:,} values, expected at most {most:,}")
    try:
        value = json.loads(text, **_hooks(text, where, error, finite))
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno}, column {problem.colno}"
        raise error(f"{where}: not valid JSON at {place}: {problem.msg}") from problem
    except RecursionError as problem:
        raise error(_too_deep(where)) from problem
    if _depth(value) > DEEPEST:
        raise error(_too_deep(where))
    return value


def _too_deep(where: str) -> str:
    return f"{where}: nested too deeply, expected at most {DEEPEST} brackets in brackets"


def _hooks(text: str, where: str, error: type[DartsError], finite: bool) -> dict[str, Any]:
    """What the parser calls for objects and numbers."""

    def at(number: str) -> str:
        start = text.find(number)
        line = text.count("\n", 0, start) + 1
        return f"{where}: line {line}, column {start - text.rfind(chr(10), 0, start)}"

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            known: set[str] = set()
            for name, _ in pairs:
                if name in known:
                    raise error(f"{where}: key {shown(repr(name))} is given twice, expected once")
                known.add(name)
        return found

    def short(number: str) -> str:
        if len(number) > LONGEST_NUMBER:
            raise error(
                f"{at(number)}: found a number of {len(number):,} characters ({number[:20]}...), expected at most "
                f"{LONGEST_NUMBER}"
            )
        return number

    def whole(number: str) -> int:
        value = int(short(number))
        if value.bit_length() > WIDEST_INTEGER:
            raise error(f"{at(number)}: found {number}, expected a whole number of at most {WIDEST_INTEGER} bits")
        return value

    def real(number: str) -> float:
        value = float(short(number))
        if math.isinf(value):
            raise error(f"{at(number)}: found {number}, beyond the numbers of float64")
        return value

    def constant(name: str) -> float:
        if finite:
            raise error(f"{at(name)}: found {name}, expected a finite number")
        return float(name)

    return {"object_pairs_hook": unique, "parse_int": whole, "parse_float": real, "parse_constant": constant}


def _depth(value: object) -> int:
    """Containers within containers; without recursion, which depth would exhaust."""
    deepest, left = 0, [(value, 1)]
    while left:
        found, depth = left.pop()
        if isinstance(found, (dict, list)):
            deepest = max(deepest, depth)
            inner = found.values() if isinstance(found, dict) else found
            left += [(each, depth + 1) for each in inner if isinstance(each, (dict, list))]
    return deepest
