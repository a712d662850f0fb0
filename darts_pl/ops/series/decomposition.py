"""Operations that split a series into trend and remainder by a moving average and map both linearly over time."""

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.ops.series.registry import register
from darts_pl.ops.series.shapes import TokenGrid

KERNEL = 25  # of the moving average in Autoformer, DLinear and TimeMixer


class MovingAverage(nn.Module):
    """Mean over `kernel` (odd) neighbours along time, the ends repeated, (R, D, N) → (R, D, N); over about N of them
    where the series is shorter.

    As a product with an N x N matrix, which for N of this size takes less time than padding and pooling.
    """

    matrix: Tensor

    def __init__(self, tokens: int, kernel: int = KERNEL):
        super().__init__()
        self.kernel = min(kernel, tokens | 1)
        reach = self.kernel // 2
        neighbours = (torch.arange(tokens)[:, None] + torch.arange(-reach, reach + 1)).clamp(0, tokens - 1)
        counts = torch.zeros(tokens, tokens).scatter_add_(1, neighbours, torch.ones(neighbours.shape))
        self.register_buffer("matrix", (counts / self.kernel).T.contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(R, D, N) → the same shape."""
        return x if self.kernel == 1 else x @ self.matrix


@register("dlinear", family="decomposition")
class DLinear(nn.Module):
    """DLinear (arXiv:2205.13504, section 4): y = W_t trend + W_r (x - trend) over TIME, the trend a moving average.

    Kept: the decomposition (kernel 25, ends repeated), one N x N map each for trend and remainder, shared by all
    channels; nothing is mixed between channels or series. Changed: where N < 25 the average spans N tokens, made odd;
    a single token is all trend and has one map; no biases, which would add the same to all D values of a token, what
    the layer normalisations that follow take away again.
    """

    def __init__(self, grid: TokenGrid):
        super().__init__()
        self.average = MovingAverage(grid.tokens)
        self.trend = nn.Linear(grid.tokens, grid.tokens, bias=False)
        self.remainder = nn.Linear(grid.tokens, grid.tokens, bias=False) if grid.tokens > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        rows = x.flatten(0, 1).transpose(1, 2)
        trend = self.average(rows)
        y = self.trend(trend)
        if self.remainder is not None:
            y = y + self.remainder(rows - trend)
        return y.transpose(1, 2).unflatten(0, x.shape[:2])


def over_time(tokens_in: int, tokens_out: int) -> nn.Sequential:
    """The mixing layer of TimeMixer between two scales: two linear maps over time with a GELU between."""
    return nn.Sequential(nn.Linear(tokens_in, tokens_out), nn.GELU(), nn.Linear(tokens_out, tokens_out))


@register("time_mixer", family="decomposition")
class TimeMixer(nn.Module):
    """Past decomposable mixing of TimeMixer (arXiv:2405.14616, section 3.2, equations 1 to 6).

    Averages by 2 give M + 1 scales; each is split into season and trend; seasons are mixed bottom-up (fine to coarse),
    trends top-down (coarse to fine); a feed-forward layer over channels, with the residual connection of the paper's
    equation 4, joins them; each scale is mapped linearly over time to N tokens and the results are added.
    Kept: all of that; the last step is the paper's future multipredictor mixing with N tokens as its horizon.
    Changed: M = 2, fewer where N < 4; moving averages no longer than the scale; no bias in the last maps (see DLinear).
    """

    def __init__(self, grid: TokenGrid, coarser: int = 2):
        super().__init__()
        coarser = min(coarser, grid.tokens.bit_length() - 1)
        self.lengths = [grid.tokens >> scale for scale in range(coarser + 1)]
        self.halve = nn.AvgPool1d(2)
        self.averages = nn.ModuleList(MovingAverage(length) for length in self.lengths)
        pairs = list(zip(self.lengths, self.lengths[1:]))
        self.bottom_up = nn.ModuleList(over_time(fine, coarse) for fine, coarse in pairs)
        self.top_down = nn.ModuleList(over_time(coarse, fine) for fine, coarse in pairs)
        self.feed_forward = nn.Sequential(nn.Linear(grid.dim, grid.dim), nn.GELU(), nn.Linear(grid.dim, grid.dim))
        self.project = nn.ModuleList(nn.Linear(length, grid.tokens, bias=False) for length in self.lengths)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        scales = self.scales(x.flatten(0, 1).transpose(1, 2))
        trends = [average(scale) for average, scale in zip(self.averages, scales)]
        seasons = [scale - trend for scale, trend in zip(scales, trends)]
        for m, mix in enumerate(self.bottom_up):
            seasons[m + 1] = seasons[m + 1] + mix(seasons[m])
        for m in reversed(range(len(self.top_down))):
            trends[m] = trends[m] + self.top_down[m](trends[m + 1])
        projected: list[Tensor] = []
        for scale, season, trend, project in zip(scales, seasons, trends, self.project):
            joined = self.feed_forward((season + trend).transpose(1, 2)).transpose(1, 2)
            projected.append(project(scale + joined))
        y = sum(projected[1:], projected[0])
        return y.transpose(1, 2).unflatten(0, x.shape[:2])

    def scales(self, rows: Tensor) -> list[Tensor]:
        """(R, D, N) and its averages by 2, 4, ...: (R, D, N // 2), (R, D, N // 4); an odd last token is dropped."""
        found = [rows]
        for _ in self.lengths[1:]:
            found.append(self.halve(found[-1]))
        return found
