"""A fit on several devices: the process that runs the command is rank 0, and starts the others for this fit alone.

Lightning's own launchers do not suit a command. `ddp` runs the whole command line once more for every rank, so that
each would compose a configuration, lock the run's folder, write its log and its reports, and a pipeline or a sweep
would start over in it. `ddp_spawn` runs rank 0 in a new process too and brings back weights alone, not the record of
the search. Here folders, locks, logs and last words stay with one process, sweeps, pipelines and notebooks work as
they do on one device, and what a fit leaves behind in module and callbacks is simply there. The other ranks get module,
data and callbacks as bytes, run the same fit, and end with it. Only rank 0 writes.
"""

import io
import logging
import multiprocessing
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import cloudpickle
import rich
import torch
import torch.distributed as dist
from lightning.fabric.plugins.environments import TorchElasticEnvironment
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from darts_pl.errors import ConfigError, DartsError, RankLost
from darts_pl.hardware import Hardware
from darts_pl.last_words import describe_exit
from darts_pl.ranks import is_of_connection
from darts_pl.stages.orphans import end_with_parent
from darts_pl.stages.ring import Ring

LAST_WORD_S = 5.0  # how long after a broken connection the reason of the other rank is waited for
END_S = 30.0  # and at the end, before a process is ended
STRATEGIES = ("auto", "ddp", "ddp_spawn", "ddp_notebook", "ddp_fork", "ddp_find_unused_parameters_true")

NONE = type(None)
Work = Callable[[Mapping[str, Any]], object]


def device_count(flags: Mapping[str, Any], hardware: Hardware) -> int:
    """On how many devices a fit with these flags of `lightning.Trainer` runs.

    Raises:
        ConfigError: a strategy that is no DDP, several machines, a launcher that starts ranks of its own.
    """
    strategy, devices = flags.get("strategy", "auto"), flags.get("devices")
    if strategy not in STRATEGIES:
        raise ConfigError(
            f"trainer.strategy={strategy}: expected auto or ddp. Both levels of a search need all weights on every "
            "device, so strategies that divide a model do not work"
        )
    if flags.get("num_nodes", 1) != 1:
        raise ConfigError(f"trainer.num_nodes={flags['num_nodes']}: expected 1, several devices of one machine")
    if devices is None:
        return 1
    kind = AcceleratorRegistry[hardware.device_type]["accelerator"]
    found = kind.auto_device_count() if devices == "auto" else devices
    count = len(kind.get_parallel_devices(kind.parse_devices(found)))
    if count > 1 and TorchElasticEnvironment.detect():
        raise ConfigError("torchrun started this command, which starts the ranks itself: run it by python -m darts_pl")
    if count > 1 and hardware.device_type == "mps":
        raise ConfigError(f"trainer.devices={devices}: expected 1, for torch sees one Apple GPU")
    return count


