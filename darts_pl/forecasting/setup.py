"""What a `DARTSTrainer` was made for, and from it configurations (by the same files and checks as the command's),
parts, data and run folders."""

import copy
import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.errors import HydraException, InstantiationException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from darts_pl.commands import check_config
from darts_pl.commands.config_files import isolated_hydra
from darts_pl.commands.explain import explain
from darts_pl.data.series import UserWindows, WindowDataModule
from darts_pl.data.series.window_file import WindowFile, read_windows
from darts_pl.errors import ConfigError, RunError, nearest
from darts_pl.forecasting import inputs
from darts_pl.forecasting.order import Plan, build_plan
from darts_pl.forecasting.parts import parts_factory
from darts_pl.hardware import Hardware
from darts_pl.ops.series import SeriesShape
from darts_pl.schema import DARTSConfig
from darts_pl.schema.values import plain_values
from darts_pl.stages.lock import locked
from darts_pl.stages.pipeline.parts import PipelineParts
from darts_pl.stages.run import RunFolder

GROUPS = ("relaxation", "mixing", "hypergradient", "rule", "derivation", "hardware", "trainer", "logger", "callbacks")
SECTIONS = ("space", "train", "final", "multi_fidelity", "ablation", "robust_pool")
OPTIMIZERS = ("weights_optimizer", "alphas_optimizer", "final_optimizer")
PARTS = ("relaxation", "mixing", "hypergradient", "derivation", "rules", *OPTIMIZERS)


def changed(config: DARTSConfig, section: str, settings: Mapping[str, Any]) -> DARTSConfig:
    """A copy of `config` with `settings` of a section in place; None leaves a setting as it is.

    Raises:
        ConfigError: a setting that the section does not have.
    """
    config = copy.deepcopy(config)
    node = getattr(config, section)
    inputs.check_names(settings, [each.name for each in dataclasses.fields(node)], section)
    for name, value in settings.items():
        if value is not None:
            setattr(node, name, value)
    return config


@dataclass(frozen=True)
class Setup:
    """The arguments of a trainer that stay.

    Args:
        shape: of the windows. facts: see `UserWindows`. choices: see `compose_config`. device: such as `cuda:1`.
    """

    shape: SeriesShape
    facts: Mapping[str, Any]
    choices: Mapping[str, str | Sequence[str]]
    device: str

    def plain(self, config: DARTSConfig, path: Path | str = "") -> dict[str, Any]:
        """`config` as plain values, with the windows' file at `path`."""
        nodes = {"hardware": Hardware.of_device(self.device), "data": inputs.data_node(path, config.train.loss)}
        return compose_config(config, self.choices, nodes)

    def parts(self, config: DARTSConfig) -> PipelineParts:
        """The parts of `config`, without data."""
        return _parts(self.plain(config))

    def plan(self, config: DARTSConfig) -> Plan:
        """What `config` asks for."""
        return build_plan(self.plain(config), inputs.DataFacts(self.shape, self.facts))

    def in_memory(
        self, config: DARTSConfig, loaders: Mapping[str, Iterable], purpose: str, loss: str
    ) -> tuple[UserWindows, PipelineParts]:
        """(data, parts) of what is trained without a folder."""
        file, size = inputs.collected(loaders, self.shape, self.facts, config.seed)
        limit = config.train.max_windows if purpose == "search" else None
        data = UserWindows(
            windows=file, purpose=purpose, batch_size=size, seed=config.seed, loss=loss, limit_train=limit
        )
        return data, self.parts(config)

    @contextmanager
    def run(
        self, config: DARTSConfig, loaders: Mapping[str, Iterable], folder: Path | str | None
    ) -> Iterator[tuple[RunFolder, dict[str, Any], WindowDataModule]]:
        """(run, plain configuration, prepared data): the windows lie in the run's folder, where workers read them. The
        folder is locked until the `with` ends.

        Args:
            folder: of the run, begun or not; by default outputs/<name>/<time>.
        """
        inputs.check_may_start_workers()
        file, size = inputs.collected(loaders, self.shape, self.facts, config.seed)
        config = copy.deepcopy(config)
        config.train.batch_size = config.final.batch_size = size
        time = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        path = Path(folder or Path("outputs", self.plain(config)["name"], time)).absolute()
        plain = self.plain(config, path / inputs.WINDOWS)
        build_plan(plain, inputs.DataFacts(self.shape, self.facts))  # what cannot be shows before the folder is begun
        parts = _parts(plain)
        with locked(path):
            run = RunFolder.open(path, command="pipeline", config=plain, device=parts.hardware.name)
            _keep_windows(file, path / inputs.WINDOWS)
            yield run, plain, parts.final_data()


def _parts(plain: Mapping[str, Any]) -> PipelineParts:
    """The parts; what Hydra says of one that cannot be built is told as an error of the configuration."""
    try:
        return parts_factory(plain)()
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


def compose_config(
    config: DARTSConfig, choices: Mapping[str, str | Sequence[str]], nodes: Mapping[str, Mapping]
) -> dict[str, Any]:
    """Plain values, as in conf/pipeline.yaml.

    Args:
        config: the settings. choices: group → name of a file in conf/, such as {"relaxation": "dirichlet"}; the group
            `rule` takes several. nodes: key → what goes over a file's content, such as `data`.

    Raises:
        ConfigError: a group, name, key or value that does not exist or cannot be, with the nearest.
    """
    overrides = [_override(group, choice) for group, choice in choices.items()]
    try:
        with isolated_hydra():
            found = compose("pipeline", ["data=windows", *overrides])
            OmegaConf.set_struct(found, False)
            given = dataclasses.asdict(config)
            for section in SECTIONS:
                found[section] = OmegaConf.merge(found[section], given[section])
            for key in ("name", "seed", "checkpoint_every_s", "trust"):
                found[key] = given[key]
            for part in PARTS:
                if given[part]:
                    whole = part == "rules" or "_target_" in given[part]
                    found[part] = given[part] if whole else OmegaConf.merge(found[part], given[part])
            for group in ("hardware", "trainer", "logger", "callbacks"):
                found[group] = OmegaConf.merge(found[group], given[group])
            for key, node in nodes.items():
                found[key] = OmegaConf.merge(found[key], node)
            check_config(found)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error, composing=True) or str(error)) from error
    return plain_values(found)


def _override(group: str, choice: str | Sequence[str]) -> str:
    if group not in GROUPS:
        raise ConfigError(f"parts: {group!r} is no part. {nearest(group, GROUPS)}")
    return f"{group}={choice}" if isinstance(choice, str) else f"{group}=[{','.join(choice)}]"
