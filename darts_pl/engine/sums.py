"""The sum that a node of a cell is: terms are added in place as they come."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from darts_pl.engine.wanted import is_wanted
from darts_pl.spaces.walk import add


class WeightedSum(torch.autograd.Function):
    """Σ_m coefficient_m · x_m, keeping the x_m alone; differentiable twice."""

    @staticmethod
    def forward(ctx: Any, coefficients: Tensor, *terms: Tensor) -> Tensor:
        """coefficients [M], M terms (B, C, H, W) → (B, C, H, W)."""
        ctx.save_for_backward(coefficients, *terms)
        weights = coefficients.unbind()
        total = terms[0] * weights[0]
        for term, weight in zip(terms[1:], weights[1:]):
            total.addcmul_(term, weight)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """gradients: of the sum → [M], M times (B, C, H, W)."""
        (gradient,) = gradients
        coefficients, *terms = ctx.saved_tensors
        of_coefficients = None
        if is_wanted(ctx, 0):
            flat = _flat(gradient)
            products = [torch.dot(flat, _flat(term.to(gradient.dtype))) for term in terms]
            of_coefficients = torch.stack(products).to(coefficients.dtype)
        weights = coefficients.unbind()
        wanted = [is_wanted(ctx, index) for index in range(1, 1 + len(terms))]
        of_terms = [gradient * weight if each else None for weight, each in zip(weights, wanted)]
        return of_coefficients, *of_terms


def _flat(x: Tensor) -> Tensor:
    """(B, C, H, W) → [B · H · W · C], in channels-last memory without a copy."""
    return x.permute(0, 2, 3, 1).reshape(-1)


class Sum:
    """A sum whose terms come one by one: results that nobody else holds are added in place, tensors that others read
    too are kept with their coefficients and added at the end."""

    def __init__(self) -> None:
        self._own: Tensor | None = None
        self._others: list[Tensor] = []
        self._coefficients: list[Tensor | None] = []
        self._constants: list[Tensor] = []

    def add(self, term: Tensor) -> None:
        """Add a tensor that no other sum, module or gradient reads."""
        self._own = term if self._own is None else self._own.add_(term)

    def add_shared(self, term: Tensor, coefficient: Tensor | None) -> None:
        """Add coefficient · term, a scalar (None: 1) and a tensor that stays as it is."""
        self._others.append(term)
        self._coefficients.append(coefficient)

    def add_constant(self, value: Tensor) -> None:
        """Add a scalar to every place."""
        self._constants.append(value)

    def total(self) -> Tensor:
        """The sum.

        Raises:
            ValueError: nothing was added.
        """
        total = _weighted(self._others, self._coefficients)
        if self._own is not None:
            total = self._own if total is None else self._own.add_(total)
        if total is None:
            raise ValueError("a sum without terms")
        return sum(self._constants, total)


def _weighted(terms: Sequence[Tensor], coefficients: Sequence[Tensor | None]) -> Tensor | None:
    if not terms:
        return None
    given = [coefficient for coefficient in coefficients if coefficient is not None]
    if not given:
        return add(terms)
    ones = [given[0].new_ones(()) if coefficient is None else coefficient for coefficient in coefficients]
    total: Tensor = WeightedSum.apply(torch.stack(ones), *terms)
    return total
