"""DARTS+: stop a search by what it would derive.

Liang et al., "DARTS+: Improved Differentiable Architecture Search with Early Stopping" (arXiv:1909.06035, section 3).

Why. Searched for too long, DARTS fills its cells with skip connections: weights and alphas first learn together, then
compete, and alphas come to favour what needs no training, since the weights of the operations overfit. The good
architectures lie before that. The paper gives two criteria, either of which ends the search; both are cheap, for they
look at alphas only. The first, `SkipStop`, suits searches that would collapse; the second, `RankingStop`, suits any
space. No code was released with the paper.
"""

from typing import Any

import torch.nn as nn

from darts_pl.errors import ConfigError, nearest
from darts_pl.rules.base import Combination, EpochEnd, Rule, Stop
from darts_pl.spaces.base import Supernet
from darts_pl.spaces.mixed import MixedOperation

SKIP = "skip_connect"


def _check_trained(name: str, combination: Combination) -> None:
    if not combination.alphas_trained:
        raise ConfigError(
            f"rules.{name} looks at what training does to alphas, but hypergradient=fixed never trains them. Leave the "
            "rule out, or take hypergradient=first"
        )


class SkipStop(Rule):
    """The first criterion of DARTS+: end the search when the derived cell has `limit` skip connections or more.

        stop at the first epoch t with  #{edges of the derived cell with skip_connect} ≥ limit

    The paper's is two in a normal cell; skip connections of a reduction cell do not count. Only epochs from
    `not_before` on that trained alphas are looked at. The paper has no such bound, but the first epochs derive cells
    close to chance, and of random cells a third (eight edges of seven operations, or the six edges of NAS-Bench-201)
    has two skip connections or more: without it many a search ends before it has begun.

    Which architecture. The paper derives at the stop, so its cells have `limit` skip connections or, where several
    arrive in one epoch, more. Here, by default (`roll_back`), the search returns the architecture of the last epoch
    that was below the limit, which is what the criterion is meant to protect; `limit=3` then still allows two. Where
    the very first epoch that is looked at is over the limit there is nothing to go back to, and its own architecture
    is taken. `roll_back=False` is the paper's reading.

    Args:
        limit: skip connections that end the search. kind: the kind of cell that counts; None for every kind, each by
            itself. roll_back, not_before: see above.

    Raises:
        ConfigError: a limit below 1, a negative epoch; when the search begins, a kind that the space does not have.
    """

    stops = True

    def __init__(self, limit: int = 2, kind: str | None = "normal", roll_back: bool = True, not_before: int = 10):
        if limit < 1:
            raise ConfigError(f"rules.skip_stop.limit={limit}: expected at least 1")
        if not_before < 0:
            raise ConfigError(f"rules.skip_stop.not_before={not_before}: expected at least 0")
        self.limit, self.kind, self.roll_back, self.not_before = limit, kind, roll_back, not_before
        self.last_below: int | None = None

    def check(self, combination: Combination) -> None:
        """Raises ConfigError where alphas are not trained."""
        _check_trained("skip_stop", combination)

    def schedule(self, supernet: Supernet, progress: float) -> None:
        """Raises ConfigError where the space has no cells of the kind."""
        if self.kind is not None and self.kind not in supernet.kinds:
            found = nearest(self.kind, supernet.kinds)
            raise ConfigError(
                f"rules.skip_stop.kind={self.kind!r}: the space has no such cells. {found} Or null, for all"
            )

    def epoch_end(self, end: EpochEnd) -> Stop | None:
        """Count, and end the search at the limit."""
        if not end.alphas_trained or end.epoch < self.not_before:
            return None
        counts = {
            kind: sum(edge.op == SKIP for node in cell.nodes for edge in node)
            for kind, cell in end.genotype.cells.items()
            if self.kind in (None, kind)
        }
        over = {kind: count for kind, count in counts.items() if count >= self.limit}
        if not over:
            self.last_below = end.epoch
            return None
        found = ", ".join(f"{count} in the {kind} cell" for kind, count in over.items())
        reason = f"skip connections at epoch {end.epoch}: {found} (rules.skip_stop.limit={self.limit})"
        back = self.last_below if self.roll_back else None
        return Stop(end.epoch if back is None else back, reason)

    def state_dict(self) -> dict[str, Any]:
        return {"last_below": self.last_below}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.last_below = state["last_below"]


