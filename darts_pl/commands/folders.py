"""The folders that a command writes to: locked before Hydra writes there, and taken away again where it was refused."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from darts_pl.errors import RunError
from darts_pl.stages.lock import LOCK, check_free, locked
from darts_pl.stages.manifest import MANIFEST, read_manifest
from darts_pl.stages.places import SWEEP
from darts_pl.stages.run import CONFIG

LOGS = "*.log"


@dataclass
class Folders:
    """What lay where a command writes, before it wrote.

    Attributes:
        root: the folder of the run or of the sweep. stands: it, or the nearest folder above it, that existed already.
        inside: the names in the folder of a sweep that existed already.
    """

    root: Path | None = None
    stands: Path | None = None
    inside: frozenset[str] = field(default_factory=frozenset)

    def begin(self, root: Path) -> None:
        """Look at what there is, then make the folder `root`; raises RunError where that cannot be."""
        try:
            self.stands = next(folder for folder in (root, *root.parents) if folder.is_dir())
            root.mkdir(parents=True, exist_ok=True)
            self.inside = frozenset(path.name for path in root.iterdir())
        except OSError as error:
            raise RunError(
                f"the folder {root} cannot be made: {error.strerror}. Choose another by hydra.run.dir=<folder>, of a "
                "sweep by hydra.sweep.dir=<folder>"
            ) from error
        self.root = root

    def remove(self, folder: Path) -> None:
        """Remove the `folder` of a run that was refused before its first stage, with those above it that were made for
        it. Whatever was there before stays, and what holds anything that this command does not begin with.

        The caller holds the lock of `folder`.
        """
        if self.root is None or not folder.is_relative_to(self.root) or _stages_begun(folder):
            return
        if folder != self.root and folder.relative_to(self.root).parts[0] in self.inside:
            return
        _close_logs(folder)
        top = self.stands if folder == self.root else self.root
        for each in (folder, *folder.parents):
            if each == top or not _remove_if_just_begun(each):
                return


def _stages_begun(folder: Path) -> bool:
    try:
        return bool(read_manifest(folder)["stages"])
    except (RunError, OSError, KeyError):
        return False


def _remove_if_just_begun(folder: Path) -> bool:
    """Whether `folder` held nothing but the files that a command begins with and is gone now."""
    with suppress(OSError):
        begun = {folder / name for name in (MANIFEST, CONFIG, SWEEP, LOCK)} | set(folder.glob(LOGS))
        if begun.issuperset(folder.iterdir()):
            for path in begun:
                path.unlink(missing_ok=True)
            folder.rmdir()
            return True
    return False


def _close_logs(folder: Path) -> None:
    """Let go of the log in `folder`: an open file cannot be removed everywhere, and the next line would be written to
    one that is gone."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).is_relative_to(folder):
            root.removeHandler(handler)
            handler.close()


_command: ContextVar[tuple[Folders, ExitStack] | None] = ContextVar("_command", default=None)


@contextmanager
def folders_of_command() -> Iterator[Folders]:
    """What `BeforeHydra` notes, and the locks that it takes until this ends."""
    with ExitStack() as locks:
        folders = Folders()
        token = _command.set((folders, locks))
        locks.callback(_command.reset, token)
        yield folders


class Refused(BaseException):
    """A `RunError` on its way out of a callback: Hydra makes a warning of any `Exception` there and goes on."""

    def __init__(self, error: RunError):
        super().__init__(error)
        self.error = error


class BeforeHydra(Callback):
    """Called by Hydra before it makes folders and writes to them; named in conf/hydra/default.yaml."""

    def on_run_start(self, config: DictConfig, **others: Any) -> None:
        """Note what there is, and leave a sweep that is going on alone; the run itself is locked with its job."""
        with _refusals(config, "hydra.run.dir") as (folders, _, root):
            check_free(root.parent)
            folders.begin(root)

    def on_multirun_start(self, config: DictConfig, **others: Any) -> None:
        """Lock the sweep, of which no single run may be going on."""
        with _refusals(config, "hydra.sweep.dir") as (folders, locks, root):
            folders.begin(root)
            for lock in (root / LOCK, *root.glob(f"*/{LOCK}")):
                check_free(lock.parent)
            locks.enter_context(locked(root))
            locks.callback(folders.remove, root)


@contextmanager
def _refusals(config: DictConfig, key: str) -> Iterator[tuple[Folders, ExitStack, Path]]:
    """(notes, locks, the folder at `key`) of the command; lets a refusal out of Hydra.

    Raises:
        Refused: for a RunError.
    """
    current = HydraConfig.instance()
    before, current.cfg = current.cfg, None
    current.set_config(config)  # the folder's name may hold ${hydra:...}
    root = Path(str(OmegaConf.select(config, key))).absolute()
    current.cfg = before
    folders, locks = _command.get() or (Folders(), ExitStack())
    try:
        yield folders, locks, root
    except RunError as error:
        raise Refused(error) from error
