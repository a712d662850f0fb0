"""manifest.json of a run folder: read as data that somebody else may have written, its entries of the right types."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from darts_pl.bounded import read_json
from darts_pl.bounded.texts import shown
from darts_pl.errors import RunError

MANIFEST = "manifest.json"


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_stages(value: Any) -> bool:
    return _is_mapping(value) and all(map(_is_stage, value.values()))


def _is_stage(entry: Any) -> bool:
    numbers = ("seconds", "peak_memory_mib")
    if not _is_mapping(entry) or not all(_is_number(entry[key]) for key in numbers if key in entry):
        return False
    return "seconds" in entry and _is_mapping(entry.get("inputs", {}))


NEEDED: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "command": ("a text", lambda value: isinstance(value, str)),
    "config_sha256": ("a text", lambda value: isinstance(value, str)),
    "stages": ("a mapping of stages, each with its seconds", _is_stages),
    "seconds": ("a number", _is_number),
    "peak_memory_mib": ("a number", _is_number),
}
FURTHER: Mapping[str, tuple[str, Callable[[Any], bool]]] = {  # the first manifests had fewer entries
    "overrides": ("a list of texts", _is_texts),
    "config_folders": ("a mapping", _is_mapping),
    "versions": ("a mapping", _is_mapping),
}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder.

    Raises:
        RunError: there is none; it is damaged or beyond bounds; an entry is missing or of another type. The message
            names the file, the entry, what was found and what was expected.
    """
    path = Path(folder) / MANIFEST
    manifest = read_json(path)
    if not isinstance(manifest, dict):
        raise RunError(f"{path} is damaged: found {shown(repr(manifest))}, expected a mapping")
    for key, (expected, holds) in {**NEEDED, **FURTHER}.items():
        if key not in manifest and key in NEEDED:
            raise RunError(f"{path} is damaged: it lacks {key!r}, expected {expected}")
        if key in manifest and not holds(manifest[key]):
            raise RunError(f"{path} is damaged: {key!r} is {shown(repr(manifest[key]))}, expected {expected}")
    return manifest
