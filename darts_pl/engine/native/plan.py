"""A cell as the kernels read it, see plan.h: states, units that make maps, terms that add them to nodes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch.nn as nn
from torch import Tensor

from darts_pl.engine.candidates import Terms
from darts_pl.engine.norms import takes_batch_statistics
from darts_pl.engine.recipes import Halving, Identity, Nothing, Pooling, Recipe, Stage, Stages
from darts_pl.errors import DartsError

Size = tuple[int, int]  # (H, W)

POOLING, STAGE, HALVING = range(3)
NONE, IDENTITY, CONSTANT = -1, -1, -2
CUMULATIVE = -1.0  # a momentum: the mean over all batches so far


class NotNative(DartsError):
    """Something in a cell that the kernels cannot compute."""


class Unit(NamedTuple):
    """What makes a map of a state, or of the map of another unit. The fields up to `norm` are those of plan.h.

    Args:
        modules: the convolutions whose weights it reads: filters, matrix, second matrix; None where it has none.
    """

    operation: int
    source: int
    input: int
    kernel: int
    dilation: int
    stride: int
    largest: bool
    norm: int
    modules: tuple[nn.Conv2d | None, nn.Conv2d | None, nn.Conv2d | None]


class Term(NamedTuple):
    """A summand of a node, see plan.h."""

    node: int
    source: int
    unit: int
    gate: int
    norm: int
    mask: int


class Plan:
    """The numbers of a cell, and the modules that hold its parameters.

    Args:
        channels: of every state. sizes: (H, W) of the states that are no nodes. links: of every node the sources and
            terms of its edges. concat: the states that make the output.

    Attributes:
        sizes: of all states. norms: in the order of plan.h. gates: scalars, masks: (B, 1, 1, 1), as terms count them.

    Raises:
        NotNative: the kernels cannot compute it.
    """

    def __init__(
        self,
        batch: int,
        channels: int,
        sizes: Sequence[Size],
        links: Sequence[Sequence[tuple[int, Terms | None]]],
        concat: Sequence[int],
    ):
        self.batch, self.channels, self.inputs = batch, channels, len(sizes)
        self.sizes, self.concat = list(sizes), tuple(concat)
        self.units: list[Unit] = []
        self.terms: list[Term] = []
        self.norms: list[nn.BatchNorm2d] = []
        self.norm_units: list[int] = []
        self.gates: list[Tensor] = []
        self.masks: list[Tensor] = []
        self._poolings: dict[tuple[int, bool, int], int] = {}
        for entering in links:
            self._add_node(entering)

    def numbers(self) -> list[int]:
        """As `Plan` of plan.h reads them."""
        slots = {state: slot for slot, state in enumerate(self.concat)}
        found = [self.batch, self.channels, self.inputs, len(self.sizes), len(self.concat), len(self.gates)]
        found += [len(self.units), len(self.terms), len(self.norms)]
        for state, size in enumerate(self.sizes):
            found += [*size, slots.get(state, NONE)]
        for unit in self.units:
            found += [int(field) for field in unit[:-1]]
        for term in self.terms:
            found += term
        for norm, unit_index in zip(self.norms, self.norm_units):
            tracks = norm.training and norm.running_mean is not None
            found += [unit_index, int(takes_batch_statistics(norm)), int(tracks)]
        return found

    def reals(self) -> list[float]:
        """As `Plan` of plan.h reads them."""
        return [
            value
            for norm in self.norms
            for value in (norm.eps, CUMULATIVE if norm.momentum is None else float(norm.momentum))
        ]

    def _add_node(self, entering: Sequence[tuple[int, Terms | None]]) -> None:
        node = len(self.sizes)
        found = {size for source, terms in entering for size in self._add_link(node, source, terms)}
        if len(found) != 1:
            raise NotNative(f"a node whose terms are of several sizes: {found}")
        self.sizes += found

    def _add_link(self, node: int, source: int, terms: Terms | None) -> list[Size]:
        """The sizes that the candidates of a link give."""
        if terms is None:
            raise NotNative("a mixing that is not known")
        if terms.divisor != 1:
            raise NotNative("partial channels")
        candidates = [*terms.candidates, *([] if terms.auxiliary is None else [terms.auxiliary])]
        sizes = []
        for candidate in candidates:
            recipe = candidate.recipe
            if recipe is None:
                raise NotNative(f"an operation that has no recipe: {type(candidate.operation).__name__}")
            stride = _stride(recipe)
            height, width = self.sizes[source]
            sizes.append((-(-height // stride), -(-width // stride)))
            if isinstance(recipe, Nothing):
                continue
            unit, norm = self._add_recipe(source, recipe)
            gate, mask = _put(self.gates, candidate.coefficient), _put(self.masks, candidate.mask)
            self.terms.append(Term(node, source, unit, gate, norm, mask))
        if terms.constant is not None:
            self.terms.append(Term(node, source, CONSTANT, _put(self.gates, terms.constant), NONE, NONE))
        return sizes

    def _add_recipe(self, source: int, recipe: Recipe) -> tuple[int, int]:
        """(the unit whose map a candidate adds, what normalises it)."""
        if isinstance(recipe, Identity):
            return IDENTITY, NONE
        if isinstance(recipe, Pooling):
            key = (source, recipe.largest, recipe.stride)
            if key not in self._poolings:
                pooling = Unit(POOLING, source, NONE, 3, 1, recipe.stride, recipe.largest, NONE, (None, None, None))
                self._poolings[key] = self._add_unit(pooling)
            unit = self._poolings[key]
            return unit, NONE if recipe.norm is None else self._add_norm(recipe.norm, unit)
        if isinstance(recipe, Halving):
            module = recipe.module
            self._check_channels(module.conv_1.in_channels, recipe.norm.num_features)
            modules = (None, module.conv_1, module.conv_2)
            unit = self._add_unit(Unit(HALVING, source, NONE, 1, 1, 2, False, NONE, modules))
            return unit, self._add_norm(recipe.norm, unit)
        assert isinstance(recipe, Stages)
        unit = NONE
        for index, stage in enumerate(recipe.stages):
            unit = self._add_stage(source, unit, stage)
            norm = self._add_norm(stage.norm, unit)
            if index + 1 < len(recipe.stages):
                self.units[unit] = self.units[unit]._replace(norm=norm)
        return unit, norm

    def _add_stage(self, source: int, before: int, stage: Stage) -> int:
        depthwise = stage.depthwise
        if depthwise is None:
            raise NotNative("a convolution over all channels")
        self._check_channels(depthwise.in_channels, stage.conv.out_channels)
        kernel, stride, dilation = depthwise.kernel_size[0], depthwise.stride[0], depthwise.dilation[0]
        if stride not in (1, 2) or dilation not in (1, 2):
            raise NotNative(f"a depthwise convolution of stride {stride} and dilation {dilation}")
        modules = (depthwise, stage.conv, None)
        return self._add_unit(Unit(STAGE, source, before, kernel, dilation, stride, False, NONE, modules))

    def _check_channels(self, *found: int) -> None:
        if any(channels != self.channels for channels in found):
            raise NotNative(f"an operation of {found} channels in a cell of {self.channels}")

    def _add_unit(self, unit: Unit) -> int:
        if unit.stride not in (1, 2):
            raise NotNative(f"an operation of stride {unit.stride}")
        self.units.append(unit)
        return len(self.units) - 1

    def _add_norm(self, norm: nn.BatchNorm2d, unit: int) -> int:
        self.norms.append(norm)
        self.norm_units.append(unit)
        return len(self.norms) - 1


def _put(many: list[Tensor], one: Tensor | None) -> int:
    """The place of `one` among `many`."""
    if one is None:
        return NONE
    many.append(one)
    return len(many) - 1


def _stride(recipe: Recipe) -> int:
    return 1 if isinstance(recipe, Identity) else recipe.stride
