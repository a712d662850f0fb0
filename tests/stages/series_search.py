"""A real search of seconds over forecasting networks, whose kinds differ in candidates and edges, in a run folder."""

from functools import partial
from pathlib import Path

import torch

from darts_pl.data.series.user_windows import UserWindows
from darts_pl.data.series.window_file import WindowFile, WindowPart
from darts_pl.derive import top_edges
from darts_pl.hardware import Hardware
from darts_pl.hypergradient import first
from darts_pl.lit import SearchModule
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import SeriesSpace
from darts_pl.stages.method import Method
from darts_pl.stages.run import RunFolder
from darts_pl.stages.search import search
from darts_pl.stages.trainer import TrainerSettings

HARDWARE = Hardware(accelerator="cpu", channels_last=False)
LOOK_BACK, HORIZON = 16, 4


def space() -> SeriesSpace:
    """Two labels with two and three candidates and a cell of two nodes."""
    return SeriesSpace(
        hidden_dim=4, layers=1, num_nodes=2, heads=1, dropout=0.0, primitives=("none", "identity", "grn"),
        tokens=("variates",), normalizations=("revin", "last", "none"), decompositions=("none",),
        attentions=("none",), positions=("none",), feed_forwards=("none",), shortcuts=("none", "linear"),
    )  # fmt: skip


def windows(count: int = 32) -> UserWindows:
    """Ramps of random slopes: the next steps follow from the last two."""
    parts = {}
    for place, name in enumerate(("train", "val", "test")):
        generator = torch.Generator().manual_seed(place)
        slopes, starts = torch.rand(2, count, 1, 1, generator=generator)
        whole = starts + slopes * torch.arange(LOOK_BACK + HORIZON)[None, :, None] / 10
        parts[name] = WindowPart({"past": whole[:, :LOOK_BACK]}, whole[:, LOOK_BACK:])
    data = UserWindows(windows=WindowFile(parts, {}), batch_size=8)
    data.prepare()
    return data


def searched(folder: Path, *, selection=None, epochs: int = 2) -> RunFolder:
    """The run folder of a search with its guards and pictures, and the selection if there is one."""
    run = RunFolder.open(folder, command="search", config={"seed": 0, "guards": True}, device="cpu")
    built, data = space(), windows()
    method = Method(
        relaxation=Softmax(),
        mixing=full,
        derivation=top_edges,
        make_module=partial(
            SearchModule,
            hypergradient=first,
            weights_optimizer=partial(torch.optim.Adam, lr=0.01),
            alphas_optimizer=partial(torch.optim.Adam, lr=0.05),
            seed=0,
            min_learning_rate=0.001,
        ),
        selection=selection,
    )
    search(
        run,
        method,
        space=built,
        data=data,
        hardware=HARDWARE,
        epochs=epochs,
        seed=0,
        trainer=TrainerSettings(checkpoint_every_s=1e9),
    )
    return run
