"""Operations that treat each token by itself: identity and two gated or residual perceptrons."""

import torch.nn as nn
from torch import Tensor

from darts_pl.ops.series.registry import register
from darts_pl.ops.series.shapes import TokenGrid


@register("identity", family="pointwise")
def identity(grid: TokenGrid) -> nn.Module:
    """The connection that changes nothing, (B, V, N, D) → (B, V, N, D); without weights."""
    return nn.Identity()


@register("grn", family="pointwise")
class GatedResidualNetwork(nn.Module):
    """Gated residual network of the Temporal Fusion Transformer (arXiv:1912.09363, equations 2 to 5).

        eta_2 = ELU(W_2 a + b_2),  eta_1 = W_1 eta_2 + b_1,  GRN(a) = LayerNorm(a + GLU(eta_1))

    Kept: the two layers, the gate (its own two maps W_4 and W_5), the residual connection and the normalisation that
    the paper defines inside the block. Left out: the context vector c and dropout.
    """

    def __init__(self, grid: TokenGrid):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(grid.dim, grid.dim), nn.ELU(), nn.Linear(grid.dim, grid.dim))
        self.gate = nn.Sequential(nn.Linear(grid.dim, 2 * grid.dim), nn.GLU(dim=-1))
        self.norm = nn.LayerNorm(grid.dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        return self.norm(x + self.gate(self.layers(x)))


@register("residual_mlp", family="pointwise")
class ResidualMLP(nn.Module):
    """Residual block of TiDE (arXiv:2304.08424, section 4, figure 1): one hidden ReLU layer, a linear skip connection
    and layer normalisation, all inside the block.

    Kept: the block, with 2 D hidden units. Left out: dropout; and it acts on each token, where TiDE flattens the whole
    past into one vector.
    """

    def __init__(self, grid: TokenGrid, expansion: int = 2):
        super().__init__()
        hidden = expansion * grid.dim
        self.layers = nn.Sequential(nn.Linear(grid.dim, hidden), nn.ReLU(), nn.Linear(hidden, grid.dim))
        self.skip = nn.Linear(grid.dim, grid.dim)
        self.norm = nn.LayerNorm(grid.dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        return self.norm(self.skip(x) + self.layers(x))
