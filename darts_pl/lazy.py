"""Names of a package that are imported when they are first used, so that importing the package costs nothing."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from darts_pl.errors import nearest


def lazily(
    package: str, names: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of `package`: its modules, and further names out of the modules that hold them.

    Args:
        names: name → the module to import it from.
    """
    names = dict(names or {})

    def modules() -> list[str]:
        found = (module.name for module in iter_modules(sys.modules[package].__path__))
        return [name for name in found if not name.startswith("_")]

    def get(name: str) -> Any:
        if name in names:
            return getattr(import_module(names[name]), name)
        if not name.startswith("_"):
            known = modules()
            if name in known:
                return import_module(f"{package}.{name}")
            raise AttributeError(f"module {package!r} has no attribute {name!r}. {nearest(name, {*known, *names})}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names, *modules()})

    return get, listed
