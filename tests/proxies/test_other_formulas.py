"""Proxies of Jacobians, activations, tangent kernels and sizes against independent computations."""

import math

import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from darts_pl.proxies import measure
from darts_pl.proxies.activations import packed, unique_rows

Batches = list[tuple[Tensor, Tensor]]


def score(name: str, network: nn.Module, batches: Batches, loss=F.cross_entropy) -> float:
    found = measure(network, batches, loss, names=[name])[name]
    assert not found.error
    return found.mean


def jacobian_rows(network: nn.Module, x: Tensor) -> np.ndarray:
    """[B, inputs]: the derivative of the summed output, from the full Jacobian."""
    network.train()
    full = torch.autograd.functional.jacobian(network, x)  # [B, outputs, B, ...]
    return full.sum(dim=(0, 1)).flatten(1).numpy()


def test_jacob_cov_in_numpy(network: nn.Module, batches: Batches) -> None:
    values = np.linalg.eigvalsh(np.corrcoef(jacobian_rows(network, batches[0][0])))
    expected = -np.sum(np.log(values + 1e-5) + 1 / (values + 1e-5))
    assert score("jacob_cov", network, batches) == pytest.approx(expected, rel=1e-6)


def test_epe_nas_in_numpy(network: nn.Module, batches: Batches) -> None:
    x, y = batches[0]
    rows = jacobian_rows(network, x)
    expected = sum(abs(np.log(np.abs(np.corrcoef(rows[y.numpy() == c])) + 1e-5).sum()) for c in range(3))
    assert score("epe_nas", network, batches) == pytest.approx(expected, rel=1e-8)


def test_epe_nas_wants_labels(network: nn.Module, batches: Batches) -> None:
    x, _ = batches[0]
    found = measure(network, [(x, torch.randn(6, 4))], F.mse_loss, names=["epe_nas"])["epe_nas"]
    assert math.isnan(found.mean) and found.error == "ValueError: epe_nas needs class labels"


def test_sensitivity_estimates_the_jacobian_norm() -> None:
    """Of a linear map the Jacobian is its matrix, of every sample."""
    torch.manual_seed(0)
    linear = nn.Linear(5, 3).double()
    x = torch.randn(20000, 5, dtype=torch.double)
    exact = math.log(linear.weight.norm().item())
    found = score("sensitivity", linear, [(x, torch.zeros(20000, dtype=torch.long))])
    assert found == pytest.approx(exact, abs=0.01)


def test_naswot_kernel_in_numpy(network: nn.Module, batches: Batches) -> None:
    x = batches[0][0]
    network.train()
    inputs = [network[:2](x), network[:5](x)]
    kernel = np.zeros((6, 6))
    for value in inputs:
        on = value.detach().flatten(1).numpy() > 0
        for i in range(6):
            for j in range(6):
                kernel[i, j] += np.sum(on[i] == on[j])
    assert score("naswot", network, batches) == pytest.approx(np.linalg.slogdet(kernel)[1], rel=1e-10)


@pytest.mark.parametrize("activation", [nn.GELU, nn.SiLU, nn.ELU])
def test_smooth_activations_count_by_the_sign_of_their_input(activation: type[nn.Module]) -> None:
    torch.manual_seed(0)
    linear, x = nn.Linear(4, 16), torch.randn(5, 4)
    batch = [(x, torch.zeros(5, 16))]
    smooth, rectified = (score("naswot", nn.Sequential(linear, a()), batch, F.mse_loss) for a in (activation, nn.ReLU))
    assert smooth == rectified


def test_samples_that_are_alike_have_no_naswot() -> None:
    x = torch.ones(3, 4)
    found = measure(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), [(x, x)], F.mse_loss, names=["naswot"])["naswot"]
    assert "singular" in found.error


