"""Networks with choices in places that hypothesis draws: descriptions in plain lists, and modules built of them."""

from collections.abc import Callable

import torch.nn as nn
from hypothesis import strategies as st
from torch import Tensor

import darts_pl

WIDTH, OUTPUTS = 6, 3


def affine(width_in: int = WIDTH, width_out: int = WIDTH) -> nn.Module:
    """A layer that tells its inputs apart everywhere: smooth, with statistics of the batch."""
    return nn.Sequential(nn.Linear(width_in, width_out), nn.BatchNorm1d(width_out), nn.SiLU())


class Branches(nn.Module):
    """Some of several branches, joined."""

    def __init__(self, branches: list[nn.Module], k: int, reduction: str):
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.inputs = darts_pl.InputChoice(len(branches), k, reduction=reduction)
        width = k * WIDTH if reduction == "concat" else WIDTH
        self.out = nn.Linear(width, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.inputs(*[branch(x) for branch in self.branches]))


class Twice(nn.Module):
    """One module run twice, and held under two names."""

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.first = self.second = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


class Wired(nn.Module):
    """A cell whose two inputs are the input and a layer's output."""

    def __init__(self, nodes: int, output: str):
        super().__init__()
        primitives = {"none": Nothing, "same": nn.Identity, "affine": affine}
        self.layer = affine()
        self.cell = darts_pl.Cell(primitives, nodes, output=output)
        self.out = nn.Linear(nodes * WIDTH if output == "concat" else WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.cell(x, self.layer(x)))


class Nothing(nn.Module):
    """Zeros."""

    def forward(self, x: Tensor) -> Tensor:
        return 0 * x


class Narrowed(nn.Module):
    """Layers of a width that is searched; widths of one label are one."""

    def __init__(self, label: str):
        super().__init__()
        width = darts_pl.ChannelChoice([2, 3, 5], label)
        self.layers = nn.Sequential(affine(WIDTH, width.channels), width, affine(width.channels, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def descriptions() -> st.SearchStrategy:
    """Lists such as ["choice", [["layer"], ["repeat", ["layer"], 0, 2]]]."""
    shared = st.sampled_from(["one", "two"])
    leaves = st.one_of(
        st.just(["layer"]),
        st.tuples(st.just("labelled"), shared).map(list),
        st.tuples(st.just("width"), st.sampled_from(["w", "v"])).map(list),
        st.tuples(st.just("cell"), st.integers(1, 2), st.sampled_from(["concat", "sum", "mean"])).map(list),
    )

    def larger(inner: st.SearchStrategy) -> st.SearchStrategy:
        several = st.lists(inner, min_size=2, max_size=3)
        return st.one_of(
            st.tuples(st.just("choice"), several).map(list),
            st.tuples(st.just("chain"), st.lists(inner, min_size=1, max_size=2)).map(list),
            st.tuples(st.just("repeat"), inner, st.integers(0, 1), st.integers(2, 3)).map(list),
            st.tuples(st.just("twice"), inner).map(list),
            st.tuples(st.just("inputs"), several, st.sampled_from(["sum", "mean", "concat"])).map(list),
        )

    return st.recursive(leaves, larger, max_leaves=5)


def module_of(described: list) -> nn.Module:
    """The module of a description; (B, WIDTH) → (B, WIDTH)."""
    kind, *rest = described
    builders: dict[str, Callable[..., nn.Module]] = {
        "layer": affine,
        "labelled": lambda label: darts_pl.Choice({"affine": affine, "linear": _linear, "same": nn.Identity}, label),
        "width": Narrowed,
        "cell": Wired,
        "choice": lambda parts: darts_pl.Choice({f"c{i}": module_of(part) for i, part in enumerate(parts)}),
        "chain": lambda parts: nn.Sequential(*map(module_of, parts)),
        "repeat": lambda part, low, high: darts_pl.Repeat(lambda: module_of(part), (low, high)),
        "twice": lambda part: Twice(module_of(part)),
        "inputs": lambda parts, how: Branches([module_of(part) for part in parts], len(parts) - 1, how),
    }
    return builders[kind](*rest)


def _linear() -> nn.Module:
    return nn.Linear(WIDTH, WIDTH)


def leaves_inputs_out(described: list) -> bool:
    """Whether a decision may leave an input without use, so that what made it stays in the network for nothing."""
    parts = [part for part in described[1:] if isinstance(part, list)]
    nested = [inner for part in parts for inner in ([part] if isinstance(part[0], str) else part)]
    return described[0] in ("inputs", "cell") or any(map(leaves_inputs_out, nested))


def has_choice(described: list) -> bool:
    """Whether anything is to be chosen in it."""
    return described[0] != "layer" and (
        described[0] not in ("chain", "twice") or any(has_choice(part) for part in _parts(described))
    )


def _parts(described: list) -> list:
    return described[1] if described[0] == "chain" else [described[1]]


class Generated(nn.Module):
    """A described module between two layers; (B, WIDTH) → (B, OUTPUTS)."""

    def __init__(self, described: list):
        super().__init__()
        self.stem, self.body, self.head = affine(), module_of(described), nn.Linear(WIDTH, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.stem(x)))


def space_of(described: list) -> darts_pl.ModuleSpace:
    """The space of a description."""
    return darts_pl.ModuleSpace(Generated, {"described": described})
