"""What a pass through a cell of dense convolutions consists of, and its description for the kernels."""

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.engine.candidates import Candidate, terms_of
from darts_pl.engine.recipes import Identity, Nothing, Pooling, Recipe, Recipes, Stages, is_hooked
from darts_pl.ops.strided import SlicedPointwise
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.nasbench201_network import ResidualBlock, Stem
from darts_pl.spaces.walk import DerivedCell, SearchedCell

IDENTITY, AVERAGE, CONSTANT, HALVED, BYPASS = range(5)  # `DenseTermKind` of dense_cell.h
ONE = -1  # in place of the number of a coefficient
pointer, integer = ctypes.c_void_p, ctypes.c_int


class ShapeStructure(ctypes.Structure):
    """`DenseShape` of dense_cell.h."""

    _fields_ = [(name, integer) for name in ("height", "width", "channels")]


class ConvolutionStructure(ctypes.Structure):
    """`DenseConvolution` of dense_cell.h."""

    _fields_ = [
        *((name, integer) for name in ("source", "target", "kernel", "stride", "dilation", "rectified", "normalised")),
        *((name, integer) for name in ("coefficient", "channels_last", "batch_statistics")),
        ("eps", ctypes.c_double),
        ("momentum", ctypes.c_double),
        *((name, pointer) for name in ("weight", "scale", "shift", "running_mean", "running_var")),
        *((name, pointer) for name in ("weight_gradient", "scale_gradient", "shift_gradient")),
    ]


class TermStructure(ctypes.Structure):
    """`DenseTerm` of dense_cell.h."""

    _fields_ = [(name, integer) for name in ("kind", "source", "target", "coefficient")]


class CellStructure(ctypes.Structure):
    """`DenseCell` of dense_cell.h."""

    _fields_ = [
        *((name, integer) for name in ("batch", "states", "convolutions", "terms", "threads", "divisor")),
        ("shape", ctypes.POINTER(ShapeStructure)),
        ("convolution", ctypes.POINTER(ConvolutionStructure)),
        ("term", ctypes.POINTER(TermStructure)),
        *((name, pointer) for name in ("coefficients", "input", "saved", "output", "output_gradient")),
        ("input_gradient", pointer),
        ("coefficient_gradient", pointer),
    ]


class Convolution(NamedTuple):
    """A term coefficient · norm(conv(ReLU(state `source`))) of state `target`; coefficient: its number, or ONE.

    Args:
        norm: None: there is none. rectified: whether there is a ReLU.
    """

    source: int
    target: int
    coefficient: int
    conv: nn.Conv2d
    norm: nn.BatchNorm2d | None
    rectified: bool = True


class Term(NamedTuple):
    """A term of another kind, see dense_cell.h."""

    kind: int
    source: int
    target: int
    coefficient: int


