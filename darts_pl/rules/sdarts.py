"""SmoothDARTS: weights trained under perturbed gates, so that the validation loss is flat around alpha.

Chen & Hsieh, "Stabilizing Differentiable Architecture Search via Perturbation-based Regularization"
(arXiv:2002.05283, section 3 and algorithm 1).

Why. DARTS derives one-hot gates from soft ones. The larger the dominant eigenvalue of ∇²_α L_val, the more accuracy
this jump costs. Trained to be good at every gate near the present one, the weights w keep L_val flat in α there:

    min_α L_val(w̄(α), α)   with   w̄(α) = argmin_w E_δ L_train(w, p(α) + δ)           random smoothing, RS
                            or     w̄(α) = argmin_w max_{‖δ‖∞ ≤ ε} L_train(w, p(α) + δ)  adversarial, ADV

Only the weight step sees the perturbation. Alphas are neither perturbed nor trained by it, and the alpha step runs at
the gates p = relaxation(α) themselves.

How. With a radius that grows linearly over the search, ε = start + (end − start) · progress (0.03 → 0.3):

    RS    δ ~ U(−ε, ε) for each gate, p' = Π(p + δ)
    ADV   p' = Π(p + U(−ε, ε)), then `steps` (7) times p' ← Π(p + clamp(p' + s · sign ∂L_train/∂p' − p, −ε, ε)) with
          s = 2ε / steps, the supernet in eval mode; p itself where the loss at the result is not higher than at p

Π clamps to [0, 1], zeroes candidates that are not left on an edge, and divides each row by its sum. RS costs nothing,
ADV `steps` + 2 forward and `steps` backward passes more a step.

Differences from the released code (SmoothDARTS):
- a row of which clamping leaves nothing keeps its gates; there it becomes the one-hot row of its largest entry, a far
  larger perturbation than ε allows;
- ε reaches `end` in the last epoch, there one epoch's worth below it (epoch / epochs);
- candidates that a phase has removed stay at 0; the released progressive variant perturbs only what is left, too;
- second order is refused. The virtual step of equation 7 of DARTS would be taken at the unperturbed gates and so would
  not be the step that follows; the authors ran all of theirs in first order.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.rules.base import Combination, Gates, Rule
from darts_pl.spaces.base import Supernet


class _Smoothing(Rule):
    """What both forms share: the radius and its schedule, and what they can be combined with.

    Args:
        start, end: radius ε at the begin and at the end of the search, in [0, 1].

    Raises:
        ConfigError: a radius outside of [0, 1].
    """

    def __init__(self, start: float = 0.03, end: float = 0.3):
        for name, value in (("start", start), ("end", end)):
            if not 0 <= value <= 1:
                raise ConfigError(f"{self._key}.{name}={value}: expected a number from 0 to 1, as gates are")
        self.start, self.end = start, end
        self.epsilon = start

    _key = "rules.sdarts"

    def check(self, combination: Combination) -> None:
        """Raises ConfigError for gates that are no distribution, for one-hot gates, and for a second order."""
        relaxation = type(combination.relaxation).__name__
        if combination.relaxation.one_hot or combination.mixing.needs_one_hot:
            raise ConfigError(
                f"{self._key}: relaxation={relaxation} gives one-hot gates, which a perturbation would turn into "
                "mixtures that the search never evaluates. Take relaxation=softmax, or leave the rule out"
            )
        if not combination.relaxation.simplex:
            raise ConfigError(
                f"{self._key}: perturbed gates are brought back to a sum of one on each edge, but those of "
                f"relaxation={relaxation} are free of it. Take relaxation=softmax, or leave the rule out"
            )
        if combination.second_order:
            raise ConfigError(
                f"{self._key}: the second-order hypergradient unrolls a weight step at unperturbed gates, which is not "
                "the step that this rule takes. Take hypergradient=first"
            )

    def schedule(self, supernet: Supernet, progress: float) -> None:
        """Set ε for the finished part `progress` in [0, 1]."""
        self.epsilon = self.start + (self.end - self.start) * progress

    def figures(self) -> dict[str, float | None]:
        """The radius of the epoch."""
        return {"perturbation_radius": self.epsilon}


class SDARTSRandom(_Smoothing):
    """SDARTS-RS: the weight step runs at gates moved by uniform noise, see above."""

    _key = "rules.sdarts_rs"

    def perturb(self, gates: Gates, kept: Gates, loss: Callable[[Gates], Tensor]) -> Gates:
        """Π(p + δ), δ ~ U(−ε, ε); `gates` and `kept` are [E, K] a kind."""
        return _moved_at_random(gates, kept, self.epsilon)


class SDARTSAdversarial(_Smoothing):
    """SDARTS-ADV: the weight step runs at the gates within ε that make the training loss worst, see above.

    Args:
        start, end: radius ε at the begin and at the end of the search, in [0, 1].
        steps: steps of projected gradient ascent.

    Raises:
        ConfigError: a radius outside of [0, 1], fewer than one step.
    """

    _key = "rules.sdarts_adv"

    def __init__(self, start: float = 0.03, end: float = 0.3, steps: int = 7):
        super().__init__(start, end)
        if steps < 1:
            raise ConfigError(f"{self._key}.steps={steps}: expected at least 1")
        self.steps = steps

    def perturb(self, gates: Gates, kept: Gates, loss: Callable[[Gates], Tensor]) -> Gates:
        """The result of the ascent, or `gates` where it did not raise the loss; [E, K] a kind."""
        with torch.no_grad():
            before = loss(gates)
        found = _moved_at_random(gates, kept, self.epsilon)
        for _ in range(self.steps):
            found = {kind: gate.requires_grad_() for kind, gate in found.items()}
            grads = torch.autograd.grad(loss(found), list(found.values()), allow_unused=True, materialize_grads=True)
            found = {
                kind: self._ascended(gates[kind], found[kind].detach(), grad, kept[kind])
                for kind, grad in zip(found, grads)
            }
        with torch.no_grad():
            return found if loss(found) > before else gates

    def _ascended(self, gate: Tensor, found: Tensor, grad: Tensor, kept: Tensor) -> Tensor:
        """`found` a step up along `grad`, within ε of `gate`; all [E, K]."""
        move = found + 2 * self.epsilon / self.steps * grad.sign() - gate
        return project(gate + move.clamp(-self.epsilon, self.epsilon), gate, kept)


def _moved_at_random(gates: Gates, kept: Gates, epsilon: float) -> Gates:
    return {
        kind: project(gate + torch.empty_like(gate).uniform_(-epsilon, epsilon), gate, kept[kind])
        for kind, gate in gates.items()
    }


def project(moved: Tensor, gate: Tensor, kept: Tensor) -> Tensor:
    """`moved` [E, K] clamped to [0, 1], 0 where `kept` (bool [E, K]) is false, rows divided by their sum; the row of
    `gate` where nothing is left of one."""
    clamped = moved.clamp(0, 1).masked_fill(~kept, 0)
    total = clamped.sum(dim=-1, keepdim=True)
    return torch.where(total > 0, clamped / total.clamp_min(torch.finfo(total.dtype).tiny), gate)
