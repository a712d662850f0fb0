"""What one forward pass of a forecasting network is told beside its input."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch.nn as nn
from torch import Tensor


@dataclass(frozen=True)
class Gating:
    """Args:
    rows: gates [E, K] of each cell and label group of a supernet; empty in a derived network.
    alone: by these gates alone, without auxiliary skips.
    drop_path_probability: of the paths in cells of a derived network, in train mode.
    """

    rows: Mapping[nn.Module, Tensor] = field(default_factory=dict)
    alone: bool = False
    drop_path_probability: float = 0.0
