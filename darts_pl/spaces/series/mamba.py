"""Selective state space blocks (Mamba: Gu and Dao, arXiv:2312.00752)."""

import importlib.util
import math

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.spaces.series.scan import scan
from darts_pl.spaces.series.tokens import Along

STATE = 8
EXPANSION = 1
KERNEL = 4
STEP_MIN, STEP_MAX = 1e-3, 0.1


class Mamba(nn.Module):
    """The block of figure 3 of the paper on sequences (S, L, D): with E = D inner features of state size 8,

        u, z = W_in x;  u = SiLU(causal depthwise convolution of u);  Δ = softplus(W_Δ u + b_Δ), B = W_B u, C = W_C u,
        h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t;  y_t = C_t h_t + D u_t;  output = W_out (y · SiLU(z))

    (algorithm 2 and equation 4, with the discretisation of B as in the released code). Differences: state size 8 and
    E = D instead of 16 and 2 D, half of a block's cost each (S-Mamba, arXiv:2403.11144, has E = D too). A,
    of which a sequence of length 1 makes no use, is not there then.

    The recurrence runs in plain PyTorch, see `scan`; on CUDA by the fused kernel of the package `mamba_ssm` where that
    is installed.
    """

    def __init__(self, dim: int, along: Along, *, reverse: bool = False):
        super().__init__()
        inner, rank = EXPANSION * dim, math.ceil(dim / 16)
        self.along, self.reverse, self.rank = along, reverse, rank
        self.project_in = nn.Linear(dim, 2 * inner, bias=False)
        self.convolution = nn.Conv1d(inner, inner, KERNEL, groups=inner, padding=KERNEL - 1)
        self.activation = nn.SiLU()
        self.project_parameters = nn.Linear(inner, rank + 2 * STATE, bias=False)
        self.project_step = nn.Linear(rank, inner)
        self.softplus = nn.Softplus()
        self.log_decay = None
        if along.length > 1:
            self.log_decay = nn.Parameter(torch.arange(1, STATE + 1).float().log().repeat(inner, 1))
        self.skip = nn.Parameter(torch.ones(inner))
        self.project_out = nn.Linear(inner, dim, bias=False)
        self._initialize_step()

    def _initialize_step(self) -> None:
        """Steps Δ log-uniform in [0.001, 0.1] at the start (section 3.6)."""
        low, high = math.log(STEP_MIN), math.log(STEP_MAX)
        step = torch.exp(low + (high - low) * torch.rand_like(self.project_step.bias))
        with torch.no_grad():
            self.project_step.bias.copy_(step + torch.log(-torch.expm1(-step)))
            self.project_step.weight.uniform_(-(self.rank**-0.5), self.rank**-0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape; along its sequences no output depends on later inputs (with `reverse`, on
        earlier ones)."""
        u, z = self._inner(tokens)
        return self._outer(self.select(self.activation(u)) * self.activation(z), tokens)

    def linear_form(self, tokens: Tensor) -> Tensor:
        """What SynFlow takes in its place: products of signals become sums, and nothing is carried along the sequence.
        Five signals are multiplied in a block, whose product overflows after a few layers."""
        u, z = self._inner(tokens)
        step, b, c = self.project_parameters(u).split([self.rank, STATE, STATE], dim=-1)
        selected = self.skip * u + self.project_step(step) + (b + c).sum(dim=-1, keepdim=True)
        return self._outer(selected + z, tokens)

    def _inner(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        x = self.along.fold(tokens)
        x = x.flip(1) if self.reverse else x
        u, z = self.project_in(x).chunk(2, dim=-1)
        return self.convolution(u.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2), z

    def _outer(self, y: Tensor, tokens: Tensor) -> Tensor:
        y = self.project_out(y)
        return self.along.unfold(y.flip(1) if self.reverse else y, tokens)

    def select(self, u: Tensor) -> Tensor:
        """The selective state space, (S, L, E) → (S, L, E)."""
        step, b, c = self.project_parameters(u).split([self.rank, STATE, STATE], dim=-1)
        step = self.softplus(self.project_step(step))
        if self.log_decay is None:  # one time step: h_1 = Δ B u
            return step * u * (b * c).sum(dim=-1, keepdim=True) + self.skip * u
        if u.is_cuda and importlib.util.find_spec("mamba_ssm") is not None:
            return self._select_fused(u, step, b, c)
        # Time first, (L, S, E, state): the scan takes whole slices.
        step_t, u_t, b_t, c_t = (part.transpose(0, 1) for part in (step, u, b, c))
        decay = torch.exp(step_t.unsqueeze(-1) * -self.log_decay.exp())
        drive = (step_t * u_t).unsqueeze(-1) * b_t.unsqueeze(2)
        states = scan(decay, drive)
        return (states @ c_t.unsqueeze(-1)).squeeze(-1).transpose(0, 1) + self.skip * u

    def _select_fused(self, u: Tensor, step: Tensor, b: Tensor, c: Tensor) -> Tensor:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn  # optional, CUDA only

        assert self.log_decay is not None  # see `select`
        parts = [part.transpose(1, 2).contiguous() for part in (u, step, b, c)]
        y = selective_scan_fn(parts[0], parts[1], -self.log_decay.exp(), parts[2], parts[3], self.skip)
        return y.transpose(1, 2)


class BidirectionalMamba(nn.Module):
    """A block forwards and one backwards, added (as S-Mamba: Wang et al., arXiv:2403.11144, equation 4)."""

    def __init__(self, dim: int, along: Along):
        super().__init__()
        self.forwards, self.backwards = Mamba(dim, along), Mamba(dim, along, reverse=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        return self.forwards(tokens) + self.backwards(tokens)


STATE_SPACES = {"mamba": Mamba, "bidirectional_mamba": BidirectionalMamba}
