"""What the benchmark of speed measures: calls and memory that are counted, and the steps themselves."""

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces.cells import CellSpace
from darts_pl.stages.benchmark.speed import footprint as footprints
from darts_pl.stages.benchmark.speed.counting import MIB, Counts, saved_mib
from darts_pl.stages.benchmark.speed.footprint import footprint
from darts_pl.stages.benchmark.speed.settings import Case, Speed
from darts_pl.stages.benchmark.speed.subjects import image_batches, subject


def test_operations_and_calls_of_a_grouped_convolution() -> None:
    """Counted by hand: 2 · outputs · inputs of each output, for the output and for each gradient."""
    x = torch.randn(2, 6, 5, 5, requires_grad=True)
    layer = nn.Conv2d(6, 4, 3, padding=1, groups=2, bias=False)
    outputs, taken = 2 * 4 * 5 * 5, 3 * 9
    with Counts() as counts:
        y = layer(x)
    assert (counts.calls, counts.flops) == (1, 2 * outputs * taken)
    assert counts.bytes == 4 * (x.numel() + layer.weight.numel() + outputs)
    for inputs, gradients in ((x,), 1), ([layer.weight], 1), ((x, layer.weight), 2):
        with Counts() as counts:
            torch.autograd.grad(y, inputs, torch.ones_like(y), retain_graph=True)
        assert counts.flops == gradients * 2 * outputs * taken
    with Counts() as counts:
        torch.mm(torch.ones(3, 4), torch.ones(4, 5).t().t())
    assert counts.flops == 2 * 3 * 4 * 5


def test_kept_storages_count_once_and_parameters_not() -> None:
    weight = torch.ones(256, 256, requires_grad=True)
    x = torch.randn(128, 256)

    def loss() -> torch.Tensor:
        y = x @ weight  # keeps x, and weight, which is owned
        return (y.view(256, 128) * y.view(256, 128)).sum()  # keeps y, once

    assert saved_mib(loss, [weight]) == pytest.approx(2 * 128 * 256 * 4 / MIB)


STEPS = [
    *[("cifar", "first", "full"), ("cifar", "second", "full"), ("cifar", "first", "partial")],
    *[("nasbench201", "first", "full"), ("derived", "retrain", "full"), ("derived", "predict", "full")],
    ("forecast", "first", "full"),
]


@pytest.mark.parametrize(("network", "order", "mixing"), STEPS)
def test_a_step_changes_what_it_trains(network: str, order: str, mixing: str) -> None:
    side = 32 if order == "retrain" else 8  # what the auxiliary head takes
    speed = Speed(network, (), channels=4, layers=1 if network == "nasbench201" else 3, side=side)
    with subject(speed, Case("fast", order, 2, 1, mixing)) as made:
        trained = [tensor for tensor in made.owned if tensor.requires_grad]
        before = [tensor.detach().clone() for tensor in trained]
        made.step(made.batches.head(1 if order == "predict" else 2))
        same = [torch.equal(tensor, other) for tensor, other in zip(trained, before)]
        assert all(same) if order == "predict" else not any(same[-2:]) and sum(same) < len(same) / 2
        assert (made.loss is None) == (order == "predict")


def test_a_first_order_step_is_that_of_the_formulas() -> None:
    """Against one written out: α by Adam's first step on ∂_α L_val, then w by SGD on ∂_w L_train, clipped to norm 5."""
    speed, case = Speed("cifar", (), channels=4, layers=3, side=8), Case("plain", "first", 4, 1)
    with subject(speed, case) as made:
        made.step(made.batches)
    torch.manual_seed(0)  # draws the same weights
    space = CellSpace(init_channels=4, layers=3)
    network = space.supernet((3, 8, 8), 10, relaxation=Softmax(), mixing=full)
    before, ((x, y), (valid_x, valid_y)) = network.state_dict(), image_batches(speed, case)
    before = {name: value.clone() for name, value in before.items()}
    gradients = torch.autograd.grad(F.cross_entropy(network(valid_x), valid_y), network.arch_parameters())
    network.load_state_dict(before)  # running statistics are those of the weights' pass
    with torch.no_grad():
        for alpha, gradient in zip(network.arch_parameters(), gradients):
            decayed = gradient + 1e-3 * alpha
            alpha -= 3e-4 * decayed / (decayed.abs() + 1e-8)
    weights = network.weight_parameters()
    gradients = torch.autograd.grad(F.cross_entropy(network(x), y), weights)
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients):
            weight -= 0.025 * (min(1.0, 5.0 / float(norm)) * gradient + 3e-4 * weight)
    for found, expected in zip(made.owned, [*network.parameters(), *network.buffers()], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=2e-6)


def test_cells_that_run_again_keep_less() -> None:
    speed = Speed("cifar", (), channels=4, layers=3, side=8)
    kept = {}
    for again in (False, True):
        with subject(speed, Case("plain", "first", 2, 1, recompute=again)) as made:
            assert made.loss is not None
            loss = made.loss
            kept[again] = saved_mib(lambda loss=loss, made=made: loss(made.batches), made.owned)
    assert kept[True] < kept[False] / 4


def test_a_footprint_is_taken_in_a_process_of_its_own() -> None:
    speed = Speed("cifar", (), channels=4, layers=3, side=16)
    found = footprint(speed, Case("plain", "first", 16, 1))
    assert not found.trouble and found.calls and found.flops and found.bytes and found.wall_s
    assert found.saved_mib and found.saved_mib > 0.5
    if footprints.STATUS.is_file():
        assert found.peak_mib and found.peak_mib > found.saved_mib / 2


def test_what_the_machine_has_no_memory_for_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footprints, "_free_mib", lambda: 1.0)
    found = footprints._measured(Speed("cifar", (), channels=4, layers=3, side=16), Case("plain", "first", 64, 1))
    assert "of memory, 1 are free" in found.trouble and found.wall_s is None and found.calls
