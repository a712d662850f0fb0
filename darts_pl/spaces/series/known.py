"""What features known ahead say of the targets at their step."""

import torch
import torch.nn as nn
from torch import Tensor


class KnownPart(nn.Module):
    """What the known features of a step, such as its hour, say of the targets at that step, s(f): linear, GELU, linear;
    0 at first. Taken off the look-back and added to the forecast, as the learned cycles of CycleNet are (Lin et al.,
    arXiv:2409.18479, section 3), of which it is the form for any features.

    Attributes:
        once_a_row: whether steps of equal features, such as the same hour of two days, are computed once; an engine
            sets it (`darts_pl.engine.choosing`).
    """

    once_a_row = False

    def __init__(self, features: int, dim: int, targets: int):
        super().__init__()
        self.hidden, self.activation, self.out = nn.Linear(features, dim), nn.GELU(), nn.Linear(dim, targets)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, known: Tensor) -> Tensor:
        """(B, steps, F) → (B, steps, Y)."""
        found = distinct_rows(known) if self.once_a_row and not known.requires_grad else None
        if found is None:
            return self._said(known)
        rows, places = found
        return self._said(rows).index_select(0, places).unflatten(0, known.shape[:-1])

    def _said(self, known: Tensor) -> Tensor:
        return self.out(self.activation(self.hidden(known)))


def distinct_rows(x: Tensor) -> tuple[Tensor, Tensor] | None:
    """The rows of x (..., F) without repetitions, (U, F), and the place of each row of x among them, [R].

    Rows are told apart by one number each, a sum with unlike weights, as sorting rows takes longer than what it
    would save; that equal numbers are equal rows is checked. None where that is not so, where more than half of the
    rows are distinct, and off the CPU, where it would have to be waited for.
    """
    if x.device.type != "cpu":
        return None
    rows = x.flatten(0, -2)
    weights = torch.arange(1, rows.shape[1] + 1, dtype=torch.float64).sin()
    numbers, places = (rows.double() @ weights).unique(return_inverse=True)
    if 2 * len(numbers) > len(rows):
        return None
    first = places.new_zeros(len(numbers)).scatter_(0, places, torch.arange(len(rows)))
    distinct = rows[first]
    return (distinct, places) if torch.equal(distinct[places], rows) else None
