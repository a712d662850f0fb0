"""What the commands share when they turn a composed configuration into parts: the run folder, the retraining."""

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import torch
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException, OverrideParseException
from hydra.types import RunMode
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from darts_pl import schema
from darts_pl.commands import run_command
from darts_pl.data.series import SeriesData, co2_data, csv_data, etth1_data, windows_data
from darts_pl.errors import ConfigError, DartsError, RunError
from darts_pl.genotype import Genotype
from darts_pl.hardware import Hardware
from darts_pl.lit import RetrainModule, SearchModule
from darts_pl.spaces import SeriesSpace
from darts_pl.stages.compatibility import check_parts
from darts_pl.stages.phases import phases_of
from darts_pl.stages.retrain import retrain
from darts_pl.stages.run import MANIFEST, SWEEP, RunFolder, existing_run, read_manifest
from darts_pl.stages.search import Method


def open_run(config: DictConfig, command: str, hardware: Hardware) -> RunFolder:
    """The run folder of this job, as Hydra composed it. Commands open it before they load data, so that a run stopped
    at any time can be gone on with; a folder where no stage has begun is started afresh.

    Raises:
        RunError: it holds a run and `resume` was not asked for, or `resume` names another folder than Hydra's.
    """
    job = HydraConfig.get()
    path = Path(job.runtime.output_dir)
    if config.resume is not None:
        _check_same_folder(job, config.resume)
    elif (path / MANIFEST).is_file():
        if read_manifest(path)["stages"]:
            raise RunError(f"{path} holds a run already. To go on with it: resume={path}")
        (path / MANIFEST).unlink()
    plain = OmegaConf.to_container(config, resolve=True)
    overrides = _without_resume(OmegaConf.to_container(job.overrides.task, resolve=False))
    return RunFolder.open(
        path,
        command=command,
        config=plain,
        device=hardware.name,
        overrides=overrides,
        config_folders=_config_folders(job.runtime),
    )


def _check_same_folder(job, resume: str) -> None:
    sweeping = job.mode == RunMode.MULTIRUN
    folder = Path(job.sweep.dir if sweeping else job.runtime.output_dir)
    if folder.resolve() != Path(resume).resolve():
        key = "hydra.sweep.dir" if sweeping else "hydra.run.dir"
        raise RunError(f"resume={resume}: found {key}={folder}, expected the same folder. Leave {key} out to resume")


SERIES = (SeriesSpace, SeriesData, csv_data, etth1_data, co2_data, windows_data)


def check_images(config: DictConfig) -> None:
    """Raises ConfigError where the space or the data are of series, which `darts_pl.pipeline` searches."""
    for key in ("space", "data"):
        if get_object(config[key]["_target_"]) in SERIES:
            raise ConfigError(
                f"{key}: found {config[key]['_target_'].rsplit('.', 1)[1]}, which is of time series. They are searched "
                "by python -m darts_pl.pipeline, such as: python -m darts_pl.pipeline data.csv=my.csv data.horizon=24"
            )


def search_method(config: DictConfig, space) -> Method:
    """The method that `config` composes, once its parts are known to fit each other."""
    relaxation, mixing = instantiate(config.relaxation), instantiate(config.mixing)
    rules, hypergradient = list(instantiate(config.rules).values()), instantiate(config.hypergradient)
    rule, phases, selection = instantiate(config.derivation), phases_of(config.phases), instantiate(config.selection)
    check_parts(
        space=space,
        relaxation=relaxation,
        mixing=mixing,
        hypergradient=hypergradient,
        rules=rules,
        derivation=rule,
        phases=phases,
        selection=selection or None,
    )
    make_module = partial(
        SearchModule,
        hypergradient=hypergradient,
        weights_optimizer=instantiate(config.weights_optimizer),
        alphas_optimizer=instantiate(config.alphas_optimizer),
        seed=config.seed,
        min_learning_rate=config.min_learning_rate,
        alpha_warmup_epochs=config.alpha_warmup_epochs,
        clip_norm=config.clip_norm,
    )
    return Method(
        relaxation=relaxation,
        mixing=mixing,
        derive=partial(space.derive, rule=rule),
        make_module=make_module,
        rules=rules,
        phases=phases,
        selection=selection or None,
    )


