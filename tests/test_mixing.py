"""Mixings: the full sum, one path, partial channels, each against its definition."""

import numpy as np
import pytest
import torch
import torch.nn as nn
from torch.nn import functional as F

from darts_pl.errors import ConfigError, DartsError
from darts_pl.hypergradient import exact, first, fixed
from darts_pl.lit import check_method
from darts_pl.relaxations import Dirichlet, Gumbel, Softmax, Uniform
from darts_pl.relaxations.mixing import PartialChannels, SinglePath, as_mixing, full
from darts_pl.spaces import CellSpace, MixedOperation


def convolutions(channels: int, number: int = 3, stride: int = 1) -> list[nn.Module]:
    torch.manual_seed(0)
    return [nn.Conv2d(channels, channels, 3, stride, 1).double() for _ in range(number)]


def images(channels: int, height: int = 4, width: int = 4) -> torch.Tensor:
    return torch.randn(2, channels, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def row(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_mixing_is_the_weighted_sum():
    torch.manual_seed(0)
    candidates = [nn.Identity(), nn.Linear(3, 3), nn.Tanh()]
    x, gate = torch.randn(4, 3), torch.tensor([0.5, 2.0, -1.0])
    expected = 0.5 * x + 2.0 * candidates[1](x) - torch.tanh(x)
    torch.testing.assert_close(full(x, candidates, gate), expected)
    torch.testing.assert_close(MixedOperation(dict(zip("abc", candidates)), full)(x, gate), expected)


@pytest.mark.parametrize("mixing", [full, SinglePath()], ids=["full", "single_path"])
def test_every_candidate_needs_its_gate(mixing):
    with pytest.raises(ValueError):
        mixing(torch.randn(4, 3), [nn.Identity(), nn.Tanh()], torch.ones(3))


def test_a_choice_is_among_any_modules():
    """Not an image in sight: recurrent steps, chosen by name, their weights under the candidates' names."""
    choice = MixedOperation({"gru": nn.GRUCell(3, 3), "relu": nn.ReLU()}, full)
    y = choice(torch.randn(5, 3), torch.tensor([0.3, 0.7]))
    assert y.shape == (5, 3) and "candidates.gru.weight_ih" in choice.state_dict()
    with pytest.raises(DartsError, match="at least one candidate"):
        MixedOperation({}, full)


def counting(candidates: list[nn.Module]) -> list[int]:
    """The numbers of the candidates as they run."""
    calls = []
    for k, candidate in enumerate(candidates):
        candidate.register_forward_hook(lambda *_, k=k: calls.append(k))
    return calls


@pytest.mark.parametrize(
    ("gate", "run"),
    [((0.0, 1.0, 0.0), [1]), ((0.0, 0.0, 0.0), [0]), ((0.5, 0.0, -0.5), [0, 2]), ((0.2, 0.3, 0.5), [0, 1, 2])],
)
@pytest.mark.parametrize("trained", [True, False])
def test_a_single_path_runs_what_has_a_gate_and_gives_the_full_sum(gate, run, trained):
    candidates, x, gate = convolutions(4), images(4), row(*gate).requires_grad_(trained)
    expected = full(x, candidates, gate)
    calls = counting(candidates)
    y = SinglePath()(x, candidates, gate)
    assert calls == run
    torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)
    assert y.shape == x.shape


def test_candidates_off_the_path_are_left_alone():
    """No gradient, no statistics; those on it have the full sum's gradient."""
    candidates = [nn.Sequential(conv, nn.BatchNorm2d(4).double()) for conv in convolutions(4)]
    x, gate = images(4), row(0.0, 1.0, 0.0).requires_grad_()
    SinglePath()(x, candidates, gate).square().sum().backward()
    assert all((p.grad is None) is (k != 1) for k in range(3) for p in candidates[k].parameters())
    assert [int(candidate[1].num_batches_tracked) for candidate in candidates] == [0, 1, 0]
    found = candidates[1][0].weight.grad.clone()
    candidates[1].zero_grad()
    full(x, candidates, gate.detach()).square().sum().backward()
    torch.testing.assert_close(found, candidates[1][0].weight.grad, rtol=1e-12, atol=1e-12)


def test_off_the_path_a_gate_acts_as_if_its_candidate_gave_one():
    """GDAS: y = h_k o_k(x) + Σ h_j, so dL/dh_j is the sum of dL/dy."""
    candidates, x, gate = convolutions(4), images(4), row(0.0, 1.0, 0.0).requires_grad_()
    by_output = torch.randn(x.shape, dtype=torch.float64)
    (found,) = torch.autograd.grad((by_output * SinglePath()(x, candidates, gate)).sum(), gate)
    on_path = (by_output * candidates[1](x)).sum().detach()
    torch.testing.assert_close(found, torch.stack([by_output.sum(), on_path, by_output.sum()]))


def test_a_supernets_step_runs_one_operation_an_edge():
    space = CellSpace(init_channels=4, layers=3, num_nodes=2)
    supernet = space.supernet((1, 8, 8), 2, relaxation=Gumbel(hard=True), mixing=SinglePath()).train()
    counts = [counting(list(choice.candidates.values())) for choice in supernet.choices()]
    supernet(torch.randn(2, 1, 8, 8)).sum().backward()
    assert len(counts) == 3 * 5 and all(len(calls) == 1 for calls in counts)
    assert all(alpha.grad.abs().min() > 0 for alpha in supernet.alphas.values())


def partial_by_hand(x, mixed, divisor: int) -> np.ndarray:
    """Element by element: channel g·part + c of (mixed, the rest, halved if need be) goes to place c·divisor + g."""
    x, mixed = x.numpy(), mixed.detach().numpy()
    batch, channels, height, width = x.shape
    part = channels // divisor
    new_height, new_width = mixed.shape[2:]
    y = np.full((batch, channels, new_height, new_width), np.nan)
    for g in range(divisor):
        for c in range(part):
            for i in range(new_height):
                for j in range(new_width):
                    if g == 0:
                        value = mixed[:, c, i, j]
                    elif (new_height, new_width) == (height, width):
                        value = x[:, g * part + c, i, j]
                    else:
                        value = x[:, g * part + c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(1, 2))
                    y[:, c * divisor + g, i, j] = value
    return y


@pytest.mark.parametrize("divisor", [2, 3, 6])
@pytest.mark.parametrize(("stride", "size"), [(1, (4, 5)), (2, (4, 6)), (2, (5, 7))], ids=["same", "even", "odd"])
def test_partial_channels_are_their_definition(divisor, stride, size):
    channels = 12
    candidates, x = convolutions(channels // divisor, stride=stride), images(channels, *size)
    gate = row(0.2, 0.7, 0.1)
    mixed = full(x[:, : channels // divisor], candidates, gate)
    y = PartialChannels(divisor)(x, candidates, gate)
    np.testing.assert_array_equal(y.detach().numpy(), partial_by_hand(x, mixed, divisor))


def test_partial_channels_of_a_series():
    x, pool = torch.randn(2, 4, 7), nn.AvgPool1d(3, 2, 1)
    y = PartialChannels(2)(x, [pool], torch.ones(1))
    torch.testing.assert_close(y[:, 0::2], pool(x[:, :2]))
    torch.testing.assert_close(y[:, 1::2], F.max_pool1d(x[:, 2:], 2, ceil_mode=True))


def test_a_divisor_of_one_is_the_full_sum():
    candidates, x, gate = convolutions(6), images(6), row(0.2, 0.7, 0.1)
    assert torch.equal(PartialChannels(1)(x, candidates, gate), full(x, candidates, gate))


def test_an_edge_without_gates_is_silent():
    """Its bypass too: a genotype leaves the edge out by a row of zeros."""
    y = PartialChannels(2)(images(6), convolutions(3), row(0.0, 0.0, 0.0))
    assert y.shape == (2, 6, 4, 4) and not y.any()


def test_partial_channels_of_a_single_path():
    candidates, x, gate = convolutions(3), images(6), row(0.0, 1.0, 0.0).requires_grad_()
    mixing = PartialChannels(2, inner=SinglePath())
    expected = PartialChannels(2)(x, candidates, gate)
    calls = counting(candidates)
    torch.testing.assert_close(mixing(x, candidates, gate), expected, rtol=1e-12, atol=1e-12)
    assert calls == [1] and mixing.needs_one_hot and not PartialChannels(2).needs_one_hot


def test_another_divisor_changes_nothing_else():
    mixing = PartialChannels(6, edge_normalization=False).with_divisor(3)
    assert mixing == PartialChannels(3, edge_normalization=False)
    with pytest.raises(ConfigError, match="channel_divisor=2 needs mixing=partial"):
        as_mixing(full).with_divisor(2)
    with pytest.raises(ConfigError, match=r"mixing\.channel_divisor=0: expected at least 1"):
        mixing.with_divisor(0)


def test_candidates_are_built_for_their_part_of_the_channels():
    space = CellSpace(init_channels=8, layers=3, num_nodes=1, primitives=["sep_conv_3x3", "skip_connect"])
    supernet = space.supernet((3, 8, 8), 2, relaxation=Softmax(), mixing=PartialChannels(4))
    widths = [choice.candidates["sep_conv_3x3"][2].in_channels for choice in supernet.choices()]
    assert widths == [2, 2, 4, 4, 8, 8]  # of cells with 8, 16 and 32 channels
    with pytest.raises(ConfigError, match=r"8 channels, which mixing\.channel_divisor=3 does not divide"):
        space.supernet((3, 8, 8), 2, relaxation=Softmax(), mixing=PartialChannels(3))


@pytest.mark.parametrize("relaxation", [Gumbel(hard=True), Uniform()])
@pytest.mark.parametrize("mixing", [SinglePath(), PartialChannels(2, inner=SinglePath())])
def test_a_single_path_goes_with_one_hot_gates_only(relaxation, mixing):
    check_method(relaxation, mixing, first if relaxation.trains_alphas else fixed, [])
    with pytest.raises(ConfigError, match="a second order unrolls"):
        check_method(relaxation, mixing, exact, [])
    for soft in (Softmax(), Gumbel(), Dirichlet()):
        with pytest.raises(ConfigError, match="needs one-hot gates"):
            check_method(soft, mixing, first, [])
        check_method(soft, PartialChannels(2), first, [])
