"""What a training loop asks of a task."""

from typing import Protocol, TypeVar

from torch import Tensor

from darts_pl.tasks.metrics import AnyMetrics

Output = TypeVar("Output", contravariant=True)  # of a network, and targets: a tensor, or of several tasks by name


class Task(Protocol[Output]):
    """A loss and metrics; loops, records and selections know nothing more of what the outputs mean.

    Attributes:
        monitor: the metric by which epochs and networks are compared, such as `acc`; `val_<monitor>` in records.
    """

    monitor: str

    def loss(self, output: Output, y: Output) -> Tensor:
        """The mean loss of a batch, a scalar."""
        ...

    def metrics(self) -> AnyMetrics:
        """Fresh metrics of one part of the data."""
        ...

    def better(self, value: float, than: float) -> bool:
        """Whether a value of the monitored metric is better than another; nan never is."""
        ...
