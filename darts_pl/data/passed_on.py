"""Builders that hand keyword arguments on, with the signature that these have."""

import inspect
from collections.abc import Callable
from typing import TypeVar

Builder = TypeVar("Builder", bound=Callable)


def passes_on_to(*parts: type) -> Callable[[Builder], Builder]:
    """Decorator that puts the parameters of some classes, such as a data module (but its `source` or `module`), in the
    place of a builder's `**others`, so that a misspelt or mistyped one is noticed where a configuration is checked."""

    def signed(builder: Builder) -> Builder:
        own = inspect.signature(builder)
        named = {name: part for name, part in own.parameters.items() if part.kind is not part.VAR_KEYWORD}
        known = {"source", "module", *named}
        further = {
            name: part.replace(kind=part.KEYWORD_ONLY)
            for each in parts
            for name, part in inspect.signature(each).parameters.items()
            if name not in known
        }
        builder.__signature__ = own.replace(parameters=[*named.values(), *further.values()])
        return builder

    return signed
