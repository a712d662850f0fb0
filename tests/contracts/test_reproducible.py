"""Contract 6, first half: same seed, same result, for any number of workers, whatever ran before."""

import numpy as np
import pytest
import torch
from conftest import RELAXATIONS
from small_search import ONE_OF_EACH_KIND, two_classes
from torch.utils.data import DataLoader

from darts_pl import Sampled, SearchConfig, search_architecture
from darts_pl.relaxations import Gumbel

SMALL = {
    "epochs": 2,
    "batch_size": 8,
    "layers": 3,
    "init_channels": 2,
    "num_nodes": 1,
    "primitives": ONE_OF_EACH_KIND,
    "arch_learning_rate": 0.01,
}
HALVES = (two_classes(24, seed=1), two_classes(16, seed=2))


def run(relaxation, halves=HALVES, **changes):
    if not relaxation.trains_alphas:
        changes = {"selection": Sampled(candidates=4, finalists=2), **changes, "hypergradient": "fixed"}
    return search_architecture(*halves, SearchConfig(**{**SMALL, "relaxation": relaxation, **changes}))


def check_equal(one, other) -> None:
    assert all(torch.equal(alpha, other.alphas[kind]) for kind, alpha in one.alphas.items())
    assert one.history == other.history
    assert (one.genotype, one.last_genotype) == (other.genotype, other.last_genotype)


def test_the_same_seed_gives_the_same_result(relaxation):
    """Second order, which evaluates the losses several times on the same noise."""
    torch.manual_seed(1)
    one = run(relaxation, hypergradient="finite_difference")
    torch.manual_seed(2)
    check_equal(one, run(relaxation, hypergradient="finite_difference"))


def test_another_seed_gives_another_result(relaxation):
    one, other = run(relaxation), run(relaxation, seed=1)
    assert not torch.equal(one.alphas["normal"], other.alphas["normal"]) and one.history != other.history


RELATED = ("gumbel", "dirichlet")  # they draw what another of the family does


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in RELATED else []) for name in RELAXATIONS]
)
def test_the_number_of_workers_changes_nothing(name):
    check_equal(run(RELAXATIONS[name]()), run(RELAXATIONS[name](), num_workers=2))


def test_nor_does_it_for_loaders_that_shuffle():
    relaxation = Gumbel()

    def loaders(workers: int):
        return [DataLoader(half, 8, shuffle=True, num_workers=workers) for half in HALVES]

    one = run(relaxation, loaders(0))
    check_equal(one, run(relaxation, loaders(1)))
    ordered = [DataLoader(half, 8) for half in HALVES]
    assert run(relaxation, ordered).history != one.history  # the order does matter here


def test_the_callers_random_state_and_settings_are_left_alone(relaxation):
    torch.manual_seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    relaxation.eval()
    kept = {name: value.clone() for name, value in relaxation.state_dict().items()}
    run(relaxation)
    assert torch.equal(torch.get_rng_state(), before[0]) and (np.random.get_state()[1] == before[1]).all()
    assert not relaxation.training
    assert all(torch.equal(value, kept[name]) for name, value in relaxation.state_dict().items())
