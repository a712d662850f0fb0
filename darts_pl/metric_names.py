"""How metrics are called and written: accuracies in per cent under their full name, any other as it is. No torch."""

from collections.abc import Iterable


def is_accuracy(name: str) -> bool:
    """Whether a metric, `acc` or `<task>_acc`, is a share of hits."""
    return name == "acc" or name.endswith("_acc")


def format_name(name: str) -> str:
    """`acc` is "accuracy"; any other name is set with spaces: `coarse_acc` is "coarse acc"."""
    return "accuracy" if name == "acc" else name.replace("_", " ")


def format_title(name: str) -> str:
    """The name at the head of a picture; names as short as `mse` stay as they are."""
    words = format_name(name)
    return words if len(words) < 4 else words[0].upper() + words[1:]


def format_value(name: str, value: float) -> str:
    """A value for a line of text: an accuracy in per cent with one decimal, else four significant digits."""
    return f"{value:.1%}" if is_accuracy(name) else f"{value:.4g}"


def further_metrics(keys: Iterable[str], prefix: str, monitor: str) -> list[str]:
    """The metrics in keys such as `test_mae`, besides `monitor` and losses, also of single tasks; the order is kept."""
    names = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
    return [name for name in dict.fromkeys(names) if name != monitor and name.split("_")[-1] != "loss"]


def single_task_metrics(keys: Iterable[str], prefix: str, monitor: str) -> list[str]:
    """Those of `further_metrics` that belong to one of several tasks, `<task>_<metric>`."""
    return [name for name in further_metrics(keys, prefix, monitor) if "_" in name]