class RankingStop(Rule):
    """The second criterion of DARTS+: end the search when the ranking of the operations has been the same for long.

        stop at the first epoch t with  rank(t) = rank(t − 1) = … = rank(t − epochs)

    where rank is, for every edge of every kind of cell, the order of its learnable operations by alpha. Learnable are
    the candidates with weights, `skip_connect` excepted, which in a reduction cell has some. The paper's reason: while
    their order still changes the weights are learning something that tells architectures apart; afterwards only the
    gates of operations without weights go on growing. `learnable=False` ranks all candidates instead, which is what a
    space needs that has no edge with two learnable ones. Ties go to the earlier candidate; a relaxation is monotone on
    an edge, so alphas rank as gates do. Only epochs that trained alphas count. The architecture is that of the epoch of
    the stop.

    Args:
        epochs: how long the ranking must have stayed as it is. learnable: rank learnable operations only.

    Raises:
        ConfigError: fewer than one epoch; when the search begins, no edge with two candidates to rank.
    """

    stops = True

    def __init__(self, epochs: int = 10, learnable: bool = True):
        if epochs < 1:
            raise ConfigError(f"rules.ranking_stop.epochs={epochs}: expected at least 1")
        self.epochs, self.learnable = epochs, learnable
        self.ranking: list[list[int]] | None = None
        self.same_epochs = 0

    def check(self, combination: Combination) -> None:
        """Raises ConfigError where alphas are not trained."""
        _check_trained("ranking_stop", combination)

    def schedule(self, supernet: Supernet, progress: float) -> None:
        """Raises ConfigError where the space has nothing to rank. A phase may leave nothing: then all is decided."""
        whole = all(bool(supernet.kept(kind).all()) for kind in supernet.kinds)
        if whole and all(len(edge) < 2 for edge in self._rank(supernet)):
            remedy = (
                "Set rules.ranking_stop.learnable=false to rank all candidates" if self.learnable else "Leave it out"
            )
            raise ConfigError(f"rules.ranking_stop: no edge has two operations to rank. {remedy}")

    def epoch_end(self, end: EpochEnd) -> Stop | None:
        """Compare with the epoch before, and end the search when nothing has changed for long enough."""
        if not end.alphas_trained:
            return None
        ranking = self._rank(end.supernet)
        self.same_epochs = self.same_epochs + 1 if ranking == self.ranking else 0
        self.ranking = ranking
        if self.same_epochs < self.epochs:
            return None
        return Stop(end.epoch, f"the ranking of operations has not changed for {self.same_epochs} epochs")

    def _rank(self, supernet: Supernet) -> list[list[int]]:
        """For each edge, kind by kind, the candidates that count, strongest first."""
        found = []
        for kind, logits in supernet.logits().items():
            order = logits.detach().argsort(dim=1, descending=True, stable=True).tolist()
            choices = [cell.mixed_operations().values() for cell in supernet.cells if cell.kind == kind]
            for row, same_edge in zip(order, zip(*choices), strict=True):
                counting = set().union(*(self._counting(choice) for choice in same_edge))
                found.append([k for k in row if k in counting])
        return found

    def _counting(self, choice: MixedOperation) -> set[int]:
        """Positions of the candidates of a choice that are ranked."""
        return {
            k
            for k, name in enumerate(choice.names)
            if name in choice.candidates and (not self.learnable or _is_learnable(name, choice.candidates[name]))
        }

    def figures(self) -> dict[str, float | None]:
        """For how many epochs the ranking has stayed as it is."""
        return {"ranking_same_epochs": self.same_epochs}

    def state_dict(self) -> dict[str, Any]:
        return {"ranking": self.ranking, "same_epochs": self.same_epochs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.ranking, self.same_epochs = state["ranking"], state["same_epochs"]


def _is_learnable(name: str, candidate: nn.Module) -> bool:
    return name != SKIP and any(True for _ in candidate.parameters())
