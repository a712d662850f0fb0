"""A composed configuration as the parts of a search and of a retraining."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from lightning import LightningDataModule
from omegaconf import DictConfig

from darts_pl.data.base import PairedDataModule
from darts_pl.data.series import WindowDataModule
from darts_pl.errors import ConfigError, DartsError
from darts_pl.genotype import Genotype
from darts_pl.hardware import Hardware
from darts_pl.lit import RetrainModule
from darts_pl.schema.values import plain_values
from darts_pl.spaces.base import Space
from darts_pl.stages.method import Method, configured_method
from darts_pl.stages.retrain import retrain
from darts_pl.stages.run import RunFolder
from darts_pl.stages.trainer import TrainerSettings


def check_no_series(config: DictConfig) -> None:
    """Raises ConfigError where the data are series, which `darts_pl.pipeline` searches."""
    target = get_object(config.data["_target_"])
    if isinstance(target, type) and issubclass(target, WindowDataModule):
        raise ConfigError(
            f"data: found {target.__name__}, which is of time series. They are searched "
            "by python -m darts_pl.pipeline, such as: python -m darts_pl.pipeline data.csv=my.csv data.horizon=24"
        )


def prepared_data(
    config: DictConfig, *, purpose: str, batch_size: int, seed: int, holdout: float | None = None, cutout: int = 0
) -> PairedDataModule:
    """The data module that `config` composes, read and checked, with `config.task` in place of its own where there is
    one.

    Args:
        purpose, batch_size, seed, holdout: of this use of the data; without a holdout that of `config.data`.
        cutout: see `PairedDataModule.use_cutout`; 0 leaves images as `config.data` has them.
    """
    _check_paired(config.data["_target_"])
    held_out = {} if holdout is None else {"holdout": holdout}
    data: PairedDataModule = instantiate(config.data, purpose=purpose, batch_size=batch_size, seed=seed, **held_out)
    if config.task:
        data.task = instantiate(config.task)
    if cutout:
        data.use_cutout(cutout)
    data.prepare()
    return data


def _check_paired(target: str) -> None:
    """Raises ConfigError, with the remedy, where a plain LightningDataModule stands in the place of `module_data`."""
    found = get_object(target)
    if isinstance(found, type) and issubclass(found, LightningDataModule) and not issubclass(found, PairedDataModule):
        raise ConfigError(
            f"data._target_: found {target}, expected a PairedDataModule of this library. Any LightningDataModule is "
            f"used by data=module data.target={target}, in a file by defaults: [module] and target: {target}"
        )


def prepare_space(space: Space, data: PairedDataModule) -> None:
    """Let a space that is made of somebody's network see what the data are, so that what does not fit is told now.

    Raises:
        ConfigError: data other than images for cells of images, or what the space's `prepare` raises.
    """
    space.prepare(data.input_shape, data.outputs)
    images = isinstance(data.input_shape, tuple) and all(isinstance(size, int) for size in data.input_shape)
    if space.takes_images and not images:
        raise ConfigError(
            f"space={type(space).__name__} takes images, found {type(data).__name__}. Take space=dense for tables, "
            "space=text for texts, or space=module with a network of your own"
        )


def search_method(config: DictConfig, space: Space) -> Method:
    """The method that `config` composes, once its parts are known to fit each other and `space`."""
    plain = plain_values(config)
    return configured_method(plain, plain, space)


def retraining_parts(
    config: DictConfig, hardware: Hardware, trainer: TrainerSettings
) -> tuple[Callable[[RunFolder, Genotype, str], dict[str, Any]] | None, PairedDataModule | None]:
    """(`(run, genotype, stage) -> figures`, its data), both None where `retraining.epochs` is 0. The data are prepared,
    so that what is wrong with them shows before any work."""
    recipe = config.retraining
    if recipe.epochs == 0:
        return None, None
    if (recipe.keep_best or recipe.patience) and not recipe.holdout:
        raise ConfigError(
            "retraining.keep_best and retraining.patience go by a part of the training data that is held out. Take "
            "retraining.holdout=0.1"
        )
    data = prepared_data(
        config,
        purpose="retrain",
        batch_size=recipe.batch_size,
        seed=config.seed,
        holdout=recipe.holdout,
        cutout=recipe.cutout,
    )
    larger = _retraining_space(config)
    prepare_space(larger, data)
    larger.check_retraining(drop_path=recipe.drop_path, auxiliary=recipe.auxiliary)
    optimizer = instantiate(recipe.optimizer) or partial(
        torch.optim.SGD, lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    make_module = partial(
        RetrainModule,
        optimizer=optimizer,
        epochs=recipe.epochs,
        seed=config.seed,
        min_learning_rate=recipe.min_learning_rate,
        drop_path=recipe.drop_path,
        auxiliary_weight=recipe.auxiliary_weight,
        label_smoothing=recipe.label_smoothing,
        clip_norm=recipe.clip_norm,
        average=recipe.average,
        keep_best=recipe.keep_best,
        patience=recipe.patience,
    )

    run_stage = partial(
        retrain,
        space=larger,
        data=data,
        make_module=make_module,
        hardware=hardware,
        epochs=recipe.epochs,
        seed=config.seed,
        auxiliary=recipe.auxiliary,
        trainer=trainer,
    )
    return run_stage, data


def _retraining_space(config: DictConfig) -> Space:
    """The space at the size of the retraining; what is wrong with it is told under the names of the retraining. Sizes
    that the space's configuration does not have are not its own to set."""
    recipe = config.retraining
    sizes = {"init_channels": recipe.init_channels, "layers": recipe.layers}
    sizes = {name: size for name, size in sizes.items() if size is not None and name in config.space}
    try:
        return instantiate(config.space, **sizes)
    except InstantiationException as error:
        if not isinstance(error.__cause__, DartsError):
            raise
        told = str(error.__cause__)
        for name in sizes:
            told = told.replace(f"space.{name}", f"retraining.{name}")
        raise ConfigError(told) from error
