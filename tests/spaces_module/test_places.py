"""Choices in the places where modules stand, and networks of several inputs and outputs."""

import copy

import pytest
import torch
import torch.nn as nn
from torch import Tensor
from torch.utils.checkpoint import checkpoint

import darts_pl
from darts_pl.errors import ConfigError
from darts_pl.genotype import ModuleGenotype
from darts_pl.inputs import TensorInput
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces.choice import ChoiceModule

IMAGE = (3, 8, 8)


def conv(channels: int, kernel: int):
    return lambda: nn.Conv2d(channels, channels, kernel, padding=kernel // 2)


class Bag(nn.Module):
    """Choices in a Sequential, a ModuleList, a ModuleDict, within another, in a shared module."""

    def __init__(self):
        super().__init__()
        self.row = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), darts_pl.Choice([conv(4, 1), conv(4, 3)]), nn.ReLU())
        self.list = nn.ModuleList([darts_pl.Choice([conv(4, 1), conv(4, 5)]), nn.Identity()])
        self.named = nn.ModuleDict({"x": darts_pl.Choice({"deep": self.inner, "same": nn.Identity})})
        shared = nn.Sequential(darts_pl.Choice([conv(4, 1), nn.Identity()], "shared"))
        self.first, self.second = nn.Sequential(shared, nn.ReLU()), shared
        self.head = nn.LazyLinear(5)

    @staticmethod
    def inner() -> nn.Module:
        return nn.Sequential(nn.ReLU(), darts_pl.Choice({"narrow": conv(4, 1), "wide": conv(4, 3)}))

    def forward(self, x: Tensor) -> Tensor:
        x = self.row(x)
        for module in self.list:
            x = module(x)
        return self.head(self.second(self.first(self.named["x"](x))).mean((2, 3)))


def test_a_choice_stands_wherever_a_module_stands():
    space = darts_pl.ModuleSpace(Bag)
    space.prepare(IMAGE, 5)
    assert list(space.choices) == ["row/1", "list/0", "named/x", "named/x/deep/1", "shared"]
    genotype = ModuleGenotype({"row/1": "1", "list/0": "0", "named/x": "same", "shared": "0"})
    network = space.network(genotype)
    assert not [part for part in network.modules() if isinstance(part, ChoiceModule)]
    assert network.first[0] is network.second  # shared still
    assert isinstance(network.named["x"], nn.Identity)
    assert network.row[1].kernel_size == (3, 3) and network.list[0].kernel_size == (1, 1)
    assert network.head.in_features == 4  # found by the trial
    x = torch.randn(2, *IMAGE)
    exported = torch.export.export(network.eval(), (x,)).module()
    torch.testing.assert_close(exported(x), network(x))


class Sides(nn.Module):
    """Two inputs by name, two outputs by name."""

    def __init__(self):
        super().__init__()
        self.join = darts_pl.Choice({"sum": Join, "left": Left})
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 2)

    def forward(self, left: Tensor, right: Tensor) -> dict[str, Tensor]:
        joined = self.join(left, right=right)
        return {"a": self.a(joined), "b": self.b(joined)}


class Join(nn.Module):
    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left + right


class Left(nn.Module):
    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left


@pytest.mark.parametrize(
    ("shapes", "pack"),
    [
        ({"left": TensorInput((4,)), "right": TensorInput((4,))}, lambda a, b: {"left": a, "right": b}),
        ((TensorInput((4,)), TensorInput((4,))), lambda a, b: (a, b)),
    ],
    ids=["dictionary", "tuple"],
)
def test_several_inputs_and_outputs(shapes, pack):
    space = darts_pl.ModuleSpace(Sides)
    supernet = space.supernet(shapes, {"a": 3, "b": 2}, relaxation=Softmax(), mixing=full)
    left, right = torch.randn(5, 4), torch.randn(5, 4)
    whole = supernet(pack(left, right), {"join": torch.tensor([[0.25, 0.75]])})
    torch.testing.assert_close(whole["a"], supernet.module.a(0.25 * (left + right) + 0.75 * left))
    assert set(whole) == {"a", "b"}


def test_a_dictionary_goes_whole_to_a_network_that_asks_for_one():
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.pick = darts_pl.Choice([nn.Identity(), nn.Linear(4, 4)])

        def forward(self, batch: dict[str, Tensor]) -> Tensor:
            return self.pick(batch["x"])

    space = darts_pl.ModuleSpace(Whole)
    supernet = space.supernet({"x": TensorInput((4,))}, 4, relaxation=Softmax(), mixing=full)
    assert supernet({"x": torch.randn(3, 4)}).shape == (3, 4)


