"""The search without its upper level: alphas trained on the weights' own batches, as an ablation (arXiv:1806.09055,
section 3.3, found it to be worse than the bilevel one)."""

from darts_pl.lit import SearchModule
from darts_pl.lit.rule_steps import Batch


class SingleLevelModule(SearchModule):
    """A `SearchModule` whose alphas see the batch of the weights' half; the other half validates only."""

    def training_step(self, batch: dict[str, Batch], batch_idx: int) -> None:
        """One step of the alphas, then one of the weights, on the same batch."""
        super().training_step({"weights": batch["weights"], "alphas": batch["weights"]}, batch_idx)
