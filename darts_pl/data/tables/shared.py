"""One copy of what the data modules of a process have in common: those of a search and of the retraining after it."""

import weakref
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Made = TypeVar("Made")

_alive: "weakref.WeakValueDictionary[Hashable, Any]" = weakref.WeakValueDictionary()


def shared(key: Hashable, make: Callable[[], Made]) -> Made:
    """What `make` gives, made once for a `key` as long as somebody holds it; it is not to be changed."""
    found = _alive.get(key)
    if found is None:
        found = _alive[key] = make()
    return found
