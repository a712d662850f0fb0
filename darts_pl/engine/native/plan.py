"""A cell as the kernels read it, see plan.h: states, units that make maps, terms that add them to nodes."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch.nn as nn
from torch import Tensor

from darts_pl.engine.candidates import Terms
from darts_pl.engine.native.links import Links, candidates_of
from darts_pl.engine.norms import takes_batch_statistics
from darts_pl.engine.recipes import Halving, Identity, Nothing, Pooling, Recipe, Stage, Stages
from darts_pl.errors import DartsError
from darts_pl.ops.image import Skip

Size = tuple[int, int]  # (H, W)
# What a module holds its parameters in, and the name of one. Asking the module itself takes five times as long.
Place = tuple[dict[str, nn.Parameter | None], str]
T = TypeVar("T")

POOLING, STAGE, HALVING, PROJECTION = range(4)
STATE, RAW = -1, -2  # what a unit reads, beside other units
NONE, IDENTITY, CONSTANT = -1, -1, -2
CUMULATIVE = -1.0  # a momentum: the mean over all batches so far


class NotNative(DartsError):
    """Something in a cell that the kernels cannot compute."""


class Unit(NamedTuple):
    """What makes a map of a state, of the map of another unit or of an input. The fields up to `in_size` are those of
    plan.h.

    Args:
        in_size: (H, W) of the input that a state is made of, else of no meaning.
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
    in_channels: int
    in_size: Size
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
        shapes: (C, H, W) of the inputs. concat: the states that make the output.

    Attributes:
        channels: of every state. sizes: (H, W) of all states. norms: in the order of plan.h. gates, masks: how
            many there are.

    Raises:
        NotNative: the kernels cannot compute it.
    """

    def __init__(self, batch: int, shapes: Sequence[Sequence[int]], links: Links, concat: Sequence[int]):
        self.batch, self.inputs, self.concat = batch, len(shapes), tuple(concat)
        self.channels = shapes[0][0]
        self.sizes: list[Size] = []
        self.units: list[Unit] = []
        self.terms: list[Term] = []
        self.norms: list[nn.BatchNorm2d] = []
        self.norm_units: list[int] = []
        self.gates = self.masks = 0
        self._poolings: dict[tuple[int, bool, int], int] = {}
        if links.inputs:
            self.channels = _channels_made(links.inputs[0], shapes[0][0])
            for shape, recipe in zip(shapes, links.inputs, strict=True):
                self._add_projection(shape, recipe)
        else:
            self._check_channels(*(shape[0] for shape in shapes))
            self.sizes += [(height, width) for _, height, width in shapes]
        for entering in links.nodes:
            self._add_node(entering)
        if batch * min(height * width for height, width in self.sizes) == 1:
            raise NotNative("one pixel of one image, of which PyTorch refuses to take statistics")
        modules = [module for unit in self.units for module in unit.modules]
        self.weights: list[Place | None] = [
            None if module is None else (module._parameters, "weight") for module in modules
        ]
        places = [(norm._parameters, name) for norm in self.norms for name in ("weight", "bias")]
        self.affine: list[Place | None] = [None if held[name] is None else (held, name) for held, name in places]

    def parameters(self) -> list[Tensor]:
        """Those that this pass reads: weights, then scales and shifts."""
        found = [place[0][place[1]] for place in self.weights + self.affine if place is not None]
        return [parameter for parameter in found if parameter is not None]

    def spread(self, tensors: Sequence[T]) -> tuple[list[T | None], list[T | None]]:
        """What stands for `parameters()`, in their order, as (three of every unit, two of every normalisation)."""
        left = iter(tensors)
        weights = [None if place is None else next(left) for place in self.weights]
        return weights, [None if place is None else next(left) for place in self.affine]

    def buffers(self) -> list[Tensor | None]:
        """Running mean and variance and the number of batches of every normalisation."""
        names = ("running_mean", "running_var", "num_batches_tracked")
        return [norm._buffers[name] for norm in self.norms for name in names]

    @property
    def takes_images_alone(self) -> bool:
        """Whether what comes of an image depends on no other."""
        return self.masks == 0 and not any(takes_batch_statistics(norm) for norm in self.norms)

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
            found += [int(field) for field in (*unit[:-2], *unit.in_size)]
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
        dropped = NONE
        if terms.mask is not None:
            dropped, self.masks = self.masks, self.masks + 1
        for candidate in candidates_of(terms):
            recipe, operation = candidate.recipe, candidate.operation
            if recipe is None or (type(operation) is Skip and operation.rate > 0):
                raise NotNative(f"an operation that is not known: {type(operation).__name__}")
            stride = _stride(recipe)
            height, width = self.sizes[source]
            sizes.append((-(-height // stride), -(-width // stride)))
            if isinstance(recipe, Nothing):
                continue
            unit, norm = self._add_recipe(source, recipe)
            gate, mask = NONE, NONE if candidate is terms.auxiliary else dropped
            if candidate.coefficient is not None:
                gate, self.gates = self.gates, self.gates + 1
            self.terms.append(Term(node, source, unit, gate, norm, mask))
        if terms.constant is not None:
            self.terms.append(Term(node, source, CONSTANT, self.gates, NONE, dropped))
            self.gates += 1
        return sizes

    def _add_recipe(self, source: int, recipe: Recipe) -> tuple[int, int]:
        """(the unit whose map a candidate adds, what normalises it)."""
        if isinstance(recipe, Identity):
            return IDENTITY, NONE
        if isinstance(recipe, Pooling):
            key = (source, recipe.largest, recipe.stride)
            if key not in self._poolings:
                self._poolings[key] = self._add_unit(POOLING, source, STATE, recipe.stride, largest=recipe.largest)
            unit = self._poolings[key]
            return unit, NONE if recipe.norm is None else self._add_norm(recipe.norm, unit)
        if isinstance(recipe, Halving):
            module = recipe.module
            self._check_channels(module.conv_1.in_channels, recipe.norm.num_features)
            unit = self._add_unit(HALVING, source, STATE, 2, (None, module.conv_1, module.conv_2))
            return unit, self._add_norm(recipe.norm, unit)
        assert isinstance(recipe, Stages)
        unit = STATE
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
        return self._add_unit(STAGE, source, before, stride, (depthwise, stage.conv, None), kernel, dilation)

    def _add_projection(self, shape: Sequence[int], recipe: Recipe | None) -> None:
        """What makes a state of an input of `shape` (C, H, W)."""
        channels, height, width = shape
        source, size = len(self.sizes), (height, width)
        if isinstance(recipe, Identity):
            self._check_channels(channels)
            self.sizes.append(size)
            return
        if isinstance(recipe, Halving):
            first, second, norm = recipe.module.conv_1, recipe.module.conv_2, recipe.norm
            unit = self._add_unit(HALVING, source, RAW, 2, (None, first, second), in_channels=channels, in_size=size)
        elif isinstance(recipe, Stages) and len(recipe.stages) == 1 and _is_pointwise(recipe.stages[0]):
            first, norm = recipe.stages[0].conv, recipe.stages[0].norm
            unit = self._add_unit(PROJECTION, source, RAW, 1, (None, first, None), in_channels=channels, in_size=size)
        else:
            raise NotNative("an input that is made a state in a way that is not known")
        if first.in_channels != channels:
            raise NotNative(f"an input of {channels} channels where {first.in_channels} are expected")
        self._check_channels(norm.num_features)
        self.units[unit] = self.units[unit]._replace(norm=self._add_norm(norm, unit))
        stride = self.units[unit].stride
        self.sizes.append((-(-height // stride), -(-width // stride)))

    def _check_channels(self, *found: int) -> None:
        if any(channels != self.channels for channels in found):
            raise NotNative(f"an operation of {found} channels in a cell of {self.channels}")

    def _add_unit(
        self,
        operation: int,
        source: int,
        before: int,
        stride: int,
        modules: tuple[nn.Conv2d | None, nn.Conv2d | None, nn.Conv2d | None] = (None, None, None),
        kernel: int = 1,
        dilation: int = 1,
        largest: bool = False,
        in_channels: int = 0,
        in_size: Size = (0, 0),
    ) -> int:
        if stride not in (1, 2):
            raise NotNative(f"an operation of stride {stride}")
        numbers = (operation, source, before, kernel, dilation, stride, largest, NONE, in_channels or self.channels)
        self.units.append(Unit(*numbers, in_size, modules))
        return len(self.units) - 1

    def _add_norm(self, norm: nn.BatchNorm2d, unit: int) -> int:
        self.norms.append(norm)
        self.norm_units.append(unit)
        return len(self.norms) - 1


def _channels_made(recipe: Recipe | None, channels: int) -> int:
    """Those of the state that is made of an input of so many."""
    if isinstance(recipe, Identity):
        return channels
    if isinstance(recipe, Halving):
        return recipe.norm.num_features
    if isinstance(recipe, Stages):
        return recipe.stages[-1].norm.num_features
    raise NotNative("an input that is made a state in a way that is not known")


def _is_pointwise(stage: Stage) -> bool:
    return stage.depthwise is None and stage.conv.kernel_size == (1, 1) and stage.conv.stride == (1, 1)


def _stride(recipe: Recipe) -> int:
    return 1 if isinstance(recipe, Identity) else recipe.stride
