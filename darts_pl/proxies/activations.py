"""Proxies of which activations are on: NASWOT, SWAP, and how diverse the activations of a batch are."""

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.proxies.base import Batch, Inputs, Loss, batch_size, register

# Elementwise, and the sign of the input tells on which side of the bend a unit is.
ACTIVATIONS = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.RReLU,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Softplus,
    nn.Hardswish,
    nn.Hardsigmoid,
    nn.Hardtanh,
    nn.Sigmoid,
    nn.Tanh,
    nn.Softsign,
)


def each_activation(network: nn.Module, x: Inputs, see: Callable[[Tensor], None]) -> None:
    """Run the network on `x` without gradients and give `see` the input of every activation, in the order of execution:
    [B, units], B samples, whatever else a first dimension may hold (series, patches) counted among a sample's units.

    Raises:
        ValueError: the network has no activation module.
    """
    samples, seen = batch_size(x), []

    def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        value = given[0].detach()
        if value.dim() and value.shape[0] % samples == 0:  # others have no sample of their own, such as scales
            seen.append(True)
            see(value.reshape(samples, -1))

    for module in network.modules():
        if isinstance(module, ACTIVATIONS):
            module.register_forward_pre_hook(hook)
    with torch.no_grad():
        network(x)
    if not seen:
        raise ValueError("the network has no activation modules")


@register("naswot")
def naswot(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """NASWOT: log |det K|, K[i, j] the number of units that samples i and j switch alike.

    Mellor et al., arXiv:2006.04647, equation 2: K = Σ over activation layers c cᵀ + (1 − c)(1 − c)ᵀ with c = 1[x > 0]
    of a layer's inputs. Published for ReLU; here the sign of the input of any activation module. Samples that nothing
    tells apart make K singular: no score.
    """
    x = batches[0][0]
    kernels: list[Tensor] = []

    def see(value: Tensor) -> None:
        on = (value > 0).float()
        off = 1 - on
        kernels.append((on @ on.T + off @ off.T).double())

    each_activation(network, x, see)
    sign, value = torch.linalg.slogdet(torch.stack(kernels).sum(0))
    if sign <= 0:
        raise ValueError("samples switch all units alike: the kernel is singular")
    return value.item()


@register("swap")
def swap(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """SWAP: the number of different patterns in which units switch over the samples of a batch.

    Peng et al., arXiv:2403.04161, definition 3.2: each unit of each activation layer has a pattern of B signs, one a
    sample; equal patterns are counted once over the whole network. Without the paper's size regulariser, which has
    two constants to be tuned for a space.
    """
    patterns: list[Tensor] = []
    each_activation(network, batches[0][0], lambda value: patterns.append(unique_rows(packed(value > 0))))
    return float(len(unique_rows(torch.cat(patterns))))


def unique_rows(rows: Tensor) -> Tensor:
    """The different rows of int64 [n, m]; one column, the common case, is sorted much faster as numbers."""
    return rows[:, 0].unique()[:, None] if rows.shape[1] == 1 else rows.unique(dim=0)


def packed(signs: Tensor) -> Tensor:
    """bool [B, units] → int64 [units, ceil(B / 62)], the B bits of each unit; equal patterns have equal rows."""
    parts: Iterable[Tensor] = signs.split(62)
    bits = [
        sum((row.long() << place for place, row in enumerate(part)), torch.zeros_like(part[0], dtype=torch.long))
        for part in parts
    ]
    return torch.stack(list(bits), dim=1)


@register("activation_diversity")
def activation_diversity(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Activation diversity: the mean over activation layers of the effective rank of a batch's pre-activations, over B.

    Effective rank (Roy and Vetterli, EUSIPCO 2007): exp of the entropy of the normalised eigenvalues, here of the Gram
    matrix of the B samples' centred pre-activations. From 1/B, all samples alike, to (B − 1)/B.
    """
    x = batches[0][0]
    samples = batch_size(x)
    if samples < 2:
        raise ValueError("activation_diversity needs two samples")
    ranks: list[float] = []

    def see(value: Tensor) -> None:
        centred = (value - value.mean(dim=0)).float()
        eigenvalues = torch.linalg.eigvalsh((centred @ centred.T).double()).clamp(min=0)
        total = eigenvalues.sum()
        share = eigenvalues / total if total > 0 else eigenvalues
        ranks.append(torch.special.entr(share).sum().exp().item() / samples)

    each_activation(network, x, see)
    return sum(ranks) / len(ranks)
