"""One rank of a fit on several devices: its place, its strategy for Lightning, how it joins the others and leaves."""

import datetime
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.plugins.layer_sync import LayerSync
from lightning.pytorch.strategies import DDPStrategy

from darts_pl.ops.synchronized_norm import synchronize, unsynchronize

# How long ranks wait for each other, such as for rank 0 while it writes a point to a slow disk or draws pictures. That
# the process of a rank has ended is noticed at once.
PATIENCE = datetime.timedelta(minutes=10)
MASTER = ("MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Ring:
    """The ranks of one fit.

    Args:
        count: how many. port: of rank 0. cpu: whether they compute on CPUs. flags: of `lightning.Trainer`, as given.
        threads: of torch on each rank; None leaves them.
    """

    count: int
    port: int
    cpu: bool
    flags: Mapping[str, Any]
    threads: int | None = None

    @contextmanager
    def joined(self, rank: int) -> Iterator[dict[str, Any]]:
        """As one of the ranks; gives the trainer's arguments, and leaves process group and threads as they were."""
        before, threads = {name: os.environ.get(name) for name in MASTER}, torch.get_num_threads()
        torch.set_num_threads(self.threads or threads)
        given = self.flags.get("plugins") or []
        plugins = list(given) if isinstance(given, list | tuple) else [given]
        try:
            yield {
                "strategy": _OneOfRing(
                    cluster_environment=_Place(rank, self.count, self.port),
                    process_group_backend="gloo" if self.cpu else None,
                    timeout=PATIENCE,
                ),
                "devices": self.flags["devices"],
                "plugins": [*plugins, *([Synchronization()] if self.flags.get("sync_batchnorm") else [])],
                "sync_batchnorm": False,  # by the plugin, which works on CPUs and in the second order too
            }
        finally:
            if dist.is_initialized():
                dist.destroy_process_group()
            torch.set_num_threads(threads)
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


class Synchronization(LayerSync):
    """Batch normalisation over all ranks while a fit lasts."""

    def apply(self, model: torch.nn.Module) -> torch.nn.Module:
        """Synchronise; the same module."""
        synchronize(model)
        return model

    def revert(self, model: torch.nn.Module) -> torch.nn.Module:
        """Undo it; the same module."""
        unsynchronize(model)
        return model


class _Place(LightningEnvironment):
    """A rank's place in the ring: whoever starts the ranks, it is not Lightning."""

    creates_processes_externally = True

    def __init__(self, rank: int, count: int, port: int):
        super().__init__()
        self.own, self._world_size, self._main_port = rank, count, port
        self.set_global_rank(rank)

    @property
    def main_address(self) -> str:
        return "127.0.0.1"

    def local_rank(self) -> int:
        return self.own


class _OneOfRing(DDPStrategy):
    """DDP without a launcher, that leaves SIGTERM to who had it: Lightning's own handler would broadcast in the middle
    of another exchange, which can block until the ranks' patience is over."""

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        self.on_sigterm = signal.getsignal(signal.SIGTERM)

    def _configure_launcher(self) -> None:
        self._launcher = None

    def on_train_start(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.on_sigterm)
