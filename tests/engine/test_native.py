"""The native engine computes what the modules compute one by one, whatever the vectors are wide."""

import multiprocessing
import os

import pytest
import torch
import torch.nn as nn
from engine_cases import CASES, Case, images, largest_difference, passed, supernet
from torch import Tensor

from darts_pl.engine.choosing import running_by
from darts_pl.engine.native import cell as native
from darts_pl.engine.native import function
from darts_pl.errors import ConfigError
from darts_pl.ops.image import PRIMITIVES
from darts_pl.relaxations.mixing import SinglePath
from darts_pl.spaces import CellSpace

KNOWN = [name for name in CASES if not any(word in name for word in ("partial", "nasbench201", "unknown"))]
WIDTHS = {
    "four channels": Case(channels=4, size=(9, 8), num_nodes=1),
    "eight channels": Case(channels=8, size=(16, 18), batch=2, num_nodes=1),
    "sixteen channels": Case(channels=16, size=(19, 17), batch=2, num_nodes=1),
    "twenty channels": Case(channels=20, size=(8, 9), batch=1, num_nodes=1),
    "7x7": Case(channels=5, size=(15, 14), primitives=("sep_conv_7x7", "none"), num_nodes=1),
}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one for every cell that runs on the kernels."""
    found: list[str] = []
    original = native.run_cell
    monkeypatch.setattr(native, "run_cell", lambda *given: (found.append("cell"), original(*given))[1])
    return found


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("training", [True, False])
def test_it_is_the_plain_network(name: str, training: bool, ran: list[str]) -> None:
    case = CASES[name]
    network = supernet(case).train(training)
    found, expected = (passed(network, images(case), engine) for engine in ("native", "plain"))
    difference, where = largest_difference(found, expected)
    assert difference < 1e-10, where
    assert len(ran) == 2 * len(network.cells)


@pytest.mark.parametrize("name", WIDTHS)
def test_channels_and_sizes_need_not_fit_the_vectors(name: str, target: str, ran: list[str]) -> None:
    case = WIDTHS[name]
    network = supernet(case)
    found, expected = (passed(network, images(case), engine) for engine in ("native", "plain"))
    difference, where = largest_difference(found, expected)
    assert difference < 1e-10, (target, where)
    assert ran


def test_what_it_does_not_know_runs_as_before(ran: list[str]) -> None:
    for case in (CASES["dense and unknown"], CASES["partial"]):
        network = supernet(case)
        found, expected = (passed(network, images(case), engine) for engine in ("native", "plain"))
        assert largest_difference(found, expected)[0] < 1e-10
    assert not ran


def one_cell(dtype: torch.dtype) -> tuple[nn.Module, Tensor, list[Tensor]]:
    """A normal cell of 16 channels whose inputs are its states, gates [E, K] and two states (4, 16, 12, 11)."""
    cell = supernet(Case(channels=16, num_nodes=3), dtype).cells[0]
    cell.preprocess0 = cell.preprocess1 = nn.Identity()
    generator = torch.Generator().manual_seed(3)
    gates = torch.rand(9, len(PRIMITIVES), generator=generator).to(dtype).requires_grad_()
    states = [torch.randn(4, 16, 12, 11, generator=generator).to(dtype).requires_grad_() for _ in range(2)]
    return cell, gates, states


def run_one_cell(engine: str, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Output and gradients of `one_cell`."""
    cell, gates, states = one_cell(dtype)
    cell.take(gates, None, without_auxiliary=False)
    with running_by(cell, engine):
        y = cell(*states)
    y.square().mean().backward()
    found = {"output": y.detach(), "gates": gates.grad, "first": states[0].grad, "second": states[1].grad}
    found |= {name: parameter.grad for name, parameter in cell.named_parameters()}
    return found | dict(cell.named_buffers())


def test_a_cell_in_single_precision(target: str) -> None:
    found = {name: value.double() for name, value in run_one_cell("native").items()}
    difference, where = largest_difference(found, run_one_cell("plain", torch.float64))
    assert difference < 1e-5, (target, where)


def test_the_number_of_threads_changes_no_bit() -> None:
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(run_one_cell("native"))
    finally:
        torch.set_num_threads(before)
    for name, value in found[0].items():
        assert all(torch.equal(value, other[name]) for other in found[1:]), name


def derived(affine_seed: int = 0) -> nn.Module:
    """A derived network of 3 cells whose normalisations scale and shift, in float64."""
    torch.manual_seed(affine_seed)
    space = CellSpace(init_channels=6, layers=3, num_nodes=3)
    network = space.network(space.random_genotype(torch.Generator().manual_seed(1)), (3, 9, 11), 4).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return network


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dropping", [0.0, 0.4])
def test_a_derived_network(training: bool, dropping: float, ran: list[str]) -> None:
    network = derived().train(training)
    network.drop_path_probability = dropping
    case = Case(size=(9, 11), batch=5)
    found, expected = (passed(network, images(case), engine) for engine in ("native", "plain"))
    assert largest_difference(found, expected)[0] < 1e-10
    assert len(ran) == 2 * 3


