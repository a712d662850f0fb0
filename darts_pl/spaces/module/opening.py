"""What all kinds of choices share: a label, rows of gates, and the construction that they are part of."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.derive import Derivation, strongest
from darts_pl.errors import ConfigError
from darts_pl.genotype import Cell
from darts_pl.spaces.mixed import MixedOperation, Mixing

Chosen = str | tuple[str, ...] | Cell
"""What a label is decided for: a candidate, inputs, or a cell."""


@dataclass
class Construction:
    """A network while it is built: the choices made so far, and the widths that are decided."""

    widths: Mapping[str, int] = field(default_factory=dict)
    made: list["Open"] = field(default_factory=list)


building_now: ContextVar[Construction | None] = ContextVar("construction", default=None)


@contextmanager
def construction(widths: Mapping[str, int]) -> Iterator[Construction]:
    """Keep account of the choices that are made inside the `with`; a `ChannelChoice` takes its width from `widths`."""
    token = building_now.set(Construction(widths))
    try:
        yield building_now.get()
    finally:
        building_now.reset(token)


class Open(nn.Module):
    """Base of what is to be chosen in a network. A supernet sets `gates` before each pass.

    Args:
        label: choices of equal labels are decided together. None: the place in the network becomes the label.

    Attributes:
        gates: [E, K] while a supernet runs. alone: whether auxiliary skips are left out.
        nodes: for each of the E rows the node that it enters, see `SearchNetwork.targets`.
        names: the K candidates. row_names: of the E rows.
    """

    nodes: tuple[int, ...] = (0,)
    names: tuple[str, ...]

    def __init__(self, label: str | None):
        super().__init__()
        self.label, self.gates, self.alone = label, None, False
        if (building := building_now.get()) is not None:
            building.made.append(self)

    def __getstate__(self) -> dict[str, Any]:
        """For copies: without the gates of the last pass, which hold its graph."""
        return {**self.__dict__, "gates": None}

    @property
    def kind(self) -> str:
        """The label, as supernets call what shares alphas."""
        return self.label

    @property
    def row_names(self) -> tuple[str, ...]:
        """The names of the E rows."""
        return (self.label,)

    @property
    def edges(self) -> dict[str, MixedOperation]:
        """The mixed operation of every row, by the row's name."""
        raise NotImplementedError(f"{type(self).__name__} must define edges")

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

    def bind(self, mixing: Mixing, auxiliary_skip: bool) -> None:
        """Take the mixing of a supernet, and where it is asked for auxiliary skips."""
        for edge in self.edges.values():
            edge.mixing = mixing

    def signature(self) -> tuple:
        """What has to be equal for choices to share a label."""
        return type(self).__name__, self.names, self.nodes

    def check(self, chosen: Chosen) -> None:
        """Raises ValueError, in words that follow `found ...,`, where it cannot be decided so."""
        if chosen not in self.names:
            raise ValueError(f"expected one of {', '.join(self.names)}")

    def some(self, last: bool = False) -> Chosen:
        """Any decision, of the first names or of the last."""
        return self.names[-1 if last else 0]

    def draw(self, generator: torch.Generator) -> Chosen:
        """A decision drawn uniformly from `generator` (on the CPU)."""
        return self.names[int(torch.randint(len(self.names), (1,), generator=generator))]

    def derive(self, strengths: Tensor, derivation: Derivation) -> Chosen:
        """What strengths [E, K] decide; `derivation` is for cells."""
        return strongest(strengths, self.names)[0]

    def one_hot(self, chosen: Chosen) -> Tensor:
        """Gates [E, K] that select exactly what was chosen."""
        gates = torch.zeros(len(self.nodes), len(self.names))
        gates[0, self.names.index(chosen)] = 1.0
        return gates

    def selected(self, chosen: Chosen) -> list[nn.Module]:
        """The modules that are left under a decision."""
        raise NotImplementedError(f"{type(self).__name__} must define selected(chosen)")

    def decided(self, chosen: Chosen) -> nn.Module:
        """What takes this choice's place in a derived network."""
        raise NotImplementedError(f"{type(self).__name__} must define decided(chosen)")


class Parts(MixedOperation):
    """A mixed operation whose paths are never dropped: without its inputs, depth or width there is no network."""

    def __init__(self, candidates: Mapping[str, nn.Module]):
        super().__init__(candidates, undecided)

    def _droppable(self, candidate: nn.Module) -> bool:
        return False


def undecided(x: Any, candidates: Any, gate: Tensor) -> Tensor:
    raise ConfigError("this choice belongs to no supernet yet. Build one by darts_pl.ModuleSpace(...).supernet(...)")


def named_modules_of(candidates: object, where: str) -> dict[str, nn.Module]:
    """Candidates by name: of a mapping as given, of a sequence by their numbers; what builds one is called.

    Raises:
        ConfigError: another type, fewer than two, a name that cannot name a module, no module.
    """
    if isinstance(candidates, nn.ModuleDict):
        pairs = list(candidates.items())
    elif isinstance(candidates, Mapping):
        pairs = [(str(name), each) for name, each in candidates.items()]
    elif isinstance(candidates, (list, tuple, nn.ModuleList)):
        pairs = [(str(number), each) for number, each in enumerate(candidates)]
    else:
        raise ConfigError(f"{where}: found {candidates!r}, expected a dict or a list of modules or of what builds them")
    if len(pairs) < 2:
        raise ConfigError(f"{where}: found {len(pairs)} candidates, expected at least two to choose from")
    return {name: module_of(each, f"{where}, candidate {check_name(name, where)!r}") for name, each in pairs}


def module_of(candidate: object, where: str, *arguments: Any) -> nn.Module:
    """A module as given, or what a builder returns for `arguments`.

    Raises:
        ConfigError: neither.
    """
    module = candidate
    if not isinstance(candidate, nn.Module) and callable(candidate):
        try:
            module = candidate(*arguments)
        except TypeError as error:  # most often a class that wants arguments
            raise ConfigError(
                f"{where}: could not be built: {error}. Give what builds it, such as lambda: ..."
            ) from error
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{where}: found {module!r}, expected a module, or a function or class that builds one")
    return module


def check_name(name: str, where: str) -> str:
    """`name`; raises ConfigError where it cannot name a module of a `ModuleDict`."""
    if not name or "." in name or hasattr(nn.ModuleDict(), name):
        raise ConfigError(f"{where}: {name!r} cannot name a candidate: it is empty, has a dot or names part of torch")
    return name
