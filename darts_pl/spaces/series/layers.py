"""Layers of encoders and decoders: sublayers with a layer normalisation before and a residual connection around them,

    a = last + attention(LN(last));  c = a + cell(before last, a);  output = c + feed_forward(LN(c)),

in a decoder that reads a memory with `a = last + cross_attention(LN(last), memory)` instead. Each sublayer's output
passes dropout. A sublayer whose choice is `none` is not there. A cell normalises its two inputs itself.
"""

from collections.abc import Callable

import torch.nn as nn
from torch import Tensor

from darts_pl.ops.series.shapes import TokenGrid
from darts_pl.spaces.series.attention import ATTENTIONS, Attention
from darts_pl.spaces.series.labels import NONE
from darts_pl.spaces.series.mamba import STATE_SPACES
from darts_pl.spaces.series.slots import Factory, Zero
from darts_pl.spaces.series.tokens import Along

WIDENING = 2  # hidden features of an MLP by those of a token


class MLP(nn.Sequential):
    """Linear, GELU, linear, hidden size 2 D (Vaswani et al., arXiv:1706.03762, section 3.3, with GELU)."""

    def __init__(self, dim: int):
        super().__init__(nn.Linear(dim, WIDENING * dim), nn.GELU(), nn.Linear(WIDENING * dim, dim))


class SwiGLU(nn.Module):
    """y = W₃ (SiLU(W₁ x) ⊙ W₂ x) (Shazeer, arXiv:2002.05202, equation 6). The hidden size is two thirds of the MLP's,
    so that both have about as many parameters."""

    def __init__(self, dim: int):
        super().__init__()
        hidden = max(1, round(2 * WIDENING * dim / 3))
        self.gate, self.value, self.out = nn.Linear(dim, hidden), nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.activation = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) → (..., D)."""
        return self.out(self.activation(self.gate(x)) * self.value(x))

    def linear_form(self, x: Tensor) -> Tensor:
        """What SynFlow takes in its place: the product a sum."""
        return self.out(self.gate(x) + self.value(x))


FEED_FORWARDS = {"mlp": MLP, "glu": SwiGLU}


class CrossAttention(nn.Module):
    """An attention in a place that is given (tokens, memory)."""

    def __init__(self, attention: Attention):
        super().__init__()
        self.attention = attention

    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        """Tokens (B, V, M, D) and memory → the shape of the tokens."""
        return self.attention(*pair)


class NoCrossAttention(nn.Module):
    """The candidate `none`."""

    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        """Zeros of the tokens' shape."""
        return pair[0].new_zeros(pair[0].shape)


class Layer(nn.Module):
    """One layer; see this file's head.

    Args:
        kind: of its cell. grid: of its tokens. heads: of attentions. dropout: probability.
        mask: bool [L, L], what each token may see; None for everything.
        memory: the axes (of the tokens, of the memory) of a cross-attention in the place of self-attention.
    """

    def __init__(
        self,
        factory: Factory,
        kind: str,
        grid: TokenGrid,
        *,
        heads: int,
        dropout: float,
        mask: Tensor | None = None,
        memory: tuple[Along, Along] | None = None,
    ):
        super().__init__()
        self.reads_memory = memory is not None
        if memory is None:
            self.attention = factory.choice("attention", _self_attention(grid, heads, mask))
        else:
            self.attention = factory.choice("cross_attention", _cross_attention(grid.dim, heads, *memory))
        self.attention_norm = nn.LayerNorm(grid.dim) if self.attention is not None else None
        self.cell = factory.cell(kind, grid)
        self.feed_forward = factory.choice(
            "feed_forward", lambda name: Zero() if name == NONE else FEED_FORWARDS[name](grid.dim)
        )
        self.feed_forward_norm = nn.LayerNorm(grid.dim) if self.feed_forward is not None else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, before_last: Tensor, last: Tensor, memory: Tensor | None = None) -> Tensor:
        """Outputs of the two preceding layers (B, V, N, D), and a memory where it reads one → the same shape."""
        x = last
        if self.attention is not None and self.attention_norm is not None:
            tokens = self.attention_norm(x)
            x = x + self.dropout(self.attention((tokens, memory) if self.reads_memory else tokens))
        x = x + self.dropout(self.cell(before_last, x))
        if self.feed_forward is not None and self.feed_forward_norm is not None:
            x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x


class Stack(nn.Module):
    """Layers after each other, each given the outputs of the two before it, and a last layer normalisation."""

    def __init__(self, layers: int, make_layer: Callable[[], Layer], dim: int):
        super().__init__()
        self.layers = nn.ModuleList(make_layer() for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, memory: Tensor | None = None) -> Tensor:
        """(B, V, N, D) → the same shape."""
        before_last = last = tokens
        for layer in self.layers:
            before_last, last = last, layer(before_last, last, memory)
        return self.norm(last)


def _self_attention(grid: TokenGrid, heads: int, mask: Tensor | None) -> Callable[[str], nn.Module]:
    along = Along.of(grid)

    def make(name: str) -> nn.Module:
        if name == NONE:
            return Zero()
        if name in STATE_SPACES:
            return STATE_SPACES[name](grid.dim, along)
        return ATTENTIONS[name](grid.dim, heads, along, mask=mask)

    return make


def _cross_attention(dim: int, heads: int, along: Along, memory_along: Along) -> Callable[[str], nn.Module]:
    def make(name: str) -> nn.Module:
        if name == NONE:
            return NoCrossAttention()
        return CrossAttention(ATTENTIONS[name](dim, heads, along, memory_along))

    return make
