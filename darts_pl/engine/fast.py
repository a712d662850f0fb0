"""The engine of PyTorch alone: what the edges of a state share is computed once, sums grow in place.

A cell is walked by source states instead of by nodes: once a state is there, everything that its edges need of it is
computed, and each result is added to the node that it enters. Against the walk by nodes it saves

- one ReLU, and one pooling with its normalisation, a state instead of one an edge;
- a multiplication by the gate and a tensor to keep for every candidate: the gate is the normalisation's scale;
- `none`, and every tensor of partial sums;
- dilated convolutions on CPUs, see `phases`.
"""

from collections.abc import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.engine.candidates import Candidate, Terms, knows_draws, terms_of
from darts_pl.engine.convolutions import depthwise, pointwise
from darts_pl.engine.nodes import Node
from darts_pl.engine.norms import batch_norm, takes_batch_statistics
from darts_pl.engine.recipes import Halving, Identity, Nothing, Pooling, Recipes, Stage, Stages
from darts_pl.engine.state import State, strided
from darts_pl.spaces.walk import DerivedCell, GraphCell, SearchedCell, walk


class FastEngine:
    """See the module."""

    def __init__(self) -> None:
        self._recipes = Recipes()

    def run(self, cell: GraphCell, inputs: Sequence[Tensor]) -> Tensor:
        """See `darts_pl.spaces.walk.Engine`."""
        if not isinstance(cell, SearchedCell | DerivedCell) or not knows_draws(cell):
            return walk(cell, inputs)
        if isinstance(cell, DerivedCell) and not torch.is_grad_enabled():
            return walk(cell, inputs)  # one operation an edge, nothing to keep: little is shared
        return cell.join(states_of(cell, first_states(cell, inputs, self._recipes), self._recipes))


def first_states(cell: GraphCell, inputs: Sequence[Tensor], recipes: Recipes) -> list[Tensor]:
    """See `GraphCell.first_states`."""
    modules = cell.input_modules()
    if not modules:
        return cell.first_states(*inputs)
    return [_projected(module, x, recipes) for module, x in zip(modules, inputs, strict=True)]


def _projected(module: nn.Module, x: Tensor, recipes: Recipes) -> Tensor:
    recipe = recipes.of(module)
    return _stages(recipe, F.relu(x), None) if isinstance(recipe, Stages) else module(x)


def states_of(cell: SearchedCell | DerivedCell, states: Sequence[Tensor], recipes: Recipes) -> list[Tensor]:
    """All states of `cell` by those that it begins with, (B, C, H, W) each."""
    found = list(states)
    links = cell.links()
    # in the order of a walk by nodes, since this is where paths are dropped
    terms = [[(link, terms_of(cell, link, found[0], recipes)) for link in entering] for entering in links]
    nodes = [Node() for _ in links]
    for source in range(len(states) + len(nodes)):
        if source >= len(states):
            found.append(nodes[source - len(states)].total())
        state = State(found[source])
        for node, entering in zip(nodes, terms):
            for link, made in entering:
                if link.source != source:
                    continue
                if made is None:
                    node.whole.add_shared(cell.term(link, state.x, ()), None)
                else:
                    _add(made, state, node)
    return found


def _add(terms: Terms, state: State, node: Node) -> None:
    if terms.mask is None:
        _add_mixture(terms, state, node)
    else:
        edge = Node()  # what is dropped as a whole is summed by itself
        _add_mixture(terms, state, edge)
        node.whole.add(edge.total() * terms.mask)
    if terms.auxiliary is not None:
        _add_candidate(terms.auxiliary, state, node, 1)


