"""The space of forecasting networks: its supernet, its derived networks, and the way from one to the other."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.derive import Derivation, top_edges
from darts_pl.errors import ConfigError, GenotypeError, nearest
from darts_pl.genotype import SeriesGenotype
from darts_pl.genotype.series import cell_kinds
from darts_pl.ops.series import OPERATIONS, Builder, SeriesShape, TokenGrid, build
from darts_pl.relaxations import Relaxation
from darts_pl.spaces.base import MixingFunction, Space, as_mixing
from darts_pl.spaces.options import CellOptions, Chosen, OneOf, Options
from darts_pl.spaces.series import checks
from darts_pl.spaces.series.branches import Sizes
from darts_pl.spaces.series.labels import ARGUMENTS, NONE
from darts_pl.spaces.series.network import SeriesNetwork, SeriesSupernet
from darts_pl.spaces.series.slots import DerivedFactory, SearchFactory, Zero

PRIMITIVES = ("none", "identity", "dlinear", "tcn", "fourier", "inverted_attention", "grn")


class SeriesSpace(Space[SeriesShape, int, SeriesGenotype]):
    """Forecasting networks of one architecture mode; `darts_pl.spaces.series.network` has the equations.

    The first group of arguments fixes the size. `primitives` are the candidates on the edges of the cells, and each of
    the following lists the candidates of one part, of which there is one for the whole network; a list of one fixes it.
    `darts_pl.spaces.series.labels.candidates(mode)` are all that exist.

    Args:
        mode: encoder_decoder, encoder_only, decoder_only or mamba, see `darts_pl.spaces.series.branches`.
        hidden_dim: width D of tokens, at least 4. layers: of the encoder and, where there is one, of the decoder.
        num_nodes: nodes of a cell. primitives: operations on its edges, in gate order.
        normalizations, decompositions, shortcuts, tokens, positions, attentions, feed_forwards, cross_attentions: the
            candidates; `attentions` None for those of the mode, `cross_attentions` for encoder_decoder only.
        patch_length: time steps of a patch, for tokens of patches. heads: of attentions, a divisor of `hidden_dim`.
        dropout: probability behind every sublayer.
        operations: further builders, name → `TokenGrid -> nn.Module`; they may replace known ones.

    Raises:
        ConfigError: an unknown name, the same twice, nothing to choose from, or a size that cannot be built.
    """

    def __init__(
        self,
        *,
        mode: str = "encoder_only",
        hidden_dim: int = 32,
        layers: int = 2,
        num_nodes: int = 1,
        primitives: Sequence[str] = PRIMITIVES,
        tokens: Sequence[str] = ("steps", "patches", "variates"),
        normalizations: Sequence[str] = ("revin", "last"),
        decompositions: Sequence[str] = ("none", "moving_average"),
        attentions: Sequence[str] | None = None,
        positions: Sequence[str] = ("none", "learned"),
        feed_forwards: Sequence[str] = ("none", "mlp"),
        shortcuts: Sequence[str] = ("none", "linear"),
        cross_attentions: Sequence[str] = ("full", "linear"),
        patch_length: int = 16,
        heads: int = 4,
        dropout: float = 0.1,
        operations: Mapping[str, Builder] | None = None,
    ):
        checks.check_mode(mode)
        if attentions is None:
            attentions = ("mamba", "bidirectional_mamba") if mode == "mamba" else ("none", "full")
        given = {
            "normalization": normalizations,
            "decomposition": decompositions,
            "shortcut": shortcuts,
            "tokens": tokens,
            "position": positions,
            "attention": attentions,
            "feed_forward": feed_forwards,
            "cross_attention": cross_attentions,
        }
        self.mode, self.hidden_dim, self.layers, self.num_nodes = mode, hidden_dim, layers, num_nodes
        self.patch_length, self.heads, self.dropout = patch_length, heads, dropout
        self.operations = {**OPERATIONS, NONE: lambda grid: Zero(), **(operations or {})}
        self.primitives = checks.checked_primitives(primitives, self.operations)
        self.candidates = checks.checked_candidates(mode, given)
        self._cell = CellOptions(self.primitives, num_nodes)
        self._given = {label: list(names) for label, names in given.items()}
        checks.check_sizes(hidden_dim, layers, num_nodes, patch_length, heads, dropout)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What has alphas, by name: labels with more than one candidate and the kinds of cells."""
        return tuple(sorted(self.options))

    @property
    def options(self) -> dict[str, Options]:
        """See `Space.options`: labels with more than one candidate, then the kinds of cells."""
        labels: dict[str, Options] = {label: OneOf(names) for label, names in self.candidates.items() if len(names) > 1}
        return {**labels, **dict.fromkeys(cell_kinds(self.mode), self._cell)}

    @property
    def edges(self) -> list[str]:
        """Names of the E edges of a cell in gate order, such as `2<-0`: into state 2 from state 0."""
        return self._cell.row_names("cell")

    @property
    def names_by_kind(self) -> dict[str, tuple[tuple[str, ...], list[str]]]:
        """Of every kind, in the order of the alphabet, the names of its K candidates and of its E edges."""
        return {kind: (self.names(kind), self.edge_names(kind)) for kind in self.kinds}

    def settings(self) -> dict[str, object]:
        """The arguments that make this space again, as JSON can hold them; `operations` are not among them."""
        candidates = {ARGUMENTS[label]: names for label, names in self._given.items()}
        sizes = ("mode", "hidden_dim", "layers", "num_nodes", "patch_length", "heads", "dropout")
        return {**{name: getattr(self, name) for name in sizes}, "primitives": list(self.primitives), **candidates}

    def check_shape(self, shape: SeriesShape) -> None:
        """Raises ConfigError, with the remedy, for windows that this space cannot build networks for."""
        checks.check_shape(shape, self.candidates["tokens"], self.patch_length)

    def check_derivation(self, derivation: Derivation) -> None:
        """Raises ConfigError, with the remedy, where `derivation` does not choose among a node's inputs."""
        checks.check_derivation(derivation)

    def supernet(
        self,
        shape: SeriesShape,
        outputs: int,
        *,
        relaxation: Relaxation,
        mixing: MixingFunction,
        auxiliary_skip: bool = False,
        layers: int | None = None,
    ) -> SeriesSupernet:
        """The supernet for windows of `shape`, with alphas drawn from 10⁻³ · N(0, 1).

        Args:
            outputs: Y, which `shape` says too. auxiliary_skip: give the choices of cells an auxiliary skip connection.
            layers: a depth other than the space's.

        Raises:
            ConfigError: windows that cannot be built for; a mixing of parts of the channels, or with edge weights.
        """
        self.check_shape(shape)
        checks.check_outputs(shape, outputs)
        mixing = as_mixing(mixing)
        checks.check_mixing(mixing)
        factory = SearchFactory(
            self.candidates, self.primitives, self.num_nodes, self._operation, mixing, auxiliary_skip=auxiliary_skip
        )
        return SeriesSupernet(self, shape, self._sizes(layers), factory, relaxation)

    def network(
        self,
        genotype: SeriesGenotype,
        shape: SeriesShape,
        outputs: int,
        *,
        auxiliary: bool = False,
    ) -> SeriesNetwork:
        """The network of `genotype` with fresh weights, for windows of `shape`.

        Args:
            auxiliary: must be False, there is no auxiliary head.

        Raises:
            GenotypeError: a genotype that this space cannot build.
            ConfigError: windows that cannot be built for; an auxiliary head.
        """
        if auxiliary:
            raise ConfigError("forecasting networks have no auxiliary head. Take retraining.auxiliary=false")
        checks.check_genotype(genotype, self.mode, self.operations)
        checks.check_shape(shape, (genotype.choices["tokens"],), self.patch_length)
        checks.check_outputs(shape, outputs)
        return SeriesNetwork(genotype, shape, self._sizes(), DerivedFactory(genotype, self._operation))

    def derive(self, strengths: Mapping[str, Tensor], derivation: Derivation = top_edges) -> SeriesGenotype:
        """The genotype of strengths [E, K] a kind: cells by `derivation`, see `darts_pl.derive`, and of every label the
        candidate with the largest gate, `none` included (ties go to the earlier).

        Raises:
            ConfigError: strengths of other kinds or shapes. TrainingError: a strength that is not finite.
        """
        self.check_derivation(derivation)
        if set(strengths) != set(self.kinds):
            raise ConfigError(f"strengths: found the kinds {sorted(strengths)}, expected {list(self.kinds)}")
        choices = {
            label: OneOf(names).derive(strengths[label], derivation) if len(names) > 1 else names[0]
            for label, names in self.candidates.items()
        }
        cells = {kind: self._cell.derive(strengths[kind], derivation, kind) for kind in cell_kinds(self.mode)}
        return SeriesGenotype(self.mode, choices, cells)

    def random_genotype(self, generator: torch.Generator) -> SeriesGenotype:
        """A genotype drawn uniformly: a candidate of every label; two distinct inputs a node, any operation but `none`.
        Everything is drawn from `generator` (on the CPU)."""
        choices = {label: OneOf(names).draw(generator) for label, names in self.candidates.items()}
        cells = {kind: self._cell.draw(generator) for kind in cell_kinds(self.mode)}
        return SeriesGenotype(self.mode, choices, cells)

    def chosen(self, genotype: SeriesGenotype) -> dict[str, Chosen]:
        """See `Space.chosen`."""
        checks.check_genotype(genotype, self.mode, self.operations)
        for label, names in self.candidates.items():  # also of labels with one candidate, which have no gates
            if genotype.choices[label] not in names:
                known = nearest(genotype.choices[label], names)
                raise GenotypeError(f"genotype: {label}: {genotype.choices[label]!r} is not in this space. {known}")
        return {**genotype.choices, **genotype.cells}

    def _operation(self, name: str, grid: TokenGrid) -> nn.Module:
        return build(name, grid, self.operations)

    def _sizes(self, layers: int | None = None) -> Sizes:
        return Sizes(self.hidden_dim, layers or self.layers, self.heads, self.patch_length, self.dropout)
