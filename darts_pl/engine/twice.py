"""Passes whose gradients are differentiated in turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_twice: ContextVar[bool] = ContextVar("differentiated_twice", default=False)


@contextmanager
def differentiated_twice() -> Iterator[None]:
    """Within, cells run by an engine that has second derivatives, whichever was chosen: for what differentiates a
    gradient, as `create_graph=True` asks for."""
    token = _twice.set(True)
    try:
        yield
    finally:
        _twice.reset(token)


def is_differentiated_twice() -> bool:
    """Whether the running pass is within `differentiated_twice`."""
    return _twice.get()