def test_a_width_builds_the_layers_that_narrow():
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            width = darts_pl.ChannelChoice([2, 4, 8], "width")
            self.layers = nn.Sequential(nn.Linear(4, width.channels), nn.ReLU(), width, nn.Linear(width.channels, 3))

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x)

    space = darts_pl.ModuleSpace(Wide)
    sizes = {
        name: sum(p.numel() for p in space.network(ModuleGenotype({"width": name})).parameters()) for name in "248"
    }
    assert sizes == {"2": 2 * 5 + 3 * 3, "4": 4 * 5 + 3 * 5, "8": 8 * 5 + 3 * 9}


def test_what_is_frozen_stays_frozen():
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Linear(4, 4).requires_grad_(False)
            self.pick = darts_pl.Choice([nn.Linear(4, 3), nn.Linear(4, 3, bias=False)])

        def forward(self, x: Tensor) -> Tensor:
            return self.pick(self.backbone(x))

    supernet = darts_pl.ModuleSpace(Frozen).supernet(relaxation=Softmax(), mixing=full)
    assert len(supernet.weight_parameters()) == 3


def test_a_repeat_runs_each_block_once_and_none_beyond_what_is_left():
    calls = []

    class Block(nn.Module):
        def __init__(self, number: int):
            super().__init__()
            self.number, self.linear = number, nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            calls.append(self.number)
            return self.linear(x)

    space = darts_pl.ModuleSpace(lambda: nn.Sequential(darts_pl.Repeat(Block, (1, 3), "depth"), nn.Linear(4, 2)))
    supernet = space.supernet(relaxation=Softmax(), mixing=full)
    supernet(torch.randn(2, 4))
    assert calls == [0, 1, 2]
    supernet.keep({"depth": torch.tensor([[True, True, False]])})
    calls.clear()
    supernet(torch.randn(2, 4))
    assert calls == [0, 1] and len(supernet.module[0].mixed.blocks) == 2


def test_what_was_made_outside_is_told_unless_it_is_frozen():
    body = nn.Linear(4, 4)
    outside = darts_pl.ModuleSpace(lambda: nn.Sequential(body, darts_pl.Choice([nn.Linear(4, 3), nn.Linear(4, 3)])))
    with pytest.raises(ConfigError, match=r"'0.weight' was made outside of what builds the network"):
        outside.supernet(relaxation=Softmax(), mixing=full)
    body.requires_grad_(False)
    frozen = darts_pl.ModuleSpace(lambda: nn.Sequential(body, darts_pl.Choice([nn.Linear(4, 3), nn.Identity()])))
    assert len(frozen.supernet(relaxation=Softmax(), mixing=full).weight_parameters()) == 2
    chosen = darts_pl.Choice([nn.Linear(4, 3), nn.Linear(4, 3)])
    with pytest.raises(ConfigError, match="was made outside of what builds the network"):
        darts_pl.ModuleSpace(lambda: nn.Sequential(chosen)).supernet(relaxation=Softmax(), mixing=full)


def test_derived_networks_are_tried_before_any_search():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            width = darts_pl.ChannelChoice([2, 4], "width")
            self.layers = nn.Sequential(nn.Linear(4, width.channels), width)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.layers(x)

    with pytest.raises(ConfigError, match="Residual failed on an input of shape"):
        darts_pl.ModuleSpace(Residual).prepare((4,), 4)


def test_parts_may_be_run_again_in_the_backward_pass():
    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.pick = darts_pl.Choice([nn.Linear(4, 4), nn.Tanh()])

        def forward(self, x: Tensor) -> Tensor:
            return checkpoint(self.pick, x, use_reentrant=False)

    supernet = darts_pl.ModuleSpace(Checkpointed).supernet(relaxation=Softmax(), mixing=full)
    x = torch.randn(3, 4)
    (gradient,) = torch.autograd.grad(supernet(x).square().sum(), supernet.arch_parameters())
    assert bool((gradient != 0).all())
    assert copy.deepcopy(supernet).module.pick.gates is None


def test_a_label_that_is_the_place_of_another_choice_is_told():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.blk = darts_pl.Choice([nn.Linear(4, 4), nn.Identity()])
            self.other = darts_pl.Choice([nn.Linear(4, 4), nn.Identity()], "blk")

        def forward(self, x: Tensor) -> Tensor:
            return self.other(self.blk(x))

    with pytest.raises(ConfigError, match="two choices are at the place 'blk'"):
        darts_pl.ModuleSpace(Two).prepare()
