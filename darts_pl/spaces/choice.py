"""A choice in a network, whatever is chosen: the gates of a pass, and what is left of it once it is made."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.ops.containers import ModuleDict
from darts_pl.relaxations.mixing import Candidate, MixingFunction
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.options import Chosen, Options


@dataclass
class Construction:
    """A network while it is built: the choices made so far, and the widths that were chosen."""

    widths: Mapping[str, int] = field(default_factory=dict)
    made: list["ChoiceModule"] = field(default_factory=list)


building_now: ContextVar[Construction | None] = ContextVar("construction", default=None)


@contextmanager
def construction(widths: Mapping[str, int]) -> Iterator[Construction]:
    """Keep account of the choices that are made inside the `with`; a `ChannelChoice` takes its width from `widths`."""
    found = Construction(widths)
    token = building_now.set(found)
    try:
        yield found
    finally:
        building_now.reset(token)


class Taken(NamedTuple):
    """What a choice mixes by in one pass.

    Args:
        gates: [E, K]; None outside of a supernet. edge_weights: [E]; None: every edge weighs one.
        without_auxiliary: whether auxiliary skips are left out.
    """

    gates: Tensor | None
    edge_weights: Tensor | None = None
    without_auxiliary: bool = False


class ChoiceModule(nn.Module):
    """The base of everything in a network that a search chooses: edges of cells, parts, inputs, depths, widths.

    A supernet hands over the gates before each pass (`take`). A subclass has `edges`, the mixed operation of every row
    by the row's name, or gives these by `mixed_operations`, and mixes them in `forward`.

    Args:
        label: choices of equal labels share their alphas and are chosen alike. None: the place in the network becomes
            the label.
        options: what is chosen from.

    Attributes:
        gates, edge_weights: [E, K], and [E] or None, of the present pass; gates are None outside of a supernet.
        without_auxiliary: whether auxiliary skips are left out of the present pass.
    """

    edges: "ModuleDict[MixedOperation]"
    options: Options

    def __init__(self, label: str | None, options: Options):
        super().__init__()
        self.label, self.options = label, options
        self.gates: Tensor | None = None
        self.edge_weights: Tensor | None = None
        self.without_auxiliary = False
        if (building := building_now.get()) is not None:
            building.made.append(self)

    def __getstate__(self) -> dict[str, Any]:
        """For copies: without the gates of the last pass, which hold its graph."""
        return {**self.__dict__, "gates": None, "edge_weights": None}

    @property
    def kind(self) -> str:
        """The label, as supernets call what shares alphas."""
        assert self.label is not None, "a space names every choice of its network, see `label_choices`"
        return self.label

    @property
    def names(self) -> tuple[str, ...]:
        """The K candidates, in gate order."""
        return self.options.names

    @property
    def targets(self) -> tuple[int, ...]:
        """For each of the E rows the node that it enters, see `Supernet.targets`."""
        return self.options.targets

    @property
    def row_names(self) -> list[str]:
        """The names of the E rows."""
        return self.options.row_names(self.kind)

    def mixed_operations(self) -> Mapping[str, MixedOperation]:
        """The mixed operation of every row of gates by a name, in the order of the rows."""
        return dict(self.edges.items())

    def take(self, gates: Tensor | None, edge_weights: Tensor | None = None, without_auxiliary: bool = False) -> None:
        """Mix by these gates [E, K] and edge weights [E] from now on."""
        self.gates, self.edge_weights, self.without_auxiliary = gates, edge_weights, without_auxiliary

    def taken(self) -> Taken:
        """What `take` was last given: what runs a part of a pass again later has to take it again."""
        return Taken(self.gates, self.edge_weights, self.without_auxiliary)

    def rows(self) -> Sequence[Tensor]:
        """The gates of this pass, a row [K] each.

        Raises:
            ConfigError: the network runs outside of a supernet.
        """
        if self.gates is None:
            place = f"choice {self.label!r}" if self.label else type(self).__name__
            raise ConfigError(
                f"{place}: nothing is decided here yet. Search the network by darts_pl.ModuleSpace(<what builds it>), "
                "or take its network(genotype)"
            )
        return self.gates.unbind()

    def bind(self, mixing: MixingFunction, auxiliary_skip: bool = False) -> None:
        """Take the mixing of a supernet, and where it is asked for auxiliary skips."""
        for edge in self.mixed_operations().values():
            edge.mixing = mixing

    def keep(self, mask: Tensor) -> None:
        """Remove the candidates that are not in `mask` (bool [E, K]), with their weights."""
        for edge, row in zip(self.mixed_operations().values(), mask.tolist(), strict=True):
            edge.keep(name for name, left in zip(edge.names, row) if left)

    def signature(self) -> tuple[object, ...]:
        """What has to be equal for choices to share a label."""
        return type(self).__name__, self.options

    def freeze(self, chosen: Chosen) -> nn.Module:
        """What takes this choice's place in a derived network.

        Raises:
            ValueError: it cannot be chosen, see `Options.check`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define freeze(chosen)")


def derive_module(module: nn.Module, choices: Mapping[str, Chosen]) -> nn.Module:
    """`module` with every choice in it replaced by what was chosen for its label, in place; where `module` is a choice
    itself, another module."""
    return _derive(module, choices, {})


def _derive(module: nn.Module, choices: Mapping[str, Chosen], done: dict[nn.Module, nn.Module]) -> nn.Module:
    if module in done:  # a module in two places stays one
        return done[module]
    if isinstance(module, ChoiceModule):
        done[module] = _derive(module.freeze(choices[module.kind]), choices, done)
        return done[module]
    done[module] = module
    for name, child in list(module._modules.items()):
        if child is not None:
            module._modules[name] = _derive(child, choices, done)
    return module


def unbound(x: Tensor, candidates: Iterable[Candidate], gate: Tensor) -> Tensor:
    """The mixing of a choice that is in no supernet."""
    raise ConfigError("this choice belongs to no supernet yet. Build one by darts_pl.ModuleSpace(...).supernet(...)")
