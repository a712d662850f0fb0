"""Planted forecasting problems: series of which one choice is right by construction, and a search for it.

The search is the real one, `SearchModule` in a Trainer on the two halves of a `SeriesData`. Alphas learn much faster
than weights, as weights that have learned behind flat gates make up for a gate of any size.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning.pytorch import Callback, Trainer
from series_building import fixed_space

from darts_pl.callbacks import SearchHistory
from darts_pl.data.series import RawTableFrame, SeriesData
from darts_pl.genotype import SeriesGenotype, from_json
from darts_pl.hypergradient import first
from darts_pl.lit import SearchModule
from darts_pl.relaxations import Dirichlet, Gumbel, Relaxation, Sigmoid, Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import SeriesSpace
from darts_pl.spaces.base import Supernet

Values = npt.NDArray[np.float64]

FAMILIES: dict[str, Callable[[], Relaxation]] = {
    "softmax": Softmax,
    "gumbel_soft": partial(Gumbel, tau_start=5.0, tau_end=0.5),
    "gumbel_hard": partial(Gumbel, tau_start=5.0, tau_end=0.5, hard=True),
    "dirichlet": Dirichlet,
    "dirichlet_kl": partial(Dirichlet, kl_weight=1e-3),
    "sigmoid": partial(Sigmoid, zero_one_weight=1.0),
}


def recurring(
    rng: np.random.Generator, rows: int, periods: Sequence[int], signs: Sequence[int] | None = None
) -> Values:
    """[rows, len(periods)]: column c repeats a pattern of its own every `periods[c]` rows (where its sign is -1 upside
    down), which changes slowly. Within one period it is white noise; its variance is 1."""
    keep = 0.97
    values = rng.standard_normal((rows, len(periods)))
    for column, (period, sign) in enumerate(zip(periods, signs or [1] * len(periods), strict=True)):
        for t in range(period, rows):
            new = (1 - keep**2) ** 0.5 * values[t, column]
            values[t, column] = sign * keep * values[t - period, column] + new
    return values


def delayed(rng: np.random.Generator, rows: int, lag: int) -> Values:
    """[rows, 2]: white noise in the second column, and in the first what it was `lag` rows before; both with errors."""
    source = rng.standard_normal(rows + lag)
    return np.stack([source[:rows], source[lag:]], axis=1) + 0.1 * rng.standard_normal((rows, 2))


def exchanged(rng: np.random.Generator, rows: int, lag: int) -> Values:
    """[rows, 2]: each column repeats with errors what the other was `lag` rows before."""
    keep = 0.9
    values = rng.standard_normal((rows, 2))
    for t in range(lag, rows):
        values[t] = keep * values[t - lag, ::-1] + (1 - keep**2) ** 0.5 * values[t]
    return values


def parity(rng: np.random.Generator, rows: int, lag: int, gap: int) -> Values:
    """[rows, 2]: random signs in the second column, and in the first y(t) = x(t - lag) · x(t - lag - gap). The first is
    uncorrelated with each function of one x, and so with each sum of such functions."""
    x = rng.choice([-1.0, 1.0], rows + lag + gap)
    return np.stack([x[gap : gap + rows] * x[:rows], x[lag + gap :]], axis=1)


def walk(rng: np.random.Generator, rows: int, error: float = 0.0) -> Values:
    """[rows, 2]: random walks, seen with errors."""
    return rng.standard_normal((rows, 2)).cumsum(axis=0) + error * rng.standard_normal((rows, 2))


def growing(rng: np.random.Generator, rows: int) -> Values:
    """[rows, 2]: recurring columns, of which the amplitude grows by a factor of 20."""
    return recurring(rng, rows, (8, 8)) * np.exp(3 * np.arange(rows) / rows)[:, None]


def wave(rng: np.random.Generator, rows: int, lag: int) -> Values:
    """[rows, 2]: x uniform in [-1, 1] in the second column, in the first y(t) = sin(2 π x(t - lag))."""
    x = rng.uniform(-1, 1, rows + lag)
    return np.stack([np.sin(2 * np.pi * x[:rows]), x[lag:]], axis=1)


def series_data(values: Values, look_back: int, horizon: int, **settings) -> SeriesData:
    """Hourly rows of the columns y0, y1, …, all of them targets unless told otherwise; two halves for a search."""
    frame = pd.DataFrame(values, columns=[f"y{column}" for column in range(values.shape[1])])
    frame.insert(0, "date", pd.date_range("2021-01-04", periods=len(frame), freq="h"))
    sizes = {"look_back": look_back, "horizon": horizon, "batch_size": 32, "eval_batch_size": 256, "calendar": []}
    return SeriesData(source=RawTableFrame(frame), **{**sizes, "ratios": (0.8, 0.1, 0.1), **settings})


@dataclass(frozen=True)
class Planted:
    """A problem.

    Args:
        values: generator → rows. look_back, horizon: of the windows.
        answer: what is right: label → candidate, kind of cells → operation.
        space: of `planted_space`. bound: an error that networks without the answer stay above and the supernet gets
            below; the targets' variance is about 1.
        driven: whether the second column is a covariate, not a target.
        search: settings of `search`.
    """

    values: Callable[[np.random.Generator], Values]
    look_back: int
    horizon: int
    answer: Mapping[str, str]
    space: Mapping
    bound: float
    driven: bool = False
    search: Mapping = field(default_factory=dict)

    def data(self, seed: int) -> SeriesData:
        """Its series of a seed."""
        roles = {"targets": ["y0"], "past_covariates": ["y1"]} if self.driven else {}
        return series_data(self.values(np.random.default_rng(seed)), self.look_back, self.horizon, seed=seed, **roles)


def planted_space(mode: str = "encoder_only", **settings) -> SeriesSpace:
    """One layer, one node, and one candidate of every part, which mixes neither tokens nor series (but for the state
    space of the mode mamba), unless told otherwise."""
    plain = {"normalizations": ["none"], "feed_forwards": ["none"], "cross_attentions": ["none"]}
    plain["attentions"] = ["mamba"] if mode == "mamba" else ["none"]
    sizes = {"layers": 1, "num_nodes": 1, "hidden_dim": 32, "patch_length": 4, "primitives": ["identity", "grn"]}
    return fixed_space(mode, **{**plain, **sizes, **settings})


@dataclass(frozen=True)
class Found:
    """What a search has left."""

    space: SeriesSpace
    module: SearchModule
    history: SearchHistory

    @property
    def supernet(self) -> Supernet:
        """At the end."""
        return self.module.supernet

    @property
    def genotypes(self) -> list[SeriesGenotype]:
        """Derived from the best epoch by validation, which is what a run's search returns, and from the last."""
        return [from_json(self.history.best["genotype"]), self.history.genotype]

    def chosen(self, kind: str) -> list[str]:
        """Of both genotypes, the candidate of a label or the operation on the strongest edge of a cell."""
        return [g.cells[kind].nodes[0][0].op if kind in g.cells else g.choices[kind] for g in self.genotypes]

    def lead(self, kind: str, name: str) -> float:
        """By how much the alpha of a candidate leads all others, on the edge where it does so most."""
        alpha, column = self.supernet.alphas[kind].detach(), self.space.names(kind).index(name)
        others = [other for other in range(alpha.shape[1]) if other != column]
        return float((alpha[:, column] - alpha[:, others].max(dim=1).values).max())


