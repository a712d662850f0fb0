"""Shared by all tests: one thread, so that tests neither depend on nor disturb what else the machine does."""

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; a test that needs it fails where it is not set, it does not skip."""
    folder = os.environ.get("DARTS_PL_DATA")
    if not folder:
        pytest.fail("DARTS_PL_DATA is not set: point it at the folder that holds cifar10/")
    return Path(folder)
