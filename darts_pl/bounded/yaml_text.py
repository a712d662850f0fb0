"""YAML of bounded size and depth: plain values, aliases counted by what they stand for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from darts_pl.bounded.json_text import DEEPEST, LONGEST_NUMBER
from darts_pl.bounded.texts import read_text, shown
from darts_pl.errors import DartsError, RunError

LARGEST_YAML = 4 << 20  # bytes; a run's configuration has some ten thousand
MOST_YAML_VALUES = 100_000
MERGE = "<<"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times as fast, where it was built
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def read_yaml(path: Path | str, *, error: type[DartsError] = RunError) -> Any:
    """The value of a YAML file; see `read_text` and `parse_yaml`."""
    return parse_yaml(read_text(path, error=error, largest=LARGEST_YAML), str(path), error=error)


def parse_yaml(text: str, where: str, *, error: type[DartsError] = RunError) -> Any:
    """The value of a YAML text with one document, of plain values only.

    Args:
        where: begins every message. error: the class to raise.

    Raises:
        DartsError: `error`, with line and column; not YAML, nested too deeply, a key given twice, a number too long, an
            alias within itself, or more values than 100,000, each alias counted as what it stands for.
    """
    check_yaml(text, where, error=error)
    with _yaml_errors(where, error):
        return yaml.load(text, LOADER)


@contextmanager
def _yaml_errors(where: str, error: type[DartsError]) -> Iterator[None]:
    try:
        yield
    except yaml.MarkedYAMLError as problem:
        place = "" if problem.problem_mark is None else f" at {_place(problem.problem_mark)}"
        raise error(f"{where}: not valid YAML{place}: {problem.problem}") from problem
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as problem:  # a date of a 13th month
        raise error(f"{where}: not valid YAML: {shown(str(problem))}") from problem


@dataclass
class _OpenCollection:
    """A collection whose end has not come: how many values it stands for, and the keys that it has had."""

    anchor: str | None
    mapping: bool
    values: int = 1
    children: int = 0
    keys: set[str] = field(default_factory=set)


def check_yaml(text: str, where: str, *, error: type[DartsError] = RunError) -> None:
    """Go through the text's events, which neither nest nor follow aliases, before any value is made of them.

    Raises:
        DartsError: `error`; not YAML, out of bounds or a key given twice, see `parse_yaml`.
    """
    with _yaml_errors(where, error):
        _check_events(text, where, error)


def _check_events(text: str, where: str, error: type[DartsError]) -> None:
    if len(text) > LARGEST_YAML:
        raise error(f"{where}: found {len(text):,} characters, expected at most {LARGEST_YAML:,}")
    sizes: dict[str, int] = {}
    stack = [_OpenCollection(None, mapping=False)]
    resolver = yaml.SafeLoader("")
    for event in yaml.parse(text, LOADER):
        place, top = f"{where}: {_place(event.start_mark)}", stack[-1]
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(_OpenCollection(event.anchor, isinstance(event, yaml.MappingStartEvent)))
            if len(stack) > DEEPEST:
                raise error(f"{place}: nested too deeply, expected at most {DEEPEST} levels")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            done = stack.pop()
            sizes |= {done.anchor: done.values} if done.anchor else {}
            top, size = stack[-1], done.values
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise error(f"{place}: found the alias *{shown(event.anchor)}, expected one of a value that has ended")
            size = sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            _check_scalar(event, top, resolver, place, error)
            sizes |= {event.anchor: 1} if event.anchor else {}
            size = 1
        else:
            continue
        top.children += 1
        top.values += size
        if top.values > MOST_YAML_VALUES:
            raise error(f"{place}: found more than {MOST_YAML_VALUES:,} values, aliases counted as what they stand for")


def _check_scalar(
    event: yaml.ScalarEvent, top: _OpenCollection, resolver: yaml.SafeLoader, place: str, error: type[DartsError]
) -> None:
    if top.mapping and top.children % 2 == 0 and event.value != MERGE:
        if event.value in top.keys:
            raise error(f"{place}: key {shown(repr(event.value))} is given twice, expected once")
        top.keys.add(event.value)
    if len(event.value) > LONGEST_NUMBER:
        tag = event.tag or resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag in NUMBERS:
            raise error(
                f"{place}: found a number of {len(event.value):,} characters ({event.value[:20]}...), expected at most "
                f"{LONGEST_NUMBER}"
            )


def _place(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"
