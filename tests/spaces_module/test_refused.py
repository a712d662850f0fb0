"""Mistakes in somebody's network: each is told before any work, by the name of what is wrong."""

import re

import pytest
import torch
import torch.nn as nn

import darts_pl
from darts_pl.errors import ConfigError, GenotypeError
from darts_pl.genotype import Cell, Edge, ModuleGenotype
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import PartialChannels, full
from darts_pl.spaces.options import CellOptions, EdgeOptions, OneOf, SomeOf

CELL = Cell(((Edge("a", 0), Edge("a", 1)),), (2,))
LINEARS = {"a": lambda: nn.Linear(4, 4), "b": lambda: nn.Linear(4, 4, bias=False)}


def network(**parts):
    """A builder of a network that runs its parts one after the other."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            for name, build in parts.items():
                setattr(self, name, build())

        def forward(self, x):
            for name in parts:
                if name != "unused":
                    part = getattr(self, name)
                    x = part[0](x) if isinstance(part, list) else part(x)
            return x

    return Net


def choice(label=None, **candidates):
    return lambda: darts_pl.Choice(candidates or LINEARS, label)


REFUSED = {
    "no choice": (network(a=lambda: nn.Linear(4, 4)), "has no choice in it"),
    "hidden in a list": (
        network(a=lambda: [darts_pl.Choice(LINEARS, "pick")]),
        "Choice 'pick' (a, b) was built but is",
    ),
    "never run": (
        network(a=choice(), unused=choice()),
        "but forward does not run it, so it",
    ),
    "shapes": (
        network(a=choice(small=lambda: nn.Linear(4, 4), large=lambda: nn.Linear(4, 5))),
        r"choice 'a': candidates give different shapes, 'small' (2, 4) and 'large' (2, 5) on an input of shape (2, 4)",
    ),
    "a candidate fails": (
        network(a=choice(good=lambda: nn.Linear(4, 4), bad=lambda: nn.Linear(3, 4))),
        "choice 'a': candidate 'bad' failed on an input of shape (2, 4): RuntimeError",
    ),
    "no tensor": (network(a=choice(x=nn.Identity, y=lambda: nn.LSTM(4, 4))), "candidate 'y' gives a tuple"),
    "the network fails": (network(a=choice(), b=lambda: nn.Linear(9, 4)), "Net failed on an input of shape (2, 4)"),
    "outputs": (network(a=choice(), b=lambda: nn.Linear(4, 7)), r"gives (2, 7) for 2 samples, expected (2, 4)"),
    "labels that differ": (network(a=choice("x"), b=choice("x", c=nn.Identity, d=nn.Identity)), "label 'x' differ"),
    "a label of torch": (network(a=choice("keys")), "label 'keys'"),
    "a label with a dot": (network(a=choice("a.b")), "label 'a.b'"),
    "one candidate": (network(a=choice(a=nn.Identity)), "Choice: found 1 candidates, expected at least two"),
    "in place": (
        network(a=choice(relu=lambda: nn.ReLU(inplace=True), same=nn.Identity)),
        "choice 'a': candidate 'relu' changes what it is given in place",
    ),
    "in place, later": (
        network(a=lambda: darts_pl.Repeat(lambda: nn.ReLU(inplace=True), (1, 2), "deep")),
        "choice 'deep': candidate '1' changes what it is given in place",
    ),
    "a class that wants arguments": (
        network(a=choice(a=nn.Linear, b=nn.Identity)),
        "candidate 'a': could not be built",
    ),
    "no module": (network(a=choice(a=nn.Identity, b=lambda: 3)), "candidate 'b': found 3, expected a module"),
    "a name of torch": (network(a=choice(items=nn.Identity, b=nn.Identity)), "'items' cannot name a candidate"),
    "depth": (network(a=lambda: darts_pl.Repeat(nn.Identity, (2, 2))), "found depth=(2, 2), expected (fewest, most)"),
    "one block": (network(a=lambda: darts_pl.Repeat(nn.Identity(), (1, 2))), "expected what builds a block"),
    "blocks": (network(a=lambda: darts_pl.Repeat([nn.Identity], (1, 2))), "found 1 blocks, expected 2"),
    "inputs": (network(a=lambda: darts_pl.InputChoice(2, 2)), "found k=2 of n=2 inputs, expected k from 1 to 1"),
    "reduction": (network(a=lambda: darts_pl.InputChoice(2, reduction="summ")), "Did you mean 'sum'?"),
    "widths": (network(a=lambda: darts_pl.ChannelChoice([4, 2], "w")), "found [4, 2], expected at least two rising"),
    "a width without label": (
        network(a=lambda: darts_pl.ChannelChoice([2, 4], None)),
        "ChannelChoice: found label=None",
    ),
    "another width": (network(a=lambda: darts_pl.ChannelChoice([2, 3], "w")), "'w': found 4 channels in dimension 1"),
    "primitives": (network(a=lambda: darts_pl.Cell({"none": nn.Identity})), "besides 'none'"),
    "a module as primitive": (network(a=lambda: darts_pl.Cell({"x": nn.Identity()})), "primitive 'x': found a module"),
    "an instance": (nn.Linear(4, 4), "found Linear, expected what builds the network"),
    "no network": (lambda: 3, "gives 3, expected a torch.nn.Module"),
}


@pytest.mark.parametrize(("build", "message"), REFUSED.values(), ids=REFUSED)
def test_networks_that_cannot_be_searched(build, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        darts_pl.ModuleSpace(build).prepare((4,), 4)


TARGETS = {
    "Net": "expected a dotted name",
    "no_such_package.net": "there is no module 'no_such_package'",
    "darts_pl.spaces.module.Choise": "has no 'Choise'. Did you mean 'Choice'?",
}


@pytest.mark.parametrize(("name", "message"), TARGETS.items())
def test_names_that_lead_nowhere(name, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        darts_pl.ModuleSpace(name)


def test_a_module_that_fails_is_named(tmp_path, monkeypatch):
    (tmp_path / "half_written.py").write_text("import no_such_thing\n")
    (tmp_path / "misspelt.py").write_text("def build(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"importing half_written failed: No module named 'no_such_thing'"):
        darts_pl.ModuleSpace("half_written.build")
    with pytest.raises(ConfigError, match="importing misspelt failed"):
        darts_pl.ModuleSpace("misspelt.build")


def test_arguments_are_named():
    def build(width, depth=1):
        return nn.Sequential(darts_pl.Choice({"a": nn.Identity, "b": lambda: nn.Linear(width, width)}))

    with pytest.raises(ConfigError, match=r"space\.arguments\.widht: .*no such argument\. Did you mean 'width'\?"):
        darts_pl.ModuleSpace(build, {"widht": 4}).prepare()
    with pytest.raises(ConfigError, match=r"needs the argument 'width'\. Give it as \+space\.arguments\.width"):
        darts_pl.ModuleSpace(build).prepare()


def test_methods_that_do_not_fit():
    space = darts_pl.ModuleSpace(network(a=choice()))
    with pytest.raises(ConfigError, match="mixing=partial builds candidates for a part of the channels"):
        space.supernet((4,), 4, relaxation=Softmax(), mixing=PartialChannels())
    with pytest.raises(ConfigError, match="rule=auxiliary_skip adds to the edges of cells, and this network has none"):
        space.supernet((4,), 4, relaxation=Softmax(), mixing=full, auxiliary_skip=True)
    with pytest.raises(ConfigError, match="has one depth"):
        space.supernet((4,), 4, relaxation=Softmax(), mixing=full, layers=3)
    with pytest.raises(ConfigError, match="no auxiliary head"):
        space.network(ModuleGenotype({"a": "b"}), (4,), 4, auxiliary=True)


def test_a_network_that_is_not_decided_says_so():
    with pytest.raises(ConfigError, match="nothing is decided here yet"):
        nn.Sequential(darts_pl.Choice(LINEARS))(torch.zeros(1, 4))


def nested():
    inner = choice("inner")
    outer = darts_pl.Choice({"deep": lambda: nn.Sequential(inner()), "flat": nn.Identity}, "outer")
    cell = darts_pl.Cell({"none": nn.Identity, "x": nn.Identity}, 1, "cell")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.outer, self.cell, self.pick = outer, cell, darts_pl.InputChoice(3, 2, "pick")

        def forward(self, x):
            x = self.outer(x)
            return self.pick(x, self.cell(x, x), 2 * x)

    return Net()


ONE = Cell(((Edge("x", 0), Edge("x", 1)),), (2,))
GENOTYPES = {
    "another label": ({"outr": "flat"}, {}, "'outr' is no choice of this network. Did you mean 'outer'?"),
    "another name": ({"outer": "flt"}, {}, "outer: found 'flt', expected one of deep, flat"),
    "nothing decided": ({"outer": "flat", "pick": ("0", "1")}, {}, "nothing is decided for 'cell'"),
    "not reached": (
        {"outer": "flat", "inner": "a", "pick": ("0", "1")},
        {"cell": ONE},
        "'inner' is decided, but nothing",
    ),
    "inner missing": ({"outer": "deep", "pick": ("0", "1")}, {"cell": ONE}, "nothing is decided for 'inner'"),
    "one input": ({"outer": "flat", "pick": "0"}, {"cell": ONE}, "pick: found '0', expected a list of 2 of the inputs"),
    "no such input": (
        {"outer": "flat", "pick": ("0", "7")},
        {"cell": ONE},
        "expected a list of 2 of the inputs 0, 1, 2",
    ),
    "two nodes": (
        {"outer": "flat", "pick": ("0", "1")},
        {"cell": Cell((ONE.nodes[0], ONE.nodes[0]), (2, 3))},
        "cell: found a cell of 2 nodes, expected a cell of 1 nodes",
    ),
    "another operation": (
        {"outer": "flat", "pick": ("0", "1")},
        {"cell": Cell(((Edge("y", 0),),), (2,))},
        "cell: node 2: 'y' is not in this space",
    ),
}


@pytest.mark.parametrize(("choices", "cells", "message"), GENOTYPES.values(), ids=GENOTYPES)
def test_genotypes_of_other_networks(choices, cells, message):
    space = darts_pl.ModuleSpace(nested)
    with pytest.raises(GenotypeError, match=re.escape(message)):
        space.network(ModuleGenotype(choices, cells))


def test_genotype_files_of_another_form():
    for text, message in (
        ('{"format": "darts_pl.genotype", "version": 1, "space": "module", "cells": {}}', "'choices' is missing"),
        ('{"version": 1, "space": "module", "choices": {"a": 3}, "cells": {}}', "key 'format' is missing"),
        (ModuleGenotype({"a": "x"}).to_json().replace('"x"', "3"), "choices: a: found int 3, expected the name"),
        (ModuleGenotype({"a": ("0", "1")}).to_json().replace('"1"', '"0"'), "expected each input once"),
    ):
        with pytest.raises(GenotypeError, match=re.escape(message)):
            ModuleGenotype.from_json(text)


@pytest.mark.parametrize(
    "options, chosen, others",
    [
        (OneOf(("a", "b")), "b", ["c", ("a",), CELL]),
        (SomeOf(("0", "1", "2"), 2), ("2", "0"), ["0", ("0",), ("0", "0"), ("0", "3"), CELL]),
        (EdgeOptions(("none", "a"), ((1, 0), (2, 0))), ("a", "none"), ["an", ("a",), ("a", "b"), CELL]),
        (CellOptions(("none", "a"), 1), CELL, ["a", ("a", "a"), Cell(((Edge("b", 0),),), (2,))]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_chosen_is_refused_before_it_becomes_gates(options, chosen, others):
    assert options.check(chosen) is chosen
    assert options.one_hot(chosen).sum() == len(options.places(chosen))
    for other in others:
        for refuse in (options.check, options.one_hot):
            with pytest.raises(ValueError):
                refuse(other)