def retraining_parts(config: DictConfig, space, hardware: Hardware) -> tuple[Callable | None, object]:
    """(`(run, genotype, stage) -> figures`, its data), both None where `retraining.epochs` is 0. The data are prepared,
    so that what is wrong with them shows before any work."""
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
    larger = _retraining_space(config)
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

    return run_stage, data


def _retraining_space(config: DictConfig):
    """The space at the size of the retraining; what is wrong with it is told under the names of the retraining."""
    recipe = config.retraining
    try:
        return instantiate(config.space, init_channels=recipe.init_channels, layers=recipe.layers)
    except InstantiationException as error:
        if not isinstance(error.__cause__, DartsError):
            raise
        told = str(error.__cause__).replace("space.layers", "retraining.layers")
        raise ConfigError(told.replace("space.init_channels", "retraining.init_channels")) from error


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
    """The command's arguments; where the only override is `resume=<folder>`, those that started that run are added,
    with the folders of configuration files that it was given.

    Raises:
        RunError: the folder to resume does not exist or holds no run; it is a sweep's and `-m` is missing, or the
            other way round.
    """
    given = _resume_of(argv)
    if given is None:
        return argv
    folder = existing_run(Path(given))
    is_run, sweeping = (folder / MANIFEST).is_file(), not {"-m", "--multirun"}.isdisjoint(argv)
    if not is_run and not sweeping:
        raise RunError(f"resume={folder}: found a sweep. Add -m to go on with all its jobs, or take one: {folder}/0")
    if is_run and sweeping:
        raise RunError(f"resume={folder}: found a single run, expected the folder of a sweep. Leave -m out")
    others = [text for text in argv if "=" in text and not text.startswith(("resume=", "-"))]
    if others:
        return argv
    started_by, folders = _run_origin(folder) if is_run else _sweep_origin(folder)
    place = next(place for place, text in enumerate(argv) if text.startswith("resume="))
    options, overrides = _config_dir(folders, argv), [*_searchpath(folders), *started_by]
    return [*options, *argv[:place], *overrides, *argv[place:]]  # overrides together: argparse takes one group of them


def _resume_of(argv: list[str]) -> str | None:
    """The folder that `argv` asks to resume, with Hydra's quotes taken off; None where there is none to check."""
    found = [text for text in argv if text.startswith("resume=")]
    if not found:
        return None
    try:
        value = OverridesParser.create().parse_override(found[-1]).value()
    except OverrideParseException:  # Hydra tells it with its place
        return None
    return None if value is None else str(value)


def _run_origin(folder: Path) -> tuple[list[str], dict]:
    """(overrides, folders of configuration files) that started the run in `folder`."""
    manifest = read_manifest(folder)
    return manifest["overrides"], manifest.get("config_folders", {})


def _sweep_origin(folder: Path) -> tuple[list[str], dict]:
    """The same for the sweep in `folder`, from the multirun.yaml that Hydra leaves there."""
    hydra = yaml.safe_load((folder / SWEEP).read_text(encoding="utf-8"))["hydra"]
    return _without_resume(hydra["overrides"]["task"]), _config_folders(hydra["runtime"])


def _config_folders(runtime: Mapping) -> dict:
    """`--config-dir` and `hydra.searchpath` of the command line as absolute places, among the sources in Hydra's
    `runtime`; relative ones began in the folder that the command was started in."""
    found = {"config_dir": None, "searchpath": []}
    for source in runtime["config_sources"]:
        if source["provider"] == "command-line":
            found["config_dir"] = str(Path(runtime["cwd"], source["path"]))
        elif source["provider"] == "hydra.searchpath in command-line":
            path = Path(runtime["cwd"], source["path"]) if source["schema"] == "file" else source["path"]
            found["searchpath"].append(f"{source['schema']}://{path}")
    return found


def _config_dir(folders: Mapping, argv: list[str]) -> list[str]:
    given = any(text.startswith(("--config-dir", "-cd")) for text in argv)
    return ["--config-dir", folders["config_dir"]] if folders.get("config_dir") and not given else []


def _searchpath(folders: Mapping) -> list[str]:
    quoted = ["'" + place.replace("'", "\\'") + "'" for place in folders.get("searchpath", [])]
    return [f"hydra.searchpath=[{','.join(quoted)}]"] if quoted else []


def _without_resume(overrides: Iterable[str]) -> list[str]:
    return [text for text in overrides if not text.startswith("resume=")]
