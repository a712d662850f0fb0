"""Run a command under Hydra: user errors become messages, an interruption tells how to go on."""

import logging
import os
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from darts_pl import paths
from darts_pl.commands.check import check_config
from darts_pl.commands.command_line import check_options, lists_values
from darts_pl.commands.config_files import bound_config_files
from darts_pl.commands.explain import INTERRUPTED, TERMINATED, USER_ERROR, explain, is_resumable
from darts_pl.commands.folders import Folders, Refused, folders_of_command
from darts_pl.commands.output import OutputClosed, checked_output
from darts_pl.errors import TimeUp
from darts_pl.overrides import quoted
from darts_pl.schema.values import plain_items
from darts_pl.stages.lock import locked
from darts_pl.stages.manifest import MANIFEST
from darts_pl.stages.orphans import end_with_process
from darts_pl.stages.places import SWEEP

log = logging.getLogger("darts_pl")

Task = Callable[[DictConfig], object]
FOLDER_KEYS = ("resume=", "hydra.run.dir=", "hydra.sweep.dir=")


@dataclass
class Job:
    """One composed configuration that was started: a multirun has several, in one `folder`."""

    overrides: list[str]
    folder: str
    error: Exception | None = None


def run_command(
    task: Task, config_name: str, argv: Sequence[str] | None = None, conf_dir: Path | str | None = None
) -> int:
    """Compose the configuration `config_name`, check it, call `task` with it, and return the exit status.

    0: done. 2: an error that the user can mend, printed without a traceback. 130 and 143: stopped by Ctrl-C or
    `trainer.max_time`, and by SIGTERM, with the command that goes on. In a multirun every job runs before the failed
    ones are listed. One command at a time writes to a folder; the folders of a refused one go again.

    Args:
        config_name: the name of the command and of its file in the configuration folder, such as "search".
        argv: the arguments after the command's name; those of the process where left out.
        conf_dir: the folder of configuration files; the package's own where left out.

    Raises:
        Exception: whatever is no error of the user, as it is, so that its traceback is kept.
    """
    jobs: list[Job] = []
    bound_config_files()
    with _process(argv), checked_output(), folders_of_command() as folders:
        try:
            folder = str(Path(conf_dir or paths.conf_dir()).absolute())
            check_options(sys.argv[1:])
            main = hydra.main(version_base="1.3", config_path=folder, config_name=config_name)
            main(_as_job(task, config_name, jobs, folders))()
            _raise_first(jobs)
            sys.stdout.flush()
        except Refused as refused:
            print(f"error: {refused.error}", file=sys.stderr)
            return USER_ERROR
        except KeyboardInterrupt:
            return _report_stop(config_name, jobs, INTERRUPTED)
        except OutputClosed as closed:
            return _report_stop(config_name, jobs, USER_ERROR, closed.code)
        except SystemExit as stop:
            return _exit_status(stop, config_name, jobs)
        except TimeUp as up:
            return _report_stop(config_name, jobs, INTERRUPTED, str(up))
        except Exception as error:
            if not _report(error, jobs, config_name):
                raise
            if any(is_resumable(job.error, job.folder) for job in jobs):
                print(f"then continue with: {_resume_command(config_name, jobs)}", file=sys.stderr)
            return USER_ERROR
    return 0


class Terminated(SystemExit):
    """SIGTERM outside training; during it Lightning raises an exception of the same form."""


def _raise_terminated(number: int, frame: object) -> NoReturn:
    raise Terminated


