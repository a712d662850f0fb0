"""Stage 1: candidates drawn at random from what is configured. Each is the settings of a `SeriesSpace`."""

import itertools
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from darts_pl.bounded import read_json
from darts_pl.errors import ConfigError, RunError, nearest
from darts_pl.genotype.series import MODES
from darts_pl.ops.series import SeriesShape
from darts_pl.seeds import derived_seed
from darts_pl.spaces.series import SeriesSpace, labels
from darts_pl.spaces.series.labels import ARGUMENTS
from darts_pl.stages.run import RunFolder

log = logging.getLogger("darts_pl")

Value = TypeVar("Value")

POOL = Path("candidates", "pool.json")
ID = re.compile(r"c\d{3,}")
MOST_DRAWS = 200  # of one candidate before the space is taken for exhausted


@dataclass(frozen=True)
class Ranges:
    """What a candidate is drawn from.

    Args:
        modes, hidden_dims, layers, num_nodes, patch_lengths: a candidate gets one of each.
        operations: names; a candidate gets from `fewest` to `most` of them.
        choices: argument of a space, such as `tokens` → names; a candidate gets 1 to `names_per_choice` of those that
            its mode knows, in this order.
        heads, dropout: of every candidate.

    Raises:
        ConfigError: an empty list, a mode or name that does not exist, the same name twice, a mode that knows none of
            the names of a choice, more operations asked for than there are.
    """

    modes: Sequence[str]
    hidden_dims: Sequence[int]
    layers: Sequence[int]
    num_nodes: Sequence[int]
    patch_lengths: Sequence[int]
    operations: Sequence[str]
    fewest: int
    most: int
    choices: Mapping[str, Sequence[str]]
    names_per_choice: int
    heads: int
    dropout: float

    def __post_init__(self) -> None:
        sizes = {name: getattr(self, name) for name in ("modes", "hidden_dims", "layers", "num_nodes", "patch_lengths")}
        for name, values in {**sizes, "operations": self.operations, **self.choices}.items():
            if not values:
                raise ConfigError(f"space.{name}: found an empty list, expected at least one value")
        for name, values in {"operations": self.operations, **self.choices}.items():
            if len(set(values)) < len(values):
                raise ConfigError(f"space.{name}: the same name twice in {list(values)}")
        for mode in self.modes:
            if mode not in MODES:
                raise ConfigError(f"space.modes: {mode!r} does not exist. {nearest(mode, MODES)}")
        self._check_names()
        if not 1 <= self.fewest <= self.most <= len(self.operations):
            raise ConfigError(
                f"space.operations_per_candidate=[{self.fewest}, {self.most}]: expected the fewest and the most of the "
                f"{len(self.operations)} operations at hand ({', '.join(self.operations)})"
            )

    def _check_names(self) -> None:
        for label, argument in ARGUMENTS.items():
            known = {name for mode in MODES for name in labels.candidates(mode).get(label, ())}
            for name in self.choices[argument]:
                if name not in known:
                    modes = ", ".join(self.modes)
                    raise ConfigError(f"space.{argument}: {name!r} does not exist in {modes}. {nearest(name, known)}")
            for mode in self.modes:
                if label in labels.candidates(mode) and not self.names(mode, label):
                    raise ConfigError(
                        f"space.{argument}={list(self.choices[argument])}: space.modes={mode} knows none of them. Add "
                        f"one of: {', '.join(labels.candidates(mode)[label])}"
                    )

    def idle(self) -> dict[str, list[str]]:
        """By choice the names that none of the modes knows, so that no candidate gets them."""
        found = {}
        for label, argument in ARGUMENTS.items():
            known = {name for mode in self.modes for name in labels.candidates(mode).get(label, ())}
            found[argument] = [name for name in self.choices[argument] if name not in known]
        return {argument: names for argument, names in found.items() if names}

    def names(self, mode: str, label: str) -> list[str]:
        """The names of a choice that `mode` knows."""
        return [name for name in self.choices[ARGUMENTS[label]] if name in labels.candidates(mode)[label]]


def check_spaces(ranges: Ranges, shape: SeriesShape) -> None:
    """Make a space of every size that may be drawn, with every name.

    Raises:
        ConfigError: a size that cannot be, or that does not go with windows of `shape`.
    """
    sizes = (ranges.modes, ranges.hidden_dims, ranges.layers, ranges.num_nodes, ranges.patch_lengths)
    for mode, hidden_dim, layers, num_nodes, patch_length in itertools.product(*sizes):
        choices: dict[str, Any] = {ARGUMENTS[each]: ranges.names(mode, each) for each in labels.candidates(mode)}
        SeriesSpace(
            mode=mode,
            hidden_dim=hidden_dim,
            layers=layers,
            num_nodes=num_nodes,
            patch_length=patch_length,
            primitives=ranges.operations,
            heads=ranges.heads,
            dropout=ranges.dropout,
            **choices,
        ).check_shape(shape)


