"""One branch of a forecasting network: tokens of one kind, layers on them, and a forecast, by architecture mode.

- encoder_only, mamba: stem, positions, layers, head.
- encoder_decoder: stem, positions and layers give a memory; queries for the horizon pass layers that read it by
  cross-attention; each emits its span of the forecast.
- decoder_only: the tokens of the look-back, then those of the horizon, in one sequence, in which attention looks at
  nothing later (variates are of two times, look-back and horizon); the horizon's are read. The operations of cells are
  those of the other modes and look both ways; there is nothing to hide, as no token holds a true future value.
"""

from dataclasses import dataclass

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.ops.series.shapes import SeriesShape, TokenGrid
from darts_pl.spaces.series.layers import Layer, Stack
from darts_pl.spaces.series.positions import position
from darts_pl.spaces.series.queries import HEADS, Emission, Queries
from darts_pl.spaces.series.slots import Factory
from darts_pl.spaces.series.tokens import Along, Patching, Window, stem


@dataclass(frozen=True)
class Sizes:
    """The sizes of branches.

    Args:
        dim: D. layers: of the encoder, and of the decoder. heads: of attentions.
        patch: time steps of a patch; a new one begins every half of it. dropout: probability.
    """

    dim: int
    layers: int
    heads: int
    patch: int
    dropout: float

    def patching(self, look_back: int) -> Patching:
        """How a look-back is cut into patches."""
        return Patching(look_back, self.patch, max(1, self.patch // 2))


class Embedding(nn.Module):
    """Stem and positions."""

    def __init__(self, kind: str, shape: SeriesShape, sizes: Sizes, factory: Factory):
        super().__init__()
        self.stem = stem(kind, shape, sizes.dim, sizes.patching(shape.look_back))
        self.grid = self.stem.grid
        self.position = factory.choice("position", lambda name: position(name, self.grid))
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, window: Window) -> Tensor:
        """→ tokens (B, V, N, D)."""
        tokens = self.stem(window)
        if self.position is not None:
            tokens = tokens + self.position(tokens)
        return self.dropout(tokens)


class EncoderOnly(nn.Module):
    """See this file's head."""

    def __init__(self, kind: str, shape: SeriesShape, sizes: Sizes, factory: Factory):
        super().__init__()
        self.embedding = Embedding(kind, shape, sizes, factory)
        self.encoder = _stack(factory, "encoder", self.embedding.grid, sizes)
        self.head = HEADS[kind](shape, self.embedding.grid)

    def forward(self, window: Window) -> Tensor:
        """→ forecast (B, P, Y)."""
        return self.head(self.encoder(self.embedding(window)))


class EncoderDecoder(nn.Module):
    """See this file's head."""

    def __init__(self, kind: str, shape: SeriesShape, sizes: Sizes, factory: Factory):
        super().__init__()
        self.embedding = Embedding(kind, shape, sizes, factory)
        grid = self.embedding.grid
        self.encoder = _stack(factory, "encoder", grid, sizes)
        self.queries = Queries(kind, shape, grid.tokens, sizes.dim, sizes.patch)

        def axis(of: TokenGrid) -> Along:
            return Along(of.series, True) if kind == "variates" else Along(of.tokens, False)

        axes = axis(self.queries.grid), axis(grid)
        self.decoder = _stack(factory, "decoder", self.queries.grid, sizes, memory=axes)
        self.emission = Emission(self.queries)

    def forward(self, window: Window) -> Tensor:
        """→ forecast (B, P, Y)."""
        memory = self.encoder(self.embedding(window))
        return self.emission(self.decoder(self.queries(memory, window), memory))


class DecoderOnly(nn.Module):
    """See this file's head."""

    def __init__(self, kind: str, shape: SeriesShape, sizes: Sizes, factory: Factory):
        super().__init__()
        self.embedding = Embedding(kind, shape, sizes, factory)
        grid = self.embedding.grid
        self.queries = Queries(kind, shape, grid.tokens, sizes.dim, sizes.patch)
        self.axis = 1 if kind == "variates" else 2
        if kind == "variates":
            times = torch.tensor([0] * grid.series + [1] * self.queries.grid.series)
            joined = TokenGrid(len(times), 1, sizes.dim)
        else:
            times = torch.arange(grid.tokens + self.queries.grid.tokens)
            joined = TokenGrid(grid.series, len(times), sizes.dim)
        self.decoder = _stack(factory, "decoder", joined, sizes, mask=times.unsqueeze(1) >= times)
        self.emission = Emission(self.queries)

    def forward(self, window: Window) -> Tensor:
        """→ forecast (B, P, Y)."""
        past = self.embedding(window)
        tokens = self.decoder(torch.cat([past, self.queries(past, window)], dim=self.axis))
        return self.emission(
            tokens.narrow(self.axis, past.shape[self.axis], tokens.shape[self.axis] - past.shape[self.axis])
        )


def _stack(
    factory: Factory,
    kind: str,
    grid: TokenGrid,
    sizes: Sizes,
    *,
    mask: Tensor | None = None,
    memory: tuple[Along, Along] | None = None,
) -> Stack:
    """The layers of an encoder or decoder, see `Layer`."""

    def make_layer() -> Layer:
        return Layer(factory, kind, grid, heads=sizes.heads, dropout=sizes.dropout, mask=mask, memory=memory)

    return Stack(sizes.layers, make_layer, sizes.dim)


BRANCHES = {
    "encoder_only": EncoderOnly,
    "mamba": EncoderOnly,
    "encoder_decoder": EncoderDecoder,
    "decoder_only": DecoderOnly,
}
