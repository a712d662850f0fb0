"""How good a trained supernet is at given gates: what selections compare."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from darts_pl.data.batches import NO_AUGMENTATION, Batches
from darts_pl.errors import ConfigError, nearest
from darts_pl.hypergradient import restored
from darts_pl.ops.image import Skip
from darts_pl.seeds import derived_seed
from darts_pl.spaces.architecture import SearchNetwork
from darts_pl.stages.selection.base import Trained

METRICS = ("accuracy", "loss")
LOW_PRECISION = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy in nats and top-1 accuracy in [0, 1]."""

    loss: float
    accuracy: float

    def goodness(self, metric: str) -> tuple[float, float]:
        """What is compared, higher is better: the metric, and the other one where that is equal."""
        return (self.accuracy, -self.loss) if metric == "accuracy" else (-self.loss, self.accuracy)


def check_metric(metric: str) -> None:
    """Raises ConfigError where `metric` is neither accuracy nor loss."""
    if metric not in METRICS:
        raise ConfigError(f"selection.metric={metric!r} is unknown. {nearest(metric, METRICS)}")


def release(supernet: SearchNetwork) -> None:
    """Take off what rules of the search have set on the supernet's choices, which no checkpoint holds."""
    for choice in supernet.choices():
        choice.auxiliary_weight = choice.drop_path_probability = 0.0
    for module in supernet.modules():
        if isinstance(module, Skip):
            module.rate = 0.0


class Evaluator:
    """Evaluates a supernet on the alphas' half, without augmentation, each time on the same batches.

    Batch normalisation takes its statistics from each batch, as in training: the running ones belong to the mixture
    that was trained and to no other gates. Batches are of the training's size, mixed over the classes (by the seed
    alone), so that their statistics are those of training. Running statistics are left as they were.
    """

    def __init__(self, trained: Trained):
        loader = trained.data.val_dataloader()
        size = min(trained.data.batch_size, len(loader.index))
        self.batches = Batches(
            loader.x, loader.y, size, seed=trained.seed, stream="selection", shuffle=True, index=loader.index
        )
        self.data, self.seed, self.hardware = trained.data, trained.seed, trained.hardware
        self.layout = trained.module.layout

    def __len__(self) -> int:
        """How many batches there are."""
        return len(self.batches)

    @torch.no_grad()
    def __call__(
        self, supernet: torch.nn.Module, forward: Callable[[Tensor], Tensor], *, batches: int | None = None
    ) -> Score:
        """The score of `forward`, images → logits (B, num_classes), on all or the first `batches` batches.

        Args:
            supernet: what `forward` runs; moved to the device, in train mode meanwhile.
        """
        device = self.hardware.device
        supernet.to(device)
        training = supernet.training
        totals = torch.zeros(3, dtype=torch.float64, device=device)  # summed loss, hits, images
        with restored(supernet.buffers()), self._precision():
            supernet.train()
            for number, (x, y) in enumerate(itertools.islice(self._images(device), batches)):
                torch.manual_seed(derived_seed(self.seed, "selection", number))  # an operation may draw
                logits = forward(self.layout(x))
                loss = F.cross_entropy(logits, y, reduction="sum")
                hits = (logits.argmax(dim=1) == y).sum()
                totals += torch.stack([loss.double(), hits.double(), hits.new_tensor(len(y)).double()])
            supernet.train(training)
        loss, hits, count = totals.tolist()
        return Score(loss / count, hits / count)

    def _images(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        for position in range(len(self.batches)):
            x, y, _ = self.batches.batch_at(0, position)
            yield self.data.on_after_batch_transfer((x.to(device), y.to(device), NO_AUGMENTATION), 0)

    def _precision(self) -> contextlib.AbstractContextManager:
        low = LOW_PRECISION.get(self.hardware.settled_precision)
        if low is None:
            return contextlib.nullcontext()
        return torch.autocast(self.hardware.device.type, dtype=low)
