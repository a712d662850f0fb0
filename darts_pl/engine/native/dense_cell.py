"""Cells of dense convolutions, as those of NAS-Bench-201 are: one call of the kernels forward, one backward."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.engine.candidates import divisor_of, inner_of, knows_mixing
from darts_pl.engine.native.dense_call import Addresses, backward, forward, weight_layout
from darts_pl.engine.native.dense_plan import (
    Layout,
    block_layout,
    drawn_layout,
    fixed_layout,
    is_known,
    operations_of,
    stem_layout,
)
from darts_pl.engine.norms import takes_batch_statistics
from darts_pl.engine.recipes import Recipes
from darts_pl.engine.wanted import is_wanted
from darts_pl.errors import ConfigError
from darts_pl.ops.image import Skip
from darts_pl.relaxations.mixing import is_full
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.nasbench201_network import ResidualBlock, Stem
from darts_pl.spaces.walk import DerivedCell, GraphCell, SearchedCell

Runs = SearchedCell | DerivedCell | ResidualBlock | Stem


class Known(NamedTuple):
    """What was found out about a cell, and by which it is seen that the cell has changed since.

    Args:
        layout: of its full sum, None where that is not all of its pass. divisor: one channel in how many is mixed.
        skips: its identities that may drop values.
        seen: of every edge the candidates and the mixing that were found there.
    """

    layout: Layout | None
    divisor: int
    skips: list[Skip]
    seen: list[tuple[object, object]]


class DenseCells:
    """Runs the cells of a network that consist of dense convolutions that keep the shape, averages, identities and
    nothing, have one input, and put out their last state."""

    def __init__(self, recipes: Recipes) -> None:
        self._recipes = recipes
        self._known: WeakKeyDictionary[nn.Module, Known | None] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[type["DenseCells"], tuple[Recipes]]:
        return type(self), (self._recipes,)  # a copy begins anew

    def run(self, cell: GraphCell, inputs: Sequence[Tensor]) -> Tensor | None:
        """(B, C, H, W) on a CPU → the output of `cell` (B, C, H, W), as its walk gives it; None: these kernels do not
        run it.

        Raises:
            ConfigError: in the backward pass, where it is to be differentiated in turn.
        """
        if not isinstance(cell, Runs) or len(inputs) != 1:
            return None
        known, (x,) = self._of(cell), inputs
        if known is None or _draws(cell, known):
            return None
        coefficients: Tensor | None = None
        layout = known.layout
        auxiliary = _has_auxiliary(cell)
        if auxiliary and known.divisor > 1:
            return None  # it is of all channels
        if layout is None or auxiliary:
            assert isinstance(cell, SearchedCell | DerivedCell)
            layout, coefficients = drawn_layout(cell, x, self._recipes)
        elif isinstance(cell, SearchedCell):
            coefficients = _coefficients(cell, layout)
        parameters = layout.parameters()
        if any(p.dtype != x.dtype or p.device != x.device for p in parameters) or not _has_size(layout, x):
            return None
        y: Tensor = DenseCellFunction.apply(layout, x, coefficients, *parameters)
        return y

    def _of(self, cell: Runs) -> Known | None:
        known = self._known.get(cell)
        if cell not in self._known or (known is not None and known.seen != _seen(cell)):
            known = self._known[cell] = self._found(cell)
        return known

    def _found(self, cell: Runs) -> Known | None:
        if isinstance(cell, ResidualBlock | Stem):
            layout = stem_layout(cell) if isinstance(cell, Stem) else block_layout(cell, self._recipes)
            return None if layout is None else Known(layout, 1, [], _seen(cell))
        modules, last = list(cell.edge_modules()), len(cell.sources)
        if cell.output != "last" and tuple(cell.concat) != (last,):
            return None
        if any(max(sources) > node for node, sources in enumerate(cell.sources)):
            return None  # it has more inputs than one
        operations = [operation for module in modules for operation in operations_of(module)]
        if not all(is_known(self._recipes.of(operation)) for operation in operations):
            return None
        mixings = [module.mixing for module in modules if isinstance(module, MixedOperation)]
        divisors = {divisor_of(mixing) for mixing in mixings} or {1}
        if not all(map(knows_mixing, mixings)) or len(divisors) != 1:
            return None
        (divisor,) = divisors
        channels = {conv.in_channels for each in operations for conv in each.modules() if isinstance(conv, nn.Conv2d)}
        if len(channels) != 1:
            return None
        layout = None
        if all(is_full(inner_of(mixing)) for mixing in mixings):
            layout = fixed_layout(cell, channels.pop(), divisor, self._recipes)
        return Known(layout, divisor, [each for each in operations if isinstance(each, Skip)], _seen(cell))


def _has_size(layout: Layout, x: Tensor) -> bool:
    """Whether x (B, C, H, W) is what the layout takes, and no normalisation sees a single value a channel, of which
    torch says that it has no variance."""
    if x.shape[1] != layout.states[0][1] * layout.divisor or x.numel() == 0:
        return False
    batched = any(norm is not None and takes_batch_statistics(norm) for norm in layout.norms)
    return (
        not batched
        or min(x.shape[0] * shape.height * shape.width for shape in layout.shapes(x.shape[2], x.shape[3])) > 1
    )


def _seen(cell: GraphCell) -> list[tuple[object, object]]:
    # compared by `is` first, as the modules are
    return [
        (module.candidates, module.mixing) if isinstance(module, MixedOperation) else (module, None)
        for module in cell.edge_modules()
    ]


def _draws(cell: GraphCell, known: Known) -> bool:
    """Whether this pass drops paths or values."""
    if not cell.training:
        return False
    if isinstance(cell, DerivedCell) and cell.drop_path_probability > 0:
        return True
    if any(skip.rate > 0 and skip.training for skip in known.skips):
        return True
    return any(module.dropping for module in cell.edge_modules() if isinstance(module, MixedOperation))


def _has_auxiliary(cell: GraphCell) -> bool:
    modules = [module for module in cell.edge_modules() if isinstance(module, MixedOperation)]
    return any(module.auxiliary is not None and module.auxiliary_weight for module in modules)


def _coefficients(cell: SearchedCell, layout: Layout) -> Tensor:
    """Those of `fixed_layout`."""
    gates, weights = cell.gates, cell.edge_weights
    if gates is None:
        cell.rows()  # says that there are none
    assert gates is not None
    scaled = gates if weights is None else gates * weights.unsqueeze(1)
    if layout.divisor == 1:
        return scaled.reshape(-1)
    passes = (gates != 0).any(dim=1).to(gates.dtype)
    return torch.cat([scaled.reshape(-1), passes if weights is None else passes * weights])


class DenseCellFunction(torch.autograd.Function):
    """The output of a cell, differentiable once."""

    @staticmethod
    def forward(ctx: Any, layout: Layout, x: Tensor, coefficients: Tensor | None, *parameters: Tensor) -> Tensor:
        """x (B, C, H, W), coefficients [M], the parameters of all convolutions → (B, C, H, W)."""
        x = x.contiguous(memory_format=torch.channels_last)
        coefficients = None if coefficients is None else coefficients.to(x.dtype).contiguous()
        addresses = Addresses(layout, parameters)
        addresses.track()
        y, saved = forward(addresses, x, coefficients)
        ctx.addresses = addresses
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, coefficients, saved, *parameters)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """gradients: of the output → of all arguments of `forward`.

        Raises:
            ConfigError: a graph of the gradients is asked for.
        """
        (gradient,) = gradients
        if gradient is None:  # nothing behind reads the output
            return (None,) * len(ctx.needs_input_grad)
        if torch.is_grad_enabled():
            raise ConfigError("engine=native has no second derivatives. Take engine=fast or engine=plain")
        x, coefficients, saved, *parameters = ctx.saved_tensors
        layout, first = ctx.addresses.layout, 1 if coefficients is None else 2
        of_x = torch.empty_like(x) if is_wanted(ctx, 0) else None
        of_coefficients = None if coefficients is None else torch.zeros(len(coefficients), dtype=torch.float64)
        wanted = [is_wanted(ctx, first + index) for index in range(len(parameters))]
        # the kernels compute all or none
        of_parameters: list[Tensor | None] = [None] * len(parameters)
        if any(wanted):
            of_parameters = [torch.zeros_like(p, memory_format=weight_layout(p)) for p in parameters]
        backward(ctx.addresses, x, coefficients, saved, gradient, of_x, of_coefficients, of_parameters)
        row = None
        if of_coefficients is not None and layout.reached_coefficients:
            row = of_coefficients.to(x.dtype)
        marks = zip(of_parameters, wanted, layout.reached_parameters)
        kept = [each if asked and reached else None for each, asked, reached in marks]
        return None, of_x if 0 in layout.reached else None, row, *kept
