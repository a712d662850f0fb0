"""Attention over sequences of tokens: softmax, linear and by auto-correlation.

Queries are L tokens, keys and values M tokens of a memory (self-attention: the same). A `mask` [L, M] of booleans says
what may be seen. Over a memory of one token each of the three gives that token's value, so that such a module has no
queries and keys, which could not be trained.
"""

import math

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.ops.series.spectral import transformable
from darts_pl.spaces.series.tokens import Along

SMALLEST_LAGS = 2  # the weight of a single one would be 1 whatever queries and keys are
EPSILON = 1e-6


class Attention(nn.Module):
    """Projections around `attend`, which a subclass defines.

    Args:
        along, memory_along: the axes on which queries and memory form sequences.
        dim: D. heads: h, a divisor of D.
        mask: bool [L, M], None to see everything.

    Attributes:
        query_bias, key_bias: whether these projections have a bias; not where it would cancel out of `attend`.
    """

    query_bias = key_bias = True
    mask: Tensor | None

    def __init__(
        self, dim: int, heads: int, along: Along, memory_along: Along | None = None, mask: Tensor | None = None
    ):
        super().__init__()
        self.heads, self.along = heads, along
        self.memory_along = memory_along or along
        self.value, self.out = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.query = self.key = None
        if self.memory_along.length > 1:
            self.query = nn.Linear(dim, dim, bias=self.query_bias)
            self.key = nn.Linear(dim, dim, bias=self.key_bias)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, tokens: Tensor, memory: Tensor | None = None) -> Tensor:
        """(B, V, L, D), and a memory of its own tokens or others' → the shape of `tokens`."""
        x = self.along.fold(tokens)
        source = x if memory is None else self.memory_along.fold(memory)
        value = self._split(self.value(source))
        if self.query is None or self.key is None:
            y = value.expand(-1, -1, x.shape[1], -1)  # (S, h, 1, D/h) → (S, h, L, D/h)
        else:
            y = self.attend(self._split(self.query(x)), self._split(self.key(source)), value)
        return self.along.unfold(self.out(y.transpose(1, 2).flatten(2)), tokens)  # heads joined: (S, L, D)

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(S, h, L, D/h), (S, h, M, D/h), (S, h, M, D/h) → (S, h, L, D/h)."""
        raise NotImplementedError(f"{type(self).__name__} must define attend(query, key, value)")

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (S, L, D) → (S, h, L, D/h)


class SoftmaxAttention(Attention):
    """softmax(q kᵀ / √(D/h)) v (Vaswani et al., arXiv:1706.03762, equation 1). Written out, as the fused kernels cannot
    be differentiated twice, which second orders and some proxies ask for. A key's bias would add the same to all scores
    of a query."""

    key_bias = False

    def __init__(
        self, dim: int, heads: int, along: Along, memory_along: Along | None = None, mask: Tensor | None = None
    ):
        super().__init__(dim, heads, along, memory_along, mask)
        self.softmax = nn.Softmax(dim=-1)

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """See `Attention.attend`."""
        scores = query / math.sqrt(query.shape[-1]) @ key.transpose(-1, -2)
        if self.mask is not None:
            scores = scores.masked_fill(~self.mask, -torch.inf)
        return self.softmax(scores) @ value


class LinearAttention(Attention):
    """φ(q) Σ φ(k) vᵀ / φ(q) Σ φ(k) with φ = elu + 1 (Katharopoulos et al., arXiv:2006.16236, equations 5 and 7): time
    and memory grow linearly in L. With a mask the L · M products are formed, which gives the same as the recurrence."""

    def __init__(
        self, dim: int, heads: int, along: Along, memory_along: Along | None = None, mask: Tensor | None = None
    ):
        super().__init__(dim, heads, along, memory_along, mask)
        self.activation = nn.ELU()

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """See `Attention.attend`."""
        query, key = self.activation(query) + 1, self.activation(key) + 1
        if self.mask is not None:
            weights = query @ key.transpose(-1, -2) * self.mask
            return weights @ value / (weights.sum(dim=-1, keepdim=True) + EPSILON)
        total = query @ key.sum(dim=2).unsqueeze(-1)  # (S, h, L, 1)
        return query @ (key.transpose(-1, -2) @ value) / (total + EPSILON)


class AutoCorrelation(Attention):
    """Values rolled by the k = ⌊log L⌋, at least 2, lags at which queries and keys correlate most, weighed by the
    softmax of these correlations (Autoformer: Wu et al., arXiv:2106.13008, equations 5 to 7, by FFT as equation 8).

    Correlations are averaged over heads and features, as in the released code. In training that code averages them over
    the batch too, so that a sample's forecast depends on which others it is with; here every sequence has its own lags.
    A bias of queries or keys would add the same to the correlations at all lags.
    """

    query_bias = key_bias = False

    def __init__(
        self, dim: int, heads: int, along: Along, memory_along: Along | None = None, mask: Tensor | None = None
    ):
        super().__init__(dim, heads, along, memory_along, mask)
        self.softmax = nn.Softmax(dim=-1)

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """See `Attention.attend`; L = M, no mask."""
        length = query.shape[2]
        # Spectra (S, h, L // 2 + 1, D/h); correlation (S, L), one number a lag.
        spectra = torch.fft.rfft(transformable(query), dim=2), torch.fft.rfft(transformable(key), dim=2)
        correlation = torch.fft.irfft(spectra[0] * spectra[1].conj(), n=length, dim=2).mean(dim=(1, 3))
        # Of the k strongest lags weights (S, k), and for every place t the places t + τ (S, L, k).
        strongest = correlation.topk(max(SMALLEST_LAGS, int(math.log(length))), dim=-1)
        weights = self.softmax(strongest.values).to(value.dtype)
        places = torch.arange(length, device=value.device).view(1, -1, 1) + strongest.indices.unsqueeze(1)
        # One [L, L] matrix a sequence: row t holds the weight of each lag τ at the place t + τ.
        rolls = value.new_zeros(len(value), length, length)
        rolls = rolls.scatter(2, places % length, weights.unsqueeze(1).expand(-1, length, -1))
        return rolls.unsqueeze(1) @ value


ATTENTIONS: dict[str, type[Attention]] = {
    "full": SoftmaxAttention,
    "linear": LinearAttention,
    "auto_correlation": AutoCorrelation,
}
