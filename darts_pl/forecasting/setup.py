"""What a `DARTSTrainer` was made for, and from it configurations, parts, data and run folders."""

import copy
import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException

from darts_pl.commands.explain import explain
from darts_pl.data.series import UserWindows
from darts_pl.data.series.window_file import WindowFile, read_windows
from darts_pl.errors import ConfigError, RunError
from darts_pl.forecasting import given
from darts_pl.forecasting.composing import composed
from darts_pl.forecasting.order import Plan, plan_of
from darts_pl.forecasting.parts import source_of
from darts_pl.ops.series import SeriesShape
from darts_pl.schema import DARTSConfig
from darts_pl.stages.lock import locked
from darts_pl.stages.pipeline.parts import Parts
from darts_pl.stages.run import RunFolder


def changed(config: DARTSConfig, section: str, settings: Mapping[str, Any]) -> DARTSConfig:
    """A copy of `config` with `settings` of a section in place; None leaves a setting as it is.

    Raises:
        ConfigError: a setting that the section does not have.
    """
    config = copy.deepcopy(config)
    node = getattr(config, section)
    given.check_names(settings, [each.name for each in dataclasses.fields(node)], section)
    for name, value in settings.items():
        if value is not None:
            setattr(node, name, value)
    return config


@dataclass(frozen=True)
class Setup:
    """The arguments of a trainer that stay.

    Args:
        shape: of the windows. facts: see `UserWindows`. choices: see `composed`. device: such as `cuda:1`.
    """

    shape: SeriesShape
    facts: Mapping[str, Any]
    choices: Mapping[str, str | Sequence[str]]
    device: str

    def plain(self, config: DARTSConfig, path: Path | str = "") -> dict[str, Any]:
        """`config` as plain values, with the windows' file at `path`."""
        nodes = {"hardware": given.hardware_node(self.device), "data": given.data_node(path, config.train.loss)}
        return composed(config, self.choices, nodes)

    def parts(self, config: DARTSConfig) -> Parts:
        """The parts of `config`, without data."""
        return _parts(self.plain(config))

    def plan(self, config: DARTSConfig) -> Plan:
        """What `config` asks for."""
        return plan_of(self.plain(config), given.NoData(self.shape, self.facts))

    def in_memory(
        self, config: DARTSConfig, loaders: Mapping[str, Iterable], purpose: str, loss: str
    ) -> tuple[UserWindows, Parts]:
        """(data, parts) of what is trained without a folder."""
        file, size = given.collected(loaders, self.shape, self.facts, config.seed)
        limit = config.train.max_windows if purpose == "search" else None
        data = UserWindows(
            windows=file, purpose=purpose, batch_size=size, seed=config.seed, loss=loss, limit_train=limit
        )
        return data, self.parts(config)

    @contextmanager
    def run(
        self, config: DARTSConfig, loaders: Mapping[str, Iterable], folder: Path | str | None
    ) -> Iterator[tuple[RunFolder, dict[str, Any], UserWindows]]:
        """(run, plain configuration, prepared data): the windows lie in the run's folder, where workers read them. The
        folder is locked until the `with` ends.

        Args:
            folder: of the run, begun or not; by default outputs/<name>/<time>.
        """
        given.check_may_start_workers()
        file, size = given.collected(loaders, self.shape, self.facts, config.seed)
        config = copy.deepcopy(config)
        config.train.batch_size = config.final.batch_size = size
        time = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        path = Path(folder or Path("outputs", self.plain(config)["name"], time)).absolute()
        plain = self.plain(config, path / given.WINDOWS)
        plan_of(plain, given.NoData(self.shape, self.facts))  # what cannot be shows before the folder is begun
        parts = _parts(plain)
        with locked(path):
            run = RunFolder.open(path, command="pipeline", config=plain, device=parts.hardware.name)
            _keep_windows(file, path / given.WINDOWS)
            yield run, plain, parts.final_data()


def _parts(plain: Mapping[str, Any]) -> Parts:
    """The parts; what Hydra says of one that cannot be built is told as an error of the configuration."""
    try:
        return source_of(plain)()
    except InstantiationException as error:
        told = explain(error, composing=False)
        if told is None:
            raise
        raise ConfigError(told) from error


def _keep_windows(file: WindowFile, path: Path) -> None:
    if not path.is_file():
        file.save(path)
    elif read_windows(path).digest != file.digest:
        raise RunError(
            f"{path} holds other windows than the loaders give, or these in another order, as a loader with a "
            "generator of its own gives them. Give those of then, or another folder"
        )
