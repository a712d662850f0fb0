"""Tokens (B, V, N, D) as sequences: along time where a series has several tokens, else along the series."""

from dataclasses import dataclass

from torch import Tensor

from darts_pl.ops.series.shapes import TokenGrid


@dataclass(frozen=True)
class Along:
    """The axis on which tokens form sequences of `length`.

    Args:
        series: whether along V, each time place for itself; else along N, each series for itself.
    """

    length: int
    series: bool

    @classmethod
    def of(cls, grid: TokenGrid) -> "Along":
        """Along N where there is more than one token a series, else along V."""
        return cls(grid.tokens, False) if grid.tokens > 1 else cls(grid.series, True)

    def fold(self, tokens: Tensor) -> Tensor:
        """(B, V, N, D) → sequences (S, L, D)."""
        return (tokens.transpose(1, 2) if self.series else tokens).flatten(0, 1)

    def unfold(self, sequences: Tensor, like: Tensor) -> Tensor:
        """(S, L, D) → (B, V, N, D), where `like` (B, V, N, D) has the same B, V and N."""
        if not self.series:
            return sequences.view(like.shape)
        batch, series, tokens, dim = like.shape
        return sequences.view(batch, tokens, series, dim).transpose(1, 2)
