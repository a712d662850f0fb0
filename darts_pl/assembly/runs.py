"""The run folder of a command, opened anew or to go on."""

from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from darts_pl.assembly.origins import config_folders, overrides_of_run
from darts_pl.errors import RunError
from darts_pl.hardware import Hardware
from darts_pl.schema.values import plain_items, plain_values
from darts_pl.stages.manifest import MANIFEST, read_manifest
from darts_pl.stages.run import RunFolder


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
    return RunFolder.open(
        path,
        command=command,
        config=plain_values(config),
        device=hardware.name,
        overrides=overrides_of_run(plain_items(job.overrides.task)),
        config_folders=config_folders(plain_values(job.runtime, resolve=False)),
    )


def _check_same_folder(job: HydraConf, resume: str) -> None:
    sweeping = job.mode == RunMode.MULTIRUN
    folder = Path(job.sweep.dir if sweeping else job.runtime.output_dir)
    if folder.resolve() != Path(resume).resolve():
        key = "hydra.sweep.dir" if sweeping else "hydra.run.dir"
        raise RunError(f"resume={resume}: found {key}={folder}, expected the same folder. Leave {key} out to resume")