def named_operations(names: Sequence[str], families: Sequence[str], known: Mapping[str, Sequence[str]]) -> list[str]:
    """The operations that a configuration asks for: `names`, or where there are none all of `families`, or all.

    Args:
        known: family → names. `none`, no connection, can be asked for by name.

    Raises:
        ConfigError: an unknown name or family.
    """
    for family in families:
        if family not in known:
            raise ConfigError(f"space.families: {family!r} does not exist. {nearest(family, known)}")
    every = [name for family in known for name in known[family]] + ["none"]
    for name in names:
        if name not in every:
            raise ConfigError(f"space.operations: {name!r} does not exist. {nearest(name, every)}")
    if names and families:
        raise ConfigError("space.operations and space.families: give one of the two, names or families")
    of_families = [name for family in families or known for name in known[family]]
    return list(dict.fromkeys(names or of_families))


def draw(ranges: Ranges, generator: torch.Generator) -> dict[str, Any]:
    """One candidate: the settings of its space."""
    mode = _choose_one(ranges.modes, generator)
    count = ranges.fewest + _index(ranges.most - ranges.fewest + 1, generator)
    settings: dict[str, Any] = {
        "mode": mode,
        "hidden_dim": _choose_one(ranges.hidden_dims, generator),
        "layers": _choose_one(ranges.layers, generator),
        "num_nodes": _choose_one(ranges.num_nodes, generator),
        "patch_length": _choose_one(ranges.patch_lengths, generator),
        "heads": ranges.heads,
        "dropout": ranges.dropout,
        "primitives": _choose_several(ranges.operations, count, generator),
    }
    for label in labels.candidates(mode):
        names = ranges.names(mode, label)
        count = 1 + _index(min(ranges.names_per_choice, len(names)), generator)
        settings[ARGUMENTS[label]] = _choose_several(names, count, generator)
    return settings


def draw_pool(ranges: Ranges, count: int, seed: int) -> list[dict[str, Any]]:
    """`count` different candidates, `{"id": "c000", "space": settings}`; fewer, with a warning, where the ranges hold
    no more. The first ones are the same whatever the count."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "candidates"))
    pool: list[dict[str, Any]] = []
    seen: set[str] = set()
    while len(pool) < count:
        fresh = (draw(ranges, generator) for _ in range(MOST_DRAWS))
        settings = next((each for each in fresh if json.dumps(each, sort_keys=True) not in seen), None)
        if settings is None:
            log.warning("the space seems to hold no more than %d candidates, %d were asked for", len(pool), count)
            break
        seen.add(json.dumps(settings, sort_keys=True))
        pool.append({"id": f"c{len(pool):03d}", "space": settings})
    return pool


def candidates(run: RunFolder, ranges: Ranges, *, count: int, seed: int) -> dict[str, dict[str, Any]]:
    """The run's candidates, settings by id, drawn once."""
    if not run.done("candidates"):
        for argument, names in ranges.idle().items():
            log.info(
                "space.%s: no candidate gets %s, which space.modes=[%s] does not know",
                argument,
                ", ".join(names),
                ",".join(ranges.modes),
            )
        with run.stage("candidates"):
            run.write_json(str(POOL), draw_pool(ranges, count, seed))
    pool = read_json(run.path / POOL)
    if not isinstance(pool, list) or not all(map(_is_candidate, pool)):
        raise RunError(f"{run.path / POOL} is damaged: expected a list of candidates, each with an id c000 and a space")
    return {each["id"]: each["space"] for each in pool}


def _is_candidate(entry: Any) -> bool:
    """Whether an entry of the pool's file has what candidates have; folders are named after the id."""
    return isinstance(entry, dict) and ID.fullmatch(str(entry.get("id"))) is not None and "space" in entry


def _index(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))


def _choose_one(values: Sequence[Value], generator: torch.Generator) -> Value:
    return values[_index(len(values), generator)]


def _choose_several(values: Sequence[Value], count: int, generator: torch.Generator) -> list[Value]:
    chosen = torch.randperm(len(values), generator=generator)[:count].sort().values
    return [values[index] for index in chosen.tolist()]
