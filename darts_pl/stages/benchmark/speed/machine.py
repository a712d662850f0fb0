"""The machine that is measured on: names and versions."""

import datetime
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from darts_pl import __version__
from darts_pl.hardware import available_cores

CPUINFO = Path("/proc/cpuinfo")  # of Linux


def describe_machine() -> dict[str, Any]:
    """What a table of seconds has to be read with, as JSON can hold it."""
    return {
        "processor": _processor(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "cores": available_cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "version": __version__,
        "commit": _commit(),
    }


def _processor() -> str:
    """Its name, and what tells it from others of the same name."""
    if not CPUINFO.is_file():
        return platform.processor() or platform.machine()
    facts: dict[str, str] = {}
    for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            facts.setdefault(key.strip(), value.strip())
    numbers = [f"{name} {facts[key]}" for name, key in (("family", "cpu family"), ("model", "model")) if key in facts]
    name = facts.get("model name") or platform.machine()
    return f"{name} ({', '.join(numbers)})" if numbers else name


def _commit() -> str | None:
    """Of the source checkout that this package lies in, with `+` where files were changed since; None elsewhere."""
    folder = Path(__file__).resolve().parents[4]
    if not (folder / ".git").exists():
        return None
    try:
        commit = _git(folder, "rev-parse", "--short", "HEAD")
        return f"{commit}+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.CalledProcessError):  # no git, or a checkout of somebody else's
        return None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()
