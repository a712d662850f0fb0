"""The contract of mixings, and the plainest of them, the full sum."""

from collections.abc import Callable, Iterable
from functools import partial

from torch import Tensor

from darts_pl.errors import ConfigError

Candidate = Callable[[Tensor], Tensor]
MixingFunction = Callable[[Tensor, Iterable[Candidate], Tensor], Tensor]
"""`(x, candidates, gate row [K]) -> y`: what mixes, a `Mixing` or a plain function."""


def full(x: Tensor, candidates: Iterable[Candidate], gate: Tensor) -> Tensor:
    """Σ_k gate[k] · candidate_k(x), the sum over all candidates (DARTS, arXiv:1806.09055, equation 2); `gate` has
    shape [K], all candidate outputs one shape."""
    total: Tensor | None = None
    for weight, candidate in zip(gate.unbind(), candidates, strict=True):
        term = weight * candidate(x)
        total = term if total is None else total + term
    assert total is not None  # there are candidates
    return total


class Mixing:
    """How a gate row and the outputs of candidates become one output, and what else that asks of a supernet.

    A plain function `(x, candidates, gate) -> y` is enough where nothing else is asked for; see `as_mixing`.

    Attributes:
        channel_divisor: candidates are built for one part in so many of the channels.
        edge_normalization: the supernet weighs the edges into a node.
        needs_one_hot: it understands one-hot gates only.
        name: what messages call it.
    """

    channel_divisor: int = 1
    edge_normalization: bool = False
    needs_one_hot: bool = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return type(self).__name__

    def __call__(self, x: Tensor, candidates: Iterable[Candidate], gate: Tensor) -> Tensor:
        """x (B, C, ...), K candidates and `gate` [K] → their mixture."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(x, candidates, gate)")

    def with_divisor(self, divisor: int) -> "Mixing":
        """The same with another channel divisor.

        Raises:
            ConfigError: it has none.
        """
        raise ConfigError(f"a phase with channel_divisor={divisor} needs mixing=partial")


class FunctionMixing(Mixing):
    """A plain function as a mixing. Attributes of the contract that it carries hold, so that an object of a class of
    one's own need not be derived from `Mixing`."""

    def __init__(self, function: MixingFunction):
        self.function = function
        # Somebody's own function or object: the one place where it is looked at for what it may carry.
        self.channel_divisor = getattr(function, "channel_divisor", 1)
        self.edge_normalization = getattr(function, "edge_normalization", False)
        self.needs_one_hot = getattr(function, "needs_one_hot", False)

    @property
    def name(self) -> str:
        """The type of what is wrapped."""
        return type(self.function).__name__

    def __call__(self, x: Tensor, candidates: Iterable[Candidate], gate: Tensor) -> Tensor:
        """See `Mixing.__call__`."""
        return self.function(x, candidates, gate)


def as_mixing(mixing: MixingFunction) -> Mixing:
    """`mixing` itself where it keeps the contract, a plain function wrapped. A partial call without arguments, as
    configurations make them, is the function that it calls."""
    while isinstance(mixing, partial) and not mixing.args and not mixing.keywords:
        mixing = mixing.func
    return mixing if isinstance(mixing, Mixing) else FunctionMixing(mixing)


def is_full(mixing: MixingFunction) -> bool:
    """Whether `mixing` is the full sum."""
    found = as_mixing(mixing)
    return isinstance(found, FunctionMixing) and found.function is full
