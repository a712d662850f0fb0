"""A network of one's own, tables and texts: every order and relaxation trains, and a run stopped anywhere goes on."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from any_spaces import problem
from test_every_point import check_every_point
from tiny_runs import load_final, tiny_search

from darts_pl.genotype import read
from darts_pl.hypergradient import exact, finite_difference, first
from darts_pl.relaxations import Dirichlet, Gumbel, Sigmoid, Softmax
from darts_pl.relaxations.mixing import SinglePath, full
from darts_pl.stages.phases import Phase
from darts_pl.stages.selection import Perturbation, Sampled

SPACES = ("own", "dense", "text")
METHODS = {
    "softmax": (Softmax, full),
    "sigmoid": (Sigmoid, full),
    "dirichlet": (Dirichlet, full),
    "snas": (Gumbel, full),
    "gdas": (partial(Gumbel, hard=True), SinglePath()),
}


def searched(folder: Path, name: str, hypergradient: Callable, method: str, **settings):
    space, data = problem(name)
    relaxation, mixing = METHODS[method]
    return tiny_search(
        folder, hypergradient, relaxation=relaxation, mixing=mixing, space=space, data=data, **settings
    )  # fmt: skip


ORDERS = {"first": first, "second": finite_difference}
COMBINATIONS = [  # the second order sees the gates alone; gdas has none, as it unrolls a step of all weights
    pytest.param(method, order, id=f"{method}-{name}")
    for method in METHODS
    for name, order in ORDERS.items()
    if name == "first" or method in ("softmax", "snas")
]


@pytest.mark.parametrize(("method", "order"), COMBINATIONS)
@pytest.mark.parametrize("name", SPACES)
def test_alphas_and_weights_move(name, method, order, tmp_path, real_data, monkeypatch):
    monkeypatch.setenv("DARTS_PL_DATA", str(real_data))
    genotype = searched(tmp_path / "run", name, order, method, epochs=1, every_s=1e9)
    final = load_final(tmp_path / "run")["state_dict"]
    with np.load(tmp_path / "run" / "alphas.npz") as arrays:
        for kind in (key.removeprefix("supernet.alphas.") for key in final if ".alphas." in key):
            start, end = arrays[f"alpha_{kind}"][[0, -1]]
            assert bool((start != end).any()), kind
    space, data = problem(name)
    network = space.network(genotype, data.input_shape, data.outputs)
    assert read(tmp_path / "run") == genotype
    assert sum(p.numel() for p in network.parameters()) > 0


def test_the_exact_second_order_runs(tmp_path):
    assert searched(tmp_path / "run", "own", exact, "softmax", epochs=1).choices


@pytest.mark.parametrize(("name", "order"), [("own", finite_difference), ("dense", first), ("text", first)])
def test_stopped_anywhere_the_result_is_the_same(name, order, tmp_path, real_data, monkeypatch):
    monkeypatch.setenv("DARTS_PL_DATA", str(real_data))
    run = lambda folder: searched(folder, name, order, "snas")  # noqa: E731
    check_every_point(run, tmp_path, steps=[1, 2, 3, 3, 4, 5, 6, 6])


@pytest.mark.parametrize("continues", [False, True])
def test_phases_drop_candidates_of_every_kind_of_choice(continues, tmp_path):
    phases = (Phase(), Phase(keep=2, continues=continues))
    genotype = searched(tmp_path / "run", "own", first, "softmax", epochs=4, phases=phases)
    final = torch.load(tmp_path / "run/checkpoints/phase_2/final.ckpt", weights_only=True)["state_dict"]
    kept = {name: value for name, value in final.items() if ".kept_" in name}
    assert all(bool((value.sum(dim=1) <= 2).all()) for value in kept.values()) and len(kept) == 4
    for place, chosen in enumerate(genotype.choices["join"]):
        assert bool(kept["supernet.kept_join"][place, int(chosen)])


@pytest.mark.parametrize("selection", [Sampled(candidates=4, finalists=2), Perturbation(tune_epochs=0)], ids=["s", "p"])
def test_selections_choose_among_every_kind_of_choice(selection, tmp_path):
    genotype = searched(tmp_path / "run", "own", first, "softmax", epochs=1, selection=selection)
    space, data = problem("own")
    assert space.network(genotype, data.input_shape, data.outputs) is not None
    assert read(tmp_path / "run") == genotype


def test_learned_weights_of_losses_are_trained_with_the_network(tmp_path):
    searched(tmp_path / "run", "own", first, "softmax")
    state = load_final(tmp_path / "run")["state_dict"]
    learned = torch.cat([value.flatten() for key, value in state.items() if key.startswith("task.")])
    assert len(learned) == 2 and bool((learned != 0).all())
