"""The third seam of a search beside relaxation and mixing: a rule that acts at fixed places of steps and epochs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.genotype import AnyGenotype
from darts_pl.relaxations import Relaxation
from darts_pl.spaces.base import Mixing, Supernet, as_mixing

Gates = dict[str, Tensor]
Reduce = Callable[[Sequence[Tensor]], list[Tensor]]


@dataclass(frozen=True)
class Combination:
    """What a rule is to be combined with, for `Rule.check`."""

    relaxation: Relaxation
    mixing: Mixing
    second_order: bool
    alphas_trained: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "mixing", as_mixing(self.mixing))


@dataclass(frozen=True)
class WeightStep:
    """A weight step whose gradients are computed and not yet clipped or applied.

    Args:
        supernet: its weights hold their gradients in `grad`.
        train_loss: `(gates or None) -> L_train` on the step's batch, the same noise for every call; gates as
            `Supernet.forward` takes them, by default those of the step.
        valid_loss: `() -> L_val` on the batch of the alpha step. Neither function keeps the changes that a forward
            pass makes to buffers.
        gates: the gates [E, K] a kind that the step ran with.
        step: steps done before this one.
        loss_scale: what float16 multiplied the loss by, so that `grad` holds so many times the gradient.
        reduce: averages over the devices that train together. `grad` is averaged already; a gradient that a rule takes
            of one of the losses is of this device's part of the batch until it is reduced.
    """

    supernet: Supernet
    train_loss: Callable[..., Tensor]
    valid_loss: Callable[[], Tensor]
    gates: Gates
    step: int
    loss_scale: float = 1.0
    reduce: Reduce = list


@dataclass(frozen=True)
class EpochEnd:
    """The end of an epoch after its validation.

    Args:
        epoch: finished epochs. genotype: derived from the present gates. alphas_trained: whether this epoch updated
            them. valid_loss: `() -> L_val` on the epoch's last alpha batch in train mode, differentiable twice, buffers
            left as they were. reduce: see `WeightStep`.
    """

    supernet: Supernet
    epoch: int
    genotype: AnyGenotype
    alphas_trained: bool
    valid_loss: Callable[[], Tensor]
    reduce: Reduce = list


@dataclass(frozen=True)
class PhaseStart:
    """The phase that begins; a search without phases is one.

    Args:
        index: from 0. phases: how many there are. epochs: of this one, of which `warmup_epochs` train weights only.
        schedule_start, schedule_epochs: epochs that the schedule behind `progress` has done before this phase, and
            its length; progress is (schedule_start + epoch of the phase) / (schedule_epochs − 1).
    """

    index: int
    phases: int
    epochs: int
    warmup_epochs: int
    schedule_start: int
    schedule_epochs: int


@dataclass(frozen=True)
class Stop:
    """A rule's verdict: end the search and take the genotype of `epoch`, because of `reason`."""

    epoch: int
    reason: str


class Rule:
    """A change of the search that needs neither another relaxation nor another mixing. Every method here does nothing;
    a subclass overrides what it needs.

    Attributes:
        auxiliary_skip: whether choices get an auxiliary skip connection.
        stops: whether the rule may end the search and go back to an earlier epoch.
    """

    auxiliary_skip = False
    stops = False

    def check(self, combination: Combination) -> None:
        """Raises ConfigError, with the reason, where the rule makes no sense beside these parts."""

    def begin_phase(self, start: PhaseStart) -> None:
        """Take note of the phase that a new copy of this rule is made for; called once, before anything else."""

    def schedule(self, supernet: Supernet, progress: float) -> None:
        """Set what changes over the search for the finished part `progress` in [0, 1]; called before each epoch and on
        resuming, so it must depend on `progress` alone."""

    def penalty(self, supernet: Supernet) -> Tensor | None:
        """A term to add to the upper-level loss."""
        return None

    def perturb(self, gates: Gates, kept: Gates, loss: Callable[[Gates], Tensor]) -> Gates:
        """The gates [E, K] a kind of the weight step in place of `gates`, which carry no graph. `kept` (bool [E, K] a
        kind) says which candidates are left; the others' gates must stay 0. `loss` evaluates L_train on the step's
        batch in eval mode at given gates, its value and its gradient in them the same on all devices. Random draws come
        from torch's generator, which is seeded for the step."""
        return gates

    def adjust(self, step: WeightStep) -> None:
        """Change the weights' gradients."""

    def epoch_end(self, end: EpochEnd) -> Stop | None:
        """Look at the finished epoch; a verdict ends the search."""
        return None

    def figures(self) -> dict[str, float | None]:
        """Columns for history.csv and TensorBoard, the same names every epoch; None where an epoch has no value."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Everything that resuming needs: plain values, lists, dictionaries and tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""


def check_rules(rules: Sequence[Rule], combination: Combination) -> None:
    """Raises ConfigError where a rule does not fit the other parts of the search, or two rules each other."""
    perturbing = [type(rule).__name__ for rule in rules if type(rule).perturb is not Rule.perturb]
    if len(perturbing) > 1:
        raise ConfigError(
            f"{' and '.join(perturbing)} both move the gates of the weight step, further than either radius allows. "
            "Take one of them"
        )
    for rule in rules:
        rule.check(combination)
