"""The run folder of a command, opened anew or to go on."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from darts_pl.assembly.origins import config_folders, without_those_of_the_moment
from darts_pl.errors import RunError
from darts_pl.hardware import Hardware
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
    plain = OmegaConf.to_container(config, resolve=True)
    overrides = without_those_of_the_moment(OmegaConf.to_container(job.overrides.task, resolve=False))
    return RunFolder.open(
        path,
        command=command,
        config=plain,
        device=hardware.name,
        overrides=overrides,
        config_folders=config_folders(job.runtime),
    )


def _check_same_folder(job, resume: str) -> None:
    sweeping = job.mode == RunMode.MULTIRUN
    folder = Path(job.sweep.dir if sweeping else job.runtime.output_dir)
    if folder.resolve() != Path(resume).resolve():
        key = "hydra.sweep.dir" if sweeping else "hydra.run.dir"
        raise RunError(f"resume={resume}: found {key}={folder}, expected the same folder. Leave {key} out to resume")
