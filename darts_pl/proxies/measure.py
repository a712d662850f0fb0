"""Scores of a network by many proxies: on copies, seeded, repeated, failures kept."""

import copy
import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.nn.modules.dropout import _DropoutNd

from darts_pl.errors import ConfigError, nearest
from darts_pl.proxies.base import PROXIES, Batch, Loss
from darts_pl.seeds import derived_seed


@dataclass(frozen=True)
class Score:
    """What a proxy says of a network; higher is better.

    Attributes:
        mean: of the repeats that gave a value, NaN where none did. std: their sample standard deviation (n − 1), NaN
            below two of them.
        values: one a repeat, NaN where it failed.
        error: of the first repeat that failed, "" where none did.
        seconds: of all repeats together.
    """

    mean: float
    std: float
    values: tuple[float, ...]
    error: str
    seconds: float


def measure(
    network: nn.Module,
    batches: Sequence[Batch],
    loss: Loss,
    *,
    names: Iterable[str] | None = None,
    repeats: int = 1,
    seed: int = 0,
    factory: Callable[[], nn.Module] | None = None,
) -> dict[str, Score]:
    """Score `network` by the proxies `names`.

    Every proxy works on a deep copy in train mode (batch normalisation by the batch, as published) with dropout off, so
    the network, its gradients, buffers, modes and hooks stay as they are, and so do the random states. Repeat r draws
    random numbers by a seed of its own and begins with batch r modulo their number; with a `factory` it also has fresh
    weights, the same for all proxies. The same arguments give the same scores, whatever else was measured before.

    Args:
        batches: (x, y) on the network's device; x (B, ...) or a dictionary of such tensors. ZiCo needs two.
        loss: `(output, y) -> scalar`.
        names: keys of `PROXIES`; all by default.
        factory: makes a network like `network` with weights drawn from torch's global generator.

    Raises:
        ConfigError: an unknown name, no batch, or fewer than one repeat. That a proxy cannot be told for a network
            (ValueError, RuntimeError, ArithmeticError, a value that is not finite) is no error but recorded.
    """
    chosen = list(dict.fromkeys(PROXIES if names is None else names))
    for name in chosen:
        if name not in PROXIES:
            raise ConfigError(f"proxy {name!r} is not known. {nearest(name, PROXIES)}")
    if not batches or repeats < 1:
        raise ConfigError(f"found {len(batches)} batches and repeats={repeats}: expected at least one of each")
    devices = sorted({p.device.index or 0 for p in network.parameters() if p.device.type == "cuda"})
    found: dict[str, list[tuple[float, str, float]]] = {name: [] for name in chosen}
    with torch.random.fork_rng(devices), torch.enable_grad():
        for repeat in range(repeats):
            torch.manual_seed(derived_seed(seed, "weights", repeat))
            source = network if factory is None else factory()
            turn = repeat % len(batches)
            rotated = [*batches[turn:], *batches[:turn]]
            for name in chosen:
                torch.manual_seed(derived_seed(seed, name, repeat))
                found[name].append(_measure_once(name, source, rotated, loss))
    return {name: _score(rows) for name, rows in found.items()}


def prepared(network: nn.Module) -> nn.Module:
    """A deep copy without gradients, in train mode but for its dropout, which would put its own noise into a score."""
    own = copy.deepcopy(network).train()
    own.zero_grad(set_to_none=True)
    for module in own.modules():
        if isinstance(module, _DropoutNd):
            module.eval()
    return own


def _measure_once(name: str, network: nn.Module, batches: Sequence[Batch], loss: Loss) -> tuple[float, str, float]:
    own, started = prepared(network), time.perf_counter()
    try:
        value, error = float(PROXIES[name].score(own, batches, loss)), ""
    except (ValueError, RuntimeError, ArithmeticError) as problem:
        value, error = math.nan, f"{type(problem).__name__}: {problem}"
    if not error and not math.isfinite(value):
        value, error = math.nan, f"FloatingPointError: the score is {value}"
    return value, error, time.perf_counter() - started


def _score(rows: Sequence[tuple[float, str, float]]) -> Score:
    values = [value for value, error, _ in rows if not error]
    return Score(
        mean=statistics.fmean(values) if values else math.nan,
        std=statistics.stdev(values) if len(values) > 1 else math.nan,
        values=tuple(value for value, _, _ in rows),
        error=next((error for _, error, _ in rows if error), ""),
        seconds=sum(seconds for _, _, seconds in rows),
    )
