"""Work for worker processes: some of it done, some that fails in every way that a candidate can."""

import ctypes
import fcntl
import importlib
import os
import time
from functools import partial
from pathlib import Path

from pipeline_series import parts_from

from darts_pl import last_words
from darts_pl.errors import RunError
from darts_pl.stages.jobs import FunctionJob, Workers
from darts_pl.stages.pipeline.parts import PipelineParts

LONG = 600.0  # seconds that no test waits for


class Awkward(Exception):
    """An error that can be sent but not made again on the other side."""

    def __init__(self, what: str, where: str):
        super().__init__(f"{what} in {where}")


class Elsewhere:
    """A source of parts that only the process which made it knows, as code of a notebook is."""

    def __reduce__(self):
        return importlib.import_module, ("no_such_module_here",)


def square(parts: PipelineParts, *, value: float, pause: float = 0.0) -> dict:
    """The square of `value`, after a while."""
    time.sleep(pause)
    return {"square": value**2}


def meet(parts: PipelineParts, *, mine: str, other: str) -> dict:
    """Wait for another job that is done at the same time."""
    Path(mine).touch()
    while not Path(other).exists():
        time.sleep(0.01)
    return {"process": os.getpid()}


def note(parts: PipelineParts, *, place: str) -> dict:
    """A line more in the file `place` each time it is done."""
    with Path(place).open("a") as stream:
        stream.write("done\n")
    return {}


def refuse(parts: PipelineParts) -> dict:
    """An error with several lines."""
    raise ValueError("7 tokens do not fit\nas the operation says")


def refuse_awkwardly(parts: PipelineParts) -> dict:
    """See `Awkward`."""
    raise Awkward("too few tokens", "my operation")


def die_natively(parts: PipelineParts) -> dict:
    """A fault of native code, where Python can raise no error."""
    last_words.note(at="epoch 3, step 7")
    return {"read": ctypes.string_at(0)}


def give_up_the_run(parts: PipelineParts) -> dict:
    """An error of the run, no candidate's."""
    raise RunError("the disk is full")


def vanish(parts: PipelineParts) -> dict:
    """What a crash in compiled code looks like."""
    os._exit(7)


def hang(parts: PipelineParts) -> dict:
    """No end."""
    time.sleep(LONG)
    return {}


def hold(parts: PipelineParts, *, lock: str) -> dict:
    """Hold a lock on a file for as long as this process lives."""
    with Path(lock).open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.write("held")
        stream.flush()
        time.sleep(LONG)
    return {}


def hold_in_a_worker(csv: Path, folder: Path) -> None:
    """What a command does while its only worker works."""
    with Workers(partial(parts_from, csv), 1, folder) as workers:
        job = FunctionJob("holding", hold, folder / "held.json", {"lock": str(folder / "lock")})
        workers.run([job], timeout_s=None, title="hold")


def square_in_a_worker(csv: Path, folder: Path) -> float:
    """What a whole run does, here in a process of joblib's."""
    with Workers(partial(parts_from, csv), 1, folder) as workers:
        found = workers.run(
            [FunctionJob("three", square, folder / "three.json", {"value": 3})], timeout_s=None, title="square"
        )
    return found["three"]["square"]
