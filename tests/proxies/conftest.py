"""Tiny networks and batches in double precision, so that formulas can be compared to many digits."""

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class SeriesNet(nn.Module):
    """Forecasts (B, 3, 1) from {"past": (B, 8, 2), "future_known": (B, 3, 1)} with GELU, attention and dropout."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(2, 8)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Dropout(0.5), nn.Linear(16, 8))
        self.head = nn.Linear(8 * 8, 3)
        self.known = nn.Linear(1, 1)

    def forward(self, x: dict[str, Tensor]) -> Tensor:
        h = self.norm(self.embed(x["past"]))
        h = h + self.attention(h, h, h, need_weights=False)[0]
        h = h + self.mlp(h)
        return self.head(h.flatten(1)).unsqueeze(2) + self.known(x["future_known"])


def image_net() -> nn.Module:
    """Two convolutions with batch normalisation and ReLU, then a classifier of 4 classes."""
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 4),
    )


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(3)
    return image_net().double()


@pytest.fixture
def batches() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(4)
    return [
        (
            torch.randn(6, 2, 5, 5, generator=generator, dtype=torch.double),
            torch.tensor([0, 1, 2, 0, 1, 2]),
        )
        for _ in range(2)
    ]


@pytest.fixture
def series() -> tuple[nn.Module, list]:
    torch.manual_seed(5)
    network = SeriesNet()
    batches = [
        ({"past": torch.randn(6, 8, 2), "future_known": torch.randn(6, 3, 1)}, torch.randn(6, 3, 1)) for _ in range(2)
    ]
    return network, batches


cross_entropy = F.cross_entropy
mse = F.mse_loss