@contextmanager
def _process(argv: Sequence[str] | None) -> Iterator[None]:
    """Hydra reads `sys.argv`, and hands exceptions on only where HYDRA_FULL_ERROR is 1; SIGTERM raises."""
    arguments, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    if argv is not None:
        sys.argv = [sys.argv[0], *argv]
    in_main_thread = threading.current_thread() is threading.main_thread()
    on_sigterm = signal.signal(signal.SIGTERM, _raise_terminated) if in_main_thread else None
    try:
        yield
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, on_sigterm)
        sys.argv = arguments
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def _as_job(task: Task, config_name: str, jobs: list[Job], folders: Folders) -> Task:
    """`task` behind the lock of its folder and the check of its configuration, entering itself and its error in `jobs`.
    Where it is refused, its folder goes again."""

    command = os.getpid()

    def job(cfg: DictConfig) -> object:
        end_with_process(command)  # where Hydra's launcher runs jobs in processes of its own
        settings = HydraConfig.get()
        sweeping = settings.mode == RunMode.MULTIRUN
        place = Path(settings.runtime.output_dir).absolute()
        folder = Path(settings.sweep.dir).absolute() if sweeping else place
        record = Job(plain_items(settings.overrides.task), str(folder))
        if sweeping and not jobs and not settings.sweeper.get("params") and not lists_values(sys.argv[1:]):
            log.info("-m with one value of everything is a sweep of one run; a list of values is seed=0,1,2")
        jobs.append(record)
        try:
            with locked(place), _removed_if_refused(place, folders):
                check_config(cfg)
                return task(cfg)
        except Exception as error:
            record.error = error
            if os.getpid() != command:
                raise
            return None  # raised when all jobs are done: Hydra would put a line of its own before the message

    job.__module__ = f"darts_pl.{config_name}"  # Hydra names the job, and so its folder, after the module
    return job


@contextmanager
def _removed_if_refused(place: Path, folders: Folders) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if explain(error, composing=False) is not None:
            folders.remove(place)
        raise


def _raise_first(jobs: list[Job]) -> None:
    """Raise what a job raised, a lack of time last: it can be gone on with."""
    errors = sorted((job.error for job in jobs if job.error is not None), key=lambda each: isinstance(each, TimeUp))
    if errors:
        raise errors[0]


def _report(error: Exception, jobs: list[Job], command: str) -> bool:
    """Print what went wrong; whether all of it was for the user to mend."""
    failed = [(job, job.error) for job in jobs if job.error is not None]
    if len(jobs) > 1 and failed:
        return _report_jobs(error, failed, len(jobs))
    message = explain(error, composing=not failed, command=command, words=sys.argv[1:])
    if message is not None:
        print(f"error: {message}", file=sys.stderr)
    return message is not None


def _report_jobs(raised: Exception, failed: list[tuple[Job, Exception]], total: int) -> bool:
    """List the failed jobs of a multirun, with the traceback of each defect but `raised`, which leaves with its own."""
    messages = [explain(error, composing=False) for _, error in failed]
    defects = [error for (_, error), message in zip(failed, messages) if message is None]
    for error in defects:
        if error is not raised:
            traceback.print_exception(error)
    print(f"error: {len(failed)} of {total} jobs failed:", file=sys.stderr)
    for (job, error), message in zip(failed, messages):
        print(f"  {' '.join(job.overrides)}: {message or repr(error)}", file=sys.stderr)
    if defects and explain(raised, composing=False) is not None:
        raise defects[0]
    return not defects


def _exit_status(stop: SystemExit, config_name: str, jobs: list[Job]) -> int:
    """The status of a SystemExit: Lightning's own two mean an interruption, any other is what it says."""
    if isinstance(stop.__context__, KeyboardInterrupt):  # Lightning turns Ctrl-C during training into exit(1)
        return _report_stop(config_name, jobs, INTERRUPTED)
    if type(stop) is not SystemExit and stop.code is None:  # its SIGTERMException; the process would exit with 0
        return _report_stop(config_name, jobs, TERMINATED)
    if isinstance(stop.code, str):
        print(stop.code, file=sys.stderr)
        return 1
    return stop.code or 0


def _report_stop(config_name: str, jobs: list[Job], status: int, how: str = "stopped") -> int:
    if not jobs or not any(Path(jobs[-1].folder, name).is_file() for name in (MANIFEST, SWEEP)):
        print(f"{how} before the run began", file=sys.stderr)
        return status
    print(f"{how}; continue with: {_resume_command(config_name, jobs)}", file=sys.stderr)
    return status


def _resume_command(config_name: str, jobs: list[Job]) -> str:
    """The command that goes on with what was begun."""
    command = shlex.join([*_arguments_without_resume(), f"resume={quoted(jobs[-1].folder)}"])
    return f"python -m darts_pl.{config_name} {command}"


def _arguments_without_resume() -> list[str]:
    """The arguments of the command that was stopped, for the one that goes on; `resume` stands for the folder."""
    given = get_args_parser().parse_args()
    options = ["--config-dir", given.config_dir] if given.config_dir else []
    options += ["-m"] if given.multirun else []
    return [*options, *(word for word in given.overrides if not word.lstrip("+").startswith(FOLDER_KEYS))]
