"""Random search with weight sharing: the best of many random architectures, by the supernet's weights."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from darts_pl.errors import ConfigError
from darts_pl.genotype import AnyGenotype
from darts_pl.metric_names import format_name, format_value
from darts_pl.paths import write_atomically
from darts_pl.seeds import derived_seed
from darts_pl.stages.selection.base import Trained
from darts_pl.stages.selection.evaluation import Evaluator, Score, check_metric, release

log = logging.getLogger("darts_pl")


@dataclass(frozen=True)
class Sampled:
    """Random search with weight sharing, RS-WS (Li and Talwalkar, "Random search and reproducibility for neural
    architecture search", UAI 2019, arXiv:1902.07638, section 3.2).

    What it does and why. It is the baseline that a method with trained alphas has to beat: the supernet is trained with
    one random candidate an edge (relaxation=uniform, mixing=single_path, hypergradient=fixed), then random
    architectures are evaluated with its weights and the best is taken. On the DARTS space the paper found it to be
    about as good as first-order DARTS. It works on any searched supernet, and then says what the alphas added.

    1. Draw `candidates` architectures a uniformly, w being the supernet's weights;
    2. evaluate each on the same `batches` batches of the alphas' half: a → ACC_val(a, w);
    3. evaluate the `finalists` best of them on the whole half, and take the best by this.

    Each is evaluated alone: one-hot gates, edges that it does not have left out, no edge weights, no auxiliary skip.
    Batch normalisation takes its statistics from each batch, for the running ones are of no single architecture. Equal
    accuracies are told apart by the loss, then go to the one drawn first; one drawn twice is evaluated once.

    Defaults: 1000 architectures on one batch, then the 10 best of them on the whole half. Ranking many on little data
    and a few on all of it is the authors' way, the numbers are of that order. `batches=None` evaluates all of them on
    the whole half. The paper repeats searches with several seeds and retrains the winners: here a sweep over seeds.

    Cost: `candidates` · `batches` + `finalists` · (all batches) forward passes. With mixing=full a pass runs the
    candidates of gate 0 too; with mixing=single_path it does not. `samples.csv` in the run's `selection` folder lists
    all architectures. Nothing is kept to go on from: an interrupted selection begins again, with the same result.

    Args:
        candidates: how many to draw. batches: how many batches each is evaluated on at first. finalists: how many of
            them on all. metric: `monitor`, the task's (for a classification also written `accuracy`), or `loss`.

    Raises:
        ConfigError: a number below 1, an unknown metric.
    """

    candidates: int = 1000
    batches: int | None = 1
    finalists: int = 10
    metric: str = "monitor"

    def __post_init__(self) -> None:
        for name in ("candidates", "batches", "finalists"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"selection.{name}={value}: expected at least 1")
        check_metric(self.metric)

    def __call__(self, trained: Trained) -> tuple[AnyGenotype, dict[str, Any]]:
        """Draw, evaluate and compare; the best genotype and its figures."""
        generator = torch.Generator().manual_seed(derived_seed(trained.seed, "selection", "sampled"))
        every = (trained.space.random_genotype(generator) for _ in range(self.candidates))
        drawn = list({genotype.to_json(): genotype for genotype in every}.values())
        monitor = trained.module.task.monitor
        evaluator = Evaluator(trained)
        release(trained.module.supernet)
        log.info("%d different architectures among %d drawn", len(drawn), self.candidates)
        scores = [self._score(genotype, trained, evaluator, self.batches) for genotype in drawn]
        ranked = sorted(range(len(drawn)), key=lambda n: scores[n].goodness(self.metric), reverse=True)
        finals = {n: scores[n] for n in ranked[: self.finalists]}
        if self.batches is not None and self.batches < len(evaluator):
            finals = {n: self._score(drawn[n], trained, evaluator, None) for n in finals}
        best = max(finals, key=lambda n: finals[n].goodness(self.metric))
        self._write(trained, drawn, scores, finals)
        reached = f"accuracy {100 * finals[best].monitored:.1f} %" if monitor == "acc" else ""
        reached = reached or f"{format_name(monitor)} {format_value(monitor, finals[best].monitored)}"
        log.info("the best has %s on the alphas' half", reached)
        figures = {"candidates": self.candidates, "different": len(drawn)}
        return drawn[best], {**figures, f"val_{monitor}": finals[best].monitored, "val_loss": finals[best].loss}

    @staticmethod
    def _score(genotype: AnyGenotype, trained: Trained, evaluator: Evaluator, batches: int | None) -> Score:
        supernet = trained.module.supernet.to(trained.hardware.device)
        like = next(iter(supernet.alphas.values()))
        gates = {kind: gate.to(like) for kind, gate in trained.space.one_hot_gates(genotype).items()}
        return evaluator(supernet, lambda x: supernet.forward_as_derived(x, gates), batches=batches)

    @staticmethod
    def _write(
        trained: Trained, drawn: Sequence[AnyGenotype], scores: Sequence[Score], finals: dict[int, Score]
    ) -> None:
        """`samples.csv`: a row an architecture in the order drawn; `val_*` only where it was evaluated on the whole."""
        monitor = trained.module.task.monitor
        rows = [
            {
                "genotype": " ".join(genotype.to_json().split()),
                "loss": score.loss,
                format_name(monitor): score.monitored,
                "val_loss": finals[n].loss if n in finals else None,
                f"val_{monitor}": finals[n].monitored if n in finals else None,
            }
            for n, (genotype, score) in enumerate(zip(drawn, scores))
        ]
        write_atomically(trained.folder / "samples.csv", lambda path: pd.DataFrame(rows).to_csv(path, index=False))
