"""Several tasks of one network at once."""

from collections.abc import Iterable, Mapping

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.tasks.base import Task
from darts_pl.tasks.forecasting import Forecasting
from darts_pl.tasks.metrics import AnyMetrics
from darts_pl.tasks.regression import Regression

COMBINATIONS = ("mean", "sum", "uncertainty")


class MultiTask(nn.Module):
    """Outputs and targets are dictionaries of the tasks' names.

    "uncertainty" weights the losses L by learned variances sigma squared (Kendall, Gal & Cipolla, arXiv:1705.07115,
    equation 10), with s = log sigma squared: exp(-s) L + s/2, and exp(-s) L / 2 + s/2 of squared errors. The s are
    `log_variances` [tasks], parameters that train with the network's weights.

    Epochs are compared by the mean over the tasks of what they monitor where all monitor the same in the same direction
    (`monitor` is that name), else by "loss".

    Args:
        tasks: name → task.
        combine: how the losses become one: "mean", "sum" or "uncertainty".

    Raises:
        ConfigError: no task, a name that is no word of letters, digits and _, an unknown `combine`.
    """

    def __init__(self, tasks: Mapping[str, Task], combine: str = "mean"):
        super().__init__()
        if combine not in COMBINATIONS:
            raise ConfigError(f"combine={combine!r} is no way to combine losses. {nearest(combine, COMBINATIONS)}")
        if not tasks or not all(str(name).isidentifier() for name in tasks):
            raise ConfigError(f"tasks: found the names {list(tasks)}, expected one or more of letters, digits and _")
        self.tasks, self.combine = dict(tasks), combine
        self._modules_of_tasks = nn.ModuleList(task for task in tasks.values() if isinstance(task, nn.Module))
        if combine == "uncertainty":
            self.log_variances = nn.Parameter(torch.zeros(len(tasks)))
        directions = {(task.monitor, bool(task.better(1.0, 0.0))) for task in tasks.values()}
        self.monitor, self._higher = directions.pop() if len(directions) == 1 else ("loss", False)

    def losses(self, output: Mapping[str, Tensor], y: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each task's own mean loss, scalars.

        Raises:
            ConfigError: outputs without a task or of an unknown one. DataError: targets likewise.
        """
        self.check_names(output, y)
        return {name: task.loss(output[name], y[name]) for name, task in self.tasks.items()}

    def loss(self, output: Mapping[str, Tensor], y: Mapping[str, Tensor]) -> Tensor:
        """The combined loss, a scalar; of "uncertainty" it may be negative. Raises as `losses` does."""
        losses = torch.stack(list(self.losses(output, y).values()))
        if self.combine == "uncertainty":
            factors = [0.5 if _squared(task) else 1.0 for task in self.tasks.values()]
            precisions = torch.exp(-self.log_variances) * self.log_variances.new_tensor(factors)
            return (precisions * losses + self.log_variances / 2).sum()
        return losses.mean() if self.combine == "mean" else losses.sum()

    def metrics(self) -> "MultiMetrics":
        """`<task>_loss` and `<task>_<metric>` of each task, `loss` and the monitored metric of them all."""
        return MultiMetrics(self)

    def better(self, value: float, than: float) -> bool:
        """By the tasks' common direction; less of a loss."""
        return value > than if self._higher else value < than

    def check_names(self, output: Mapping[str, Tensor], y: Mapping[str, Tensor]) -> None:
        """Raises as `losses` does."""
        for what, found, kind in (("outputs", output, ConfigError), ("targets", y, DataError)):
            if not isinstance(found, Mapping):
                raise kind(f"{what}: found {type(found).__name__}, expected a dictionary of {_listed(self.tasks)}")
            if missing := [name for name in self.tasks if name not in found]:
                raise kind(f"{what}: found {_listed(found)} without {missing[0]!r}, expected {_listed(self.tasks)}")
            if unknown := [name for name in found if name not in self.tasks]:
                raise kind(f"{what}: found the unknown task {unknown[0]!r}. {nearest(unknown[0], self.tasks)}")


class MultiMetrics(AnyMetrics):
    """The figures of each task of a `MultiTask` and of all of them together.

    The overall loss is always the plain mean of the tasks' losses, not the combined loss that trains: learned variances
    would lower that one without a better network, and it differs between ways to combine.
    """

    task: MultiTask
    parts: Iterable[AnyMetrics]

    def __init__(self, task: MultiTask):
        super().__init__()
        # not a submodule: its learned variances are the training's, and appear once in a checkpoint
        object.__setattr__(self, "task", task)
        self.add_module("parts", nn.ModuleList(each.metrics() for each in task.tasks.values()))

    @torch.no_grad()
    def update(self, loss: Tensor, output: Mapping[str, Tensor], y: Mapping[str, Tensor]) -> None:
        """Add a batch. `loss`, the combined one, is not recorded.

        Raises:
            ConfigError, DataError: as `MultiTask.losses`.
        """
        for (name, each), metrics in zip(self.task.losses(output, y).items(), self.parts):
            metrics.update(each, output[name], y[name])

    def compute(self, prefix: str) -> dict[str, float]:
        """`{prefix}_loss`, `{prefix}_<monitor>`, and `{prefix}_<task>_loss` and `{prefix}_<task>_<metric>` of each
        task; empty where no batch was added."""
        of_tasks = {name: part.compute(prefix) for name, part in zip(self.task.tasks, self.parts)}
        if not all(of_tasks.values()):
            return {}
        overall = {}
        for name in dict.fromkeys(("loss", self.task.monitor)):
            values = [figures[f"{prefix}_{name}"] for figures in of_tasks.values()]
            overall[f"{prefix}_{name}"] = sum(values) / len(values)
        single = {
            f"{prefix}_{name}_{figure.removeprefix(f'{prefix}_')}": value
            for name, figures in of_tasks.items()
            for figure, value in figures.items()
        }
        return {**overall, **single}

    def reset(self) -> None:
        """Forget all batches."""
        for part in self.parts:
            part.reset()


def _squared(task: Task) -> bool:
    return isinstance(task, (Regression, Forecasting)) and task.name == "mse"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "nothing"