def search_module(supernet: Supernet, data: SeriesData, hypergradient: Callable = first, **settings):
    """The real module; `settings` may replace its optimisers."""
    parts = {
        "weights_optimizer": partial(torch.optim.AdamW, lr=0.005, weight_decay=1e-4),
        "alphas_optimizer": partial(torch.optim.Adam, lr=0.1, betas=(0.5, 0.999), weight_decay=0.0),
        **settings,
    }
    return SearchModule(supernet, hypergradient, task=data.task, **parts)


def fit(module: SearchModule, data: SeriesData, callbacks: Sequence[Callback] = ()) -> None:
    """Train in a real Trainer for `module.epochs` epochs."""
    quiet = {f"enable_{part}": False for part in ("checkpointing", "progress_bar", "model_summary")}
    trainer = Trainer(
        max_epochs=module.epochs,
        accelerator="cpu",
        logger=False,
        callbacks=list(callbacks),
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        **quiet,
    )
    trainer.fit(module, datamodule=data)


def search(problem: Planted, seed: int, *, relaxation: Relaxation | None = None, space=(), **settings) -> Found:
    """A search of a few seconds; `space` and `settings` replace the problem's."""
    torch.manual_seed(seed)
    data, built = problem.data(seed), planted_space(**{**problem.space, **dict(space)})
    data.prepare()
    supernet = built.supernet(data.input_shape, data.outputs, relaxation=relaxation or Softmax(), mixing=full)
    module = search_module(supernet, data, **{"epochs": 5, "alpha_warmup_epochs": 1, **problem.search, **settings})
    history = SearchHistory(None, built.derive, list(built.primitives), built.edges, names=built.names_by_kind)
    fit(module, data, [history])
    return Found(built, module, history)