def on_devices(count: int, work: Work, *, flags: Mapping[str, Any], cpu: bool) -> None:
    """`work` on `count` ranks at once, this process among them as rank 0; each gets the arguments of
    `lightning.Trainer` that make it one of them.

    Args:
        work: with all that it holds on the CPU; the other ranks get a copy.
        flags: of `lightning.Trainer`, as given. cpu: whether the ranks compute on CPUs.

    Raises:
        RankLost: the process of another rank has ended. ConfigError: something that cannot be handed to a process.
        Exception: what `work` raised, on whichever rank.
    """
    ring = Ring(count, find_free_network_port(), cpu, flags, max(1, torch.get_num_threads() // count) if cpu else None)
    others = Others(ring, _pickled(work))
    with others, ring.joined(0) as arguments:
        others.wait_until_ready()
        try:
            work(arguments)
        except RuntimeError as error:
            reason = others.reason(error)
            if reason is None:
                raise
            raise reason from error


class Others:
    """The processes of all ranks but 0, started on entering and ended on leaving.

    Args:
        payload: the work in bytes.
    """

    def __init__(self, ring: Ring, payload: bytes):
        self.ring, self.payload = ring, payload
        self.processes: dict[int, BaseProcess] = {}
        self.reports: dict[int, Connection] = {}

    def __enter__(self) -> "Others":
        # Workers of the pipeline are daemons, which multiprocessing lets have no children; these end with them.
        multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
        context = multiprocessing.get_context("spawn")  # a fork would copy threads' locks and CUDA's state
        for rank in range(1, self.ring.count):
            self.reports[rank], theirs = context.Pipe(duplex=False)
            arguments = (self.ring, rank, self.payload, theirs)
            self.processes[rank] = context.Process(target=_other_rank, args=arguments, name=f"rank {rank}")
            self.processes[rank].start()
            theirs.close()
        self.payload = b""  # it may be large
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def wait_until_ready(self) -> None:
        """Until every process has its work: from then on, who ends is missed by the rest.

        Raises:
            RankLost: one has ended before. Exception: its error.
        """
        for rank, report in self.reports.items():
            try:
                error = report.recv()
            except EOFError:
                raise self._lost(rank) from None
            if error is not None:
                raise error

    def __exit__(self, kind: type | None, *error: object) -> None:
        until = time.monotonic() + (END_S if kind is None else 0)
        for process in self.processes.values():
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _watch(self) -> None:
        """Wake rank 0 where it waits for a rank that has ended: gloo notices by itself, NCCL would wait on."""
        alive = list(self.processes.values())
        while alive:
            wait([process.sentinel for process in alive])
            alive = [process for process in alive if process.exitcode is None]
            lost = any(process.exitcode for process in self.processes.values())
            if lost and not self.ring.cpu and dist.is_initialized():
                dist.distributed_c10d._abort_process_group()
                return

    def reason(self, error: BaseException) -> Exception | None:
        """Why a rank is gone, where `error` came of that; None for an error of rank 0's own."""
        if not is_of_connection(error):
            return None
        said: dict[int, Exception] = {}
        until = time.monotonic() + LAST_WORD_S
        while time.monotonic() < until and len(said) < len(self.reports):
            silent = {rank: report for rank, report in self.reports.items() if rank not in said}
            ready = wait(list(silent.values()), 0.1)
            for rank, report in silent.items():
                if report not in ready:
                    continue
                try:
                    said[rank] = report.recv()
                except EOFError:  # it ended without a word
                    return self._lost(rank)
                if not is_of_connection(said[rank]):
                    return said[rank]
        return self._lost(next(iter(said))) if said else None

    def _lost(self, rank: int) -> RankLost:
        process, until = self.processes[rank], time.monotonic() + LAST_WORD_S
        while process.exitcode is None and time.monotonic() < until:
            time.sleep(0.01)  # `join` gives up where the watching thread is taking the status just now
        return RankLost(
            f"the process of rank {rank} {describe_exit(process.exitcode or 0)}, so the fit on several devices cannot "
            "go on. The points saved are kept"
        )


def _other_rank(ring: Ring, rank: int, payload: bytes, report: Connection) -> None:
    """The process of a rank other than 0."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for rank 0, which ends this process
    end_with_parent()
    rank_zero_only.rank = rank  # type: ignore[attr-defined]  # where Lightning keeps it
    logging.disable()  # the log, warnings and bars are those of rank 0
    warnings.simplefilter("ignore")
    rich.reconfigure(quiet=True, force_terminal=False)
    try:
        work: Work = pickle.loads(payload)  # of the process that started this one
        report.send(None)
        with ring.joined(rank) as arguments:
            work(arguments)
    except BaseException as error:
        report.send(_sendable(rank, error))
        raise SystemExit(1) from error


def _sendable(rank: int, error: BaseException) -> Exception:
    """`error` as rank 0 can raise it: errors for the user as they are, others by their words."""
    if isinstance(error, DartsError):
        return error
    return RuntimeError(f"rank {rank}: {type(error).__name__}: {error}")


class _Pickler(cloudpickle.Pickler):
    """Takes functions and classes that have no name to be found by, such as `lambda: Net(16)` and those of a notebook;
    leaves out trainers of earlier fits, which data modules keep."""

    def reducer_override(self, item: Any) -> Any:
        return (NONE, ()) if isinstance(item, Trainer) else super().reducer_override(item)


def _pickled(item: object) -> bytes:
    """`item` in bytes, its tensors with it: those that multiprocessing sends would be shared between the ranks.

    Raises:
        ConfigError: an object that only lives in this process.
    """
    stream = io.BytesIO()
    try:
        _Pickler(stream).dump(item)
    except (pickle.PicklingError, TypeError) as error:
        raise ConfigError(
            f"trainer.devices: module and data cannot be handed to the processes of the other devices: {error}. Leave "
            "open files, locks and connections out of them, or take trainer.devices=1"
        ) from error
    return stream.getvalue()