@pytest.mark.parametrize("change", ["cumulative", "frozen", "without statistics", "one frozen"])
def test_normalisations_of_all_kinds(change: str, ran: list[str]) -> None:
    network = derived()
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms[-1:] if change == "one frozen" else norms:
        if change == "cumulative":
            norm.momentum = None
        elif change == "without statistics":
            norm.running_mean = norm.running_var = norm.num_batches_tracked = None
        else:
            norm.eval()
    case = Case(size=(9, 11), batch=5)
    found, expected = (passed(network, images(case), engine) for engine in ("native", "plain"))
    assert largest_difference(found, expected)[0] < 1e-10
    assert ran


@pytest.mark.parametrize("training", [True, False])
def test_without_gradients(training: bool, ran: list[str]) -> None:
    case = Case(size=(9, 11), batch=2 * native.PIECE + 3)
    networks = [derived().train(training) for _ in range(2)]
    outputs = []
    for network, engine in zip(networks, ("plain", "native")):
        with torch.inference_mode(), running_by(network, engine):
            y = network(images(case))
            outputs.append(y[0] if isinstance(y, tuple) else y)
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-10, atol=1e-12)
    assert len(ran) == 3 * (1 if training else 3)  # in eval mode a piece of the batch at a time
    for found, expected in zip(networks[1].buffers(), networks[0].buffers()):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_alphas_alone_need_no_weight_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    original = function.Gradients
    monkeypatch.setattr(function, "Gradients", lambda *given: (asked.append(given[-1]), original(*given))[1])
    network, x = supernet(CASES["all primitives"]), images(CASES["all primitives"])
    gradients = []
    for engine in ("plain", "native"):
        with running_by(network, engine):
            gradients.append(torch.autograd.grad(network(x).square().mean(), network.arch_parameters()))
    for found, expected in zip(*gradients):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-13)
    assert asked == [False] * 3


def test_a_second_backward_pass_finds_what_the_first_did() -> None:
    cell, gates, states = one_cell(torch.float64)
    cell.take(gates, None, without_auxiliary=False)
    with running_by(cell, "native"):
        loss = cell(*states).square().mean()
    first = torch.autograd.grad(loss, [gates, *states], retain_graph=True)
    assert all(torch.equal(*pair) for pair in zip(first, torch.autograd.grad(loss, [gates, *states])))


def test_second_derivatives_are_refused_by_name() -> None:
    cell, gates, states = one_cell(torch.float64)
    cell.take(gates, None, without_auxiliary=False)
    with running_by(cell, "native"):
        loss = cell(*states).square().mean()
    with pytest.raises(ConfigError, match="engine=fast"):
        torch.autograd.grad(loss, gates, create_graph=True)


def test_a_forked_process_has_threads_of_its_own() -> None:
    torch.set_num_threads(2)
    try:
        expected = run_one_cell("native")["output"]
        child = multiprocessing.get_context("fork").Process(target=_exit_by, args=(expected,))
        child.start()
        child.join(60)
        assert child.exitcode == 0
    finally:
        torch.set_num_threads(1)


def _exit_by(expected: Tensor) -> None:
    with torch.no_grad():  # autograd's own threads do not outlive a fork
        cell, gates, states = one_cell(torch.float32)
        cell.take(gates, None, without_auxiliary=False)
        with running_by(cell, "native"):
            os._exit(0 if torch.equal(cell(*states), expected) else 1)


@pytest.mark.parametrize("space", ["cells", "nasbench201"])
def test_what_was_not_reached_has_no_gradient(space: str) -> None:
    """A drawn `none` may leave weights without a way to the output."""
    primitives = ("none", "skip_connect", "dil_conv_3x3")
    case = Case(mixing=SinglePath(), hard=True, num_nodes=1, primitives=primitives, space=space)
    network, missing = supernet(case), 0
    for seed in range(6):
        found, expected = (passed(network, images(case), engine, seed) for engine in ("native", "plain"))
        assert largest_difference(found, expected)[0] < 1e-10
        missing += sum(value is None for value in expected.values())
    assert missing > 20


@pytest.mark.parametrize("name", ["all primitives", "nasbench201"])
def test_what_is_no_number_stays_none(name: str) -> None:
    case = CASES[name]
    x = images(case)
    x[0, 0, 0, 0] = torch.nan
    for engine in ("plain", "native"):
        found = passed(supernet(case), x, engine)
        assert found["output 0"].isnan().all()


@pytest.mark.parametrize("name", ["all primitives", "nasbench201"])
def test_weights_may_be_frozen(name: str) -> None:
    network = supernet(CASES[name])
    for index, weight in enumerate(network.weight_parameters()):
        weight.requires_grad_(index % 3 == 0)
    found, expected = (passed(network, images(CASES[name]), engine) for engine in ("native", "plain"))
    assert largest_difference(found, expected)[0] < 1e-10
