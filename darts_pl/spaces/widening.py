"""Carrying a supernet over to one with wider candidates (Net2WiderNet, arXiv:1511.05641, section 2.3)."""

from collections.abc import Callable, Iterator

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from darts_pl.errors import ConfigError
from darts_pl.ops.image import FactorizedReduce
from darts_pl.spaces.supernet import Supernet

Mapping = Callable[[int, int], Tensor]
"""`(channels before, channels after) -> [after]`: which old channel each new one replicates."""


@torch.no_grad()
def widen(source: Supernet, target: Supernet) -> None:
    """Give `target` the architecture parameters, weights and buffers of `source`, whose candidates may be narrower.

    This is the step between two phases of DrNAS (X. Chen et al., arXiv:2006.10355, section 3.3; the way from 1/6 to 1/4
    of the channels) by the means of Net2WiderNet (T. Chen, I. Goodfellow, J. Shlens, arXiv:1511.05641). A candidate
    that grows from n to m channels gets a mapping g: {0 … m−1} → {0 … n−1} with g(j) = j for j < n and g(j) drawn
    uniformly for the rest; new channel j replicates old channel g(j). With c_i = |{j : g(j) = i}|,

        dense convolution       U[o, j] = W[g(o), g(j)] / c_{g(j)}
        depthwise convolution   U[j] = W[g(j)]
        batch normalisation     scale, shift and running statistics of channel g(j)

    so that for an input x with x[j] = x_old[g(j)] the output is the old output, replicated in the same way: the
    division makes the m terms of each sum add up to the n of old. One mapping serves all candidates, for the edges of a
    cell add up channel by channel. `FactorizedReduce` is the exception: its two convolutions fill the two halves of
    the output, so each half is replicated within itself and its output follows another mapping than g, see
    `halves`.

    What is preserved is each candidate as a function, not the supernet: a cell's state does not get wider, the wider
    candidates merely see more of its channels, and those are other channels, not replicas. Everything outside the
    candidates has the same shape before and after, and is copied as it is. Candidates that `target` no longer has are
    left out. Momenta of the optimisers are not carried over.

    The authors' released code differs in three ways: it does not divide by c, it draws input and output indices
    independently of each other, so that a candidate's function changes, and it takes the momenta along. We follow
    Net2WiderNet, and begin with fresh momenta as everywhere a phase begins.

    The mapping is drawn from torch's generator, which the caller seeds.

    Raises:
        ConfigError: supernets that differ in more than the candidates' width; candidates of `target` that are narrower;
            an operation of other modules than convolutions and batch normalisations whose shapes change.
    """
    _copy_outside(source, target)
    mapping = _drawn_once()
    for old, new in zip(source.choices(), target.choices(), strict=True):
        for name, candidate in new.candidates.items():
            if name not in old.candidates:
                raise ConfigError(
                    f"a phase that continues has the candidate {name!r}, which the one before had dropped"
                )
            widen_operation(old.candidates[name], candidate, mapping, name)


def _copy_outside(source: Supernet, target: Supernet) -> None:
    found, given = dict(_outside(target)), dict(_outside(source))
    shapes, expected = ({name: value.shape for name, value in state.items()} for state in (given, found))
    if shapes != expected:
        raise ConfigError(
            f"a phase that continues must have the supernet of the one before, found {len(source.cells)} and "
            f"{len(target.cells)} cells. Leave `layers` as it is in a phase with continues=true"
        )
    for name, value in found.items():
        value.copy_(given[name])


