"""What is true of every space: a genotype that it draws comes back from its gates, its network, its file and a saved
model. A space of conf/space is one line here."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from own_space import Ladder
from small_search import small_space

import darts_pl
from darts_pl.data.image_preprocessing import ImagePreprocessing
from darts_pl.data.preprocessing import Preprocessing
from darts_pl.errors import RunError
from darts_pl.genotype import from_json
from darts_pl.inputs import TensorInput, example
from darts_pl.models import save_model
from darts_pl.paths import conf_dir
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import DenseSpace, ModuleSpace, Nasbench201Space, TextSpace
from darts_pl.spaces.base import Space, trainable

IMAGES, WORDS = (1, 8, 8), TensorInput((7,), "int64", high=20)
Make = Callable[[], "Space[Any, Any]"]


class Net(torch.nn.Module):
    """Asks for the shape of its inputs, as data of images declare it."""

    def __init__(self, input_shape: tuple[int, int, int], outputs: int):
        super().__init__()
        channels, height, width = input_shape
        self.block = darts_pl.Choice({"1": lambda: torch.nn.Conv2d(channels, 3, 1), "3": lambda: self.wide(channels)})
        self.head = torch.nn.Linear(3 * height * width, outputs)

    @staticmethod
    def wide(channels: int) -> torch.nn.Module:
        return torch.nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.block(x).flatten(1))


SPACES: dict[str, tuple[Make, Any]] = {
    "cells": (small_space, IMAGES),
    "digits": (lambda: small_space(num_nodes=2), IMAGES),
    "nasbench201": (lambda: Nasbench201Space(init_channels=3, layers=1), IMAGES),
    "dense": (lambda: DenseSpace(init_channels=4, layers=1), TensorInput((5,))),
    "text": (lambda: TextSpace(init_channels=4, layers=1), WORDS),
    "module": (lambda: ModuleSpace(Net), IMAGES),
    "a space of one's own": (Ladder, IMAGES),
}
GIVEN_AGAIN = {"module": {"target": Net}, "a space of one's own": {"target": Ladder()}}  # code is no matter of a file


@pytest.fixture(params=SPACES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def space(name: str) -> "Space[Any, Any]":
    made = SPACES[name][0]()
    made.prepare(SPACES[name][1], 3)
    return made


def test_every_space_of_the_configuration_is_here():
    missing = {path.stem for path in (conf_dir() / "space").glob("*.yaml")} - set(SPACES)
    assert not missing, f"expected a row of SPACES for {missing}"


def test_names_fit_the_gates(space: Space, name: str):
    supernet = space.supernet(SPACES[name][1], 3, relaxation=Softmax(), mixing=full)
    for kind, alpha in supernet.alphas.items():
        assert alpha.shape == (len(space.edge_names(kind)), len(space.names(kind)))
        if space.names_by_kind is None:
            assert (space.names(kind), space.edge_names(kind)) == (space.primitives, list(space.edges))
        else:
            assert space.names_by_kind[kind] == (space.names(kind), space.edge_names(kind))


def test_what_is_drawn_comes_back_from_gates_and_file(space: Space):
    for seed in range(3):
        drawn = space.random_genotype(torch.Generator().manual_seed(seed))
        gates = space.one_hot_gates(drawn)
        assert set(gates) == set(space.options)
        again = space.derive(gates, space.default_derivation())
        assert all(torch.equal(gates[kind], gate) for kind, gate in space.one_hot_gates(again).items())
        assert from_json(drawn.to_json()) == drawn


def test_the_supernet_at_its_gates_and_the_saved_network_give_outputs(space: Space, name: str, tmp_path: Path):
    shape = SPACES[name][1]
    drawn = space.random_genotype(torch.Generator().manual_seed(0))
    supernet = space.supernet(shape, 3, relaxation=Softmax(), mixing=full)
    x = example(shape if isinstance(shape, TensorInput) else TensorInput(shape), 4)
    assert supernet.forward_as_derived(x, space.one_hot_gates(drawn)).shape == (4, 3)
    network = trainable(space.network(drawn, shape, 3), drawn).eval()
    images = not isinstance(shape, TensorInput)
    kind = ImagePreprocessing((0.0,), (1.0,), 1, None) if images else Preprocessing()
    data = SimpleNamespace(preprocessing=kind, classes=("a", "b", "c"), outputs=3, input_shape=shape)
    path = save_model(tmp_path / "model.safetensors", network, space, data=data, details={})
    model = darts_pl.load(path, **GIVEN_AGAIN.get(name, {}))
    assert (model.genotype, model.input_shape) == (drawn, shape)
    if name == "a space of one's own":
        with pytest.raises(RunError, match=r"target=own_space.Ladder\(...\)"):
            darts_pl.load(path, target=Ladder)
    assert torch.equal(trainable(model.network, drawn)(x), network(x))
