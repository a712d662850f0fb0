"""The commands as processes of their own: started, stopped by a signal, gone on with.

Importing takes most of so short a command's time, so that processes are forked off one that has imported everything;
the signals they get and the files they leave are as those of `python -m`.
"""

import importlib
import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from darts_pl.stages.jobs import workers

IMPORTED = multiprocessing.get_context("forkserver")
IMPORTED.set_forkserver_preload(["darts_pl.search", "darts_pl.retrain", "darts_pl.pipeline"])
TINY_DATA = ["+data.limit_train=96", "+data.limit_test=64", "hardware.threads=1", "hardware.accelerator=cpu"]
TINY_RETRAINING = [
    "retraining.epochs=2",
    "retraining.batch_size=8",
    "retraining.init_channels=2",
    "retraining.layers=3",
    "retraining.drop_path=0.3",
    "retraining.random_architecture=false",
    "retraining.linear_baseline=false",
]
SEARCH = [
    *TINY_DATA,
    "epochs=2",
    "batch_size=4",
    "alpha_warmup_epochs=1",
    "space.layers=3",
    "space.num_nodes=1",
    "space.init_channels=2",
    "space.primitives=[none,skip_connect,avg_pool_3x3,dil_conv_3x3]",
    "retraining=none",
]
RETRAIN = ["genotype=DARTS_V2", *TINY_DATA, *TINY_RETRAINING]


def start(command: str, arguments: list[str], folder: Path) -> BaseProcess:
    """`python -m darts_pl.<command>` in `folder`, with Ctrl-C at its usual meaning, its words in words.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    process = IMPORTED.Process(target=_run, args=(command, arguments, folder))
    process.start()
    return process


def _run(command: str, arguments: list[str], folder: Path) -> None:
    os.chdir(folder)
    words = os.open("words.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(words, 1)
    os.dup2(words, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [f"darts_pl.{command}", *arguments]
    workers.START_METHOD = "fork"  # workers of a pipeline need not import all of it again either
    sys.exit(importlib.import_module(f"darts_pl.{command}").main())


def finish(process: BaseProcess, folder: Path, status: int = 0) -> str:
    """Wait for the end and return what was printed; fails where the exit status is another."""
    process.join(timeout=120)
    words = (folder / "words.txt").read_text()
    assert process.exitcode == status, f"exit status {process.exitcode}, expected {status}\n{words}"
    return words


def stop_at(process: BaseProcess, point: Path, number: int, stop: signal.Signals) -> bool:
    """Send `stop` once `point` was written `number` times since now; False where the process ended before."""
    seen, last = 0, point.stat().st_mtime_ns if point.exists() else None
    while process.is_alive():
        now = point.stat().st_mtime_ns if point.exists() else None
        seen, last = seen + (now != last), now
        if seen >= number:
            os.kill(process.pid, stop)
            return True
        time.sleep(0.002)
    return False
