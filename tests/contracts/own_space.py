"""A space that somebody writes: three stages, each of which is one of several convolutions."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from darts_pl.derive import Derivation, top_edges
from darts_pl.genotype import ModuleGenotype
from darts_pl.relaxations import Relaxation
from darts_pl.spaces import MixedOperation
from darts_pl.spaces.base import DerivedNetwork, MixingFunction, Space, Supernet
from darts_pl.spaces.choice import ChoiceModule
from darts_pl.spaces.options import Chosen, OneOf, Options

KERNELS = {"conv1": 1, "conv3": 3, "conv5": 5}
CHANNELS = 4


def block(name: str) -> nn.Module:
    kernel = KERNELS[name]
    return nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, kernel, padding=kernel // 2), nn.ReLU())


class Stage(ChoiceModule):
    def __init__(self, label: str, options: Options, mixing: MixingFunction):
        super().__init__(label, options)
        self.edges = nn.ModuleDict({label: MixedOperation({name: block(name) for name in KERNELS}, mixing)})

    def forward(self, x: Tensor) -> Tensor:
        return self.edges[self.label](x, self.rows()[0])


class LadderSupernet(Supernet):
    def __init__(self, options: Mapping[str, Options], shape, outputs: int, relaxation: Relaxation, mixing):
        super().__init__(options, relaxation)
        self.stem = nn.Conv2d(shape[0], CHANNELS, 1)
        self.cells = nn.ModuleList(Stage(label, each, mixing) for label, each in options.items())
        self.head = nn.Linear(CHANNELS, outputs)
        self.reset_architecture()

    def run(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.cells:
            x = stage(x)
        return self.head(x.mean((2, 3)))


class LadderNetwork(DerivedNetwork):
    def __init__(self, genotype: ModuleGenotype, shape, outputs: int):
        super().__init__()
        self.genotype, self.auxiliary = genotype, None
        self.stages = nn.Sequential(nn.Conv2d(shape[0], CHANNELS, 1), *map(block, genotype.choices.values()))
        self.head = nn.Linear(CHANNELS, outputs)

    def run(self, x: Tensor) -> tuple[Tensor, None]:
        return self.head(self.stages(x).mean((2, 3))), None


class Ladder(Space[tuple[int, int, int], int, ModuleGenotype]):
    """Nothing but what the contract asks for."""

    takes_images = True

    @property
    def options(self) -> Mapping[str, Options]:
        return {f"stage{number}": OneOf(tuple(KERNELS)) for number in range(3)}

    def check_derivation(self, derivation: Derivation) -> None:
        """Each stage takes its strongest, whatever the derivation of cells."""

    def supernet(self, input_shape, outputs: Any, *, relaxation, mixing, auxiliary_skip=False, layers=None) -> Supernet:
        return LadderSupernet(self.options, input_shape, outputs, relaxation, mixing)

    def network(self, genotype, input_shape, outputs: Any, *, auxiliary: bool = False) -> LadderNetwork:
        return LadderNetwork(genotype, input_shape, outputs)

    def derive(self, strengths: Mapping[str, Tensor], derivation: Derivation = top_edges) -> ModuleGenotype:
        return ModuleGenotype({kind: each.derive(strengths[kind], derivation) for kind, each in self.options.items()})

    def random_genotype(self, generator: torch.Generator) -> ModuleGenotype:
        return ModuleGenotype({kind: each.draw(generator) for kind, each in self.options.items()})

    def chosen(self, genotype: ModuleGenotype) -> Mapping[str, Chosen]:
        return genotype.choices
