"""What a search step of each mode of forecasting networks costs: one step of alphas and one of weights, by tokens."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from darts_pl.genotype.series import MODES
from darts_pl.ops.series import SeriesShape
from darts_pl.paths import write_atomically
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces.series import SeriesSpace, SeriesSupernet

SHAPE = SeriesShape(look_back=96, horizon=96, targets=7, known_future=4)  # ETTh1's, with its calendar
BATCH = 32
TOKENS = ("variates", "patches", "steps")
REFERENCE = ("encoder_only", "variates")


def mode_costs(folder: Path, *, steps: int, rounds: int) -> pd.DataFrame:
    """One row a mode and kind of tokens, the space otherwise as `SeriesSpace` has it: `parameters` of the supernet,
    `seconds_per_step` (median over rounds), `relative` (median over rounds of the ratio to encoder_only on variates in
    the same round). Written to modes.csv.

    Args:
        steps: timed steps a round, after one that is not.
    """
    torch.manual_seed(0)
    x, y = series_windows(BATCH)
    networks = {(mode, tokens): series_supernet(mode, tokens) for mode in MODES for tokens in TOKENS}
    rows = []
    for index in range(rounds):
        for (mode, tokens), network in networks.items():
            seconds = _seconds(partial(_step, network, x, y), steps)
            rows.append({"round": index, "mode": mode, "tokens": tokens, "seconds_per_step": seconds})
    every = pd.DataFrame(rows)
    chosen = every[(every["mode"] == REFERENCE[0]) & (every["tokens"] == REFERENCE[1])].set_index("round")
    every["relative"] = every["seconds_per_step"] / every["round"].map(chosen["seconds_per_step"])
    table = every.drop(columns="round").groupby(["mode", "tokens"], sort=False).median().reset_index()
    sizes = [sum(p.numel() for p in network.weight_parameters()) for network in networks.values()]
    table.insert(2, "parameters", sizes)
    write_atomically(folder / "modes.csv", lambda path: table.to_csv(path, index=False))
    return table


def series_windows(count: int) -> tuple[dict[str, Tensor], Tensor]:
    """Random inputs of so many windows by name, (count, steps, columns), and targets (count, horizon, targets)."""
    x = {
        "past": torch.randn(count, SHAPE.look_back, SHAPE.channels),
        "past_known": torch.randn(count, SHAPE.look_back, SHAPE.known_future),
        "future_known": torch.randn(count, SHAPE.horizon, SHAPE.known_future),
    }
    return x, torch.randn(count, SHAPE.horizon, SHAPE.targets)


def series_supernet(mode: str, tokens: str) -> SeriesSupernet:
    """The supernet for such windows."""
    return SeriesSpace(mode=mode, tokens=[tokens]).supernet(SHAPE, SHAPE.targets, relaxation=Softmax(), mixing=full)


def _step(network: SeriesSupernet, x: dict[str, Tensor], y: Tensor) -> None:
    for parameters in (network.arch_parameters(), network.weight_parameters()):
        torch.autograd.grad((network(x) - y).square().mean(), parameters)


def _seconds(step: Callable[[], None], steps: int) -> float:
    step()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - started) / steps
