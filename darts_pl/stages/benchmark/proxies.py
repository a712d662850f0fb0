"""Zero-cost proxies on cells of NAS-Bench-201 with CIFAR-10 images: scored, one file a cell, then ranked."""

import json
import logging
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darts_pl import last_words
from darts_pl.bounded import read_json
from darts_pl.data.arrays import channel_statistics, shrunk
from darts_pl.data.cifar10 import Cifar10
from darts_pl.data.nasbench201_tables import CELLS
from darts_pl.errors import RunError
from darts_pl.genotype.nasbench201 import Nasbench201Genotype
from darts_pl.paths import write_text_atomically
from darts_pl.proxies import PROXIES, measure
from darts_pl.seeds import derived_seed
from darts_pl.spaces.nasbench201 import Nasbench201Space
from darts_pl.stages.benchmark.jobs import interrupted_by
from darts_pl.stages.orphans import end_with_parent

log = logging.getLogger("darts_pl")

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


def score_cell(digits: str, setup: Setup, batches: Sequence[tuple[Tensor, Tensor]]) -> dict:
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


_worker: dict = {}


def _begin(setup: Setup, words: Path) -> None:
    end_with_parent()
    last_words.keep(last_words.words_file(words, os.getpid()))
    last_words.note(torch=torch.__version__)
    torch.set_num_threads(1)  # sums, and with them scores, depend on the number of threads
    _worker.update(setup=setup, batches=image_batches(setup))


def _work(digits: str) -> dict:
    last_words.note(at=f"cell {digits}")
    return score_cell(digits, _worker["setup"], _worker["batches"])


def score_cells(folder: Path, setup: Setup, jobs: int) -> list[dict]:
    """Score all cells of `setup` that have no file in `folder`/cells yet, `jobs` processes of one thread at a
    time; the records of all, in the order of the draw. Scores depend on `setup`, not on the number of jobs. SIGTERM and
    a closed terminal raise KeyboardInterrupt."""
    cells = draw_cells(setup.cells, setup.seed)
    paths = {digits: folder / "cells" / f"{digits}.json" for digits in cells}
    waiting = [digits for digits in cells if not paths[digits].is_file()]
    if len(waiting) < len(cells):
        log.info("%d of %d cells are scored already", len(cells) - len(waiting), len(cells))
    if waiting:
        image_batches(setup)  # decoded into the cache once, before several processes would
        with interrupted_by("SIGTERM", "SIGHUP"), _pool(setup, jobs, folder) as pool:
            tasks = [pool.submit(_work, digits) for digits in waiting]
            try:
                for count, task in enumerate(as_completed(tasks), start=len(cells) - len(waiting) + 1):
                    record = task.result()
                    write_text_atomically(paths[record["cell"]], json.dumps(record) + "\n")
                    if count % 25 == 0 or count == len(cells):
                        log.info("%d of %d cells scored", count, len(cells))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return [read_json(path) for path in paths.values()]


@contextmanager
def _pool(setup: Setup, jobs: int, folder: Path) -> Iterator[ProcessPoolExecutor]:
    """`jobs` processes; raises RunError where one of them died."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="darts_pl-") as words:
        try:
            with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(setup, Path(words))) as pool:
                yield pool
        except BrokenProcessPool as error:
            told = "; ".join(f"it {each}" for each in last_words.read_all(words)) or f"what it said is above ({error})"
            raise RunError(
                f"a worker process ended in the middle of a cell: {told}. The cells in {folder / 'cells'} are kept; "
                f"go on with resume={folder}"
            ) from error


def describe(setup: Setup) -> str:
    """How the scores came about, in a sentence."""
    side = SIDE // setup.shrink
    repeats = "1 repeat" if setup.repeats == 1 else f"{setup.repeats} repeats"
    return (
        f"{setup.cells} cells drawn at random (seed {setup.seed}), networks of C={setup.channels}, N={setup.layers} "
        f"with fresh weights, two batches of {setup.batch} CIFAR-10 training images at {side}x{side}, {repeats}. A "
        "proxy beats `params` where the bootstrap 95 % interval of the difference of their correlations lies above 0."
    )
