"""The contracts of search spaces: `Space`, the `Supernet` and the `DerivedNetwork` that it builds, and `Mixing`."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.derive import Derivation, TopEdges
from darts_pl.errors import GenotypeError
from darts_pl.genotype import AnyGenotype, ModuleGenotype
from darts_pl.relaxations import Relaxation
from darts_pl.relaxations.mixing import Mixing, MixingFunction, as_mixing
from darts_pl.spaces.options import Chosen, Options
from darts_pl.spaces.supernet import Supernet
from darts_pl.spaces.walk import DerivedCell

__all__ = [
    "DerivedNetwork", "Mixing", "MixingFunction", "PlainNetwork", "Space", "Supernet", "as_mixing", "call", "trainable",
]  # fmt: skip

Shape = TypeVar("Shape")  # of one sample, as the data declare it
Wanted = TypeVar("Wanted")  # how many outputs, by task where a space has several
AGenotype = TypeVar("AGenotype", bound=AnyGenotype)


class Space(ABC, Generic[Shape, Wanted, AGenotype]):
    """A set of networks: all at once as a supernet, one at a time by a genotype, and the way between both.

    Attributes:
        primitives, edges: names of the K candidates and of the E edges of a cell, in gate order; empty where every kind
            has names of its own, see `names_by_kind`.
        edges_kept: how many inputs a node keeps in a genotype; None: all.
        takes_images: whether it takes images (C, H, W) and nothing else.
        needs_data: whether its networks are known only with the data, see `prepare`.
    """

    primitives: tuple[str, ...] = ()
    edges_kept: int | None = 2
    takes_images: bool = False
    needs_data: bool = False

    @property
    def edges(self) -> Sequence[str]:
        """Names of the E edges of a cell in gate order."""
        return ()

    @property
    @abstractmethod
    def options(self) -> Mapping[str, Options]:
        """Of every kind that has gates what is chosen from."""

    @property
    def names_by_kind(self) -> Mapping[str, tuple[tuple[str, ...], list[str]]] | None:
        """Of every kind the names of its K candidates and of its E edges; None: `primitives` and `edges` hold for
        all."""
        return None if self.primitives else {kind: (self.names(kind), self.edge_names(kind)) for kind in self.options}

    def names(self, kind: str) -> tuple[str, ...]:
        """The K candidates of a kind in gate order."""
        return self.options[kind].names

    def edge_names(self, kind: str) -> list[str]:
        """The E edges of a kind in gate order; a choice that is no cell has one, of the name of its kind."""
        return self.options[kind].row_names(kind)

    def prepare(self, input_shape: Shape | None = None, outputs: Wanted | None = None) -> None:
        """See what the data are, for a space that is made of somebody's network. Others have nothing to do here.

        Raises:
            ConfigError: data that the network does not take.
        """

    def default_derivation(self) -> Derivation:
        """What derives genotypes where nothing else is said."""
        return TopEdges()

    @abstractmethod
    def check_derivation(self, derivation: Derivation) -> None:
        """Raises ConfigError, with the remedy, where `derivation` derives no architecture of this space."""

    def check_retraining(self, *, drop_path: float, auxiliary: bool) -> None:
        """Raises ConfigError, with the remedy, where a retraining asks to drop paths, or for an auxiliary head, and no
        network of this space has any."""

    @abstractmethod
    def supernet(
        self,
        input_shape: Shape,
        outputs: Wanted,
        *,
        relaxation: Relaxation,
        mixing: MixingFunction,
        auxiliary_skip: bool = False,
        layers: int | None = None,
    ) -> Supernet:
        """The supernet, with alphas drawn from 10⁻³ · N(0, 1).

        Args:
            input_shape: of one sample, as the data declare it. outputs: how many, by task where there are several.
            mixing: a `Mixing`, or a plain function.
            auxiliary_skip: give choices an auxiliary skip connection. layers: a depth other than the space's.

        Raises:
            ConfigError: what cannot be built.
        """

    @abstractmethod
    def network(
        self, genotype: AGenotype, input_shape: Shape, outputs: Wanted, *, auxiliary: bool = False
    ) -> nn.Module:
        """The network of `genotype` with fresh weights, with an auxiliary head where it is asked for.

        Raises:
            GenotypeError: a genotype that this space cannot build. ConfigError: an auxiliary head that it has not.
        """

    @abstractmethod
    def derive(self, strengths: Mapping[str, Tensor], derivation: Derivation = ...) -> AGenotype:
        """The genotype of strengths [E, K] a kind by `derivation`, see `darts_pl.derive`."""

    @abstractmethod
    def random_genotype(self, generator: torch.Generator) -> AGenotype:
        """A genotype drawn uniformly from `generator` (on the CPU)."""

    @abstractmethod
    def chosen(self, genotype: AGenotype) -> Mapping[str, Chosen]:
        """What the genotype chooses for every kind that has gates.

        Raises:
            GenotypeError: a genotype of another space.
        """

    def one_hot_gates(self, genotype: AGenotype) -> dict[str, Tensor]:
        """Gates [E, K] a kind that select exactly the genotype's choices; a row is zero where an edge is dropped.

        Raises:
            GenotypeError: the genotype does not lie in this space.
        """
        chosen, gates = self.chosen(genotype), {}
        for kind, options in self.options.items():
            try:
                options.check(chosen[kind])
                gates[kind] = options.one_hot(chosen[kind])
            except ValueError as error:
                raise GenotypeError(f"genotype: {kind}: {error}") from error
        return gates


class DerivedNetwork(nn.Module):
    """The base of derived networks. A subclass sets `genotype` and `auxiliary`, a head or None, and defines `run`."""

    genotype: AnyGenotype
    auxiliary: nn.Module | None

    def __init__(self) -> None:
        super().__init__()
        self._drop_path_probability = 0.0

    @property
    def drop_path_probability(self) -> float:
        """Of the paths in its cells, in train mode; the retraining sets it each epoch."""
        return self._drop_path_probability

    @drop_path_probability.setter
    def drop_path_probability(self, probability: float) -> None:
        self._drop_path_probability = probability
        for cell in self._cells():
            cell.drop_path_probability = probability

    def has_cells(self) -> bool:
        """Whether there is a cell, in which paths can be dropped."""
        return any(True for _ in self._cells())

    def _cells(self) -> Iterator[DerivedCell]:
        return (module for module in self.modules() if isinstance(module, DerivedCell))

    def run(self, x: Any) -> tuple[Any, Tensor | None]:
        """Inputs of a batch (images (B, C, H, W)) → outputs (logits (B, num_classes)), and the map that an auxiliary
        head reads."""
        raise NotImplementedError(f"{type(self).__name__} must define run(x)")

    def forward(self, x: Any) -> Any:
        """(B, C, H, W) → logits (B, num_classes), or what inputs and outputs the task has."""
        return self.run(x)[0]

    def forward_with_auxiliary(self, x: Any) -> tuple[Any, Tensor | None]:
        """Outputs and, where the network has an auxiliary head, its logits; else None."""
        outputs, middle = self.run(x)
        return outputs, None if self.auxiliary is None else self.auxiliary(middle)

    def count_parameters(self) -> int:
        """Parameters without the auxiliary head, the count that papers give."""
        return sum(p.numel() for name, p in self.named_parameters() if not name.startswith("auxiliary."))


class PlainNetwork(DerivedNetwork):
    """Any module as a derived network, without an auxiliary head; paths are dropped in the cells that it may have."""

    def __init__(self, module: nn.Module, genotype: AnyGenotype):
        super().__init__()
        self.module, self.genotype, self.auxiliary = module, genotype, None

    def run(self, x: Any) -> tuple[Any, None]:
        """The module's outputs on the inputs of a batch."""
        return call(self.module, x), None


def trainable(network: nn.Module, genotype: AnyGenotype | None = None) -> DerivedNetwork:
    """A space's `network(genotype)`, or any module, as what a retraining trains."""
    return network if isinstance(network, DerivedNetwork) else PlainNetwork(network, genotype or ModuleGenotype())


def call(module: nn.Module, x: Any) -> Any:
    """The outputs of somebody's module on the inputs of a batch: a tuple or list goes to its parameters in order, a
    dictionary to those of its names where `forward` has them, else as it is."""
    if isinstance(x, (tuple, list)):
        return module(*x)
    if isinstance(x, Mapping) and _takes_names(module, x):
        return module(**x)
    return module(x)


def _takes_names(module: nn.Module, names: Mapping[str, Any]) -> bool:
    # Somebody's own forward may take a dictionary or its entries: nothing but its signature says which.
    parameters = inspect.signature(module.forward).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return True
    return set(names) <= set(parameters)
