"""The machine that is measured on: what it is, and what it reaches at best."""

import datetime
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from darts_pl import __version__

SIDE = 1536  # of the matrices of the product
COPIED = 64 * 2**20  # floats of the copy, 256 MiB: more than most caches hold
REPEATS = 5
CPUINFO = Path("/proc/cpuinfo")  # of Linux


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_machine(threads: list[int]) -> dict[str, Any]:
    """Names and versions, and by number of threads `limits`: `gflops` of a product of float32 matrices and
    `gib_per_s`, read and written, of a copy."""
    return {
        "processor": _processor(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "cores": cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "version": __version__,
        "commit": _commit(),
        "limits": {str(count): _limits(count) for count in sorted(threads)},
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


def _limits(threads: int) -> dict[str, float]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    a, b, product = (torch.ones(SIDE, SIDE) for _ in range(3))
    source, target = torch.ones(COPIED), torch.ones(COPIED)
    multiplied = _fastest(lambda: torch.mm(a, b, out=product))
    copied = _fastest(lambda: target.copy_(source))
    torch.set_num_threads(before)
    return {"gflops": 2 * SIDE**3 / multiplied / 1e9, "gib_per_s": 2 * 4 * COPIED / copied / 2**30}


def _fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of some repeats, one before them aside."""
    work()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