def _add_mixture(terms: Terms, state: State, node: Node) -> None:
    divisor = terms.divisor
    part = state if divisor == 1 else state.part(divisor)
    size: tuple[int, ...] = ()
    for candidate in terms.candidates:
        size = _add_candidate(candidate, part, node, divisor)
    if all(isinstance(candidate.recipe, Nothing) for candidate in terms.candidates):
        node.part(divisor).add(part.x.new_zeros(part.x.shape[:2] + size))  # so that there is something to sum
    if terms.constant is not None:
        node.part(divisor).add_constant(terms.constant)
    if divisor > 1:
        stride = 1 if size == tuple(part.x.shape[2:]) else 2
        node.bypass(divisor).add_shared(state.bypass(divisor, stride), terms.bypass)


def _add_candidate(candidate: Candidate, state: State, node: Node, divisor: int) -> tuple[int, ...]:
    """Add a candidate to the part of `node` that it mixes; returns the height and width of what it gives."""
    recipe, size = candidate.recipe, tuple(state.x.shape[2:])
    if isinstance(recipe, Nothing):
        return strided(size, recipe.stride)
    if isinstance(recipe, Identity):
        node.part(divisor).add_shared(state.x, candidate.coefficient)
        return size
    if isinstance(recipe, Pooling):
        _add_pooling(recipe, candidate, state, node, divisor)
        return strided(size, recipe.stride)
    if isinstance(recipe, Stages) and recipe.is_dilated:
        stride = recipe.stride
        if _is_laid_apart(state.x, stride):
            y = _stage(
                recipe.stages[0],
                state.phased(stride),
                _scale(candidate.coefficient, recipe.stages[0].norm.num_features),
                undilated=True,
            )
            (node.apart(divisor) if stride == 1 else node.part(divisor)).add(y)
            return strided(size, stride)
    if isinstance(recipe, Stages):
        y = _stages(recipe, state.relu(), candidate.coefficient)
    elif isinstance(recipe, Halving):
        y = batch_norm(
            recipe.module.halves(state.relu()), recipe.norm, _scale(candidate.coefficient, recipe.norm.num_features)
        )
    else:
        y = candidate.operation(state.x)
        node.part(divisor).add_shared(y, candidate.coefficient)
        return tuple(y.shape[2:])
    node.part(divisor).add(y)
    return tuple(y.shape[2:])


def _add_pooling(recipe: Pooling, candidate: Candidate, state: State, node: Node, divisor: int) -> None:
    norm = recipe.norm
    if norm is None:
        y = state.pooled(recipe)
    elif norm.weight is None and takes_batch_statistics(norm):
        y = state.normalized(recipe, norm)
    else:
        y = batch_norm(state.pooled(recipe), norm)
    node.part(divisor).add_shared(y, candidate.coefficient)


def _stages(recipe: Stages, x: Tensor, gate: Tensor | None) -> Tensor:
    """The stages behind the first ReLU; the last normalisation takes the gate as its scale."""
    *before, last = recipe.stages
    for stage in before:
        x = F.relu(_stage(stage, x, None), inplace=True)
    return _stage(last, x, _scale(gate, last.norm.num_features))


def _stage(stage: Stage, x: Tensor, gate: Tensor | None, undilated: bool = False) -> Tensor:
    """A stage behind its ReLU. `undilated`: of pixels that lie apart by phases."""
    first, conv = stage.depthwise, stage.conv
    if first is not None:
        stride, dilation = (1, 1) if undilated else (first.stride[0], first.dilation[0])
        x = depthwise(x, first.weight, stride, dilation)
    x = pointwise(x, conv.weight) if conv.kernel_size == (1, 1) and conv.stride == (1, 1) else conv(x)
    return batch_norm(x, stage.norm, gate)


def _is_laid_apart(x: Tensor, stride: int) -> bool:
    """Whether a convolution of dilation 2 runs on phases: on a CPU, where they are of one size."""
    even = x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0
    return x.device.type == "cpu" and stride in (1, 2) and (stride == 2 or even)


def _scale(gate: Tensor | None, channels: int) -> Tensor | None:
    """The gate in each place [C]. Its memory is its own: torch's backward pass of batch normalisation on CPUs
    reads beyond an expanded one."""
    return None if gate is None else gate.expand(channels).contiguous()
