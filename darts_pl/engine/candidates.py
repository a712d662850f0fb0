"""What a link of a cell adds to its node, taken apart: candidates with their recipes and coefficients."""

from collections.abc import Iterable
from typing import NamedTuple

import torch.nn as nn
from torch import Tensor

from darts_pl.engine.recipes import Recipe, Recipes
from darts_pl.ops.image import Skip
from darts_pl.relaxations.mixing import MixingFunction, PartialChannels, SinglePath, as_mixing, is_full
from darts_pl.spaces.mixed import MixedOperation, is_droppable, path_mask
from darts_pl.spaces.walk import DerivedCell, Link, SearchedCell


class Candidate(NamedTuple):
    """A term of a sum: coefficient · operation(x).

    Args:
        recipe: what the operation is made of, None where that is unknown. coefficient: a scalar; None: 1.
    """

    recipe: Recipe | None
    operation: nn.Module
    coefficient: Tensor | None


class Terms(NamedTuple):
    """A link as a sum over candidates.

    Args:
        candidates: of the full sum, or those that a single path runs.
        divisor: they mix the first C / `divisor` channels, the others pass by (`PartialChannels`).
        bypass: the scalar that the others are multiplied by.
        constant: a scalar that is added to every value of the mixed part, None: nothing (`SinglePath`).
        mask: (B, 1, 1, 1), what all of the above is multiplied by: zero for samples that are dropped; None: 1.
        auxiliary: a further term, of all channels, which is never dropped.
    """

    candidates: list[Candidate]
    divisor: int = 1
    bypass: Tensor | None = None
    constant: Tensor | None = None
    mask: Tensor | None = None
    auxiliary: Candidate | None = None


def knows_draws(cell: SearchedCell | DerivedCell) -> bool:
    """Whether the random numbers of a pass through `cell` are drawn by `terms_of`, in the order of a walk by nodes:
    not where an operation draws its own, or what a mixing that is not known here gives is dropped."""
    if not cell.training:
        return True
    if any(_draws(module) for module in cell.modules()):
        return False
    mixed = [module for module in cell.edge_modules() if isinstance(module, MixedOperation)]
    return all(knows_mixing(module.mixing) for module in mixed if module.dropping)


def _draws(module: nn.Module) -> bool:
    if isinstance(module, Skip):
        return module.rate > 0
    return isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0


def knows_mixing(mixing: MixingFunction) -> bool:
    """Whether `mixing` is the full sum or a single path, of all channels or a part of them."""
    inner, _ = _inner_and_divisor(mixing)
    return is_full(inner) or isinstance(as_mixing(inner), SinglePath)


def inner_of(mixing: MixingFunction) -> MixingFunction:
    """How `mixing` mixes the channels that it mixes."""
    return _inner_and_divisor(mixing)[0]


def divisor_of(mixing: MixingFunction) -> int:
    """One part in how many of the channels `mixing` mixes."""
    return _inner_and_divisor(mixing)[1]


def terms_of(cell: SearchedCell | DerivedCell, link: Link, like: Tensor, recipes: Recipes) -> Terms | None:
    """The terms of a link, None where its mixing is not known here.

    Args:
        like: a state of the cell; what dropped samples are drawn for.
    """
    if isinstance(cell, DerivedCell):
        dropping = cell.drop_path_probability if cell.training and is_droppable(link.operation) else 0.0
        terms = Terms([_candidate(link.operation, link.weight, recipes)])
        return terms._replace(mask=_mask(like, dropping))
    operation, gate = link.operation, link.gate
    if not isinstance(operation, MixedOperation) or gate is None or not knows_mixing(operation.mixing):
        return None
    inner, divisor = _inner_and_divisor(operation.mixing)
    row = operation.left(gate)
    scaled = row if link.weight is None else row * link.weight
    single = as_mixing(inner)
    if isinstance(single, SinglePath):
        terms = _single_path(single, operation, row, scaled, recipes)
    else:
        terms = Terms(_candidates(operation, range(len(row)), scaled, recipes))
    if divisor > 1:
        passes = (row != 0).any().to(row.dtype)
        terms = terms._replace(divisor=divisor, bypass=passes if link.weight is None else passes * link.weight)
    dropping = operation.drop_path_probability if operation.dropping else 0.0
    return terms._replace(mask=_mask(like, dropping), auxiliary=_auxiliary(cell, link, row, recipes))


def _inner_and_divisor(mixing: MixingFunction) -> tuple[MixingFunction, int]:
    found = as_mixing(mixing)
    return (found.inner, found.channel_divisor) if isinstance(found, PartialChannels) else (found, 1)


def _mask(like: Tensor, dropping: float) -> Tensor | None:
    return path_mask(like, dropping) if dropping > 0 else None


def _candidates(operation: MixedOperation, places: Iterable[int], scaled: Tensor, recipes: Recipes) -> list[Candidate]:
    modules, rows = list(operation.candidates.values()), scaled.unbind()
    return [_candidate(modules[k], rows[k], recipes) for k in places]


def _candidate(operation: nn.Module, coefficient: Tensor | None, recipes: Recipes) -> Candidate:
    return Candidate(recipes.of(operation), operation, coefficient)


def _single_path(mixing: SinglePath, operation: MixedOperation, row: Tensor, scaled: Tensor, recipes: Recipes) -> Terms:
    """See `SinglePath`: what was drawn runs, the gates of the others are added as they are."""
    values = row.tolist()
    running = [k for k, value in enumerate(values) if value != 0] or [0]
    others = [k for k in range(len(values)) if k not in running]
    constant = scaled[others].sum() if mixing.constant and others and row.requires_grad else None
    return Terms(_candidates(operation, running, scaled, recipes), constant=constant)


def _auxiliary(cell: SearchedCell, link: Link, row: Tensor, recipes: Recipes) -> Candidate | None:
    operation = link.operation
    assert isinstance(operation, MixedOperation)  # `terms_of` has asked
    module, weight = operation.auxiliary, operation.auxiliary_weight
    if module is None or not weight or cell.without_auxiliary:
        return None
    coefficient = row.new_tensor(weight) if link.weight is None else weight * link.weight
    return _candidate(module, coefficient, recipes)
