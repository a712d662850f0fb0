"""What training called from Python leaves as it was: the random state, and how much Lightning says."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch


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
