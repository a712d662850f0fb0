"""Primitives of fully connected cells: features (B, C) to features (B, C)."""

from collections.abc import Mapping

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.ops.image import Builder

DROPOUT = 0.2


class Zero(nn.Module):
    """`none`: zeros of the input's shape."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) → zeros (B, ...)."""
        return torch.zeros_like(x)


def linear_block(channels: int, stride: int, affine: bool) -> nn.Sequential:
    """Linear, layer normalisation, ReLU."""
    return nn.Sequential(nn.Linear(channels, channels), _norm(channels, affine), nn.ReLU())


def encoder_block(channels: int, stride: int, affine: bool) -> nn.Module:
    """Through a quarter of the features and back: linear, ReLU, linear, layer normalisation, ReLU."""
    narrow = max(1, channels // 4)
    return nn.Sequential(
        nn.Linear(channels, narrow), nn.ReLU(), nn.Linear(narrow, channels), _norm(channels, affine), nn.ReLU()
    )


def dropout_block(channels: int, stride: int, affine: bool) -> nn.Module:
    """`linear_block` with dropout."""
    return nn.Sequential(*linear_block(channels, stride, affine), nn.Dropout(DROPOUT))


def gated_block(channels: int, stride: int, affine: bool) -> nn.Module:
    """A gated linear unit (arXiv:1612.08083, equation 1), (xU + b) ⊙ σ(xV + c), then layer normalisation."""
    return nn.Sequential(nn.Linear(channels, 2 * channels), nn.GLU(dim=-1), _norm(channels, affine))


def _norm(channels: int, affine: bool) -> nn.Module:
    return nn.LayerNorm(channels, elementwise_affine=affine)


OPERATIONS: Mapping[str, Builder] = {
    "none": lambda channels, stride, affine: Zero(),
    "skip_connect": lambda channels, stride, affine: nn.Identity(),
    "linear_block": linear_block,
    "encoder_block": encoder_block,
    "dropout_block": dropout_block,
    "gated_block": gated_block,
}
PRIMITIVES = tuple(OPERATIONS)
