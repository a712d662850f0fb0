"""The metric that a run's networks are compared by, as its page writes it."""

from dataclasses import dataclass

import pandas as pd

from darts_pl.metric_names import format_name, is_accuracy
from darts_pl.reports import tables
from darts_pl.reports.curves import has_any
from darts_pl.reports.run_files import RunFiles

UNRECORDED = ("acc", "mse")  # of runs that do not say what they go by: the first of these that their history has


@dataclass(frozen=True)
class Monitor:
    """A metric by its name in records, and whether more of it is better."""

    name: str = "acc"
    higher_is_better: bool = True

    @property
    def words(self) -> str:
        """Its name for a sentence."""
        return format_name(self.name)

    @property
    def percent(self) -> bool:
        """Whether it is written in per cent."""
        return is_accuracy(self.name)

    def text(self, value: float) -> str:
        """A value as pages write it."""
        return tables.format_percent(value) if self.percent else tables.format_number(value)

    def best(self, values: pd.Series) -> int:
        """The label of the best of `values`, the first of equals."""
        return values.idxmax() if self.higher_is_better else values.idxmin()


def monitor_of(run: RunFiles) -> Monitor:
    """What the results or the manifest say, else what the history tells: accuracy, mean squared error or the loss."""
    for source in (run.results, run.manifest):
        if isinstance(source.get("monitor"), str):
            return Monitor(source["monitor"], bool(source.get("higher_is_better", False)))
    name = next((name for name in UNRECORDED if has_any(run.history, [f"train_{name}", f"val_{name}"])), None)
    if name is None and has_any(run.history, ["val_loss"]) and not run.results.get("rows"):
        return Monitor("loss", False)
    return Monitor(name or "acc", name in (None, "acc"))
