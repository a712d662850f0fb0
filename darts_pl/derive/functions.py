"""A user's plain function as a derivation: looked at once, where a method is put together."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from darts_pl.derive.derivations import Derivation, Strongest, cell_of_all_edges, strongest
from darts_pl.errors import ConfigError
from darts_pl.genotype import Cell

DerivingFunction = Callable[..., Cell | Sequence[str]]
"""`(strengths [E, K], primitives, num_nodes=…, kind=…)` → cell, or the names of the operations, one an edge."""


@dataclass(frozen=True)
class FunctionDerivation(Derivation):
    """A plain function as a derivation, see `as_derivation`; `arguments` are those of `num_nodes` and `kind` that it
    takes."""

    function: DerivingFunction
    arguments: tuple[str, ...]

    @property
    def chooses_inputs(self) -> bool:
        """A function that takes `num_nodes` does."""
        return "num_nodes" in self.arguments

    def __call__(self, strengths: Tensor, primitives: Sequence[str], num_nodes: int, kind: str = "normal") -> Cell:
        """See `Derivation`."""
        values = {"num_nodes": num_nodes, "kind": kind}
        found = self.function(strengths, primitives, **{name: values[name] for name in self.arguments})
        if isinstance(found, Cell):
            return found
        if isinstance(found, list | tuple) and len(found) == len(strengths):
            return cell_of_all_edges(found, num_nodes)
        raise ConfigError(
            f"derivation: {_name_of(self.function)} returned {found!r}, expected a darts_pl.genotype.Cell, or the "
            f"names of {len(strengths)} operations, one an edge"
        )


def as_derivation(derivation: Derivation | DerivingFunction) -> Derivation:
    """A derivation as it is; a plain function `(strengths, primitives, num_nodes=…, kind=…)` → cell as one. A function
    may leave out `kind`, or both; without `num_nodes` it gives the names of the operations, one an edge.

    Raises:
        ConfigError: something else, or a function that cannot be called so.
    """
    if isinstance(derivation, Derivation):
        return derivation
    function = derivation.func if isinstance(derivation, functools.partial) else derivation
    if function is strongest:
        return Strongest()
    if isinstance(derivation, functools.partial) and isinstance(function, Derivation):
        return type(function)(**derivation.keywords)  # of a configuration that names `top_edges` and its settings
    if not callable(derivation):
        raise ConfigError(f"derivation: found {derivation!r}, expected one such as darts_pl.derive.TopEdges()")
    signature = inspect.signature(derivation)
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    arguments = [name for name in ("num_nodes", "kind") if name in signature.parameters]
    if open_ended and "num_nodes" not in arguments:
        arguments.insert(0, "num_nodes")
    try:
        signature.bind(None, None, **dict.fromkeys(arguments))
    except TypeError as error:
        name = _name_of(function)
        raise ConfigError(
            f"derivation: {name}{signature} cannot be called: {error}. Expected "
            f"def {name}(strengths, primitives, num_nodes, kind)"
        ) from error
    return FunctionDerivation(derivation, tuple(arguments))


def _name_of(function: DerivingFunction) -> str:
    return getattr(function, "__name__", type(function).__name__)
