"""The version of the installed package, "0+unknown" in a source checkout that was never installed, and of others."""

import platform
from importlib import metadata

try:
    __version__ = metadata.version("darts_pl")
except metadata.PackageNotFoundError:
    __version__ = "0+unknown"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    import torch  # its own version tells the build; here, because whoever asks for `__version__` needs no torch

    found = {"python": platform.python_version(), "torch": torch.__version__}
    for package in ("darts_pl", "lightning", "hydra-core", "torchmetrics", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
