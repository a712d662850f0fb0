"""SNIP, gradient norm, GraSP, Fisher and ZiCo against their definitions written out."""

import math

import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from darts_pl.proxies import measure
from darts_pl.proxies.synflow import linearize

Batches = list[tuple[Tensor, Tensor]]


def score(name: str, network: nn.Module, batches: Batches) -> float:
    found = measure(network, batches, F.cross_entropy, names=[name])[name]
    assert not found.error
    return found.mean


def layers(network: nn.Module) -> list[str]:
    return [name for name, p in network.named_parameters() if p.dim() > 1]


def test_snip_is_the_derivative_by_a_connection_scale(network: nn.Module, batches: Batches) -> None:
    x, y = batches[0]
    network.train()
    step, total = 1e-6, 0.0
    for name in layers(network):
        weight = dict(network.named_parameters())[name].detach()
        for index in np.ndindex(*weight.shape):
            losses = []
            for sign in (1, -1):
                scaled = weight.clone()
                scaled[index] *= 1 + sign * step
                losses.append(F.cross_entropy(functional_call(network, {name: scaled}, x), y).item())
            total += abs(losses[0] - losses[1]) / (2 * step)
    assert score("snip", network, batches) == pytest.approx(total, rel=1e-6)


def test_grad_norm_sums_norms_of_layers(network: nn.Module, batches: Batches) -> None:
    x, y = batches[0]
    network.train()
    F.cross_entropy(network(x), y).backward()
    named = dict(network.named_parameters())
    expected = sum(float(np.sqrt((named[name].grad.numpy() ** 2).sum())) for name in layers(network))
    assert score("grad_norm", network, batches) == pytest.approx(expected, rel=1e-10)


def test_grasp_is_minus_theta_hessian_gradient(batches: Batches) -> None:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(50, 3), nn.Tanh(), nn.Linear(3, 4)).double()
    x, y = batches[0]
    named = {name: p.detach() for name, p in network.named_parameters()}
    names = layers(network)
    flat = torch.cat([named[name].flatten() for name in names])

    def loss_of(vector: Tensor) -> Tensor:
        parts = vector.split([named[name].numel() for name in names])
        changed = {name: part.view_as(named[name]) for name, part in zip(names, parts)}
        return F.cross_entropy(functional_call(network, {**named, **changed}, x), y)

    gradient = torch.autograd.functional.jacobian(loss_of, flat)
    hessian = torch.autograd.functional.hessian(loss_of, flat)
    expected = -(flat @ (hessian @ gradient)).item()
    assert abs(expected) > 1e-6
    assert score("grasp", network, batches) == pytest.approx(expected, rel=1e-9)


def test_fisher_by_hand_for_one_convolution(batches: Batches) -> None:
    torch.manual_seed(2)
    conv = nn.Conv2d(2, 4, 3).double()
    network = nn.Sequential(conv, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x, y = batches[0]
    a = conv(x).detach().numpy()  # [6, 4, 3, 3]
    logits = np.maximum(a, 0).mean(axis=(2, 3))
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    by_logits = (probability - np.eye(4)[y.numpy()]) / len(x)
    by_a = by_logits[:, :, None, None] / 9 * (a > 0)
    expected = (0.5 * ((a * by_a).sum(axis=(2, 3)) ** 2).mean(axis=0)).sum()
    assert score("fisher", network, batches) == pytest.approx(expected, rel=1e-10)


def test_fisher_of_a_linear_layer_sums_over_time() -> None:
    torch.manual_seed(2)
    linear, x, y = nn.Linear(3, 2), torch.randn(4, 5, 3), torch.randn(4, 5, 2)
    a = linear(x).detach().numpy()
    by_a = 2 * (a - y.numpy()) / a.size
    expected = (0.5 * ((a * by_a).sum(axis=1) ** 2).mean(axis=0)).sum()
    assert measure(linear, [(x, y)], F.mse_loss, names=["fisher"])["fisher"].mean == pytest.approx(expected, rel=1e-5)


def test_zico_by_loops(network: nn.Module, batches: Batches) -> None:
    each = []
    network.train()
    for x, y in batches:
        network.zero_grad()
        F.cross_entropy(network(x), y).backward()
        named = dict(network.named_parameters())
        each.append([named[name].grad.flatten().tolist() for name in layers(network)])
    expected = 0.0
    for first, second in zip(*each):
        total = 0.0
        for g, h in zip(first, second):
            mean = (g + h) / 2
            deviation = math.sqrt(((g - mean) ** 2 + (h - mean) ** 2) / 2)
            total += (abs(g) + abs(h)) / 2 / deviation if deviation else 0.0
        expected += math.log(total)
    assert score("zico", network, batches) == pytest.approx(expected, rel=1e-9)


def test_zico_needs_two_batches(network: nn.Module, batches: Batches) -> None:
    found = measure(network, batches[:1], F.cross_entropy, names=["zico"])["zico"]
    assert math.isnan(found.mean) and "two batches" in found.error


@pytest.mark.parametrize("activation", [nn.Identity, nn.ReLU, nn.GELU])
def test_synflow_of_a_chain_is_a_product_of_absolute_weights(activation: type[nn.Module]) -> None:
    torch.manual_seed(0)
    first, second, third = (nn.Linear(i, o, bias=False) for i, o in ((5, 4), (4, 3), (3, 2)))
    network = nn.Sequential(
        first, nn.BatchNorm1d(4, affine=False), activation(), second, nn.LayerNorm(3, bias=False), activation(), third
    )
    a, b, c = (layer.weight.detach().double().abs().numpy() for layer in (first, second, third))
    flow = (c @ b @ a).sum()  # every layer passes all of it: Σ |θ ∂R/∂θ| = R in each of three
    x = torch.randn(6, 5)
    found = measure(network, [(x, torch.zeros(6, dtype=torch.long))], F.cross_entropy, names=["synflow"])["synflow"]
    assert found.mean == pytest.approx(math.log(3 * flow), rel=1e-12)


def test_synflow_does_not_depend_on_data(network: nn.Module, batches: Batches) -> None:
    other = [(100 * torch.randn_like(x), y) for x, y in batches]
    assert score("synflow", network, batches) == score("synflow", network, other)


def test_linearize_leaves_architecture_parameters_alone() -> None:
    network = nn.Module()
    network.alphas = nn.ParameterDict({"cell": torch.tensor([[-1.0, 2.0]])})
    network.layer = nn.Linear(1, 1)
    nn.init.constant_(network.layer.weight, -3.0)
    linearize(network)
    assert network.alphas["cell"].tolist() == [[-1.0, 2.0]] and network.layer.weight.item() == 3.0
