"""Which engine runs the cells of a network: `engine=auto|plain|fast|native`."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn as nn

from darts_pl.engine.fast import FastEngine
from darts_pl.engine.native.cell import NativeEngine
from darts_pl.engine.recipes import recipe_of
from darts_pl.errors import ConfigError, nearest
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.nasbench201_network import Stem
from darts_pl.spaces.series.known import KnownPart
from darts_pl.spaces.walk import Engine, GraphCell

ENGINES = ("auto", "plain", "fast", "native")
AUTO = "native"  # which runs by `fast` what it cannot run itself


def check_engine(name: str) -> None:
    """Raises ConfigError for an engine that does not exist."""
    if name not in ENGINES:
        raise ConfigError(f"engine={name!r} does not exist. {nearest(name, ENGINES)}")


@contextmanager
def running_by(network: nn.Module, engine: str | Engine | None = "auto") -> Iterator[None]:
    """Within, the cells of `network` run by `engine`, and forecasters, but for `plain`, compute what known features say
    once for equal ones. The numbers stay the same up to rounding, and parameters, buffers and state dict are those of
    the network.

    Args:
        engine: one of `make_engine`, which keeps what it found out about a network from one `with` to the next, or its
            name: `plain`, module by module; `fast`, by PyTorch with what edges share computed once; `native`, whole
            cells on kernels of this package's own, where a CPU has a compiler, all else by `fast`; `auto`, the best for
            each cell. Cells of which the engine knows no operation run plainly.

    Raises:
        ConfigError: no such engine.
    """
    if isinstance(engine, str):
        engine = make_engine(engine)
    before = [(cell, cell.engine) for cell in network.modules() if isinstance(cell, GraphCell)]
    known = [(part, part.once_a_row) for part in network.modules() if isinstance(part, KnownPart)]
    try:
        for part, _ in known:
            part.once_a_row = engine is not None
        for cell, _ in before:
            cell.engine = engine if engine is not None and _known(cell) else None
        yield
    finally:
        for cell, own in before:
            cell.engine = own
        for part, was in known:
            part.once_a_row = was


def make_engine(name: str) -> Engine | None:
    """The engine of this name, None for `plain`; see `running_by`.

    Raises:
        ConfigError: no such engine.
    """
    check_engine(name)
    name = AUTO if name == "auto" else name
    if name == "plain":
        return None
    return FastEngine() if name == "fast" else NativeEngine()


def _known(cell: GraphCell) -> bool:
    """Whether any operation on the edges of `cell` has a recipe by which something is saved, or an engine knows the
    cell itself."""
    if isinstance(cell, Stem):
        return True
    for module in cell.edge_modules():
        operations = module.candidates.values() if isinstance(module, MixedOperation) else [module]
        if any(recipe_of(operation) is not None for operation in operations):
            return True
    return False
