"""What supernet and derived network share: the stem, and which cell has which kind, channels and inputs."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError, nearest

STEMS = ("cifar", "imagenet")


@dataclass(frozen=True)
class CellSpec:
    """One cell of the stack: its kind, its channels C and the channels of its two inputs."""

    kind: str
    channels: int
    channels_before_last: int
    channels_last: int
    reduction_before: bool


def edge_sources(num_nodes: int) -> list[tuple[int, int]]:
    """(state, source) of each edge in order: (2, 0), (2, 1), (3, 0), … ; E = num_nodes · (num_nodes + 3) / 2."""
    return [(state, source) for state in range(2, 2 + num_nodes) for source in range(state)]


def edge_key(state: int, source: int) -> str:
    """The name of an edge's module: "2_0" leads into state 2 from state 0."""
    return f"{state}_{source}"


def edge_name(state: int, source: int) -> str:
    """The same edge for readers: "2<-0"."""
    return f"{state}<-{source}"


def node_sources(edges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """For every node the sources of its edges, of edges (node, source) that are listed node by node."""
    return [[source for _, source in group] for _, group in itertools.groupby(edges, key=itemgetter(0))]


def plan(
    layers: int,
    init_channels: int,
    num_outputs: int | dict[str, int],
    stem: "str | StemBuilder",
    given: int | None = None,
) -> list[CellSpec]:
    """The stack of cells: reduction cells at one and two thirds of the depth, channels doubled there.

    Args:
        num_outputs: states that a cell concatenates, one number or one a kind.
        stem: the name of one, or what builds one's own. given: channels that one's own gives.

    Raises:
        ConfigError: fewer than three layers, so that one kind of cell would not occur; a stem that does not exist.
    """
    if layers < 3:
        raise ConfigError(f"space.layers={layers}: at least 3 are needed so that both kinds of cell occur")
    if not callable(stem) and stem not in STEMS:
        raise ConfigError(f"space.stem={stem!r} does not exist. {nearest(stem, STEMS)}")
    least = 2 if stem == "imagenet" else 1  # that stem begins with half as many
    if init_channels < least:
        raise ConfigError(f"space.init_channels={init_channels}: at least {least} is needed with space.stem={stem}")
    outputs = num_outputs if isinstance(num_outputs, dict) else {"normal": num_outputs, "reduce": num_outputs}
    first = STEM_MULTIPLIER * init_channels if stem == "cifar" else given or init_channels
    before_last, last, channels, reduced = first, first, init_channels, stem == "imagenet"
    specs = []
    for index in range(layers):
        kind = "reduce" if index in (layers // 3, 2 * layers // 3) else "normal"
        channels = 2 * channels if kind == "reduce" else channels
        specs.append(CellSpec(kind, channels, before_last, last, reduced))
        before_last, last, reduced = last, outputs[kind] * channels, kind == "reduce"
    return specs


STEM_MULTIPLIER = 3


StemBuilder = Callable[[int, int], nn.Module]
"""`(channels of the images, init_channels) -> module`, which gives maps (B, any channels, H', W')."""


class OwnStem(nn.Module):
    """A stem that somebody builds. Which channels it gives is found by running it once on one image.

    Attributes:
        channels: those that it gives.

    Raises:
        ConfigError: no module, or one that gives no maps.
    """

    def __init__(self, build: StemBuilder, input_shape: tuple[int, int, int], init_channels: int):
        super().__init__()
        self.stem = build(input_shape[0], init_channels)
        if not isinstance(self.stem, nn.Module):
            raise ConfigError(f"space.stem gives {self.stem!r}, expected a module")
        self.stem.eval()
        try:
            with torch.no_grad():
                maps = self.stem(torch.zeros(1, *input_shape))
        except RuntimeError as error:
            raise ConfigError(f"space.stem failed on an image of shape {tuple(input_shape)}: {error}") from error
        self.stem.train()
        if not isinstance(maps, Tensor) or maps.dim() != 4:
            found = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
            raise ConfigError(f"space.stem gives {found} for an image, expected maps (1, channels, height, width)")
        self.channels = maps.shape[1]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C_in, H, W) → the two inputs of the first cell."""
        y = self.stem(x)
        return y, y


def make_stem(stem: "str | StemBuilder", input_shape: tuple[int, int, int], init_channels: int) -> "Stem | OwnStem":
    """The stem of a name, or one's own; of this `channels` says what it gives."""
    return OwnStem(stem, input_shape, init_channels) if callable(stem) else Stem(stem, input_shape[0], init_channels)


class Stem(nn.Module):
    """`cifar`: a 3x3 convolution to 3C channels, size kept, for small images. `imagenet`: three convolutions of stride
    2 to C channels (H/4 and H/8), for images of about 100 pixels and more (both as in the released DARTS code).
    """

    channels: int | None = None  # as `plan` knows them

    def __init__(self, kind: str, channels_in: int, init_channels: int):
        super().__init__()
        self.kind, c = kind, init_channels
        if kind == "cifar":
            self.conv = _conv_bn(channels_in, STEM_MULTIPLIER * c, stride=1)
            return
        self.conv0 = nn.Sequential(*_conv_bn(channels_in, c // 2, 2), nn.ReLU(), *_conv_bn(c // 2, c, 2))
        self.conv1 = nn.Sequential(nn.ReLU(), *_conv_bn(c, c, 2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C_in, H, W) → the two inputs of the first cell."""
        if self.kind == "cifar":
            y = self.conv(x)
            return y, y
        first = self.conv0(x)
        return first, self.conv1(first)


def _conv_bn(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out))
