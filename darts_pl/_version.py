"""The version of the installed package; "0+unknown" in a source checkout that was never installed."""

from importlib import metadata

try:
    __version__ = metadata.version("darts_pl")
except metadata.PackageNotFoundError:
    __version__ = "0+unknown"
