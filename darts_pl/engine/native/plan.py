"""A cell as the kernels read it, see plan.h: states, units that make maps, terms that add them to nodes."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch.nn as nn
from torch import Tensor

from darts_pl.engine.candidates import Candidate, Terms
from darts_pl.engine.norms import takes_batch_statistics
from darts_pl.engine.recipes import Halving, Identity, Nothing, Pooling, Recipe, Stage, Stages
from darts_pl.errors import DartsError
from darts_pl.ops.image import Skip

Size = tuple[int, int]  # (H, W)
T = TypeVar("T")

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


class Links(NamedTuple):
    """The edges of a cell as one pass takes them: of every node the sources and the terms of its edges."""

    nodes: Sequence[Sequence[tuple[int, Terms | None]]]

    def key(self) -> tuple[object, ...]:
        """What plans have in common that differ in numbers only."""
        return tuple(
            (source, terms and (terms.divisor, terms.constant is None, tuple(map(_key, _candidates(terms)))))
            for node in self.nodes
            for source, terms in (*node, (NONE, None))
        )

    def recipes(self) -> list[Recipe | None]:
        """Of all candidates."""
        return [each.recipe for node in self.nodes for _, terms in node if terms for each in _candidates(terms)]

    def values(self) -> tuple[list[Tensor], list[Tensor]]:
        """(gates, scalars; masks, (B, 1, 1, 1)), as the terms of a plan count them."""
        gates, masks = [], []
        for node in self.nodes:
            for _, terms in node:
                assert terms is not None  # or there was no plan
                summands = [each for each in _candidates(terms) if not isinstance(each.recipe, Nothing)]
                gates += [each.coefficient for each in summands if each.coefficient is not None]
                masks += [each.mask for each in summands if each.mask is not None]
                if terms.constant is not None:
                    gates.append(terms.constant)
        return gates, masks


def _candidates(terms: Terms) -> list[Candidate]:
    return terms.candidates if terms.auxiliary is None else [*terms.candidates, terms.auxiliary]


def _key(candidate: Candidate) -> tuple[object, ...]:
    operation = candidate.operation
    drops = type(operation) is Skip and operation.rate > 0
    return id(candidate.recipe), candidate.coefficient is None, candidate.mask is None, drops


class Plan:
    """The numbers of a cell, and the modules that hold its parameters.

    Args:
        channels: of every state. sizes: (H, W) of the states that are no nodes. concat: the states that make the
            output.

    Attributes:
        sizes: of all states. norms: in the order of plan.h. gates, masks: how many there are.

    Raises:
        NotNative: the kernels cannot compute it.
    """

    def __init__(self, batch: int, channels: int, sizes: Sequence[Size], links: Links, concat: Sequence[int]):
        self.batch, self.channels, self.inputs = batch, channels, len(sizes)
        self.sizes, self.concat = list(sizes), tuple(concat)
        self.units: list[Unit] = []
        self.terms: list[Term] = []
        self.norms: list[nn.BatchNorm2d] = []
        self.norm_units: list[int] = []
        self.gates = self.masks = 0
        self._poolings: dict[tuple[int, bool, int], int] = {}
        for entering in links.nodes:
            self._add_node(entering)
        if batch * min(height * width for height, width in self.sizes) == 1:
            raise NotNative("one pixel of one image, of which PyTorch refuses to take statistics")
        self.weights = [module and (module, "weight") for unit in self.units for module in unit.modules]
        self.affine = [
            None if getattr(norm, name) is None else (norm, name) for norm in self.norms for name in ("weight", "bias")
        ]

    def parameters(self) -> list[Tensor]:
        """Those that this pass reads: weights, then scales and shifts."""
        return [getattr(*place) for place in (*self.weights, *self.affine) if place is not None]

    def spread(self, tensors: Sequence[T]) -> tuple[list[T | None], list[T | None]]:
        """What stands for `parameters()`, in their order, as (three of every unit, two of every normalisation)."""
        left = iter(tensors)
        weights = [None if place is None else next(left) for place in self.weights]
        return weights, [None if place is None else next(left) for place in self.affine]

    def buffers(self) -> list[Tensor | None]:
        """Running mean and variance and the number of batches of every normalisation."""
        names = ("running_mean", "running_var", "num_batches_tracked")
        return [getattr(norm, name) for norm in self.norms for name in names]

    def norm_state(self) -> list[tuple[object, ...]]:
        """What may change from pass to pass without a change of the links."""
        return [(norm.training, norm.eps, norm.momentum) for norm in self.norms]

    def numbers(self) -> list[int]:
        """As `Plan` of plan.h reads them."""
        slots = {state: slot for slot, state in enumerate(self.concat)}
        found = [self.batch, self.channels, self.inputs, len(self.sizes), len(self.concat), self.gates]
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
        sizes = []
        for candidate in _candidates(terms):
            recipe, operation = candidate.recipe, candidate.operation
            if recipe is None or (type(operation) is Skip and operation.rate > 0):
                raise NotNative(f"an operation that is not known: {type(operation).__name__}")
            stride = _stride(recipe)
            height, width = self.sizes[source]
            sizes.append((-(-height // stride), -(-width // stride)))
            if isinstance(recipe, Nothing):
                continue
            unit, norm = self._add_recipe(source, recipe)
            gate = mask = NONE
            if candidate.coefficient is not None:
                gate, self.gates = self.gates, self.gates + 1
            if candidate.mask is not None:
                mask, self.masks = self.masks, self.masks + 1
            self.terms.append(Term(node, source, unit, gate, norm, mask))
        if terms.constant is not None:
            self.terms.append(Term(node, source, CONSTANT, self.gates, NONE, NONE))
            self.gates += 1
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


def _stride(recipe: Recipe) -> int:
    return 1 if isinstance(recipe, Identity) else recipe.stride
