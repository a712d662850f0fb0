"""Shared by the tests of resuming."""

import pytest

from darts_pl.callbacks import ScalarBoard


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take most of a tiny search's time and have no state; searches in processes of their own draw them."""
    monkeypatch.setattr("darts_pl.stages.search.ArchitectureBoard", lambda history, *draw: ScalarBoard(history))
