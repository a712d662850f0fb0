"""Partial channels."""

import dataclasses
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.relaxations.mixing.base import Candidate, Mixing, MixingFunction, as_mixing, full


@dataclasses.dataclass(frozen=True)
class PartialChannels(Mixing):
    """Mixes candidates on one part in `channel_divisor` of the channels and lets the others by (PC-DARTS: Xu et al.,
    arXiv:1907.05737).

    What it is for: a supernet keeps the outputs of all candidates for its backward pass. With candidates on C/K of C
    channels that takes about 1/K of the memory, so that batches can be K times larger and gradients steadier. As a
    fixed part of the signal takes no part in the choice, candidates without weights win less easily early on.

    Equation 2 with a fixed mask, the first C/K channels, for the edge from state i to state j:

        f(x_i) = Σ_k gate_k · o_k(x_i[: C/K])  beside  x_i[C/K :]

    and then the channels are shuffled in K groups, so that another part is mixed in what follows (channel c of group
    g goes to place c · K + g). Where the candidates halve height and width, the others pass a 2x2 max-pooling.

    Which part is mixed depends on the channels' order alone, so that edges into a node, each of them unsteady under
    sampling, are weighed by parameters of their own: edge normalisation, x_j = Σ_i b_ij · f_ij(x_i) with b the
    softmax of betas over the edges into node j (equations 3 and 4). It lies in the supernet, which makes betas where
    `edge_normalization` says so; they are trained as alphas are, and what is derived from is gate · b.

    Defaults: K = 4 and edge normalisation, as released for CIFAR-10. DrNAS takes K = 6, then 4, without it. The
    recipe besides: batch size 256, weights alone for 15 epochs.

    Differences from the released code: odd sizes are pooled with the last row and column counted (released sizes are
    even); a row of zeros, by which a genotype leaves an edge out or a selection tries to do without it, silences the
    whole edge, its bypass included; batch normalisation after pooling, which PC-DARTS has and DrNAS has not, is the
    space's matter.

    Args:
        channel_divisor: K; it must divide the channels of every cell. 1 is `inner` alone.
        edge_normalization: see above.
        inner: the mixing of the candidates' part; `SinglePath()` joins GDAS to partial channels.

    Raises:
        ConfigError: a divisor below 1.
    """

    channel_divisor: int = 4
    edge_normalization: bool = True
    inner: MixingFunction = full

    def __post_init__(self) -> None:
        if self.channel_divisor < 1:
            raise ConfigError(f"mixing.channel_divisor={self.channel_divisor}: expected at least 1")

    @property
    def needs_one_hot(self) -> bool:  # type: ignore[override]  # a property where the base has a value
        """Whether `inner` understands one-hot gates only."""
        return as_mixing(self.inner).needs_one_hot

    def __call__(self, x: Tensor, candidates: Iterable[Candidate], gate: Tensor) -> Tensor:
        """x (B, C, H, W), candidates for C / `channel_divisor` channels, a gate for each of them → (B, C, H', W').
        Series (B, C, T) in the same way."""
        if self.channel_divisor == 1:
            return self.inner(x, candidates, gate)
        part = x.shape[1] // self.channel_divisor
        mixed = self.inner(x[:, :part], candidates, gate)
        bypass = pooled_to(x[:, part:], mixed.shape[2:])
        return shuffled(mixed, bypass * (gate != 0).any())

    def with_divisor(self, divisor: int) -> "PartialChannels":
        """The same with another channel divisor."""
        return dataclasses.replace(self, channel_divisor=divisor)


def pooled_to(bypass: Tensor, size: Sequence[int]) -> Tensor:
    """The channels that are not mixed, (B, C, H, W) or (B, C, T), in the height and width, or length, of the others."""
    if tuple(bypass.shape[2:]) == tuple(size):
        return bypass
    pool = F.max_pool1d if bypass.dim() == 3 else F.max_pool2d
    return pool(bypass, 2, ceil_mode=True)


def shuffled(mixed: Tensor, bypass: Tensor) -> Tensor:
    """(B, C / K, ...) and (B, C - C / K, ...) as (B, C, ...), channel c of group g at c · K + g; the mixed ones are
    group 0."""
    part = mixed.shape[1]
    # (B, part, K, H', W'): joined along the groups' axis, channels come out shuffled by the copy of joining.
    groups = [mixed.unsqueeze(2), bypass.unflatten(1, (-1, part)).transpose(1, 2)]
    return torch.cat(groups, dim=2).flatten(1, 2)
