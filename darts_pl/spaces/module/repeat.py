"""A choice of depth."""

import inspect
from collections.abc import Callable, Iterable, Sequence

import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.spaces.choice import ChoiceModule, unbound
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.module.candidates import module_of
from darts_pl.spaces.options import Chosen, OneOf


class Depths(MixedOperation):
    """How many of `blocks` an input goes through, mixed."""

    def __init__(self, blocks: Sequence[nn.Module], depths: Sequence[int]):
        super().__init__({str(depth): nn.Identity() for depth in depths}, unbound, droppable=False)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, gate: Tensor, *, without_auxiliary: bool = False) -> Tensor:
        """x → Σ_d gate[d] · (the first d blocks)(x). Every block runs once, and none beyond the deepest asked for."""
        states = [x]

        def after(depth: int) -> Callable[[Tensor], Tensor]:
            def run(_: Tensor) -> Tensor:
                while len(states) <= depth:
                    states.append(self.blocks[len(states) - 1](states[-1]))
                return states[depth]

            return run

        return self.mixing(x, [after(int(name)) for name in self.candidates], self.left(gate))

    def keep(self, names: Iterable[str]) -> None:
        """Also remove the blocks that no depth left reaches."""
        super().keep(names)
        del self.blocks[max(map(int, self.candidates)) :]


class Repeat(ChoiceModule):
    """A block, repeated as often as the search finds good.

    In a supernet y = Σ_d gate[d] · x_d, where x_d is the input after d blocks; in a derived network there are the first
    d blocks, as a `Sequential`. What comes out after each depth that can be chosen has one shape.

    Args:
        block: builds a block: a class or function without arguments, or of the block's number from 0; or the list of
            blocks itself. The first may change the shape where there is at least one.
        depth: (fewest, most) blocks; fewest may be 0, the input as it is.
        label: as of `Choice`. A label within the blocks is shared by all of them.

    Raises:
        ConfigError: depths that leave nothing to choose; blocks of another number than the most.
    """

    options: OneOf

    def __init__(
        self,
        block: Callable[..., nn.Module] | Sequence[nn.Module | Callable[[], nn.Module]],
        depth: tuple[int, int],
        label: str | None = None,
    ):
        where = f"Repeat {label!r}" if label else "Repeat"
        fewest, most = _checked_depth(depth, where)
        super().__init__(label, OneOf(tuple(str(each) for each in range(fewest, most + 1))))
        self.mixed = Depths(_blocks(block, most, where), range(fewest, most + 1))

    def mixed_operations(self) -> dict[str, MixedOperation]:
        """One row."""
        return {self.kind: self.mixed}

    def forward(self, x: Tensor) -> Tensor:
        """x → the mixture of all depths."""
        (gate,) = self.rows()
        return self.mixed(x, gate)

    def freeze(self, chosen: Chosen) -> nn.Sequential:
        """The first blocks one after the other."""
        return nn.Sequential(*self.mixed.blocks[: int(self.options.check(chosen))])


def _checked_depth(depth: object, where: str) -> tuple[int, int]:
    if isinstance(depth, (tuple, list)) and len(depth) == 2 and all(type(each) is int for each in depth):
        fewest, most = depth
        if 0 <= fewest < most:
            return fewest, most
    raise ConfigError(f"{where}: found depth={depth!r}, expected (fewest, most) with fewest below most, from 0")


def _blocks(block: object, most: int, where: str) -> list[nn.Module]:
    if isinstance(block, (list, tuple, nn.ModuleList)):
        if len(block) != most:
            raise ConfigError(f"{where}: found {len(block)} blocks, expected {most}, the most of depth")
        return [module_of(each, f"{where}, block {number}") for number, each in enumerate(block)]
    if isinstance(block, nn.Module) or not callable(block):
        raise ConfigError(
            f"{where}: found {type(block).__name__}, expected what builds a block, such as lambda: Block(16), for "
            "blocks have weights of their own"
        )
    numbered = _takes_number(block)
    return [module_of(block, f"{where}, block {i}", *([i] if numbered else [])) for i in range(most)]


def _takes_number(build: Callable[..., nn.Module]) -> bool:
    # Somebody's own function: its signature alone says whether it wants a number, and calling it to find out would
    # build a block with random weights.
    parameters = inspect.signature(build).parameters.values()
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
