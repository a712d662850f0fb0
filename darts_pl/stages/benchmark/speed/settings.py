"""The command line of `python -m darts_pl.benchmark speed`: which network, and which rows of its table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from darts_pl.errors import ConfigError, nearest

NAIVE, PLAIN = "naive", "plain"
ALL = "all"
PREDICT = "predict"
MIXINGS = ("full", "partial")
BOOLEANS = ("false", "true")


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Args:
        engine: one of `darts_pl.engine.choosing.ENGINES`, or `naive`.
        order: of a search step `first` or `second`, which is by finite differences; of a derived network what is done
            with it, `retrain` or `predict`.
        batch: images or windows of a batch. threads: of PyTorch.
        recompute: whether cells run again in the backward pass, see `darts_pl.lit.recomputation`.
    """

    engine: str
    order: str
    batch: int
    threads: int
    mixing: str = "full"
    recompute: bool = False

    @property
    def group(self) -> tuple[str, int, int]:
        """What the rows that are compared with each other have in common."""
        return self.order, self.batch, self.threads


@dataclass(frozen=True)
class Network:
    """What is measured of a network where nothing else is said.

    Args:
        orders, batches, mixings: of the rows, what matters most first. channels, layers, side: of the network, and of
            its images; 0 where it has no such size.
    """

    orders: tuple[str, ...]
    batches: tuple[int, ...]
    channels: int = 0
    layers: int = 0
    side: int = 0
    mixings: tuple[str, ...] = ("full",)


NETWORKS = {
    "cifar": Network(("first", "second"), (16, 64), channels=16, layers=8, side=32),
    "nasbench201": Network(("first", "second"), (64,), channels=8, layers=1, side=16, mixings=MIXINGS),
    "derived": Network(("retrain", PREDICT), (16,), channels=36, layers=20, side=32),
    "forecast": Network(("first", "second"), (32,)),
}
SEARCHED_IMAGES = ("cifar", "nasbench201")
SIZES = ("channels", "layers", "side")
LISTS = ("engine", "order", "batch", "threads", "mixing", "recompute")
OPTIONS = ("network", "naive", *LISTS, *SIZES, "rounds", "minutes")


@dataclass(frozen=True)
class Speed:
    """What is measured, and how.

    Args:
        network: one of `NETWORKS`, of these `channels` and `layers`, on images of `side` by `side` pixels.
        cases: the rows, those of a group beside each other and the groups that matter most first.
        naive: the file of a plain implementation that the engines are compared with; None: with `plain`.
        rounds: how often every row of a group is measured, in turns. minutes: about how long all may take.
    """

    network: str
    cases: tuple[Case, ...]
    channels: int = 0
    layers: int = 0
    side: int = 0
    naive: Path | None = None
    rounds: int = 3
    minutes: float | None = None

    @property
    def reference(self) -> str:
        """What the others are compared with."""
        return PLAIN if self.naive is None else NAIVE

    @property
    def groups(self) -> list[list[Case]]:
        """The rows that are compared with each other, in the order in which they are measured."""
        keys = dict.fromkeys(case.group for case in self.cases)
        return [[case for case in self.cases if case.group == key] for key in keys]


