"""A search space out of anybody's module: supernet, genotypes and derived networks."""

from collections.abc import Callable, Mapping

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.derive import Derivation, top_edges
from darts_pl.errors import ConfigError, DartsError
from darts_pl.genotype import ModuleGenotype, check_space
from darts_pl.inputs import Declared, Outputs, as_inputs
from darts_pl.relaxations import Relaxation
from darts_pl.spaces.base import MixingFunction, Space, as_mixing
from darts_pl.spaces.choice import ChoiceModule, construction, derive_module
from darts_pl.spaces.module.cell import Cell
from darts_pl.spaces.module.channel_choice import ChannelChoice
from darts_pl.spaces.module.supernet import ModuleSupernet
from darts_pl.spaces.module.target import build_network, find_target, target_name
from darts_pl.spaces.module.tree import decisions_of, genotype_of, label_choices
from darts_pl.spaces.options import Chosen, Options
from darts_pl.spaces.trial import try_out

NO_HEAD = "a network of one's own has no auxiliary head. Take retraining.auxiliary=false"


class ModuleSpace(Space[Declared, Outputs, ModuleGenotype]):
    """The space of a network with `Choice`, `InputChoice`, `Repeat`, `ChannelChoice` or `Cell` in it.

    A label is a kind of its own: alphas [1, K] of a choice, depth or width, [k, n] of a choice of inputs, [E, K] of a
    cell. Choices within candidates of others are searched with the rest, and a genotype names those alone that what
    was chosen leads to.

    Args:
        target: builds the network: a class, a function, or the dotted name of one. Called anew for every supernet and
            derived network. Where it has parameters `input_shape` or `outputs`, they get what the data say.
        arguments: for `target`, by name.

    Raises:
        ConfigError: a name that leads nowhere. Whatever is wrong with the network is told by `prepare`.
    """

    needs_data = True

    def __init__(self, target: Callable[..., nn.Module] | str, arguments: Mapping[str, object] | None = None):
        self.target = find_target(target) if isinstance(target, str) else target
        self.arguments = dict(arguments or {})
        self._shapes: tuple[Declared | None, Outputs | None] = (None, None)
        self._prototype: tuple[nn.Module, dict[str, ChoiceModule]] | None = None

    @property
    def name(self) -> str:
        """What messages call the network."""
        return target_name(self.target)

    def prepare(self, input_shape: Declared | None = None, outputs: Outputs | None = None) -> None:
        """Build the network once and, where the shape of its inputs is known, run it with all its candidates.

        Args:
            input_shape: of one sample, see `darts_pl.inputs.as_inputs`. outputs: how many, or by name; None: unknown.

        Raises:
            ConfigError: a network that cannot be searched; the message names the choice and the candidate.
        """
        if self._prototype is not None and (input_shape, outputs) in (self._shapes, (None, None)):
            return
        self._shapes = (input_shape, outputs)
        with torch.random.fork_rng(devices=[]):
            self._prototype = None
            self._prototype = self._built()
            if input_shape is not None and not any(p.is_meta for p in self._prototype[0].parameters()):
                try:
                    self._try_derived()
                except DartsError:
                    self._prototype = None  # so that asking again tells it again
                    raise

    def _built(self, widths: Mapping[str, int] | None = None) -> tuple[nn.Module, dict[str, ChoiceModule]]:
        """A network with fresh weights that has been tried, and its choices by label."""
        input_shape, outputs = self._shapes
        known = {key: value for key, value in zip(("input_shape", "outputs"), self._shapes) if value is not None}
        with construction(widths or {}) as found:
            network = build_network(self.target, self.arguments, known)
        choices = label_choices(network, found.made)
        self._check_own(network)
        if input_shape is not None and widths is None:
            try_out(network, as_inputs(input_shape), outputs, self.name)
        return network, choices

    def _check_own(self, network: nn.Module) -> None:
        """Raises ConfigError where what is trained in the network is also in the one that was built before."""
        if self._prototype is None:
            return
        before = self._prototype[0]
        known = {*map(id, (p for p in before.parameters() if p.requires_grad))}
        known |= {id(part) for part in before.modules() if isinstance(part, ChoiceModule)}
        mine = [
            *network.named_parameters(),
            *((n, m) for n, m in network.named_modules() if isinstance(m, ChoiceModule)),
        ]
        for name, part in mine:
            if id(part) in known:
                raise ConfigError(
                    f"{self.name}: {name!r} was made outside of what builds the network, so that the supernet and all "
                    "derived networks would train the same weights. Build it inside, or take copy.deepcopy(...) of it"
                )

    def _prepared(self) -> tuple[nn.Module, dict[str, ChoiceModule]]:
        """The network that `prepare` built, and its choices by label."""
        self.prepare()
        assert self._prototype is not None  # or `prepare` raises
        return self._prototype

    def _try_derived(self) -> None:
        """Build and run a derived network of the first and one of the last of all candidates, before any search."""
        for last in (False, True):
            decisions = {label: options.any_choice(last) for label, options in self.options.items()}
            self.network(genotype_of(decisions, self._prepared()[0]))

    @property
    def choices(self) -> dict[str, ChoiceModule]:
        """Label → a choice of this label, in the order of the network."""
        return self._prepared()[1]

    def _has_cells(self) -> bool:
        return any(isinstance(choice, Cell) for choice in self.choices.values())

    @property
    def options(self) -> dict[str, Options]:
        """See `Space.options`, by label."""
        return {label: choice.options for label, choice in self.choices.items()}

    def check_derivation(self, derivation: Derivation) -> None:
        """Raises ConfigError, with the remedy, where the network is known to have cells that `derivation` cannot
        derive."""
        if self._prototype is not None and self._has_cells() and not derivation.chooses_inputs:
            raise ConfigError(
                "this derivation gives every edge an operation, but the cells of this network choose their inputs. "
                "Take derivation=top_edges"
            )

    def check_retraining(self, *, drop_path: float, auxiliary: bool) -> None:
        """Raises ConfigError where paths are to be dropped and the network has no cells, in which this is done, and
        where there is to be an auxiliary head."""
        if drop_path and not self._has_cells():
            raise ConfigError(
                f"retraining.drop_path={drop_path}: paths are dropped in cells, and this network has none, only what "
                "dropout it has itself. Take retraining.drop_path=0"
            )
        if auxiliary:
            raise ConfigError(NO_HEAD)

    def supernet(
        self,
        input_shape: Declared | None = None,
        outputs: Outputs | None = None,
        *,
        relaxation: Relaxation,
        mixing: MixingFunction,
        auxiliary_skip: bool = False,
        layers: int | None = None,
    ) -> ModuleSupernet:
        """The supernet, with alphas drawn from 10⁻³ · N(0, 1).

        Args:
            input_shape, outputs: see `prepare`. auxiliary_skip: give the choices of cells an auxiliary skip connection.
            layers: must be None: the depth is the network's own.

        Raises:
            ConfigError: see `prepare`; a mixing of parts of the channels; auxiliary skips without cells.
        """
        if layers is not None:
            raise ConfigError("a network of one's own has one depth. Take phases without layers")
        mixing = as_mixing(mixing)
        if mixing.channel_divisor != 1 or mixing.edge_normalization:
            raise ConfigError(
                "mixing=partial builds candidates for a part of the channels, but those of one's own network are built "
                "as they are. Take mixing=full, or mixing=single_path with relaxation=gumbel"
            )
        self.prepare(input_shape, outputs)
        if auxiliary_skip and not self._has_cells():
            raise ConfigError("rule=auxiliary_skip adds to the edges of cells, and this network has none. Leave it out")
        network, choices = self._built()
        return ModuleSupernet(network, choices, relaxation=relaxation, mixing=mixing, auxiliary_skip=auxiliary_skip)

    def derive(self, strengths: Mapping[str, Tensor], derivation: Derivation = top_edges) -> ModuleGenotype:
        """The genotype of strengths [E, K] a label: of a choice, depth or width the largest (ties go to the earlier),
        inputs as `InputChoice` says, cells by `derivation`.

        Raises:
            ConfigError: strengths of other labels or shapes. TrainingError: a strength that is not finite.
        """
        if set(strengths) != set(self.choices):
            raise ConfigError(f"strengths: found {sorted(strengths)}, expected {sorted(self.choices)}")
        self.check_derivation(derivation)
        # A label is a name of its own: to a derivation every cell is of the kind "normal".
        decisions = {label: options.derive(strengths[label], derivation) for label, options in self.options.items()}
        return genotype_of(decisions, self._prepared()[0])

    def random_genotype(self, generator: torch.Generator) -> ModuleGenotype:
        """Every label decided uniformly; everything is drawn from `generator` (on the CPU)."""
        decisions = {label: options.draw(generator) for label, options in self.options.items()}
        return genotype_of(decisions, self._prepared()[0])

    def network(
        self,
        genotype: ModuleGenotype,
        input_shape: Declared | None = None,
        outputs: Outputs | None = None,
        *,
        auxiliary: bool = False,
    ) -> nn.Module:
        """The module of `genotype` with fresh weights: no choice is left in it, nor any candidate that was not chosen.

        Args:
            input_shape, outputs: see `prepare`. auxiliary: must be False, there is no auxiliary head.

        Raises:
            GenotypeError: a genotype of another network. ConfigError: see `prepare`; an auxiliary head.
        """
        if auxiliary:
            raise ConfigError(NO_HEAD)
        self.prepare(input_shape, outputs)
        decisions = self.chosen(genotype)
        widths = {
            label: choice.width(decisions[label])
            for label, choice in self.choices.items()
            if isinstance(choice, ChannelChoice)
        }
        network = derive_module(self._built(widths)[0], decisions)
        input_shape, outputs = self._shapes
        if input_shape is not None:
            try_out(network, as_inputs(input_shape), outputs, self.name)
        return network

    def chosen(self, genotype: ModuleGenotype) -> dict[str, Chosen]:
        """See `Space.chosen`; for labels that nothing chosen leads to, anything."""
        check_space(genotype, ModuleGenotype.space)
        network, choices = self._prepared()
        return decisions_of(genotype, choices, network)
