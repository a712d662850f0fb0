"""The full weighted sum of all candidates on an edge (DARTS, arXiv:1806.09055, equation 2)."""

from collections.abc import Iterable

from torch import Tensor

from darts_pl.relaxations.mixing.base import Candidate


def full(x: Tensor, candidates: Iterable[Candidate], gate: Tensor) -> Tensor:
    """Σ_k gate[k] · candidate_k(x); `gate` has shape [K], all candidate outputs one shape."""
    total: Tensor | None = None
    for weight, candidate in zip(gate.unbind(), candidates, strict=True):
        term = weight * candidate(x)
        total = term if total is None else total + term
    assert total is not None  # there are candidates
    return total
