"""DARTS-PT: the architecture chosen by what the removal of each operation costs."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from darts_pl.derive import NONE
from darts_pl.errors import ConfigError
from darts_pl.genotype import AnyGenotype
from darts_pl.hypergradient import fixed
from darts_pl.lit import SearchModule
from darts_pl.lit.optimizers import OptimizerFactory
from darts_pl.metric_names import format_name, is_accuracy
from darts_pl.seeds import derived_seed
from darts_pl.spaces.base import Supernet
from darts_pl.stages.fitting import fit
from darts_pl.stages.selection.base import Trained
from darts_pl.stages.selection.decisions import DROPPED, Decision, Question, inputs, questions
from darts_pl.stages.selection.evaluation import Evaluator, Score, check_metric
from darts_pl.stages.selection.progress import DecisionRow, Progress

log = logging.getLogger("darts_pl")

Place = tuple[int, int | slice]
"""Row and columns of gates [E, K]."""


@dataclass(frozen=True)
class Perturbation:
    """DARTS-PT, perturbation-based architecture selection (Wang, Cheng, Chen, Tang and Hsieh, "Rethinking architecture
    selection in differentiable NAS", ICLR 2021, arXiv:2108.04392, section 4 and algorithm 1).

    What it does and why. DARTS takes an operation's gate for its strength. The paper shows that the gate says little of
    what the operation contributes: in a supernet whose skip connections all have the largest gates, the skips are often
    the operations whose loss is missed least. So strength is measured instead, as the accuracy that the supernet loses
    without the operation, and the supernet is made discrete edge by edge rather than at once:

        o*(e) = argmin_o ACC_val(supernet without o on e),     for one random undecided edge e after the other.

    1. For each candidate o of the edge, o's gate is set to 0 (the others are not made larger to fill up), and the
       supernet is evaluated on the whole of the alphas' half, with batch statistics. The candidate whose removal hurts
       most is kept, its gate is 1 from now on, the others are removed.
    2. The supernet is trained for `tune_epochs` epochs, weights only, to recover from it.
    3. When all edges are decided, each node with more than two inputs, in random order, loses inputs: one after the
       other the edge whose removal hurts least. Training follows each node. A space whose nodes keep all their edges
       (`edges_kept` None: NAS-Bench-201) has no such stage, one with another number keeps that number.

    Normal and reduction cells are decided in the same round, the normal cell's edge first, the reduction cell's given
    it. `none` may be kept where nodes keep all edges; in the cell space it is no choice, for there the dropped edges
    say the same. With alphas that were never trained (hypergradient=fixed) this is the paper's "blank" variant.

    Training starts from the search's learning rate times `learning_rate_factor` = 0.1 and falls, on one cosine over all
    rounds, to the search's least rate. 5 epochs a round are the authors', in the DARTS space and in NAS-Bench-201 alike
    (there after a supernet of 100 epochs); 0 decides without training. The metric is the one that the task monitors, of
    a classification the accuracy; `loss` takes the loss.

    What differs from the authors' code (ruocwang/darts-pt), and why:
    - Alphas rest while the supernet recovers; the code goes on training those of undecided edges. Costs are compared
      within an edge, and with alphas at rest a cost is of the searched supernet.
    - Gates are the relaxation's expected ones, so that nothing random decides; rules of the search do not act.
    - Momentum begins anew in each round; after the last decision there is no training, which nothing would see.
    - Equal accuracies, common on small data, are told apart by the loss, then go to the earlier candidate. The code
      takes the first in choosing operations and the last in dropping edges.
    - Evaluation images are not augmented; the code's are. Edge weights, where a mixing has them, act as in the search.

    Cost: K + 1 evaluations a decision, and `tune_epochs` epochs a round; for the DARTS space about 85 epochs.
    Progress is saved after every decision and within each training; an interrupted selection goes on from there.

    Args:
        tune_epochs: epochs of training between rounds. learning_rate_factor: of the search's initial rate.
        metric: `monitor` (for a classification also written `accuracy`) or `loss`.

    Raises:
        ConfigError: a negative number of epochs, a factor that is not positive, an unknown metric.
    """

    tune_epochs: int = 5
    learning_rate_factor: float = 0.1
    metric: str = "monitor"

    def __post_init__(self) -> None:
        if self.tune_epochs < 0:
            raise ConfigError(f"selection.tune_epochs={self.tune_epochs}: expected 0 or more")
        if self.learning_rate_factor <= 0:
            raise ConfigError(f"selection.learning_rate_factor={self.learning_rate_factor}: expected above 0")
        check_metric(self.metric)

    def __call__(self, trained: Trained) -> tuple[AnyGenotype, dict[str, Any]]:
        """Decide everything, going on from what lies in `trained.folder`; the genotype and the figures of the end."""
        space, edges_kept = trained.space, trained.space.edges_kept
        progress, monitor = Progress(trained.folder, trained.module.supernet, space), trained.module.task.monitor
        asked = questions(progress.supernet, edges_kept, trained.seed)
        evaluate = Evaluator(trained)
        for question in asked[len(progress.decisions) :]:
            while self.tune_epochs and progress.tuned < question.stage:
                self._tune(progress, trained, rounds=asked[-1].stage)
            decision = self._answer(question, progress, evaluate, edges_kept)
            progress.decide(decision)
            line = self._line(progress.describe(decision), monitor)
            log.info("%s, %d of %d", line, len(progress.decisions), len(asked))
        score = evaluate(progress.supernet, progress.supernet)
        genotype = trained.derive(progress.supernet.expected_gates())
        return genotype, {"decisions": len(asked), f"val_{monitor}": score.monitored, "val_loss": score.loss}

    def _answer(self, question: Question, progress: Progress, evaluate: Evaluator, edges_kept: int | None) -> Decision:
        supernet, (candidates, edges) = progress.supernet, progress.names(question.kind)
        whole = evaluate(supernet, supernet)
        if question.node is not None:
            places = [(row, slice(None)) for row in inputs(supernet, question)]
            scores = self._without(question.kind, places, supernet, evaluate)
            place = max(range(len(places)), key=lambda n: scores[n].goodness(self.metric))
            return Decision(question.kind, places[place][0], DROPPED, self._cost(whole, scores[place]))
        assert question.row is not None  # a question is of a node or of an edge
        left = supernet.kept(question.kind)[question.row].nonzero().flatten().tolist()
        may_be_none = edges_kept is None or edges == [question.kind]  # a part of a network is no edge to be dropped
        columns = [k for k in left if may_be_none or candidates[k] != NONE] or left
        scores = self._without(question.kind, [(question.row, column) for column in columns], supernet, evaluate)
        place = min(range(len(columns)), key=lambda n: scores[n].goodness(self.metric))
        return Decision(question.kind, question.row, columns[place], self._cost(whole, scores[place]))

    @staticmethod
    def _without(kind: str, places: Iterable[Place], supernet: Supernet, evaluate: Evaluator) -> list[Score]:
        """The score without the gates at each of the places (row, column)."""
        gates, scores = supernet.expected_gates(), []
        for place in places:
            changed = {**gates, kind: gates[kind].clone()}
            changed[kind][place] = 0.0
            scores.append(evaluate(supernet, partial(supernet, gates=changed)))
        return scores

    def _cost(self, whole: Score, without: Score) -> float:
        return whole.goodness(self.metric)[0] - without.goodness(self.metric)[0]

    def _line(self, row: DecisionRow, monitor: str) -> str:
        metric = "loss" if self.metric == "loss" else monitor
        if is_accuracy(metric):
            cost = f"{100 * row['cost']:.1f} points"
        else:
            cost = (
                f"{row['cost']:.4f} nats" if is_accuracy(monitor) else f"{row['cost']:.4g} of the {format_name(metric)}"
            )
        return f"edge {row['kind']} {row['edge']}: {row['operation']} (removal costs {cost})"

    def _tune(self, progress: Progress, trained: Trained, rounds: int) -> None:
        """Train the weights for one round, or go on training where it was interrupted."""
        module = self._module(progress, trained, rounds)
        searched = trained.module.elapsed_epochs + trained.module.epochs
        trained.data.elapsed_epochs = searched + progress.tuned * self.tune_epochs  # other batches in each round
        fit(
            module,
            trained.data,
            folder=progress.round_folder(progress.tuned + 1),
            epochs=self.tune_epochs,
            hardware=trained.hardware,
            callbacks=[],
            title=f"selection {progress.tuned + 1}/{rounds}",
            trainer=trained.trainer,
        )
        progress.finish_round()

    def _module(self, progress: Progress, trained: Trained, rounds: int) -> SearchModule:
        optimizer = at_rate(trained.module.make_weights_optimizer, self.learning_rate_factor)
        rate = optimizer([torch.zeros(1, requires_grad=True)]).param_groups[0]["lr"]
        return trained.make_module(
            progress.supernet,
            task=trained.data.task,
            channels_last=trained.hardware.runs_channels_last(progress.supernet),
            epochs=self.tune_epochs,
            hypergradient=fixed,
            weights_optimizer=optimizer,
            min_learning_rate=min(trained.module.min_learning_rate, rate),
            alpha_warmup_epochs=0,
            rules=[],
            seed=derived_seed(trained.seed, "selection", progress.tuned),
            elapsed_epochs=progress.tuned * self.tune_epochs,
            schedule_start=0,
            schedule_epochs=rounds * self.tune_epochs,
        )


def at_rate(make_optimizer: OptimizerFactory, factor: float) -> OptimizerFactory:
    """`make_optimizer` with its learning rate times `factor`."""

    def make(parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        optimizer = make_optimizer(parameters)
        for group in optimizer.param_groups:
            group["lr"] *= factor
        return optimizer

    return make
