"""Attention between patches of a series, and between series."""

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.ops.series.registry import register
from darts_pl.ops.series.shapes import TokenGrid


def head_count(dim: int, most: int = 4) -> int:
    """Heads of attention over `dim` channels: the greatest divisor of `dim` up to `most`."""
    return max(heads for heads in range(1, most + 1) if dim % heads == 0)


class Attention(nn.Module):
    """Scaled dot-product attention (arXiv:1706.03762, equation 1) with several heads; no projections.

    Written out, not by PyTorch's fused kernels: those have no second derivative, which the exact hypergradient needs.
    """

    def __init__(self, heads: int):
        super().__init__()
        self.heads = heads
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Query and key (R, S, E), value (R, S, W), E and W multiples of the heads → (R, S, W)."""
        query, key, value = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (query, key, value))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        return (self.softmax(scores) @ value).transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Multi-head self-attention over S tokens, (R, S, D) → (R, S, D).

    A key's bias would cancel in the softmax, so query and key have none.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.query, self.key = (nn.Linear(dim, dim, bias=False) for _ in range(2))
        self.value, self.out = (nn.Linear(dim, dim) for _ in range(2))
        self.attention = Attention(head_count(dim))

    def forward(self, x: Tensor) -> Tensor:
        """(R, S, D) → the same shape."""
        return self.out(self.attention(self.query(x), self.key(x), self.value(x)))


@register("patch_embed", family="attention")
class PatchEmbed(nn.Module):
    """Self-attention between patches of a series (PatchTST, arXiv:2211.14730, section 3.1).

    Kept: patches along time, the end padded by the last value; linear embedding with learned positions; series apart
    from each other; self-attention between patches. Changed: patches do not overlap, so that a linear map takes each
    back to its tokens; one pre-normalised attention layer with layer normalisation for the encoder with batch
    normalisation; no feed-forward part, which cells choose themselves.
    Patches hold N // 3 tokens, at least 1 and at most 8. A single patch has nothing to attend to and is mapped alone.
    """

    def __init__(self, grid: TokenGrid, longest: int = 8):
        super().__init__()
        self.length = max(1, min(longest, grid.tokens // 3))
        patches = -(-grid.tokens // self.length)
        self.embed = nn.Linear(self.length * grid.dim, grid.dim)
        self.position = nn.Parameter(0.02 * torch.randn(patches, grid.dim))
        self.norm = nn.LayerNorm(grid.dim) if patches > 1 else None
        self.attention = SelfAttention(grid.dim) if patches > 1 else None
        self.back = nn.Linear(grid.dim, self.length * grid.dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        rows, tokens = x.flatten(0, 1), x.shape[2]
        missing = -tokens % self.length
        if missing:
            rows = torch.cat([rows, rows[:, -1:].expand(-1, missing, -1)], dim=1)
        # (B V, patches, length · D) → (B V, patches, D)
        z = self.embed(rows.unflatten(1, (-1, self.length)).flatten(2)) + self.position
        if self.attention is not None and self.norm is not None:
            z = z + self.attention(self.norm(z))
        y = self.back(z).unflatten(2, (self.length, -1)).flatten(1, 2)
        return y[:, :tokens].unflatten(0, x.shape[:2])


@register("inverted_attention", family="attention")
def inverted_attention(grid: TokenGrid) -> nn.Module:
    """Attention whose tokens are variates (iTransformer, arXiv:2310.06625, section 3.2): `VariateAttention` between the
    V series, or `ChannelAttention` where there is one series only, whose D channels then are the variates."""
    return VariateAttention(grid) if grid.series > 1 else ChannelAttention(grid)


class VariateAttention(nn.Module):
    """Attention between series: which series matter to which is read from whole series, (N D) values a token.

    Kept: a variate token embeds the whole series; queries, keys, values, several heads; equivariant to the order of the
    series, any number of them. With N = 1 it is iTransformer's self-attention. Changed: with N > 1 the values keep
    their time axis, so that what is fetched from another series stays in its place. Left out: the feed-forward part.
    """

    def __init__(self, grid: TokenGrid):
        super().__init__()
        self.heads = head_count(grid.dim)
        self.query, self.key = (nn.Linear(grid.tokens * grid.dim, grid.dim, bias=False) for _ in range(2))
        self.value, self.out = (nn.Linear(grid.dim, grid.dim) for _ in range(2))
        self.attention = Attention(self.heads)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        whole, tokens = x.flatten(2), x.shape[2]  # (B, V, N D)
        # a head holds its share of the channels at all N times: (B, V, h · N · D/h)
        value = self.value(x).unflatten(-1, (self.heads, -1)).transpose(2, 3).flatten(2)
        fetched = self.attention(self.query(whole), self.key(whole), value)
        return self.out(fetched.unflatten(-1, (self.heads, tokens, -1)).transpose(2, 3).flatten(3))


class ChannelAttention(nn.Module):
    """Attention between the D channels of a series, each a variate of N values: (B, 1, N, D) → the same shape.

    As `VariateAttention` with one head; values are mapped linearly over time, as a variate is its N values here,
    without a bias (see `dlinear`).
    """

    def __init__(self, grid: TokenGrid):
        super().__init__()
        self.query, self.key = (nn.Linear(grid.tokens, grid.dim, bias=False) for _ in range(2))
        self.value = nn.Linear(grid.tokens, grid.tokens, bias=False)
        self.attention = Attention(heads=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        channels = x.flatten(0, 1).transpose(1, 2)  # (B V, D, N)
        y = self.attention(self.query(channels), self.key(channels), self.value(channels))
        return y.transpose(1, 2).unflatten(0, x.shape[:2])
