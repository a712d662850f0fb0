"""What the commands share when they turn a composed configuration into parts: the run folder, the retraining."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from darts_pl import schema
from darts_pl.commands import run_command
from darts_pl.errors import DartsError, RunError
from darts_pl.genotype import Genotype
from darts_pl.hardware import Hardware
from darts_pl.lit import RetrainModule
from darts_pl.stages.retrain import retrain
from darts_pl.stages.run import MANIFEST, RunFolder, existing_run, read_manifest


def open_run(config: DictConfig, command: str, hardware: Hardware) -> RunFolder:
    """The run folder of this job, as Hydra composed it.

    Raises:
        RunError: it holds a run and `resume` was not asked for.
    """
    job = HydraConfig.get()
    path = Path(job.runtime.output_dir)
    if config.resume is None and (path / MANIFEST).is_file():
        raise RunError(f"{path} holds a run already. To go on with it: resume={path}")
    plain = OmegaConf.to_container(config, resolve=True)
    overrides = [text for text in job.overrides.task if not text.startswith("resume=")]
    return RunFolder.open(path, command=command, config=plain, device=hardware.name, overrides=overrides)


def retraining_parts(config: DictConfig, space, hardware: Hardware) -> tuple[Callable | None, object]:
    """(`(run, genotype, stage) -> figures` or None where `retraining.epochs` is 0, data for the linear baseline or
    None). The data are prepared, so that what is wrong with them shows before any work."""
    recipe = config.retraining
    if recipe.epochs == 0:
        return None, None
    data = instantiate(
        config.data,
        purpose="retrain",
        batch_size=recipe.batch_size,
        seed=config.seed,
        cutout=recipe.cutout,
        holdout=recipe.holdout,
    )
    data.prepare()
    larger = instantiate(config.space, init_channels=recipe.init_channels, layers=recipe.layers)
    optimizer = partial(
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
    )

    def run_stage(run: RunFolder, genotype: Genotype, stage: str) -> dict:
        return retrain(
            run,
            genotype,
            stage=stage,
            folder=run.path / stage,
            space=larger,
            data=data,
            make_module=make_module,
            hardware=hardware,
            epochs=recipe.epochs,
            seed=config.seed,
            auxiliary=recipe.auxiliary,
            checkpoint_every_s=config.checkpoint_every_s,
        )

    return run_stage, data if recipe.linear_baseline else None


def launch(task: Callable[[DictConfig], None], name: str) -> int:
    """Run the command `name` on the process's arguments and return its exit status."""
    register()
    try:
        argv = arguments(sys.argv[1:])
    except DartsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return run_command(task, name, argv)


def register() -> None:
    """Tell Hydra the schemas and OmegaConf the resolver that conf/hydra uses."""
    schema.register()
    OmegaConf.register_new_resolver("darts_pl.run_dir", lambda resume, fresh: resume or fresh, replace=True)


def arguments(argv: list[str]) -> list[str]:
    """The command's arguments; where the only override is `resume=<folder>`, those that started that run are added.

    Raises:
        RunError: the folder to resume does not exist or holds no run.
    """
    found = [text for text in argv if text.startswith("resume=")]
    if not found or found[-1] == "resume=null":
        return argv
    folder = existing_run(Path(found[-1].removeprefix("resume=")))
    others = [text for text in argv if "=" in text and not text.startswith(("resume=", "--"))]
    if others or not (folder / MANIFEST).is_file():
        return argv
    return [*read_manifest(folder)["overrides"], *argv]
