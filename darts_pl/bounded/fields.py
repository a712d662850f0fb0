"""The values of a mapping that somebody else wrote, each read by its name, checked, and refused by its place."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from darts_pl.bounded.texts import shown
from darts_pl.errors import ConfigError, nearest

MOST = 100_000  # of anything that is counted
LARGEST_NUMBER, SMALLEST_NUMBER = 3e38, 1e-37  # in float32, in which networks compute


class Fields:
    """Reads a mapping by keys; `done` refuses what nobody has read.

    Args:
        values: as JSON gives it. place: where in the file it stands, such as "space", for messages.

    Raises:
        ConfigError: no mapping; and of every method, a key that is missing or a value of another type or range.
    """

    def __init__(self, values: object, place: str = ""):
        self.values: Mapping[str, Any] = is_mapping(values, place or "the header")
        self.place, self._read = f"{place}." if place else "", set[str]()

    def value(self, key: str, expected: str, holds: Callable[[Any], bool]) -> Any:
        """The value of `key`, for which `holds` is true; `expected` says the same in words."""
        if key not in self.values:
            raise ConfigError(f"its header lacks {self.place}{key}")
        self._read.add(key)
        found = self.values[key]
        if not holds(found):
            raise ConfigError(f"{self.place}{key} is {shown(repr(found))}, expected {expected}")
        return found

    def whole(self, key: str, lowest: int = 1, highest: int = MOST) -> int:
        """A whole number within bounds."""
        return self.value(
            key, f"a whole number from {lowest} to {highest}", lambda v: is_whole(v) and lowest <= v <= highest
        )

    def share(self, key: str) -> float:
        """A number from 0 to below 1."""
        return self.value(key, "a number from 0 to below 1", lambda v: is_number(v) and 0 <= v < 1)

    def flag(self, key: str) -> bool:
        """True or false."""
        return self.value(key, "true or false", lambda v: type(v) is bool)

    def text(self, key: str, choices: Collection[str] = ()) -> str:
        """A text; one of `choices`, where there are any."""
        expected = f"one of {', '.join(choices)}" if choices else "a text"
        return self.value(key, expected, lambda v: isinstance(v, str) and (not choices or v in choices))

    def text_or_none(self, key: str) -> str | None:
        """A text, or null."""
        return self.value(key, "a text or null", lambda v: v is None or isinstance(v, str))

    def names(self, key: str, fewest: int = 0) -> list[str]:
        """A list of texts."""
        return self.value(key, "a list of names", lambda v: is_list(v, str, fewest))

    def numbers(self, key: str, count: int | None = None, positive: bool = False) -> list[float]:
        """Numbers that float32 can hold, as many as there are channels."""
        lowest, expected = -LARGEST_NUMBER, "a list of numbers that float32 can hold"
        if positive:
            lowest, expected = SMALLEST_NUMBER, "a list of numbers above 0"
        found = self.value(key, expected, lambda v: is_list(v) and all(is_number(n) and n >= lowest for n in v))
        if count not in (None, len(found)):
            raise ConfigError(f"{self.place}{key} has {len(found)} values, expected one for each of {count} channels")
        return found

    def mapping(self, key: str) -> dict[str, Any]:
        """A mapping of anything, which the caller checks."""
        return self.value(key, "a mapping", lambda v: isinstance(v, dict))

    def texts(self, key: str) -> dict[str, str]:
        """A mapping of names to texts."""
        expected = "a mapping of names to texts"
        return self.value(key, expected, lambda v: isinstance(v, dict) and all(isinstance(t, str) for t in v.values()))

    def fields(self, key: str) -> "Fields":
        """A mapping, to be read in turn."""
        return Fields(self.mapping(key), f"{self.place}{key}")

    def done(self) -> None:
        """Refuse keys that no method has read."""
        for key in self.values:
            if key not in self._read:
                known = nearest(key, self._read)
                raise ConfigError(f"its header has the unknown key {self.place}{key}. {known}")


def is_mapping(value: object, place: str) -> dict[str, Any]:
    """`value`, which is a mapping."""
    if not isinstance(value, dict):
        raise ConfigError(f"{place} is {shown(repr(value))}, expected a mapping")
    return value


def is_whole(value: object) -> bool:
    """Whether it is a whole number; true and false are none."""
    return type(value) is int


def is_number(value: object) -> bool:
    """Whether it is a number that float32 can hold; nan is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER


def is_list(value: object, of: type | None = None, fewest: int = 0) -> bool:
    """Whether it is a list, of one type."""
    return isinstance(value, list) and len(value) >= fewest and (of is None or all(isinstance(v, of) for v in value))
