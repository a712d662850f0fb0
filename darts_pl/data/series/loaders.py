"""The loaders that every data module of windows has: paired blocks for a search, three parts for a retraining."""

from typing import Any

import lightning
import torch
from torch import Tensor

from darts_pl.data.batches import Batches, PairedBatches
from darts_pl.data.series.windows import Windows
from darts_pl.errors import DataError


class WindowLoaders(lightning.LightningDataModule):
    """Base: a subclass sets `purpose`, `batch_size`, `eval_batch_size`, `eval_stride`, `seed` and `elapsed_epochs`, and
    defines `halves`, `gatherers_of` and `every`.

    A batch is `(x, y)`, in a search `{"weights": (x, y), "alphas": (x, y)}`. The loaders themselves add a key,
    `(x, y, key)`, which `on_after_batch_transfer` takes off.
    """

    purpose: str
    batch_size: int
    eval_batch_size: int
    eval_stride: int
    seed: int
    elapsed_epochs: int
    alphas_part = "train"  # the part that the alphas' windows are of
    classes: tuple[str, ...] = ()

    @property
    def halves(self) -> tuple[Tensor, Tensor]:
        """Windows by number, int64: (weights, alphas) in a search, (training, validation) in a retraining."""
        raise NotImplementedError(f"{type(self).__name__} must define halves")

    def gatherers_of(self, part: str) -> tuple[Any, Any]:
        """What gives inputs and truth of a part's windows for their numbers."""
        raise NotImplementedError(f"{type(self).__name__} must define gatherers_of(part)")

    def every(self, part: str) -> Tensor:
        """The numbers of all windows of "train", "val" or "test"."""
        raise NotImplementedError(f"{type(self).__name__} must define every(part)")

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook; the same as `prepare`."""
        self.prepare()

    def prepare(self) -> None:
        """Read the data and check everything that depends on them; a second call does nothing.

        Raises:
            DataError, ConfigError: data that are missing, damaged, irregular or too short, a batch larger than a part.
        """
        self.train_dataloader()

    def windows(self, part: str) -> Windows:
        """All windows of "train", "val" or "test", gathered when asked for."""
        return Windows(*self.gatherers_of(part), self.every(part))

    def evaluation(self, part: str) -> Batches:
        """All windows of "train", "val" or "test" in order, as `(x, y, key)`; the last batch holds what is left."""
        return self._evaluation(part, self.every(part))

    def train_dataloader(self) -> PairedBatches | Batches:
        """Training batches: of both blocks in a search, of all training windows in a retraining."""
        first, second = self.halves
        if self.purpose == "retrain":
            return self._training("train", first, "train")
        weights = self._training("train", first, "weights")
        return PairedBatches(weights, self._training(self.alphas_part, second, "alphas"), self.elapsed_epochs)

    def val_dataloader(self) -> Batches:
        """The windows of the alphas (search; every `eval_stride`-th) or the validation part (retraining)."""
        held = self.halves[1]
        if self.purpose == "retrain":
            return self._evaluation("val", held)
        return self._evaluation(self.alphas_part, held[:: self.eval_stride])

    def test_dataloader(self) -> Batches:
        """All test windows."""
        return self.evaluation("test")

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """`(x, y, key)` to `(x, y)`, in each part of a paired batch."""
        if isinstance(batch, dict):
            return {name: (x, y) for name, (x, y, _) in batch.items()}
        x, y, _ = batch
        return x, y

    def _training(self, part: str, chosen: Tensor, stream: str) -> Batches:
        if self.batch_size > len(chosen):
            raise DataError(
                f"data.batch_size={self.batch_size} is larger than the {stream!r} part of the training data, which "
                f"holds {len(chosen)} windows. Lower batch_size to at most {len(chosen)}, or raise data.limit_train"
            )
        x, y = self.gatherers_of(part)
        return Batches(x, y, self.batch_size, seed=self.seed, stream=stream, shuffle=True, index=chosen)

    def _evaluation(self, part: str, chosen: Tensor) -> Batches:
        x, y = self.gatherers_of(part)
        return Batches(x, y, self.eval_batch_size, stream="evaluation", shuffle=False, index=chosen)


def evenly(count: int, most: int | None) -> Tensor:
    """Numbers of at most `most` of `count` windows at even distances; all where it is None."""
    return torch.arange(count) if most is None else torch.linspace(0, count - 1, min(most, count)).round().long()
