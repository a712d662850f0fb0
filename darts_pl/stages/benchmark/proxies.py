"""Zero-cost proxies on cells of NAS-Bench-201 with CIFAR-10 images: scored, one file a cell, then ranked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darts_pl.data.arrays import channel_statistics, shrunk
from darts_pl.data.cifar10 import Cifar10
from darts_pl.data.nasbench201_tables import CELLS
from darts_pl.errors import RunError
from darts_pl.genotype.nasbench201 import Nasbench201Genotype
from darts_pl.hardware import Hardware
from darts_pl.proxies import PROXIES, measure
from darts_pl.seeds import derived_seed
from darts_pl.spaces.nasbench201 import Nasbench201Space
from darts_pl.stages.jobs import FunctionJob, Workers, interrupted_by

SIDE = 32
CLASSES = 10
BATCHES = 2  # ZiCo compares gradients of two
OPERATIONS = 5
EDGES = 6


@dataclass(frozen=True)
class Setup:
    """What is scored, and how; all that scores depend on.

    Args:
        cells: how many, drawn without replacement; more of the same seed go on where fewer end.
        seed: of the draw, the images and the weights.
        channels, layers: C and N of the networks; published networks have 16 and 5.
        batch: images of each of the two batches. shrink: 2 averages images to 16x16.
        repeats: of each proxy, see `darts_pl.proxies.measure`.
        proxies: which ones.
    """

    cells: int = 300
    seed: int = 0
    channels: int = 16
    layers: int = 1
    batch: int = 64
    shrink: int = 1
    repeats: int = 1
    proxies: tuple[str, ...] = field(default_factory=lambda: tuple(PROXIES))


def draw_cells(count: int, seed: int) -> list[str]:
    """Digits of `count` different cells, drawn uniformly from all of the space."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "cells"))
    drawn = torch.randperm(CELLS, generator=generator)[:count].tolist()
    return [np.base_repr(number, OPERATIONS).zfill(EDGES) for number in drawn]


def image_batches(setup: Setup) -> list[tuple[Tensor, Tensor]]:
    """Two batches of different CIFAR-10 training images, standardised by channel: x (B, 3, H, W), y (B)."""
    arrays = Cifar10().load()
    generator = torch.Generator().manual_seed(derived_seed(setup.seed, "images"))
    chosen = torch.randperm(len(arrays.train_x), generator=generator)[: BATCHES * setup.batch].numpy()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in channel_statistics(arrays.train_x))
    images = torch.from_numpy(shrunk(arrays.train_x[chosen], setup.shrink)).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(arrays.train_y[chosen])
    return list(zip(((images - mean) / std).split(setup.batch), labels.split(setup.batch)))


def score_cell(digits: str, setup: Setup, batches: Sequence[tuple[Tensor, Tensor]]) -> dict[str, Any]:
    """The record of one cell: `{"cell", "scores": {proxy: {mean, std, error, seconds}}}`."""
    space = Nasbench201Space(init_channels=setup.channels, layers=setup.layers)
    side = SIDE // setup.shrink
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(setup.seed, "network", digits))
        network = space.network(Nasbench201Genotype.from_digits(digits), (3, side, side), CLASSES)
    seed = derived_seed(setup.seed, "proxies", digits)
    found = measure(network, batches, F.cross_entropy, names=setup.proxies, repeats=setup.repeats, seed=seed)
    kept = ("mean", "std", "error", "seconds")
    return {"cell": digits, "scores": {name: {key: getattr(s, key) for key in kept} for name, s in found.items()}}


class Scoring:
    """What scoring needs in a worker process."""

    def __init__(self, setup: Setup):
        self.setup, self.batches = setup, image_batches(setup)
        self.hardware = Hardware(accelerator="cpu", threads=1)


def _score(scoring: Scoring, *, digits: str) -> dict[str, Any]:
    return score_cell(digits, scoring.setup, scoring.batches)


def score_cells(folder: Path, setup: Setup, count: int) -> list[dict[str, Any]]:
    """Score all cells of `setup` that have no file in `folder`/cells yet, `count` processes of one thread at a
    time; the records of all, in the order of the draw. Scores depend on `setup`, not on the number of processes.
    SIGTERM and a closed terminal raise KeyboardInterrupt.

    Raises:
        RunError: a cell could not be scored; it is scored again by who goes on.
    """
    cells = draw_cells(setup.cells, setup.seed)
    jobs = [FunctionJob(each, _score, folder / "cells" / f"{each}.json", {"digits": each}) for each in cells]
    if not all(job.done for job in jobs):
        image_batches(setup)  # decoded into the cache once, before several processes would
    with interrupted_by("SIGTERM", "SIGHUP"), Workers(partial(Scoring, setup), count, folder) as workers:
        records = workers.run(jobs, timeout_s=None, title="cells", log_every=25)
    failed = [job for job in jobs if records[job.name].get("error")]
    for job in failed:
        job.forget()
    if failed:
        raise RunError(
            f"cell {failed[0].name} could not be scored: {records[failed[0].name]['error']}. The other cells in "
            f"{folder / 'cells'} are kept; go on with resume={folder}"
        )
    return list(records.values())


def describe(setup: Setup) -> str:
    """How the scores came about, in a sentence."""
    side = SIDE // setup.shrink
    repeats = "1 repeat" if setup.repeats == 1 else f"{setup.repeats} repeats"
    return (
        f"{setup.cells} cells drawn at random (seed {setup.seed}), networks of C={setup.channels}, N={setup.layers} "
        f"with fresh weights, two batches of {setup.batch} CIFAR-10 training images at {side}x{side}, {repeats}. A "
        "proxy beats `params` where the bootstrap 95 % interval of the difference of their correlations lies above 0."
    )
