"""One candidate an edge."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from darts_pl.relaxations.mixing.base import Candidate, Mixing


@dataclass(frozen=True)
class SinglePath(Mixing):
    """Runs the drawn candidate of an edge and no other (GDAS: Dong and Yang, arXiv:1910.04465, section 3.2).

    With the one-hot gate row h of a hard sample, whose entries carry the straight-through gradient of the soft one
    (see `Gumbel`), and its largest entry k:

        y = h_k · o_k(x) + Σ_{j ≠ k} h_j

    The h_j are 0 in value. Added to each element of the output they give alpha a gradient without o_j being run:
    dL/dh_j = Σ dL/dy over all elements, in place of Σ dL/dy · o_j(x) under the full sum. That is the released code's
    formula. It is no approximation of the full sum's gradient, it treats the candidates not drawn as if they gave 1
    everywhere; what tells candidates apart is h_k, over many draws. Memory and time are those of one candidate.

    Two further cases, which GDAS does not have:
    - rows that are given and not sampled (`Uniform` in eval mode, a selection, a genotype's gates): all candidates
      whose gates are not 0 run, so that y is the full sum's;
    - a row of zeros, an edge that is left out: the first candidate runs, for the shape of the output alone.

    Candidates that did not run have no gradient, not one of zero, so that optimisers leave them as they are. In the
    released code, of the time when gradients were set to zero instead, weight decay and momentum went on moving them.

    Which entries are not 0 is read on the host: one wait for the device for each edge.
    """

    needs_one_hot = True

    def __call__(self, x: Tensor, candidates: Iterable[Candidate], gate: Tensor) -> Tensor:
        """x, K candidates and `gate` [K] → the output of one candidate's shape."""
        candidates = list(candidates)
        if len(candidates) != len(gate):
            raise ValueError(f"{len(candidates)} candidates, {len(gate)} gates")
        values = gate.tolist()
        running = [k for k, value in enumerate(values) if value != 0] or [0]
        terms = [gate[k] * candidates[k](x) for k in running]
        others = [k for k in range(len(values)) if k not in running]
        if others and gate.requires_grad:
            terms.append(gate[others].sum())
        return sum(terms[1:], terms[0])


single_path = SinglePath()
