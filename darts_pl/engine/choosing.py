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
from darts_pl.spaces.walk import Engine, GraphCell

ENGINES = ("auto", "plain", "fast", "native")
AUTO = "native"  # which runs by `fast` what it cannot run itself


def check_engine(name: str) -> None:
    """Raises ConfigError for an engine that does not exist."""
    if name not in ENGINES:
        raise ConfigError(f"engine={name!r} does not exist. {nearest(name, ENGINES)}")


@contextmanager
def running_by(network: nn.Module, name: str = "auto") -> Iterator[None]:
    """Within, the cells of `network` run by the engine `name`. What they compute stays the same up to rounding, and
    parameters, buffers and state dict are those of the cells.

    Args:
        name: `plain`, module by module; `fast`, by PyTorch with what edges share computed once; `native`, whole cells
            on kernels of this package's own, where a CPU has a compiler, all else by `fast`; `auto`, the best for each
            cell. Cells of which the engine knows no operation run plainly.

    Raises:
        ConfigError: no such engine.
    """
    check_engine(name)
    engine = _engine(AUTO if name == "auto" else name)
    before = [(cell, cell.engine) for cell in network.modules() if isinstance(cell, GraphCell)]
    try:
        for cell, _ in before:
            cell.engine = engine if engine is not None and _known(cell) else None
        yield
    finally:
        for cell, own in before:
            cell.engine = own


def _engine(name: str) -> Engine | None:
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
