"""Searched supernets for selections: one of seconds on two classes of planted images, one whose accuracy is a sum."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn as nn

from darts_pl.data.arrays import ImageArrays
from darts_pl.data.image import ImageData
from darts_pl.derive import top_edges
from darts_pl.hardware import Hardware
from darts_pl.hypergradient import fixed
from darts_pl.lit import SearchModule
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import CellSpace
from darts_pl.spaces.base import Supernet
from darts_pl.spaces.choice import ChoiceModule
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.options import EdgeOptions
from darts_pl.stages.fitting import fit
from darts_pl.stages.selection import Trained
from darts_pl.stages.selection.evaluation import Score
from darts_pl.stages.trainer import DEFAULT
from darts_pl.tasks import Classification

HARDWARE = Hardware(accelerator="cpu", channels_last=False)
SGD = partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=3e-4)
ADAM = partial(torch.optim.Adam, lr=0.01)


class Faithful(nn.Module):
    """Hands each image on, at half the size where the stride is 2."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return x if self.stride == 1 else nn.functional.avg_pool2d(x, 2, ceil_mode=True)


class Averaged(Faithful):
    """The mean image of the batch, moved by `places` pixels: worthless for the label, and no noise to others."""

    def __init__(self, stride: int, places: int):
        super().__init__(stride)
        self.places = places

    def forward(self, x):
        x = super().forward(x)
        return x.mean(dim=0, keepdim=True).roll(self.places, dims=-1).expand_as(x)


PRIMITIVES = ("none", "averaged_1", "averaged_2", "faithful", "averaged_3")
OPERATIONS = {"faithful": lambda channels, stride, affine: Faithful(stride)} | {
    f"averaged_{n}": lambda channels, stride, affine, n=n: Averaged(stride, n) for n in (1, 2, 3)
}


class TwoClasses:
    """`n` grey images of 8x8, dark or bright, sorted by class as folders of images are."""

    def __init__(self, n: int):
        self.n = n

    def load(self) -> ImageArrays:
        y = np.repeat(np.arange(2), self.n // 2)
        noise = np.random.default_rng(0).normal(0, 60, (self.n, 8, 8, 1))
        x = np.clip(128 + 40 * (2 * y - 1)[:, None, None, None] + noise, 0, 255).astype(np.uint8)
        return ImageArrays(x, y, x[::8], y[::8], ("dark", "bright"), class_sorted=True, name="two")


def two_classes(batch_size: int = 16, n: int = 128) -> ImageData:
    data = ImageData(source=TwoClasses(n), batch_size=batch_size, crop_padding=0, flip=False)
    data.prepare()
    return data


def planted_space(**settings) -> CellSpace:
    sizes = {"init_channels": 4, "layers": 4, "num_nodes": 1, **settings}
    return CellSpace(primitives=PRIMITIVES, operations=OPERATIONS, **sizes)


def searched(folder: Path, space, *, data=None, epochs: int = 2, relaxation=None) -> Trained:
    """The supernet of `space` trained for `epochs` at the alphas' random start, ready for a selection."""
    data = two_classes() if data is None else data
    make_module = partial(
        SearchModule, hypergradient=fixed, weights_optimizer=SGD, alphas_optimizer=ADAM, seed=0, min_learning_rate=0.001
    )
    torch.manual_seed(0)
    supernet = space.supernet(data.input_shape, 2, relaxation=relaxation or Softmax(), mixing=full)
    module = make_module(supernet, task=Classification(2), epochs=max(1, epochs))
    if epochs:
        fit(module, data, folder=folder, epochs=epochs, hardware=HARDWARE, callbacks=[], title="search")
    derive = partial(space.derive, derivation=top_edges)
    return Trained(module, make_module, space, data, derive, HARDWARE, 0, folder / "selection", DEFAULT)


class AdditiveCell(ChoiceModule):
    """A cell whose choices are of operations that do nothing."""

    def __init__(self, kind: str, options: EdgeOptions):
        super().__init__(kind, options)
        choices = [MixedOperation({name: nn.Identity() for name in self.names}, full) for _ in self.targets]
        self.edges = nn.ModuleDict({str(row): choice for row, choice in enumerate(choices)})


class Additive(Supernet):
    """ "Accuracy" is Σ gate · value, so that what a removal costs is known in closed form."""

    def __init__(self, values: dict[str, torch.Tensor], targets: list[int], operations: tuple[str, ...]):
        options = EdgeOptions(operations, tuple((node, source) for source, node in enumerate(targets)))
        super().__init__(dict.fromkeys(values, options), Softmax())
        self.values = values
        self.cells = nn.ModuleList(AdditiveCell(kind, options) for kind in values)
        with torch.no_grad():
            for alpha in self.alphas.values():
                alpha.copy_(torch.randn(alpha.shape, generator=torch.Generator().manual_seed(9)))

    def run(self, x):
        return sum((cell.gates * self.values[cell.kind]).sum() for cell in self.cells)


class AdditiveEvaluator:
    """In place of `Evaluator`: the sum as accuracy, or its negative as loss."""

    calls = 0

    def __init__(self, trained):
        pass

    def __call__(self, supernet, forward):
        type(self).calls += 1
        found = float(forward(None).detach())
        return Score(loss=-found, monitored=found)


def additive(folder: Path, values, targets, edges, operations, edges_kept) -> Trained:
    """A `Trained` around `Additive` that derives the gates themselves, to be looked at."""
    names = {"names": lambda kind: operations, "edge_names": lambda kind: list(edges)}
    space = SimpleNamespace(**names, edges_kept=edges_kept)
    module = SimpleNamespace(supernet=Additive(values, targets, operations), task=Classification(2))
    return Trained(module, None, space, None, lambda gates: gates, HARDWARE, 3, folder, DEFAULT)
