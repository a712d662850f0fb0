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

        y = h_k · o_k(x) + c · Σ_{j ≠ k} h_j,     c = 1, or 0 without `constant`

    The h_j are 0 in value. Added to each element of the output they give alpha a gradient without o_j being run:
    dL/dh_j = Σ dL/dy over all elements, in place of Σ dL/dy · o_j(x) under the full sum. That is the released code's
    formula. It is no approximation of the full sum's gradient, it treats the candidates not drawn as if they gave 1
    everywhere; what tells candidates apart is h_k, over many draws. Memory and time are those of one candidate.

    The constant is noise that is as large as the signal: in an untrained NAS-Bench-201 supernet (8 channels, 16 pixels,
    batch 32) the gradient of alpha has a cosine of .18 ± .22 with the full one of the same draws, .25 ± .27 without the
    constant. Two ways around it:
    - `constant=False`, the authors' later form (`gdas_v1` in D-X-Y/AutoDL-Projects, its issue 119): dL/dh_j = 0 for
      what was not drawn, so that softmax alone moves the others, by as much as what was drawn gains.
    - `mixing=full` with the same relaxation: the full straight-through gradient, dL/dh_j = Σ dL/dy · o_j(x), for the
      memory and time of all candidates; the output is the same.

    Two further cases, which GDAS does not have:
    - rows that are given and not sampled (`Uniform` in eval mode, a selection, a genotype's gates): all candidates
      whose gates are not 0 run, so that y is the full sum's;
    - a row of zeros, an edge that is left out: the first candidate runs, for the shape of the output alone.

    Candidates that did not run have no gradient, not one of zero, so that optimisers leave them as they are. In the
    released code, of the time when gradients were set to zero instead, weight decay and momentum went on moving them.

    Which entries are not 0 is read on the host: one wait for the device for each edge.

    Args:
        constant: whether the gates of what was not drawn are added.
    """

    needs_one_hot = True
    constant: bool = True

    def __call__(self, x: Tensor, candidates: Iterable[Candidate], gate: Tensor) -> Tensor:
        """x, K candidates and `gate` [K] → the output of one candidate's shape."""
        candidates = list(candidates)
        if len(candidates) != len(gate):
            raise ValueError(f"{len(candidates)} candidates, {len(gate)} gates")
        values = gate.tolist()
        running = [k for k, value in enumerate(values) if value != 0] or [0]
        terms = [gate[k] * candidates[k](x) for k in running]
        others = [k for k in range(len(values)) if k not in running]
        if self.constant and others and gate.requires_grad:
            terms.append(gate[others].sum())
        return sum(terms[1:], terms[0])


single_path = SinglePath()
