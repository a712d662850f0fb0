"""Where a run may lie: a folder that can be written and leads nowhere else, one that holds a run to go on with."""

import os
import shutil
from pathlib import Path

from darts_pl.errors import RunError, nearest
from darts_pl.paths import strange_entries
from darts_pl.stages.manifest import MANIFEST

SWEEP = "multirun.yaml"  # Hydra writes it to a sweep's folder
MIN_FREE_MIB = 200


def check_writable(path: Path) -> None:
    """Raises RunError where the folder `path` cannot be made, named or written, or its disk is nearly full."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise RunError(
            f"the run folder {os.fsencode(path)!r} has characters that this process cannot read. Set PYTHONUTF8=1, or "
            "choose another by hydra.run.dir=<folder>"
        ) from error
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.write_bytes(b"1")
        probe.unlink()
    except OSError as error:
        raise RunError(
            f"the run folder {path} cannot be written: {error.strerror}. Choose another by hydra.run.dir=<folder>"
        ) from error
    free = shutil.disk_usage(path).free / 2**20
    if free < MIN_FREE_MIB:
        raise RunError(
            f"the disk of {path} has {free:.0f} MiB free, a run needs at least {MIN_FREE_MIB} MiB. Free "
            "some, or choose another folder by hydra.run.dir=<folder>"
        )


def check_inside(path: Path) -> None:
    """Raises RunError where something in the folder `path` leads out of it: what a run writes would land there."""
    if found := next(strange_entries(path), None):
        raise RunError(
            f"{path}: {found}. A run reads and writes within its folder only: take it away, or where it is your own, "
            "add trust=true"
        )


def existing_run(path: Path) -> Path:
    """`path` where it is a run folder to go on with.

    Raises:
        RunError: there is no such folder (names the nearest beside it), or it holds no run.
    """
    path = Path(path)
    if not path.is_dir():
        beside = [str(p) for p in path.parent.iterdir() if p.is_dir()] if path.parent.is_dir() else []
        hint = nearest(str(path), beside) if beside else ""
        raise RunError(f"resume={path}: there is no such folder. {hint}".strip())
    if not (path / MANIFEST).is_file() and not (path / SWEEP).is_file():
        raise RunError(f"resume={path}: it holds no {MANIFEST}, so it is no run folder")
    return path
