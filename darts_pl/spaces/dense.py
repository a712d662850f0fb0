"""Fully connected cells for tables."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.inputs import Declared, TensorInput, as_inputs
from darts_pl.ops.dense import OPERATIONS, PRIMITIVES
from darts_pl.ops.image import Builder
from darts_pl.spaces.checks import check_dropout, check_primitives, check_sizes
from darts_pl.spaces.module.cell import Cell
from darts_pl.spaces.module.space import ModuleSpace

ONE = "table"


class DenseNetwork(nn.Module):
    """One or several tables → features → cells → heads.

    Every table has a stem, a linear layer to D features with layer normalisation and ReLU. Several tables go each
    through a cell of its own weights, all wired alike (label `table`), and are then joined side by side and brought to
    D features by another linear layer, as the towers of Uno (CANDLE) are. Then `layers` cells follow (label `cell`),
    each reading the two outputs before it; a cell's output is the mean of its nodes.

    Args:
        input_shape: of one table (F,), or by name. outputs: how many, by task where there are several.
        init_channels: D. layers: of the joined part. num_nodes: of a cell. primitives: names of the candidates.
        operations: name → builder. dropout: before the heads.
    """

    def __init__(
        self, input_shape: Declared, outputs: int | Mapping[str, int], *, init_channels: int, layers: int,
        num_nodes: int, primitives: Sequence[str], operations: Mapping[str, Builder], dropout: float,
    ):  # fmt: skip
        super().__init__()
        tables = input_shape if isinstance(input_shape, Mapping) else {ONE: input_shape}
        widths = {name: _features(name, shape) for name, shape in tables.items()}
        built = {name: partial(operations[name], init_channels, 1, True) for name in primitives}

        def cell(label: str) -> Cell:
            return Cell(built, num_nodes, label, output="mean")

        self.names = tuple(tables)
        self.stems = nn.ModuleList(_stem(width, init_channels) for width in widths.values())
        several = len(tables) > 1
        self.towers = nn.ModuleList(cell("table") for _ in tables) if several else None
        self.join = _stem(len(tables) * init_channels, init_channels) if several else nn.Identity()
        self.cells = nn.ModuleList(cell("cell") for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.heads = Heads(init_channels, outputs)

    def forward(self, x: Tensor | Mapping[str, Tensor]) -> Tensor | dict[str, Tensor]:
        """(B, F), or by table → (B, outputs), by task where there are several."""
        tables = [x] if isinstance(x, Tensor) else [x[name] for name in self.names]
        features = [stem(table) for stem, table in zip(self.stems, tables, strict=True)]
        if self.towers is not None:
            features = [tower(each, each) for tower, each in zip(self.towers, features)]
        before_last = last = self.join(torch.cat(features, dim=1))
        for cell in self.cells:
            before_last, last = last, cell(before_last, last)
        return self.heads(self.dropout(last))


class Heads(nn.Module):
    """A linear head, or one for every task by name.

    Args:
        channels: C. outputs: how many, by task where there are several.

    Raises:
        ConfigError: a task whose name cannot name a module.
    """

    def __init__(self, channels: int, outputs: int | Mapping[str, int]):
        super().__init__()
        self.several = isinstance(outputs, Mapping)
        sizes = outputs if isinstance(outputs, Mapping) else {"output": outputs}
        for name in sizes:
            if not name or "." in name or hasattr(nn.ModuleDict(), name):
                raise ConfigError(f"task {name!r}: expected a name without dots that is none of torch's own")
        self.heads = nn.ModuleDict({name: nn.Linear(channels, size) for name, size in sizes.items()})

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """(B, C) → (B, outputs), by task where there are several."""
        found = {name: head(x) for name, head in self.heads.items()}
        return found if self.several else found["output"]


def _stem(features: int, channels: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, channels), nn.LayerNorm(channels), nn.ReLU())


def _features(name: str, shape: Declared) -> int:
    found = as_inputs(shape)
    if not isinstance(found, TensorInput) or len(found.shape) != 1:
        sizes = found.shape if isinstance(found, TensorInput) else found
        raise ConfigError(
            f"space=dense takes tables (samples, features), found {name!r} with samples of shape {sizes}. "
            "Take data=table or another of tables, or space=cells for images"
        )
    return found.shape[0]


class DenseSpace(ModuleSpace):
    """The space of `DenseNetwork`.

    Args:
        init_channels: features D. layers: cells. num_nodes: of a cell. primitives: on its edges, in gate order.
        operations: further builders, name → `(channels, stride, affine) -> nn.Module` of (B, channels) → (B, channels),
            asked for stride 1 only; they may replace known ones. dropout: before the heads.

    Raises:
        ConfigError: an unknown primitive, the same twice, none besides `none`, a size below 1.
    """

    builder = "dense"

    def __init__(
        self, *, init_channels: int = 64, layers: int = 2, num_nodes: int = 2, primitives: Sequence[str] = PRIMITIVES,
        dropout: float = 0.1, operations: Mapping[str, Builder] | None = None,
    ):  # fmt: skip
        operations = {**OPERATIONS, **(operations or {})}
        check_primitives(primitives, operations)
        check_sizes(init_channels=init_channels, layers=layers, num_nodes=num_nodes)
        check_dropout(dropout)
        self.settings = {
            "init_channels": init_channels, "layers": layers, "num_nodes": num_nodes,
            "primitives": list(primitives), "dropout": dropout,
        }  # fmt: skip
        super().__init__(DenseNetwork, {**self.settings, "operations": operations})
