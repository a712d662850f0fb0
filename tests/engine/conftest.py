"""The vector widths that tests of the kernels run with."""

from collections.abc import Iterator

import pytest

from darts_pl.engine.native.build import TARGETS, VARIABLE, native_target

HERE = native_target()  # the widest vectors that this processor has
# each is compiled once, ten seconds on two cores
WIDTHS = [pytest.param(name, marks=pytest.mark.slow) if name == "portable" else name for name in TARGETS]


@pytest.fixture(params=WIDTHS)
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Every vector width that this processor has."""
    if list(TARGETS).index(request.param) < list(TARGETS).index(HERE):
        pytest.skip(f"this processor has no {request.param}")
    monkeypatch.setenv(VARIABLE, request.param)
    yield request.param
