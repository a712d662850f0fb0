"""Searches of a second in phases, through the real stage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from darts_pl.data.arrays import ImageArrays
from darts_pl.data.image import ImageData
from darts_pl.derive import TopEdges
from darts_pl.hardware import Hardware
from darts_pl.hypergradient import first
from darts_pl.lit import SearchModule
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import CellSpace
from darts_pl.stages.method import Method
from darts_pl.stages.phases import Phase
from darts_pl.stages.run import RunFolder
from darts_pl.stages.search import search
from darts_pl.stages.trainer import TrainerSettings

PRIMITIVES = ("none", "skip_connect", "avg_pool_3x3", "dil_conv_3x3")
SGD = partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=3e-4)
ADAM = partial(torch.optim.Adam, lr=0.1, betas=(0.5, 0.999))


@dataclass(frozen=True)
class Bright:
    """`n` images of two classes that differ in brightness, in random order."""

    n: int

    def load(self) -> ImageArrays:
        rng = np.random.default_rng(7)
        y = rng.permutation(np.arange(self.n) % 2)
        x = 128 + 40 * (y - 0.5)[:, None, None, None] + 60 * rng.standard_normal((self.n, 6, 6, 1))
        x = x.clip(0, 255).astype(np.uint8)
        return ImageArrays(x, y, x[:8], y[:8], ("dark", "bright"), class_sorted=False, name="bright")


@dataclass
class Begun:
    """What was there when a phase's training began and, after the run, what is there now."""

    module: SearchModule
    alphas: dict
    weights: dict
    first_batches: list


def run_search(
    folder: Path,
    phases: Sequence[Phase],
    *,
    epochs: int,
    space: CellSpace | None = None,
    n: int = 96,
    hypergradient: Callable = first,
    relaxation=Softmax,
    mixing=full,
    rules=(),
    warmup: int = 0,
):
    """(genotype, run folder) of a search with batches of 16."""
    space = space or CellSpace(init_channels=4, layers=3, num_nodes=1, primitives=PRIMITIVES)
    data = ImageData(source=Bright(n), batch_size=16, seed=5, purpose="search", crop_padding=1)
    make_module = partial(
        SearchModule,
        hypergradient=hypergradient,
        weights_optimizer=SGD,
        alphas_optimizer=ADAM,
        seed=5,
        alpha_warmup_epochs=warmup,
    )
    run = RunFolder.open(folder, command="search", config={"seed": 5, "resume": None}, device="cpu")
    method = Method(relaxation(), mixing, TopEdges(keep=1), make_module, rules, phases)
    genotype = search(
        run,
        method,
        space=space,
        data=data,
        hardware=Hardware(accelerator="cpu", channels_last=True),
        epochs=epochs,
        seed=5,
        trainer=TrainerSettings(checkpoint_every_s=1e6),
    )
    return genotype, run