def parse_speed(arguments: Sequence[str], engines: Sequence[str], cores: int) -> Speed:
    """What `key=value` arguments ask for.

    Args:
        engines: those that there are. cores: of this machine, what `threads=all` stands for.

    Raises:
        ConfigError: no `key=value`, a key or value that does not exist, a number that is none or too small, a naive
            implementation beside a network that it is not of.
    """
    given = _given(arguments)
    name = given.pop("network", "cifar")
    if name not in NETWORKS:
        raise ConfigError(f"network={name} does not exist. {nearest(name, NETWORKS)}")
    usual = NETWORKS[name]
    for key in SIZES:
        if key in given and not getattr(usual, key):
            raise ConfigError(f"{key}={given[key]}: network={name} has no such size")
    if "mixing" in given and name not in SEARCHED_IMAGES:
        raise ConfigError(f"mixing={given['mixing']} is of the networks {' and '.join(SEARCHED_IMAGES)}; leave it out")
    sizes = {key: _number(key, given[key]) if key in given else getattr(usual, key) for key in SIZES}
    mixings = _choices("mixing", given["mixing"], MIXINGS) if "mixing" in given else usual.mixings
    naive = _naive(given["naive"], name, mixings) if "naive" in given else None
    chosen = _choices("engine", given["engine"], engines) if "engine" in given else tuple(engines)
    reference = PLAIN if naive is None else NAIVE
    orders = _choices("order", given["order"], usual.orders) if "order" in given else usual.orders
    batches = _numbers("batch", given["batch"]) if "batch" in given else usual.batches
    threads = _threads(given.get("threads", f"1,{ALL}"), cores)
    groups = _by_importance(orders, batches, threads)
    again = _choices("recompute", given.get("recompute", "false"), BOOLEANS)
    kinds = product(dict.fromkeys((reference, *chosen)), mixings, [word == "true" for word in again])
    rows = [(engine, mixing, recompute) for engine, mixing, recompute in kinds if engine != NAIVE or not recompute]
    if (reference, mixings[0], False) not in rows:  # compared with is what keeps everything
        rows = [*((reference, mixing, False) for mixing in mixings), *rows]
    return Speed(
        name,
        tuple(Case(row[0], *group, *row[1:]) for group in groups for row in rows),
        **sizes,
        naive=naive,
        rounds=_number("rounds", given["rounds"]) if "rounds" in given else Speed.rounds,
        minutes=_minutes(given["minutes"]) if "minutes" in given else None,
    )


def _given(arguments: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for text in arguments:
        key, equals, value = text.partition("=")
        if not equals or not value:
            raise ConfigError(f"found {text!r}, expected key=value such as batch=16,64")
        if key not in OPTIONS:
            raise ConfigError(f"{key}={value}: no such setting of the benchmark. {nearest(key, OPTIONS)}")
        given[key] = value
    return given


def _by_importance(orders: Sequence[str], batches: Sequence[int], threads: Sequence[int]) -> list[tuple[str, int, int]]:
    """(order, batch, threads) of the groups. Small batches tell most on one thread, large ones on all, so these come
    first; then the other pairs. A prediction is of one image."""
    pairs = list(product(batches, threads))
    telling = {(min(batches), min(threads)), (max(batches), max(threads))}
    groups = [
        (order, 1 if order == PREDICT else batch, count)
        for wanted in (True, False)
        for order in orders
        for batch, count in pairs
        if ((batch, count) in telling) is wanted
    ]
    return list(dict.fromkeys(groups))


def _naive(value: str, network: str, mixings: Sequence[str]) -> Path:
    if network != "cifar" or tuple(mixings) != ("full",):
        raise ConfigError(f"naive={value} is of network=cifar and mixing=full; leave it out, and `plain` is compared")
    path = Path(value)
    if not path.is_file():
        raise ConfigError(f"naive={value}: found no such file, expected that of a plain implementation in Python")
    return path.absolute()


def _choices(key: str, value: str, known: Sequence[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in value.strip("[]").split(",")))
    for name in names:
        if name not in known:
            raise ConfigError(f"{key}={name} does not exist here. {nearest(name, known)}")
    return names


def _threads(value: str, cores: int) -> tuple[int, ...]:
    words = [str(cores) if word.strip() == ALL else word for word in value.strip("[]").split(",")]
    return _numbers("threads", ",".join(words))


def _numbers(key: str, value: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_number(key, word.strip()) for word in value.strip("[]").split(",")))


def _number(key: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise ConfigError(f"{key}={value}: expected a whole number of at least 1")
    return int(value)


def _minutes(value: str) -> float:
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value) or float(value) <= 0:
        raise ConfigError(f"minutes={value}: expected a number above 0, such as minutes=3")
    return float(value)