class Layout:
    """What a pass through a cell sums, and the modules that it reads.

    Args:
        states: (stride, channels) of all states, the input first; against the height and width of the input, and with
            partial channels those that are mixed.
        divisor: one channel in how many is mixed.

    Attributes:
        structures, term_structures: as the kernels take them, without addresses.
        reached: the states that there is a way from to the output; what is before others has no gradient, not one of
            zero. reached_parameters: the same of every one of `parameters`. reached_coefficients: whether any is.
    """

    def __init__(
        self, states: Sequence[tuple[int, int]], convolutions: Sequence[Convolution], terms: Sequence[Term],
        divisor: int = 1,
    ):  # fmt: skip
        self.states, self.divisor = list(states), divisor
        self.convolutions = [each.conv for each in convolutions]
        self.norms = [each.norm for each in convolutions]
        self.structures = (ConvolutionStructure * len(convolutions))()
        for into, each in zip(self.structures, convolutions):
            conv = each.conv
            into.source, into.target, into.coefficient = each.source, each.target, each.coefficient
            into.kernel, into.stride, into.dilation = conv.kernel_size[0], conv.stride[0], conv.dilation[0]
            into.rectified, into.normalised = each.rectified, each.norm is not None
            into.eps = 0.0 if each.norm is None else each.norm.eps
        self.term_structures = (TermStructure * len(terms))(*(TermStructure(*term) for term in terms))
        self._shapes: dict[tuple[int, int], ctypes.Array[ShapeStructure]] = {}
        # attributes of modules are found by way of several dictionaries, which takes longer than what is done with them
        self._own: list[tuple[dict[str, nn.Parameter | None], str]] = []
        for conv, norm in zip(self.convolutions, self.norms):
            self._own.append((conv._parameters, "weight"))
            if norm is not None and norm.weight is not None:
                self._own += [(norm._parameters, "weight"), (norm._parameters, "bias")]
        self._find_reached([*convolutions, *terms])

    def _find_reached(self, summands: Sequence[Convolution | Term]) -> None:
        self.reached = {len(self.states) - 1}
        for each in sorted(summands, key=lambda each: -each.target):  # a state's summands are of states before it
            is_constant = isinstance(each, Term) and each.kind == CONSTANT
            if each.target in self.reached and not is_constant:
                self.reached.add(each.source)
        self.reached_coefficients = any(e.coefficient != ONE and e.target in self.reached for e in summands)
        self.reached_parameters = [
            into.target in self.reached
            for into, norm in zip(self.structures, self.norms)
            for _ in range(1 if norm is None or norm.weight is None else 3)
        ]

    def shapes(self, height: int, width: int) -> "ctypes.Array[ShapeStructure]":
        """The shapes of all states by those of the input."""
        if (height, width) not in self._shapes:
            shapes = [(-(-height // stride), -(-width // stride), channels) for stride, channels in self.states]
            made = (ShapeStructure * len(shapes))(*(ShapeStructure(*shape) for shape in shapes))
            self._shapes[height, width] = made
        return self._shapes[height, width]

    def parameters(self) -> list[Tensor]:
        """Weight, scale and shift of every convolution, without what a normalisation does not have."""
        found = [own[name] for own, name in self._own]
        return [parameter for parameter in found if parameter is not None]


class Collector:
    """Gathers the terms of a pass and numbers their coefficients."""

    def __init__(self) -> None:
        self.convolutions: list[Convolution] = []
        self.terms: list[Term] = []
        self.coefficients: list[Tensor] = []

    def add(self, recipe: Recipe, source: int, target: int, number: int) -> None:
        """Add an operation on the edge from state `source` to `target`, by its coefficient's number."""
        if isinstance(recipe, Stages):
            stage = recipe.stages[0]
            self.convolutions.append(Convolution(source, target, number, stage.conv, stage.norm))
        elif not isinstance(recipe, Nothing):
            self.terms.append(Term(AVERAGE if isinstance(recipe, Pooling) else IDENTITY, source, target, number))

    def add_candidate(self, candidate: Candidate, source: int, target: int) -> None:
        """Add a candidate, whose recipe is known."""
        assert candidate.recipe is not None
        self.add(candidate.recipe, source, target, self.number(candidate.coefficient))

    def number(self, coefficient: Tensor | None) -> int:
        """Which of the coefficients this one, a scalar, is from now on."""
        if coefficient is None:
            return ONE
        self.coefficients.append(coefficient)
        return len(self.coefficients) - 1


def is_known(recipe: Recipe | None) -> bool:
    """Whether an operation is a dense convolution that keeps the shape, an average, an identity or nothing."""
    if isinstance(recipe, Nothing):
        return recipe.stride == 1
    if isinstance(recipe, Pooling):
        return not recipe.largest and recipe.stride == 1 and recipe.norm is None
    if isinstance(recipe, Stages):
        first = recipe.stages[0]
        alone = len(recipe.stages) == 1 and first.depthwise is None and recipe.stride == 1
        return alone and first.conv.in_channels == first.conv.out_channels
    return isinstance(recipe, Identity)


def operations_of(module: nn.Module) -> list[nn.Module]:
    """What may run on an edge."""
    if not isinstance(module, MixedOperation):
        return [module]
    return [*module.candidates.values(), *([] if module.auxiliary is None else [module.auxiliary])]


def fixed_layout(cell: SearchedCell | DerivedCell, channels: int, divisor: int, recipes: Recipes) -> Layout:
    """The layout of a derived cell, or of the full sum by gates [E, K], whose coefficient e · K + k is gate (e, k);
    with partial channels coefficient E · K + e is that of the channels which edge e lets by.

    Args:
        channels: of the states, what of them is mixed. divisor: one channel in how many.
    """
    found = Collector()
    modules = iter(cell.edge_modules())
    edges = [(source, target) for target, sources in enumerate(cell.sources, start=1) for source in sources]
    for row, ((source, target), module) in enumerate(zip(edges, modules, strict=True)):
        if not isinstance(module, MixedOperation):
            found.add(_recipe(module, recipes), source, target, ONE)
            continue
        for k, name in enumerate(module.names):
            if name in module.candidates:
                recipe = _recipe(module.candidates[name], recipes)
                found.add(recipe, source, target, row * len(module.names) + k)
        if divisor > 1:
            found.terms.append(Term(BYPASS, source, target, len(edges) * len(module.names) + row))
    return Layout([(1, channels)] * (1 + len(cell.sources)), found.convolutions, found.terms, divisor)


def drawn_layout(cell: SearchedCell | DerivedCell, like: Tensor, recipes: Recipes) -> tuple[Layout, Tensor | None]:
    """The layout of a pass by what its gates leave running, and the coefficients [M] of it."""
    found, divisor = Collector(), 1
    for target, entering in enumerate(cell.links(), start=1):
        for link in entering:
            terms = terms_of(cell, link, like, recipes)
            assert terms is not None, "mixings that are not known do not come here"
            for candidate in terms.candidates:
                found.add_candidate(candidate, link.source, target)
            if terms.auxiliary is not None:
                found.add_candidate(terms.auxiliary, link.source, target)
            if terms.constant is not None:
                found.terms.append(Term(CONSTANT, 0, target, found.number(terms.constant)))
            if terms.bypass is not None:
                divisor = terms.divisor
                found.terms.append(Term(BYPASS, link.source, target, found.number(terms.bypass)))
    coefficients = torch.stack(found.coefficients) if found.coefficients else None
    states = [(1, like.shape[1] // divisor)] * (1 + len(cell.sources))
    return Layout(states, found.convolutions, found.terms, divisor), coefficients


def block_layout(block: ResidualBlock, recipes: Recipes) -> Layout | None:
    """The layout of a residual block of NAS-Bench-201, None where something in it has changed: its input, the input
    halved, the state between the two convolutions, its output."""
    first, second = (recipes.of(module) for module in (block.conv_a, block.conv_b))
    pooling, shortcut = block.shortcut
    if not isinstance(first, Stages) or not isinstance(second, Stages) or any(map(is_hooked, block.shortcut.modules())):
        return None
    (one,), (two,) = first.stages, second.stages
    halves = isinstance(pooling, nn.AvgPool2d) and (pooling.kernel_size, pooling.stride, pooling.padding) == (2, 2, 0)
    if not halves or type(shortcut) not in (nn.Conv2d, SlicedPointwise) or shortcut.bias is not None:
        return None
    inner, outer = one.conv.out_channels, two.conv.out_channels
    states = [(1, one.conv.in_channels), (2, shortcut.in_channels), (2, inner), (2, outer)]
    convolutions = [
        Convolution(0, 2, ONE, one.conv, one.norm),
        Convolution(2, 3, ONE, two.conv, two.norm),
        Convolution(1, 3, ONE, shortcut, None, rectified=False),
    ]
    return Layout(states, convolutions, [Term(HALVED, 0, 1, ONE)])


def stem_layout(stem: Stem) -> Layout | None:
    """The layout of the first layers of a network of NAS-Bench-201, None where something in them has changed."""
    conv, norm = stem
    if type(conv) is not nn.Conv2d or type(norm) is not nn.BatchNorm2d or is_hooked(conv) or is_hooked(norm):
        return None
    usual = (conv.kernel_size, conv.stride, conv.padding, conv.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
    if not usual or conv.groups != 1 or conv.bias is not None or conv.padding_mode != "zeros":
        return None
    states = [(1, conv.in_channels), (1, conv.out_channels)]
    return Layout(states, [Convolution(0, 1, ONE, conv, norm, rectified=False)], [])


def _recipe(module: nn.Module, recipes: Recipes) -> Recipe:
    recipe = recipes.of(module)
    assert recipe is not None, "cells of other operations do not come here"
    return recipe
