"""The spaces of tables and texts: contracts, several tables, padding, operations of one's own."""

import pytest
import torch
import torch.nn as nn
from inherited import network_with_weights

from darts_pl.errors import ConfigError
from darts_pl.genotype import Cell as CellOfGenotype
from darts_pl.genotype import Edge
from darts_pl.inputs import TensorInput
from darts_pl.ops.dense import PRIMITIVES
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import DenseSpace, TextSpace
from darts_pl.spaces.base import trainable
from darts_pl.spaces.choice import ChoiceModule
from darts_pl.spaces.module.cell import WiredCell

TABLES = {"who": TensorInput((3,)), "what": TensorInput((5,))}
TOKENS = TensorInput((6,), "int64", high=11)
TASKS = {"coarse": 2, "fine": 4}
STILL = tuple(name for name in PRIMITIVES if name != "dropout_block")  # what is drawn differs between two networks
PROBLEMS = {
    "one table": (DenseSpace(init_channels=8, layers=2, dropout=0.0, primitives=STILL), TensorInput((4,)), 3),
    "two tables": (DenseSpace(init_channels=8, layers=1, dropout=0.0, primitives=STILL), TABLES, TASKS),
    "texts": (TextSpace(init_channels=8, layers=2, dropout=0.0, word_dropout=0.0), TOKENS, TASKS),
}


def some(shape, samples: int = 5):
    if isinstance(shape, dict):
        return {name: some(part, samples) for name, part in shape.items()}
    if shape.dtype == "int64":
        tokens = torch.randint(1, shape.high, (samples, *shape.shape))
        tokens[1, 4:], tokens[2, 1:] = 0, 0
        return tokens
    return torch.randn(samples, *shape.shape, dtype=torch.float64)


def values(outputs) -> torch.Tensor:
    return torch.cat(list(outputs.values()), dim=1) if isinstance(outputs, dict) else outputs


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("seed", range(3))
def test_one_hot_gates_are_the_derived_network(problem, seed):
    space, shape, outputs = PROBLEMS[problem]
    torch.manual_seed(seed)
    supernet = space.supernet(shape, outputs, relaxation=Softmax(), mixing=full).double()
    genotype = space.random_genotype(torch.Generator().manual_seed(seed))
    network = network_with_weights(space, supernet, genotype, shape, outputs)
    assert not [part for part in network.modules() if isinstance(part, ChoiceModule)]
    x, gates = some(shape), {kind: gate.double() for kind, gate in space.one_hot_gates(genotype).items()}
    for training in (True, False):
        supernet.train(training), network.train(training)
        torch.testing.assert_close(
            values(supernet.forward_as_derived(x, gates)), values(network(x)), rtol=1e-10, atol=1e-10
        )  # fmt: skip


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_candidate_counts_and_every_alpha_gets_a_gradient(problem):
    space, shape, outputs = PROBLEMS[problem]
    torch.manual_seed(0)
    supernet = space.supernet(shape, outputs, relaxation=Softmax(), mixing=full).double()
    y = values(supernet(some(shape)))
    loss = (y * torch.randn_like(y)).sum()
    weights, alphas = supernet.weight_parameters(), supernet.arch_parameters()
    gradients = torch.autograd.grad(loss, [*alphas, *weights])
    assert all(bool((gradient != 0).all()) for gradient in gradients[: len(alphas)])
    assert {*map(id, weights)} | {*map(id, alphas)} == {*map(id, supernet.parameters())}


def test_tables_have_stems_of_their_own_and_are_wired_alike():
    space = DenseSpace(init_channels=8, layers=3)
    supernet = space.supernet(TABLES, 1, relaxation=Softmax(), mixing=full)
    assert [stem[0].in_features for stem in supernet.module.stems] == [3, 5]
    assert set(supernet.kinds) == {"table", "cell"}
    assert [cell.kind for cell in supernet.cells] == ["table", "table", "cell", "cell", "cell"]


