"""The groups trainer, logger, callbacks and hardware of a configuration as the values that fits take."""

import datetime
import functools
import importlib.util
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import get_class, instantiate
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger

from darts_pl.errors import ConfigError
from darts_pl.hardware import Hardware
from darts_pl.stages.ddp import device_count
from darts_pl.stages.trainer import TrainerSettings

# logger → its package, of which we have an extra
EXTRAS = {"WandbRun": "wandb", "WandbLogger": "wandb", "MlflowRun": "mlflow", "MLFlowLogger": "mlflow"}
OF_HARDWARE = ("accelerator", "precision")
SWITCHES = ("progress", "pictures", "guards")  # of the group callbacks; what else it holds are the user's own
DURATION = re.compile(r"(\d+):(\d\d):(\d\d):(\d\d)")


def hardware_of(config: Mapping[str, Any]) -> Hardware:
    """The machine of `config`; what the trainer says of it goes first.

    Raises:
        ConfigError: see `Hardware`.
    """
    said = {name: value for name in OF_HARDWARE if (value := config["trainer"].get(name)) is not None}
    return instantiate({**config["hardware"], **said})


def trainer_settings(config: Mapping[str, Any], deadline: float | None = None) -> TrainerSettings:
    """How the fits of `config` (plain values, with the keys trainer, logger, callbacks and so on) are done.

    Args:
        deadline: seconds since 1970 at which fits end; by default those of `trainer.max_time` from now.

    Raises:
        ConfigError: flags that Lightning does not take, a time that cannot be read, a logger that is not installed.
    """
    flags = {name: value for name, value in config["trainer"].items() if value is not None and name != "_target_"}
    flags = {name: value for name, value in flags.items() if name not in (*OF_HARDWARE, "max_time")}
    for part in ("train", "val", "test"):
        if flags.get(f"limit_{part}_batches") == 0:
            raise ConfigError(f"trainer.limit_{part}_batches=0: expected more than 0: a run does all three")
    batches = flags.get("accumulate_grad_batches", 1)
    if not isinstance(batches, int) or batches < 1:
        raise ConfigError(f"trainer.accumulate_grad_batches: found {batches!r}, expected a whole number of at least 1")
    for name, node in config["logger"].items():
        _check_installed(name, node)
    own = {name: node for name, node in config["callbacks"].items() if name not in SWITCHES}
    settings = TrainerSettings(
        flags=flags,
        trainer=functools.partial(_trainer, config["trainer"]["_target_"]),
        loggers=functools.partial(_loggers, config["logger"]),
        callbacks=functools.partial(_callbacks, own),
        checkpoint_every_s=config["checkpoint_every_s"],
        deadline=deadline_of(config) if deadline is None else deadline,
        progress=bool(config["callbacks"].get("progress", True)),
    )
    hardware = hardware_of(config)
    device_count(flags, hardware)
    settings.make(hardware, logger=False, enable_checkpointing=False)  # what it refuses shows now,
    settings.callbacks()  # and what cannot be built
    return settings


def deadline_of(config: Mapping[str, Any]) -> float | None:
    """Seconds since 1970 at which `trainer.max_time` of `config` is over, counted from now; None without it.

    Raises:
        ConfigError: no time.
    """
    found = config["trainer"].get("max_time")
    if found is None:
        return None
    if isinstance(found, Mapping) and set(found) <= {"weeks", "days", "hours", "minutes", "seconds"}:
        return time.time() + datetime.timedelta(**found).total_seconds()
    if match := DURATION.fullmatch(str(found)):
        days, hours, minutes, seconds = map(int, match.groups())
        parts = datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return time.time() + parts.total_seconds()
    raise ConfigError(
        f"trainer.max_time: found {found!r}, expected days:hours:minutes:seconds, such as 00:01:30:00, or a mapping "
        "such as {hours: 1}"
    )


def _trainer(target: str, **arguments: Any) -> Trainer:
    """The trainer; arguments that are nodes with a `_target_`, such as a profiler, are built for it alone."""
    built = {name: instantiate(value) if isinstance(value, Mapping) else value for name, value in arguments.items()}
    return get_class(target)(**built)


def _loggers(nodes: Mapping[str, Mapping[str, Any]], folder: Path) -> list[Logger]:
    return [instantiate(node, save_dir=str(folder), _partial_=False) for node in nodes.values()]


def _callbacks(nodes: Mapping[str, Any]) -> list[Callback]:
    """The user's own callbacks.

    Raises:
        ConfigError: a node that is no callback.
    """
    nodes = {name: node for name, node in nodes.items() if node is not None}
    built = {name: instantiate(node) if isinstance(node, Mapping) else node for name, node in nodes.items()}
    for name, each in built.items():
        if not isinstance(each, Callback):
            raise ConfigError(
                f"callbacks.{name}: found {each!r}, expected a Lightning callback, such as "
                f"+callbacks.{name}._target_=my_package.MyCallback"
            )
    return list(built.values())


def _check_installed(name: str, node: Mapping[str, Any]) -> None:
    """Raises ConfigError where the package of a logger is not installed."""
    package = EXTRAS.get(str(node.get("_target_", "")).rsplit(".", 1)[-1])
    if package is not None and importlib.util.find_spec(package) is None:
        raise ConfigError(
            f"logger.{name} needs the package {package}, which is not installed. Install it with: "
            f'pip install "darts_pl[{package}]"'
        )
