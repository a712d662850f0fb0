"""TimesNet: a series folded by its own main periods, convolved in two dimensions."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.ops.series.registry import register
from darts_pl.ops.series.shapes import TokenGrid
from darts_pl.ops.series.spectral import transformable


def main_periods(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Periods of the `count` largest amplitudes of each row of x (R, N, D), the amplitudes averaged over D.

    Returns:
        periods: ceil(N / f) tokens for frequency f, integers [R, k] with k = min(count, N // 2), the largest amplitude
            first; a single token has the period 1.
        amplitudes: [R, k], differentiable.
    """
    tokens = x.shape[1]
    amplitudes = torch.fft.rfft(transformable(x), dim=1).abs().mean(dim=-1)
    if tokens == 1:
        return torch.ones_like(amplitudes, dtype=torch.long), amplitudes
    top, order = amplitudes[:, 1:].topk(min(count, tokens // 2), dim=1)
    return -(-tokens // (order + 1)), top


def folded_neighbours(periods: Tensor, tokens: int, kernel: int) -> tuple[Tensor, Tensor]:
    """Where a kernel x kernel window finds its tokens when a row of N tokens is folded into lines of one period each.

    Token t stands in line t // p, column t % p; its neighbour `down` lines and `right` columns away is token
    t + down p + right. Gathering by these indices is the 2-D convolution, for a different period in every row at once.

    Args:
        periods: integers [R, k].

    Returns:
        index: token numbers, integers [R, k, N, kernel ** 2] (line by line through the window), 0 where there is none.
        inside: whether there is one: not beyond a line's ends, nor before the first or after the last token.
    """
    offsets = torch.arange(kernel, device=periods.device) - kernel // 2
    down, right = (grid.flatten() for grid in torch.meshgrid(offsets, offsets, indexing="ij"))
    time = torch.arange(tokens, device=periods.device)[:, None]
    period = periods[..., None, None]
    column = time % period + right
    index = time + down * period + right
    inside = (column >= 0) & (column < period) & (index >= 0) & (index < tokens)
    return index.where(inside, 0), inside


class InceptionWeight(nn.Module):
    """Weights of parallel square kernels whose results are averaged, as the one convolution that they amount to.

    Drawn as by He et al. (arXiv:1502.01852, section 2.2), uniformly.
    """

    def __init__(self, dim_in: int, dim_out: int, kernels: tuple[int, ...]):
        super().__init__()
        self.kernels = nn.ParameterList(
            nn.Parameter(torch.empty(dim_in, dim_out, size, size).uniform_(-1, 1) * math.sqrt(6 / dim_in) / size)
            for size in kernels
        )
        self.bias = nn.Parameter(torch.zeros(dim_out))
        self.largest = max(kernels)

    def taps(self) -> Tensor:
        """The joint kernel by tap, [largest ** 2, dim_in, dim_out]."""
        padded = [F.pad(kernel, [(self.largest - kernel.shape[-1]) // 2] * 4) for kernel in self.kernels]
        return torch.stack(padded).mean(dim=0).flatten(2).permute(2, 0, 1)


@register("times_net", family="spectral")
class TimesNet(nn.Module):
    """TimesBlock of TimesNet (arXiv:2210.02186, sections 3.1 and 3.2).

    A series is folded by each of its k main periods into lines of one period, so that columns hold equal phases; an
    inception block, GELU and another inception block convolve the plane; the k results are unfolded and added with the
    softmax of the k amplitudes as weights.
    Kept: all of that. Changed: each row (a series of a sample) has its own periods, where the released code takes the
    mean over the batch, so that a forecast does not depend on what else is in the batch; k = 2, kernels 1 and 3 and
    D / 2 channels between for speed; cells beyond the series' end stay zero in both convolutions. The outer residual
    connection is the cell's.
    """

    def __init__(self, grid: TokenGrid, periods: int = 2, kernels: tuple[int, ...] = (1, 3)):
        super().__init__()
        self.periods = periods
        self.widen = InceptionWeight(grid.dim, grid.dim // 2, kernels)
        self.narrow = InceptionWeight(grid.dim // 2, grid.dim, kernels)
        self.activation = nn.GELU()
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        if x.shape[2] == 1:  # one line of one column: a token meets the middle taps alone, and its weight is 1
            middle = self.widen.largest**2 // 2
            hidden = self.activation(x @ self.widen.taps()[middle] + self.widen.bias)
            return hidden @ self.narrow.taps()[middle] + self.narrow.bias
        rows = x.flatten(0, 1)  # (R, N, D), R = B V
        periods, amplitudes = main_periods(rows, self.periods)
        index, inside = folded_neighbours(periods, x.shape[2], self.widen.largest)
        # the first convolution's products are the same for all periods: formed once, then gathered
        products = torch.einsum("rnd,odh->rnoh", rows, self.widen.taps())
        tap = torch.arange(products.shape[2], device=x.device)
        hidden = _gathered(products.flatten(1, 2), index * len(tap) + tap, inside).sum(dim=-2)
        hidden = self.activation(hidden + self.widen.bias)  # (R, k, N, H)
        period = torch.arange(periods.shape[1], device=x.device)[:, None, None]
        window = _gathered(hidden.flatten(1, 2), index + period * x.shape[2], inside)  # (R, k, N, taps, H)
        # the second convolution is linear: weighted addition first, one product for all periods
        window = torch.einsum("rk,rknoh->rnoh", self.softmax(amplitudes).to(x.dtype), window)
        y = torch.einsum("rnoh,ohd->rnd", window, self.narrow.taps()) + self.narrow.bias
        return y.unflatten(0, x.shape[:2])


def _gathered(table: Tensor, index: Tensor, inside: Tensor) -> Tensor:
    """Entries `index` [R, ...] of each row's own table (R, S, H) → (R, ..., H), zeros where not `inside`."""
    rows, size, width = table.shape
    first = torch.arange(rows, device=table.device) * size
    flat = (index + first.view(-1, *[1] * (index.dim() - 1))).where(inside, rows * size)
    entries = torch.cat([table.flatten(0, 1), table.new_zeros(1, width)])  # the last is what lies outside
    return entries.index_select(0, flat.flatten()).view(*index.shape, width)
