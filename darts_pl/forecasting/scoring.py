"""Zero-cost scores of one model, and what weighting schemes make of them."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.data.series.window_file import check_values
from darts_pl.errors import DataError
from darts_pl.proxies import PROXIES, SCHEMES, measure, random_schemes, scheme
from darts_pl.spaces.base import DerivedNetwork, Supernet
from darts_pl.stages.pipeline.forecast_errors import to_device

SLOW = ("grasp", "conditioning", "fisher", "epe_nas")  # second derivatives, a gradient a sample, hooks on every layer


def raw_scores(
    model: nn.Module,
    dataloader: Iterable,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    max_samples: int,
    num_batches: int,
    fast_mode: bool,
    repeats: int,
    seed: int,
    device: torch.device,
    factory: Callable[[], nn.Module] | None,
) -> dict[str, dict[str, Any]]:
    """`metrics` (means), `spread` (standard deviations over repeats), `values`, `errors` and `seconds`, each by proxy;
    a proxy without a value is in `errors` only.

    Args:
        fast_mode: leave out the slow proxies. factory: makes the model with fresh weights for each repeat.
    """
    batches = first_batches(model, dataloader, num_batches, max_samples, device)
    names = [name for name in PROXIES if not (fast_mode and name in SLOW)]
    fresh = None if factory is None else lambda: factory().to(device)
    found = measure(model.to(device), batches, loss, names=names, repeats=repeats, seed=seed, factory=fresh)
    told = {name: each for name, each in found.items() if math.isfinite(each.mean)}
    return {
        "metrics": {name: each.mean for name, each in told.items()},
        "spread": {name: each.std for name, each in told.items()},
        "values": {name: list(each.values) for name, each in told.items()},
        "errors": {name: each.error for name, each in found.items() if each.error},
        "seconds": {name: each.seconds for name, each in found.items()},
    }


def first_batches(
    model: nn.Module, dataloader: Iterable, num_batches: int, max_samples: int, device: torch.device
) -> list[tuple[Any, Tensor]]:
    """The first `num_batches` batches, of `max_samples` samples in all at the most, in the form that `model` takes.

    Raises:
        DataError: no batch; values that float32 cannot hold, or not as what they are.
    """
    each, found = max(1, max_samples // max(1, num_batches)), []
    ours = isinstance(model, Supernet | DerivedNetwork)
    for x, y in dataloader:
        x = {"past": x} if ours and isinstance(x, Tensor) and x.dim() == 3 else x
        for key, value in {**(x if isinstance(x, Mapping) else {}), "y": y}.items():
            if ours and isinstance(value, Tensor) and value.dim() == 3:
                check_values(value.detach().cpu(), key, "dataloader")
        part = {k: v[:each] for k, v in x.items()} if isinstance(x, Mapping) else x[:each]
        found.append((to_device(part, model, device), to_device(y[:each], model, device)))
        if len(found) == num_batches:
            break
    if not found:
        raise DataError("dataloader: found no batch, expected pairs (x, y)")
    return found


def weighted_score(metrics: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Σ w · sign(v) log(1 + |v|) / Σ w over the proxies that have a value v; NaN where none has.

    Ranks, by which the pipeline compares candidates, say nothing of a single model; the logarithm brings values of
    different magnitude together. Scores of two models may be compared where batches, repeats and weights are the same.
    """
    used = {name: weight for name, weight in weights.items() if name in metrics}
    total = sum(used.values())
    if total <= 0:
        return math.nan
    return sum(w * math.copysign(math.log1p(abs(metrics[n])), metrics[n]) for n, w in used.items()) / total


def schemes_to_score(
    main: str, proxies: Iterable[str], *, ablation: bool, n_random: int, sigma: float, seed: int
) -> dict[str, dict[str, float]]:
    """Name → weights: the scheme `main`; with `ablation` all named ones that weigh any of `proxies`, and `n_random`
    drawn around `main`."""
    measured = set(proxies)
    found = {main: scheme(main, measured)}
    if not ablation:
        return found
    found |= {name: scheme(name, measured) for name, weights in SCHEMES.items() if measured & set(weights)}
    drawn = random_schemes(n_random, sigma, seed, found[main])
    return found | {f"random {index + 1}": weights for index, weights in enumerate(drawn)}
