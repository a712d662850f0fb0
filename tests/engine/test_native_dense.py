"""Cells of dense convolutions on the native kernels compute what the modules compute one by one."""

import pytest
import torch
from engine_cases import Case, images, largest_difference, passed, supernet

from darts_pl.engine.choosing import running_by
from darts_pl.engine.native import dense_cell
from darts_pl.errors import ConfigError
from darts_pl.genotype import Nasbench201Genotype
from darts_pl.ops.image import convolution
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import PartialChannels, SinglePath, full
from darts_pl.spaces import Nasbench201Space
from darts_pl.spaces.nasbench201_network import ResidualBlock

ENGINES_RUN = 6  # three cells, two residual blocks and the stem
CASES = {
    "fewer channels than a vector": Case(space="nasbench201", channels=4),
    "two pixels a vector": Case(space="nasbench201", channels=8, size=(16, 16), batch=2),
    "odd": Case(space="nasbench201", channels=5, size=(7, 9)),
    "three channels, one row": Case(space="nasbench201", channels=3, size=(4, 17), batch=2),
    "wider than a vector": Case(space="nasbench201", channels=20, size=(6, 6), batch=2),
    "one image": Case(space="nasbench201", batch=1),
    "more images than chunks": Case(space="nasbench201", size=(4, 4), batch=35),
    "auxiliary skips": Case(space="nasbench201", auxiliary=True),
    "single path": Case(space="nasbench201", mixing=SinglePath(), hard=True),
    "partial": Case(space="nasbench201", mixing=PartialChannels(), channels=8),
    "partial, odd": Case(space="nasbench201", mixing=PartialChannels(3), channels=9, size=(5, 7), batch=2),
    "partial single path": Case(
        space="nasbench201", mixing=PartialChannels(2, False, SinglePath()), hard=True, channels=6, size=(7, 9)
    ),
    "gumbel": Case(space="nasbench201", hard=True),
}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one for every cell that runs on the kernels."""
    found: list[str] = []
    original = dense_cell.DenseCellFunction.apply
    monkeypatch.setattr(
        dense_cell.DenseCellFunction, "apply", lambda *given: (found.append("cell"), original(*given))[1]
    )
    return found


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_plain_network(name: str, target: str, ran: list[str]) -> None:
    case = CASES[name]
    network = supernet(case)
    found, expected = (passed(network, images(case), engine) for engine in ("native", "plain"))
    difference, where = largest_difference(found, expected)
    assert difference < 1e-10, where
    assert len(ran) == 2 * ENGINES_RUN


def test_running_statistics_normalise_in_eval_mode(ran: list[str]) -> None:
    case = CASES["odd"]
    network = supernet(case).eval()
    found, expected = (passed(network, images(case), engine) for engine in ("native", "plain"))
    assert largest_difference(found, expected)[0] < 1e-10
    assert ran


def test_one_cell_in_single_precision(target: str) -> None:
    case = Case(space="nasbench201", channels=16, size=(8, 8), batch=4)
    network = supernet(case, torch.float32)
    x = torch.randn(4, 16, 8, 8, generator=torch.Generator().manual_seed(4))
    gates = torch.rand(6, 5, generator=torch.Generator().manual_seed(5))
    found = []
    for engine, dtype in (("plain", torch.float64), ("native", torch.float32)):
        cell = supernet(case, torch.float64).to(dtype).cells[0]
        cell.load_state_dict(network.cells[0].state_dict())
        given, row = x.to(dtype).requires_grad_(), gates.to(dtype).requires_grad_()
        cell.take(row)
        with running_by(cell, engine):
            y = cell(given)
        gradients = torch.autograd.grad(y.square().mean(), [given, row, *cell.parameters()])
        found.append([y.detach(), *gradients])
    for exact, single in zip(*found, strict=True):
        scale = float(exact.abs().max())
        assert float((single.double() - exact).abs().max()) < 1e-5 * scale


@pytest.mark.parametrize("affine", [True, False])
def test_derived_networks(affine: bool, ran: list[str]) -> None:
    space = Nasbench201Space(init_channels=6, layers=1)
    text = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    genotype = Nasbench201Genotype.from_text(text)
    torch.manual_seed(0)
    network = space._network(genotype, (3, 10, 9), 4, searching=not affine).double()
    x = torch.randn(3, 3, 10, 9, dtype=torch.float64)
    found, expected = (passed(network, x, engine) for engine in ("native", "plain"))
    difference, where = largest_difference(found, expected)
    assert difference < 1e-10, where
    assert len(ran) == 2 * ENGINES_RUN


def test_kernels_of_ones_own(ran: list[str]) -> None:
    operations = {"nor_conv_5x5": convolution(5), "nor_conv_7x7": convolution(7)}
    space = Nasbench201Space(
        init_channels=4, layers=1, primitives=("nor_conv_7x7", "nor_conv_5x5", "nor_conv_1x1"), operations=operations
    )
    torch.manual_seed(0)
    network = space.supernet((3, 9, 8), 4, relaxation=Softmax(), mixing=full).double()
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    found, expected = (passed(network, x, engine) for engine in ("native", "plain"))
    assert largest_difference(found, expected)[0] < 1e-10
    assert ran


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (2, 1), (1, 6)])
@pytest.mark.parametrize("channels", [(8, 16), (3, 5), (20, 36)])
def test_residual_blocks(channels: tuple[int, int], size: tuple[int, int], target: str, ran: list[str]) -> None:
    torch.manual_seed(0)
    block = ResidualBlock(*channels).double()
    for norm in (block.conv_a.bn, block.conv_b.bn):
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    x = torch.randn(3, channels[0], *size, dtype=torch.float64)
    found, expected = (passed(block, x, engine) for engine in ("native", "plain"))
    difference, where = largest_difference(found, expected)
    assert difference < 1e-10, where
    assert ran


def test_a_residual_block_with_a_hook_runs_as_it_is(ran: list[str]) -> None:
    block, seen = ResidualBlock(4, 8), []
    block.shortcut[1].register_forward_hook(lambda *given: seen.append(given))
    with running_by(block, "native"):
        block(torch.randn(2, 4, 6, 6))
    assert seen
    assert not ran


def test_any_number_of_threads_gives_the_same_bits() -> None:
    case = Case(space="nasbench201", channels=8, size=(8, 8), batch=20)
    network, before = supernet(case, torch.float32), torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            x = torch.randn(20, 8, 8, 8, generator=torch.Generator().manual_seed(4)).requires_grad_()
            cell = network.cells[0]
            cell.take(torch.full((6, 5), 0.2))
            with running_by(cell, "native"):
                y = cell(x)
            found.append([y, *torch.autograd.grad(y.square().mean(), [x, *cell.parameters()])])
        finally:
            torch.set_num_threads(before)
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


def test_alphas_alone_are_given_without_the_gradients_of_weights() -> None:
    network = supernet(CASES["odd"])
    x, alphas = images(CASES["odd"]), list(network.arch_parameters())
    found = []
    for engine in ("native", "plain"):
        with running_by(network, engine):
            found.append(torch.autograd.grad(network(x).square().mean(), alphas)[0])
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-14)


def test_second_derivatives_are_refused_by_name() -> None:
    network = supernet(CASES["odd"])
    with running_by(network, "native"):
        loss = network(images(CASES["odd"])).square().mean()
    with pytest.raises(ConfigError, match="engine=native"):
        torch.autograd.grad(loss, list(network.arch_parameters()), create_graph=True)