def test_outputs_of_a_text_do_not_depend_on_padding_or_neighbours():
    space, shape, outputs = PROBLEMS["texts"]
    torch.manual_seed(0)
    for seed in range(4):
        network = space.network(space.random_genotype(torch.Generator().manual_seed(seed)), shape, outputs).eval()
        tokens = some(shape)
        together = network(tokens)
        for number, length in ((1, 4), (2, 1)):
            alone = network(tokens[number : number + 1, :length])
            longer = network(nn.functional.pad(tokens[number : number + 1], (0, 9)))
            for task in TASKS:
                torch.testing.assert_close(together[task][number], alone[task][0])
                torch.testing.assert_close(longer[task], alone[task])


def test_a_text_without_words_gives_finite_outputs():
    space, shape, outputs = PROBLEMS["texts"]
    network = space.network(space.random_genotype(torch.Generator().manual_seed(0)), shape, outputs).eval()
    assert bool(torch.isfinite(values(network(torch.zeros(2, 3, dtype=torch.int64)))).all())


def test_operations_of_ones_own():
    wave = lambda channels, stride, affine: nn.Sequential(nn.Linear(channels, channels), nn.Tanh())  # noqa: E731
    space = DenseSpace(init_channels=8, layers=1, primitives=("none", "wave"), operations={"wave": wave})
    space.prepare(TensorInput((4,)), 2)
    network = space.network(space.random_genotype(torch.Generator().manual_seed(0)))
    assert any(isinstance(part, nn.Tanh) for part in network.modules())
    plain = lambda channels, stride, affine: nn.Conv1d(channels, channels, 3, padding=1)  # noqa: E731
    texts = TextSpace(init_channels=8, layers=1, primitives=("plain", "skip_connect"), operations={"plain": plain})
    supernet = texts.supernet(TOKENS, 3, relaxation=Softmax(), mixing=full)
    assert supernet(some(TOKENS)).shape == (5, 3)
    own = next(supernet.choices()).candidates["plain"](torch.randn(1, 8, 6), torch.arange(6).view(1, 1, 6) < 4)
    assert not bool(own[..., 4:].any()) and bool(own[..., :4].all())


@pytest.mark.parametrize("problem", ["one table", "texts"])
def test_a_retraining_drops_whole_paths_of_the_cells_sample_by_sample(problem):
    space, shape, outputs = PROBLEMS[problem]
    space.prepare(shape, outputs)
    space.check_retraining(drop_path=0.5, auxiliary=False)
    genotype = space.random_genotype(torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    network = trainable(space.network(genotype), genotype).double()
    node = (Edge("a", 0), Edge("b", 1))
    wired = WiredCell(CellOfGenotype((node,), (2,)), [[nn.Linear(4, 4, bias=False), nn.Linear(4, 4)]], "sum").double()
    network.module.cells[0] = wired
    assert network.has_cells()
    network.drop_path_probability = 0.5
    x, z = torch.randn(200, 4, dtype=torch.float64), torch.randn(200, 4, dtype=torch.float64)
    first, second = (2 * operation(state).detach() for operation, state in zip(wired.operations[0], (x, z)))
    y = wired(x, z).detach()
    allowed = torch.stack([torch.zeros_like(y), first, second, first + second])  # kept paths count twice
    nearest = (allowed - y).abs().sum(2).min(0)
    assert float(nearest.values.max()) < 1e-12 and set(nearest.indices.tolist()) == {0, 1, 2, 3}
    network.eval()
    torch.testing.assert_close(wired(x, z), (first + second) / 2)


def test_other_data_are_refused():
    with pytest.raises(ConfigError, match=r"needs input_shape, which the data say: .*prepare\(input_shape, outputs\)"):
        DenseSpace().random_genotype(torch.Generator())
    with pytest.raises(ConfigError, match=r"space=dense takes tables \(samples, features\), found 'table'"):
        DenseSpace().prepare((3, 8, 8), 10)
    with pytest.raises(ConfigError, match="space=text takes the numbers of words"):
        TextSpace().prepare(TensorInput((4,)), 10)
    with pytest.raises(ConfigError, match="Did you mean 'linear_block'"):
        DenseSpace(primitives=("linear_blok", "none"))
    with pytest.raises(ConfigError, match=r"space\.dropout=1"):
        TextSpace(dropout=1)
    with pytest.raises(ConfigError, match=r"space\.num_nodes=0"):
        TextSpace(num_nodes=0)
