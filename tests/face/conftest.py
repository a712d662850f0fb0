"""The helper module beside the tests, and workers that start quickly."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent))


@pytest.fixture(scope="session", autouse=True)
def all_are_quick(quick_workers: None) -> None:
    """For every test here but the script, which is a process of its own."""
