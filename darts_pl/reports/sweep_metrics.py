"""The numbers by which the runs of a sweep are compared: their columns, names for readers, and how they are written."""

import re

from darts_pl.metric_names import format_name, is_accuracy
from darts_pl.reports import tables
from darts_pl.reports.style import kind_title

# val_<metric>_best, val_<metric>_final, test_<metric> <network>
REACHED = re.compile(r"(?P<part>val|test)_(?P<metric>\S+?)(?:_(?P<when>best|final)| (?P<network>.+))")
ORDER = (r"val_\S+_best$", r"val_\S+_final$", r"test_\S+ ", "alpha_movement$", "skips_", "seconds_per_step$")
NAMES = {"alpha_movement": "alpha movement", "seconds_per_step": "seconds a step"}
TITLES = {"alpha_movement": "Mean distance of alpha from its start", "seconds_per_step": "Seconds a step"}
DRAWN_NETWORKS = {"searched": "searched network", "random architecture": "random architecture"}


def metric_of(column: str) -> str | None:
    """The metric that a column holds, such as `acc` of "test_acc searched"; None of columns of another sort."""
    found = REACHED.fullmatch(column)
    return found["metric"] if found else None


def is_percent(column: str) -> bool:
    """Whether the column's numbers are accuracies."""
    return is_accuracy(metric_of(column) or "")


def sort_columns(columns: list[str]) -> list[str]:
    """What was reached first, then the rest: an unfinished first run must not change the order of the columns."""
    return sorted(columns, key=lambda name: next(n for n, group in enumerate(ORDER) if re.match(group, name)))


def format_of(column: str) -> tables.Form:
    """How a number of the column is written in a table."""
    return tables.format_percent if is_percent(column) else tables.format_number


def column_in_words(column: str) -> str:
    """A column's name in words: "val_acc_best" becomes "best val. accuracy"."""
    if found := REACHED.fullmatch(column):
        words = format_name(found["metric"])
        return f"test {words}, {found['network']}" if found["network"] else f"{found['when']} val. {words}"
    if column.startswith("skips_"):
        return f"skips, {kind_title(column.removeprefix('skips_')).removesuffix(' cell').lower()}"
    return NAMES.get(column, column)


def title(column: str) -> str | None:
    """The head of a column's picture; None where it is not drawn."""
    if found := REACHED.fullmatch(column):
        validation = format_name(found["metric"]) if found["when"] == "best" else None
        network = DRAWN_NETWORKS.get(found["network"])
        if validation:
            return f"Best validation {validation}"
        return f"Test {format_name(found['metric'])}, {network}" if network else None
    if column.startswith("skips_"):
        return f"Skip connections, {kind_title(column.removeprefix('skips_')).lower()}"
    return TITLES.get(column)
