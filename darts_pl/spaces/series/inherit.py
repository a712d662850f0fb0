"""A derived network takes over the weights that a supernet has in the same places."""

import torch.nn as nn

from darts_pl.spaces.cells import inherit_weights
from darts_pl.spaces.series.cell import INPUTS, DerivedSeriesCell, edge_key
from darts_pl.spaces.series.network import SeriesNetwork, SeriesSupernet
from darts_pl.spaces.series.slots import LabelGroup


@inherit_weights.register
def _(network: SeriesNetwork, supernet: SeriesSupernet) -> None:
    _inherit(network.forecaster, supernet.forecaster)


def _inherit(target: nn.Module, source: nn.Module) -> None:
    """Copy place by place: both are built by the same code, so that modules of a name correspond, except where a choice
    or a cell has a candidate in the place of one module."""
    if isinstance(source, LabelGroup):
        _inherit(target.module, source.edges[source.kind].candidates[target.name])
    elif isinstance(target, DerivedSeriesCell):
        target.norms.load_state_dict({k: v for k, v in source.norms.state_dict().items() if k[0] in target.norms})
        for state, node in enumerate(target.cell.nodes, start=INPUTS):
            for edge in node:
                key = edge_key(state, edge.source)
                target.edges[key].load_state_dict(source.edges[key].candidates[edge.op].state_dict())
    else:
        _copy_own(target, source)
        for name, child in target.named_children():
            _inherit(child, getattr(source, name))


def _copy_own(target: nn.Module, source: nn.Module) -> None:
    """Parameters and buffers that `target` itself holds."""
    held = dict([*source.named_parameters(recurse=False), *source.named_buffers(recurse=False)])
    for name, tensor in [*target.named_parameters(recurse=False), *target.named_buffers(recurse=False)]:
        if tensor.shape != held[name].shape:
            raise ValueError(f"{type(target).__name__}.{name}: {tuple(held[name].shape)} into {tuple(tensor.shape)}")
        tensor.data.copy_(held[name].data)
