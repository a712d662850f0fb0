"""How good a trained supernet is at given gates: what selections compare."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device

from darts_pl.data.batches import NO_AUGMENTATION
from darts_pl.errors import ConfigError, nearest
from darts_pl.hypergradient import restored
from darts_pl.ops.image import Skip
from darts_pl.seeds import derived_seed
from darts_pl.spaces.base import Supernet
from darts_pl.stages.selection.base import Trained

MONITOR = "monitor"
METRICS = (MONITOR, "accuracy", "loss")  # accuracy: what the monitored metric of a classification is called
LOW_PRECISION = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


@dataclass(frozen=True)
class Score:
    """The mean loss and the task's monitored metric, of a classification cross-entropy in nats and top-1 accuracy in
    [0, 1]; and whether more of the metric is better."""

    loss: float
    monitored: float
    higher_is_better: bool = True

    def goodness(self, metric: str) -> tuple[float, float]:
        """What is compared, higher is better: the metric, and the other one where that is equal."""
        monitored = self.monitored if self.higher_is_better else -self.monitored
        return (-self.loss, monitored) if metric == "loss" else (monitored, -self.loss)


def check_metric(metric: str) -> None:
    """Raises ConfigError where `metric` is none of `METRICS`."""
    if metric not in METRICS:
        raise ConfigError(f"selection.metric={metric!r} is unknown. {nearest(metric, METRICS)}")


def release(supernet: Supernet) -> None:
    """Take off what rules of the search have set on the supernet's choices, which no checkpoint holds."""
    for choice in supernet.choices():
        choice.auxiliary_weight = choice.drop_path_probability = 0.0
    for module in supernet.modules():
        if isinstance(module, Skip):
            module.rate = 0.0


class Evaluator:
    """Evaluates a supernet on the alphas' half by the data's task, without augmentation, each time on the same batches.

    Batch normalisation takes its statistics from each batch, as in training: the running ones belong to the mixture
    that was trained and to no other gates. Batches are of the training's size, mixed (by the seed alone, so over the
    classes too), so that their statistics are those of training. Running statistics are left as they were.
    """

    def __init__(self, trained: Trained):
        self.batches = trained.data.mixed_validation(trained.seed, "selection")
        self.data, self.seed, self.hardware = trained.data, trained.seed, trained.hardware
        self.layout, self.task = trained.module.layout, trained.module.task

    def __len__(self) -> int:
        """How many batches there are."""
        return len(self.batches)

    @torch.no_grad()
    def __call__(
        self, supernet: torch.nn.Module, forward: Callable[[Any], Any], *, batches: int | None = None
    ) -> Score:
        """The score of `forward`, inputs → outputs, on all or the first `batches` batches.

        Args:
            supernet: what `forward` runs; moved to the device, in train mode meanwhile.
        """
        device = self.hardware.device
        supernet.to(device)
        training = supernet.training
        task = self.task.to(device) if isinstance(self.task, torch.nn.Module) else self.task
        metrics = task.metrics().to(device)
        with restored(list(supernet.buffers())), self._precision():
            supernet.train()
            for number, (x, y) in enumerate(itertools.islice(self._samples(device), batches)):
                torch.manual_seed(derived_seed(self.seed, "selection", number))  # an operation may draw
                output = forward(self.layout(x))
                metrics.update(task.loss(output, y), output, y)
            supernet.train(training)
        found = {name: float(f"{value:.7g}") for name, value in metrics.compute("val").items()}  # what float32 holds
        return Score(found["val_loss"], found[f"val_{task.monitor}"], bool(task.better(1.0, 0.0)))

    def _samples(self, device: torch.device) -> Iterator[tuple[Any, Any]]:
        for x, y, _ in self.batches.pass_of(0):
            x, y = move_data_to_device((x, y), device)
            yield self.data.on_after_batch_transfer((x, y, NO_AUGMENTATION), 0)

    def _precision(self) -> contextlib.AbstractContextManager:
        low = LOW_PRECISION.get(self.hardware.settled_precision)
        if low is None:
            return contextlib.nullcontext()
        return torch.autocast(self.hardware.device.type, dtype=low)
