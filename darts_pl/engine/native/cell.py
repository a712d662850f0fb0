"""The native engine: cells of known operations on C++ kernels, all others by PyTorch."""

import dataclasses
import logging
from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.engine.candidates import terms_of
from darts_pl.engine.fast import FastEngine
from darts_pl.engine.native.build import BuildError, library
from darts_pl.engine.native.dense_cell import DenseCells
from darts_pl.engine.native.function import Call, run_cell
from darts_pl.engine.native.kernels import Kernels
from darts_pl.engine.native.links import Links
from darts_pl.engine.native.plan import NotNative, Plan
from darts_pl.engine.native.reaching import Reaching, reaching
from darts_pl.engine.recipes import Recipes
from darts_pl.engine.wanted import are_second_wanted
from darts_pl.spaces.walk import DerivedCell, GraphCell, SearchedCell

log = logging.getLogger("darts_pl")

DTYPES = (torch.float32, torch.float64)
PIECE = 32  # images; what a pass keeps of all of them would be many times what is needed where there is no gradient
MOST_PLANS = 256  # a single path draws other candidates in every pass
_told: set[str] = set()


class NativeEngine:
    """See the module. It keeps what it finds out about the cells of a network, see `Recipes`."""

    def __init__(self) -> None:
        self._fast, self._recipes, self._plans = FastEngine(), Recipes(), Plans()
        self._dense = DenseCells(self._recipes)

    def run(self, cell: GraphCell, inputs: Sequence[Tensor]) -> Tensor:
        """See `darts_pl.spaces.walk.Engine`."""
        if not _only_computes(inputs) or not is_available():
            return self._fast.run(cell, inputs)
        output = self._dense.run(cell, inputs)
        if output is not None:
            return output
        if not isinstance(cell, SearchedCell | DerivedCell):
            return self._fast.run(cell, inputs)
        drawn = torch.get_rng_state()
        links = self._links(cell, inputs[0])
        planned = self._plans.find(cell, inputs, links)
        gates, masks = links.values()
        if planned is None or any(gate.dtype != inputs[0].dtype for gate in gates):
            torch.set_rng_state(drawn)
            return self._fast.run(cell, inputs)
        plan, kernels, reached = planned
        if len(inputs[0]) > PIECE and not torch.is_grad_enabled() and plan.takes_images_alone:
            pieces = zip(*(x.split(PIECE) for x in inputs))
            return torch.cat([self.run(cell, piece) for piece in pieces])
        return run_cell(Call(plan, kernels, masks, reached), inputs, gates, plan.parameters())

    def _links(self, cell: SearchedCell | DerivedCell, like: Tensor) -> Links:
        # in the order of a walk by nodes, since this is where paths are dropped
        nodes = [[(link.source, terms_of(cell, link, like, self._recipes)) for link in node] for node in cell.links()]
        return Links(nodes, [self._recipes.of(module) for module in cell.input_modules()])


class Plans:
    """The plans of the cells of a network, each made once."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], _Found] = {}

    def __reduce__(self) -> tuple[type["Plans"], tuple[()]]:
        return type(self), ()  # a copy begins anew

    def find(
        self, cell: SearchedCell | DerivedCell, inputs: Sequence[Tensor], links: Links
    ) -> tuple[Plan, Kernels, Reaching] | None:
        """The plan of a pass with what belongs to it, None where the kernels cannot compute it."""
        key = (inputs[0].dtype, *(x.shape for x in inputs), *links.key())
        if key not in self._found:
            if len(self._found) >= MOST_PLANS:
                self._found.clear()
            plan = _plan(cell, inputs, links)
            self._found[key] = _Found(links.recipes(), plan, None if plan is None else reaching(plan))
        found = self._found[key]
        if found.plan is None or found.reached is None:
            return None
        norms = found.plan.norm_state()
        if found.kernels is None or found.norms != norms:
            found.kernels, found.norms = Kernels(found.plan, inputs[0].dtype), norms
        return found.plan, found.kernels, found.reached


@dataclasses.dataclass
class _Found:
    """A plan, and the kernels for what the normalisations were when it was last asked for."""

    recipes: Sequence[object]  # kept, since their identities are in the key
    plan: Plan | None
    reached: Reaching | None
    kernels: Kernels | None = None
    norms: object = None


def _plan(cell: SearchedCell | DerivedCell, inputs: Sequence[Tensor], links: Links) -> Plan | None:
    concat = cell.concat[-1:] if cell.output == "last" else cell.concat
    if cell.output not in ("concat", "last") and len(concat) > 1:
        return None
    if any(x.shape[0] != inputs[0].shape[0] or x.dtype != inputs[0].dtype or x.numel() == 0 for x in inputs):
        return None
    try:
        plan = Plan(inputs[0].shape[0], [x.shape[1:] for x in inputs], links, concat)
    except NotNative:
        return None
    numbers = [*plan.parameters(), *(each for each in plan.buffers() if each is not None and each.is_floating_point())]
    return plan if all(_alike(each, inputs[0]) for each in numbers) else None


def _alike(tensor: Tensor, x: Tensor) -> bool:
    return tensor.dtype == x.dtype and tensor.device == x.device and type(tensor) in (Tensor, nn.Parameter)


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


def _only_computes(inputs: Sequence[Tensor]) -> bool:
    """Whether `inputs` are numbers in the memory of the host, and the pass is only run, not recorded, compiled or
    differentiated twice."""
    if torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    if are_second_wanted():
        return False
    return all(
        type(each) is Tensor and each.device.type == "cpu" and each.dtype in DTYPES and each.dim() == 4
        for each in inputs
    )
