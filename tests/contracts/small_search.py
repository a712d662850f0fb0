"""A search of a second: small supernets, two classes that differ in brightness, and a real Trainer."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from darts_pl.hypergradient import first
from darts_pl.lit import SearchModule
from darts_pl.ops.image import PRIMITIVES
from darts_pl.relaxations import Relaxation
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import CellSpace
from darts_pl.spaces.cell_networks import CellSupernet
from darts_pl.tasks import Classification

SGD = partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=3e-4)
ADAM = partial(torch.optim.Adam, lr=0.01, betas=(0.5, 0.999), weight_decay=1e-3)
ONE_OF_EACH_KIND = ("none", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_5x5")
EXTENDED = (*PRIMITIVES, "sep_conv_7x7", "conv_7x1_1x7")


def small_space(**settings) -> CellSpace:
    """Three cells (normal, reduction, reduction) of one node with three channels, unless told otherwise."""
    return CellSpace(**{"init_channels": 3, "layers": 3, "num_nodes": 1, **settings})


def small_supernet(relaxation: Relaxation, *, channels: int = 1, classes: int = 2, **settings) -> CellSupernet:
    """The supernet of `small_space` for images (channels, 8, 8), by default over one operation of each kind."""
    return small_space(**{"primitives": ONE_OF_EACH_KIND, **settings}).supernet(
        (channels, 8, 8), classes, relaxation=relaxation, mixing=full
    )


def two_classes(n: int, *, seed: int = 0, shape: Sequence[int] = (1, 8, 8), deviation: float = 0.5) -> TensorDataset:
    """`n` images of `shape`, label y in turn; pixels from N(y − ½, deviation²)."""
    y = torch.arange(n) % 2
    noise = deviation * torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))
    return TensorDataset(noise + (y - 0.5).view(-1, 1, 1, 1), y)


def search_module(supernet: CellSupernet, hypergradient: Callable = first, **settings) -> SearchModule:
    """The real module; `settings` may replace its optimisers."""
    parts = {"weights_optimizer": SGD, "alphas_optimizer": ADAM, "task": Classification(2), "epochs": 2, **settings}
    return SearchModule(supernet, hypergradient, **parts)


def fit(
    module: SearchModule,
    *,
    data: Sequence[TensorDataset] | None = None,
    callbacks: Sequence[Callback] = (),
    precision: str = "32-true",
) -> Trainer:
    """Train in a real Trainer for `module.epochs` epochs, by default on two halves of 16 images in batches of 8."""
    halves = data or (two_classes(16, seed=1), two_classes(16, seed=2))
    loaders = {name: DataLoader(half, 8) for name, half in zip(("weights", "alphas"), halves)}
    quiet = {f"enable_{part}": False for part in ("checkpointing", "progress_bar", "model_summary")}
    trainer = Trainer(
        max_epochs=module.epochs,
        accelerator="cpu",
        precision=precision,
        logger=False,
        callbacks=list(callbacks),
        **quiet,
    )
    trainer.fit(module, train_dataloaders=loaders, val_dataloaders=loaders["alphas"])
    return trainer


def snapshot(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Copies of the present values."""
    return [tensor.detach().clone() for tensor in tensors]


def same(before: Sequence[Tensor], after: Sequence[Tensor]) -> bool:
    """Whether all values are equal bit for bit."""
    return all(torch.equal(a, b.detach()) for a, b in zip(before, after, strict=True))
