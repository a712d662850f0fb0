"""What a training loop asks of a task."""

from typing import Protocol

from torch import Tensor

from darts_pl.tasks.metrics import EpochMetrics


class Task(Protocol):
    """A loss and metrics; loops, records and selections know nothing more of what the outputs mean.

    Attributes:
        monitor: the metric by which epochs and networks are compared, such as `acc`; `val_<monitor>` in records.
    """

    monitor: str

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """The mean loss of a batch, a scalar."""
        ...

    def metrics(self) -> EpochMetrics:
        """Fresh metrics of one part of the data."""
        ...

    def better(self, value: float, than: float) -> bool:
        """Whether a value of the monitored metric is better than another; nan never is."""
        ...
