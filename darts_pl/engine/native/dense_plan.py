"""What a pass through a cell of dense convolutions consists of, and its description for the kernels."""

import ctypes
from typing import NamedTuple

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.engine.candidates import Candidate, divisor_of, knows_mixing, terms_of
from darts_pl.engine.recipes import Identity, Nothing, Pooling, Recipe, Stage, Stages, recipe_of
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.walk import DerivedCell, SearchedCell

IDENTITY, AVERAGE, CONSTANT = range(3)  # `DenseTermKind` of dense_cell.h
ONE = -1  # in place of the number of a coefficient
pointer, integer = ctypes.c_void_p, ctypes.c_int


class ConvolutionStructure(ctypes.Structure):
    """`DenseConvolution` of dense_cell.h."""

    _fields_ = [
        *((name, integer) for name in ("source", "target", "kernel", "dilation", "coefficient")),
        *((name, integer) for name in ("channels_last", "batch_statistics")),
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
        *((name, integer) for name in ("batch", "height", "width", "channels", "states")),
        *((name, integer) for name in ("convolutions", "terms", "threads")),
        ("convolution", ctypes.POINTER(ConvolutionStructure)),
        ("term", ctypes.POINTER(TermStructure)),
        *((name, pointer) for name in ("coefficients", "input", "saved", "output", "output_gradient")),
        ("input_gradient", pointer),
        ("coefficient_gradient", pointer),
    ]


class Convolution(NamedTuple):
    """A term coefficient · norm(conv(ReLU(state `source`))) of state `target`; coefficient: its number, or ONE."""

    source: int
    target: int
    coefficient: int
    stage: Stage


class Term(NamedTuple):
    """A term of another kind, see dense_cell.h."""

    kind: int
    source: int
    target: int
    coefficient: int


class Passage(NamedTuple):
    """A pass through a cell of `states` states, its input among them.

    Args:
        convolutions, terms: what is summed. coefficients: [M], None where all are 1.
    """

    states: int
    convolutions: list[Convolution]
    terms: list[Term]
    coefficients: Tensor | None


def knows(cell: SearchedCell | DerivedCell) -> bool:
    """Whether all that stands on the edges of `cell` is dense convolutions that keep the shape, averages, identities and
    nothing, the cell has one input, and its last state is its output."""
    last = len(cell.sources)
    if (cell.output != "last" and tuple(cell.concat) != (last,)) or min(map(min, cell.sources)) != 0:
        return False
    if any(max(sources) > node for node, sources in enumerate(cell.sources)):
        return False  # more inputs than one
    if isinstance(cell, DerivedCell) and cell.training and cell.drop_path_probability > 0:
        return False
    return all(_knows(module) for module in cell.edge_modules())


def _knows(module: nn.Module) -> bool:
    if not isinstance(module, MixedOperation):
        return _is_known(recipe_of(module))
    operations = [*module.candidates.values(), *([] if module.auxiliary is None else [module.auxiliary])]
    dropping = module.dropping and module.drop_path_probability > 0
    plain = knows_mixing(module.mixing) and divisor_of(module.mixing) == 1 and not dropping
    return plain and all(_is_known(recipe_of(operation)) for operation in operations)


def _is_known(recipe: Recipe | None) -> bool:
    if isinstance(recipe, Nothing):
        return recipe.stride == 1
    if isinstance(recipe, Pooling):
        return not recipe.largest and recipe.stride == 1 and recipe.norm is None
    if isinstance(recipe, Stages):
        first = recipe.stages[0]
        alone = len(recipe.stages) == 1 and first.depthwise is None and recipe.stride == 1
        return alone and first.conv.groups == 1 and first.conv.in_channels == first.conv.out_channels
    return isinstance(recipe, Identity)


class Collector:
    """Gathers the terms of a pass and numbers their coefficients."""

    def __init__(self) -> None:
        self.convolutions: list[Convolution] = []
        self.terms: list[Term] = []
        self.coefficients: list[Tensor] = []

    def add(self, candidate: Candidate, source: int, target: int) -> None:
        """Add a candidate of the edge from state `source` to `target`."""
        recipe = candidate.recipe
        if isinstance(recipe, Stages):
            number = self.number(candidate.coefficient)
            self.convolutions.append(Convolution(source, target, number, recipe.stages[0]))
        elif not isinstance(recipe, Nothing):
            kind = AVERAGE if isinstance(recipe, Pooling) else IDENTITY
            self.terms.append(Term(kind, source, target, self.number(candidate.coefficient)))

    def number(self, coefficient: Tensor | None) -> int:
        """Which of the coefficients this one, a scalar, is from now on."""
        if coefficient is None:
            return ONE
        self.coefficients.append(coefficient)
        return len(self.coefficients) - 1


def passage(cell: SearchedCell | DerivedCell, x: Tensor) -> Passage:
    """The pass through a cell that `knows` knows, by its gates and edge weights; x (B, C, H, W)."""
    found = Collector()
    links = cell.links()
    for target, entering in enumerate(links, start=1):
        for link in entering:
            terms = terms_of(cell, link, x)
            assert terms is not None, "mixings are asked for by `knows`"
            for candidate in terms.candidates:
                found.add(candidate, link.source, target)
            if terms.auxiliary is not None:
                found.add(terms.auxiliary, link.source, target)
            if terms.constant is not None:
                found.terms.append(Term(CONSTANT, 0, target, found.number(terms.constant)))
    coefficients = torch.stack(found.coefficients) if found.coefficients else None
    return Passage(1 + len(links), found.convolutions, found.terms, coefficients)
