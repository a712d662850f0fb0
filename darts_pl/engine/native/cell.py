"""The native engine: cells of known operations on C++ kernels, all others by PyTorch."""

import logging
from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.engine.candidates import Candidate, Terms, knows_draws, knows_mixing, terms_of
from darts_pl.engine.fast import FastEngine, first_states, states_of
from darts_pl.engine.native.build import BuildError, library
from darts_pl.engine.native.function import run_cell
from darts_pl.engine.native.plan import NotNative, Plan, Size
from darts_pl.engine.norms import takes_batch_statistics
from darts_pl.engine.recipes import recipe_of
from darts_pl.relaxations.mixing import as_mixing
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.walk import DerivedCell, GraphCell, SearchedCell

log = logging.getLogger("darts_pl")

DTYPES = (torch.float32, torch.float64)
_told: set[str] = set()


class NativeEngine:
    """See the module."""

    def __init__(self) -> None:
        self._fast = FastEngine()

    def run(self, cell: GraphCell, inputs: Sequence[Tensor]) -> Tensor:
        """See `darts_pl.spaces.walk.Engine`."""
        if not isinstance(cell, SearchedCell | DerivedCell) or not knows_draws(cell) or not _is_plain(cell, inputs):
            return self._fast.run(cell, inputs)
        states = first_states(cell, inputs)
        if not supports(cell, states) or not is_available():
            return cell.join(states_of(cell, states))
        # in the order of a walk by nodes, since this is where paths are dropped
        links = [[(link.source, terms_of(cell, link, states[0])) for link in node] for node in cell.links()]
        return run_cell(_plan(cell, states, links), states)


def is_available() -> bool:
    """Whether the kernels can be compiled here; why not is told once in the log."""
    try:
        library()
    except BuildError as error:
        if str(error) not in _told:
            _told.add(str(error))
            log.warning("the native engine is not available, the fast one runs instead: %s", error)
        return False
    return True


def supports(cell: SearchedCell | DerivedCell, states: Sequence[Tensor]) -> bool:
    """Whether the kernels compute `cell` from `states`, those that are no nodes (B, C, H, W)."""
    try:
        plan = _plan(cell, states, _whole(cell))
    except NotNative:
        return False
    return not any(takes_batch_statistics(norm) and plan.batch * _pixels(plan.sizes) == 1 for norm in plan.norms)


def _is_plain(cell: GraphCell, inputs: Sequence[Tensor]) -> bool:
    """Whether `inputs` and parameters are numbers in the memory of the host, all of one type, and the cell is only
    run, not recorded or compiled."""
    tensors = [*inputs, *cell.parameters()]
    if torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    return inputs[0].dtype in DTYPES and all(
        each.device.type == "cpu" and each.dtype == inputs[0].dtype and type(each) in (Tensor, nn.Parameter)
        for each in tensors
    )


def _plan(
    cell: SearchedCell | DerivedCell, states: Sequence[Tensor], links: Sequence[Sequence[tuple[int, Terms | None]]]
) -> Plan:
    """Raises NotNative where the kernels cannot compute it."""
    if cell.output != "concat" and len(cell.concat) != 1:
        raise NotNative(f"nodes joined by {cell.output}")
    batch, channels = states[0].shape[:2]
    if any(state.dim() != 4 or state.shape[:2] != (batch, channels) for state in states):
        raise NotNative("states of several shapes")
    sizes = [(state.shape[2], state.shape[3]) for state in states]
    return Plan(batch, channels, sizes, links, cell.concat[-1:] if cell.output == "last" else cell.concat)


def _pixels(sizes: Sequence[Size]) -> int:
    """Of the smallest map; what is normalised has the size of a state."""
    return min(height * width for height, width in sizes)


def _whole(cell: SearchedCell | DerivedCell) -> list[list[tuple[int, Terms | None]]]:
    """The links of `cell` with all their candidates, whatever the gates are."""
    modules = iter(cell.edge_modules())
    return [[(source, _all_terms(next(modules))) for source in sources] for sources in cell.sources]


def _all_terms(operation: nn.Module) -> Terms | None:
    if not isinstance(operation, MixedOperation):
        return Terms([Candidate(recipe_of(operation), operation, None)])
    if not knows_mixing(operation.mixing):
        return None
    candidates = [*operation.candidates.values(), *([] if operation.auxiliary is None else [operation.auxiliary])]
    divisor = as_mixing(operation.mixing).channel_divisor
    return Terms([Candidate(recipe_of(each), each, None) for each in candidates], divisor)
