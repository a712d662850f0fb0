"""A node of a cell while its terms come in."""

from torch import Tensor

from darts_pl.engine import phases
from darts_pl.engine.sums import Sum
from darts_pl.relaxations.mixing.partial import shuffled


class Node:
    """The sum of a node. What partial channels mix and let by is summed apart and shuffled once.

    Attributes:
        whole: the sum of terms of all channels.
    """

    def __init__(self) -> None:
        self.whole = Sum()
        self._pairs: dict[int, tuple[Sum, Sum]] = {}
        self._apart: dict[int, Sum] = {}

    def part(self, divisor: int) -> Sum:
        """The sum of terms of the first C / `divisor` channels."""
        return self.whole if divisor == 1 else self._pair(divisor)[0]

    def bypass(self, divisor: int) -> Sum:
        """The sum of the other channels."""
        return self._pair(divisor)[1]

    def apart(self, divisor: int) -> Sum:
        """As `part`, for terms whose pixels are laid apart by `phases`."""
        return self._apart.setdefault(divisor, Sum())

    def _pair(self, divisor: int) -> tuple[Sum, Sum]:
        return self._pairs.setdefault(divisor, (Sum(), Sum()))

    def total(self) -> Tensor:
        """The state (B, C, H, W)."""
        for divisor, terms in self._apart.items():
            self.part(divisor).add(phases.together(terms.total()))
        for part, others in self._pairs.values():
            self.whole.add(shuffled(part.total(), others.total()))
        return self.whole.total()
