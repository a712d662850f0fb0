"""Training beside other code of a process: what it leaves as it was, and what Lightning does there that it need not."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
import torch.utils._pytree
from lightning.pytorch.utilities import _pytree


@contextmanager
def lightning_at(level: int) -> Iterator[None]:
    """Lightning's own loggers at `level`: what device it found is news on the command line, noise in a notebook."""
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, own in zip(loggers, before):
            logger.setLevel(own)


def random_state_kept() -> AbstractContextManager:
    """torch's generators, of all devices, are afterwards as they were."""
    return torch.random.fork_rng(devices=range(torch.cuda.device_count()))


def patch_leaf_spec() -> None:
    """Lightning 2.6 makes the shape of a single loader by `LeafSpec()`, which torch 2.13 deprecates in every fit. Let
    it take the leaf that torch offers instead, `treespec_leaf`, equal to the deprecated one; with a torch that has
    none, or a Lightning that asks for none, nothing is to be done."""
    leaf = getattr(torch.utils._pytree, "treespec_leaf", None)
    if leaf is not None and hasattr(_pytree, "LeafSpec"):
        _pytree.LeafSpec = leaf  # type: ignore[misc]  # a class of a library, replaced on purpose
