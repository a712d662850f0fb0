"""TensorBoard's own thread, which writes its files."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_thread_tracebacks() -> Iterator[None]:
    """Within, a thread that cannot write a file ends without a traceback on the terminal. TensorBoard's is the only one
    that writes, and hands its error to whoever gives it the next thing to write."""
    before = threading.excepthook

    def told(failure: threading.ExceptHookArgs) -> None:
        if not isinstance(failure.exc_value, OSError):
            before(failure)

    threading.excepthook = told
    try:
        yield
    finally:
        threading.excepthook = before