def _outside(supernet: Supernet) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of the state outside candidates, without masks and what a relaxation anneals."""
    for name, value in supernet.state_dict().items():
        if ".candidates." not in name and not name.startswith(("kept_", "relaxation.")):
            yield name, value


def _drawn_once() -> Mapping:
    """A mapping that is drawn when two numbers of channels are first asked for."""
    drawn: dict[tuple[int, int], Tensor] = {}

    def mapping(before: int, after: int) -> Tensor:
        if (before, after) not in drawn:
            drawn[before, after] = replicas(before, after)
        return drawn[before, after]

    return mapping


def replicas(before: int, after: int) -> Tensor:
    """g as int64 [after]: the identity, then uniform draws from torch's generator.

    Raises:
        ConfigError: fewer channels than before.
    """
    if after < before:
        raise ConfigError(
            f"a phase that continues makes candidates narrower, from {before} to {after} channels. Take a "
            "channel_divisor no larger than that of the phase before"
        )
    return torch.cat([torch.arange(before), torch.randint(before, (after - before,))])


def halves(before: int, after: int, mapping: Mapping) -> tuple[Tensor, Tensor]:
    """Which old channels the outputs of the first and of the second convolution of a `FactorizedReduce` replicate, each
    counted within its half; the first half has the odd channel."""
    first = mapping(before - before // 2, after - after // 2)
    second = mapping(before // 2, after // 2) if before // 2 else first.new_empty(0)
    return first, second


@torch.no_grad()
def widen_operation(source: nn.Module, target: nn.Module, mapping: Mapping, name: str = "operation") -> None:
    """Set the weights and buffers of `target` so that it does on replicated channels what `source` does, see `widen`;
    the output of a `FactorizedReduce` is replicated by `halves`.

    Raises:
        ConfigError: see `widen`; `name` is what it calls the operation.
    """
    if isinstance(source, FactorizedReduce) and isinstance(target, FactorizedReduce):
        _widen_reduction(source, target, mapping, name)
    elif isinstance(source, _ConvNd) and isinstance(target, _ConvNd):
        rows = mapping(source.out_channels, target.out_channels)
        _widen_convolution(source, target, rows, mapping, name)
    elif isinstance(source, _BatchNorm) and isinstance(target, _BatchNorm):
        _widen_normalization(source, target, mapping(source.num_features, target.num_features))
    else:
        _copy_own(source, target, name)
        for (old_name, old), new in zip(source.named_children(), target.children(), strict=True):
            widen_operation(old, new, mapping, f"{name}.{old_name}")


def _widen_reduction(source: FactorizedReduce, target: FactorizedReduce, mapping: Mapping, name: str) -> None:
    before, after = source.bn.num_features, target.bn.num_features
    if source.conv_2 is None and target.conv_2 is not None:
        raise ConfigError(f"a phase that continues cannot widen {name!r} of stride 2 from 1 channel to {after}")
    first, second = halves(before, after, mapping)
    _widen_convolution(source.conv_1, target.conv_1, first, mapping, name)
    if source.conv_2 is not None and target.conv_2 is not None:
        _widen_convolution(source.conv_2, target.conv_2, second, mapping, name)
    _widen_normalization(source.bn, target.bn, torch.cat([first, second + source.conv_1.out_channels]))


def _widen_convolution(source: _ConvNd, target: _ConvNd, rows: Tensor, mapping: Mapping, name: str) -> None:
    """`rows` [out_channels of `target`]: the output channel of `source` that each of `target` replicates."""
    depthwise = all(conv.groups == conv.in_channels == conv.out_channels for conv in (source, target))
    if source.weight.shape == target.weight.shape:
        weight = source.weight
    elif source.groups == target.groups == 1:
        columns = mapping(source.in_channels, target.in_channels)
        copies = columns.bincount(minlength=source.in_channels).to(source.weight)
        scale = copies[columns].view(1, -1, *[1] * (source.weight.dim() - 2))
        weight = source.weight[rows][:, columns] / scale
    elif depthwise:
        weight = source.weight[rows]
    else:
        raise ConfigError(
            f"a phase that continues cannot widen {name!r}: a convolution of {source.groups} groups over "
            f"{source.in_channels} channels, expected one group or one a channel. {REMEDY}"
        )
    target.weight.copy_(weight)
    if source.bias is not None:
        assert target.bias is not None  # one builder made both
        target.bias.copy_(source.bias[rows])


def _widen_normalization(source: _BatchNorm, target: _BatchNorm, rows: Tensor) -> None:
    state = target.state_dict(keep_vars=True)
    for name, value in source.state_dict().items():
        state[name].copy_(value[rows] if value.dim() else value)


def _copy_own(source: nn.Module, target: nn.Module, name: str) -> None:
    """Copy what belongs to the module itself rather than to modules in it."""
    children = tuple(f"{child}." for child, _ in source.named_children())
    state = target.state_dict(keep_vars=True)
    for key, value in source.state_dict().items():
        if key.startswith(children):
            continue
        if state[key].shape != value.shape:
            raise ConfigError(
                f"a phase that continues cannot widen {name!r}: {key} of {type(source).__name__} has the shape "
                f"{list(value.shape)} before and {list(state[key].shape)} after. {REMEDY}"
            )
        state[key].copy_(value)


REMEDY = (
    "Build that operation of nn.Conv and nn.BatchNorm modules, keep channel_divisor the same in both phases, or "
    "leave continues out"
)