class TwoLayers(nn.Module):
    """ReLU of the input, then of its mirror image: patterns known by hand."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.ReLU(), nn.ReLU()
        self.scale = nn.Parameter(torch.ones(1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) + self.second(-x) * self.scale


def test_swap_counts_patterns_by_hand() -> None:
    # columns are units, rows samples: patterns (+, +), (+, −), (+, +) and mirrored (−, −), (−, +), (−, −)
    x = torch.tensor([[1.0, 2.0, 3.0], [1.0, -2.0, 3.0]])
    assert score("swap", TwoLayers(), [(x, x)], F.mse_loss) == 4
    assert score("swap", nn.ReLU(), [(x, x)], F.mse_loss) == 2


@pytest.mark.parametrize("samples", [3, 62, 63, 130])
def test_patterns_are_packed_without_loss(samples: int) -> None:
    generator = torch.Generator().manual_seed(0)
    signs = torch.rand(samples, 40, generator=generator) > 0.5
    signs = torch.cat([signs, signs[:, :7]], dim=1)
    signs[-1, 0] = ~signs[-1, 0]  # differs from its copy in the last sample alone
    expected = len({tuple(column) for column in signs.T.tolist()})
    assert len(unique_rows(packed(signs))) == expected


def test_activation_diversity_of_known_ranks() -> None:
    """Two orthogonal directions of equal strength, each in two samples: after centring, rank 2 of 4 samples."""
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert score("activation_diversity", nn.ReLU(), [(x, x)], F.mse_loss) == pytest.approx(2 / 4)
    line = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [2.0, 0.0], [-2.0, 0.0]])
    assert score("activation_diversity", nn.ReLU(), [(line, line)], F.mse_loss) == pytest.approx(1 / 4)


def test_conditioning_is_that_of_the_tangent_kernel(network: nn.Module, batches: Batches) -> None:
    x = batches[0][0]
    network.train()
    named = dict(network.named_parameters())
    names = [name for name, p in named.items() if p.dim() > 1]
    jacobian = torch.autograd.functional.jacobian(
        lambda *values: functional_call(network, dict(zip(names, values)), x).sum(1),
        tuple(named[name].detach() for name in names),
    )
    rows = torch.cat([part.flatten(1) for part in jacobian], dim=1).numpy()
    expected = -2 * math.log(np.linalg.cond(rows))  # κ(G Gᵀ) = κ(G)²
    assert score("conditioning", network, batches) == pytest.approx(expected, rel=1e-6)


def test_zen_of_a_normalised_convolution(batches: Batches) -> None:
    """Normalisation divides by what the score adds back: the score is that of the bare convolution, one channel."""
    x = torch.zeros(512, 1, 6, 6, dtype=torch.double)
    batch = [(x, torch.zeros(512, dtype=torch.long))]
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 1, 3, bias=False).double()
    bare = score("zen", nn.Sequential(conv, nn.Identity()), batch)
    normal = nn.BatchNorm2d(1).double()
    nn.init.constant_(normal.weight, 7.0)  # taken back by the initialisation
    assert score("zen", nn.Sequential(conv, normal), batch) == pytest.approx(bare, abs=1e-3)


def test_zen_is_the_expected_difference_of_features() -> None:
    """A 1x1 convolution with weight w ~ N(0, 1) maps 0.01 ε to 0.01 w ε: E‖·‖₁ = 0.01 |w| · 36 · sqrt(2/π)."""
    x = torch.zeros(4096, 1, 6, 6, dtype=torch.double)
    conv = nn.Conv2d(1, 1, 1).double()
    drawn = []
    for seed in range(2):
        found = measure(conv, [(x, torch.zeros(4096))], F.mse_loss, names=["zen"], seed=seed)["zen"].mean
        drawn.append(math.exp(found) / (0.01 * 36 * math.sqrt(2 / math.pi)))
    assert all(0.001 < weight < 5 for weight in drawn) and drawn[0] != drawn[1]
    from darts_pl.seeds import derived_seed  # the weight is the first number of the proxy's own seed

    torch.manual_seed(derived_seed(1, "zen", 0))
    assert drawn[1] == pytest.approx(abs(torch.empty(1, 1, 1, 1, dtype=torch.double).normal_().item()), rel=0.01)


def test_sizes_by_hand(network: nn.Module, batches: Batches) -> None:
    weights = [2 * 3 * 9, 3 * 4 * 9, 4 * 4]
    assert score("params", network, batches) == sum(weights) + 2 * 3 + 2 * 4 + 4
    assert score("flops", network, batches) == 2 * (25 * weights[0] + 25 * weights[1] + weights[2])
    norms = [math.sqrt(sum(v**2 for v in p.flatten().tolist())) for p in network.parameters() if p.dim() > 1]
    assert score("l2_norm", network, batches) == pytest.approx(sum(norms), rel=1e-10)
