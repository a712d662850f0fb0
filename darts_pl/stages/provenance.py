"""What a result came from: digests of its configuration and files."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

# What may differ between a run and its resumption: none of it changes a result.
_DEVICES, _WATCHING = ("devices", "num_nodes", "strategy"), ("enable_model_summary", "log_every_n_steps", "profiler")
_FLAGS = (*_DEVICES, *_WATCHING, "enable_autolog_hparams", "max_time", "model_registry")
VOLATILE = (
    *("resume", "trust", "checkpoint_every_s", "logger", "callbacks", "multi_fidelity.max_workers", "engine"),
    *(f"trainer.{name}" for name in _FLAGS),
    *(f"hardware.{name}" for name in ("assumes", "engine", "recompute", "workers")),
)


def config_digest(config: Mapping[str, Any], leave_out: Collection[str] = ()) -> str:
    """sha256 of the configuration without the keys that change no result, and some further dotted ones."""
    kept = _without(config, {*VOLATILE, *leave_out})
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


def is_volatile(key: str) -> bool:
    """Whether a dotted key, or the section that it is of, changes no result."""
    return any(key == each or key.startswith(f"{each}.") for each in VOLATILE)


def _without(config: Mapping[str, Any], keys: Collection[str], prefix: str = "") -> dict[str, Any]:
    """`config` without some dotted keys."""
    kept = {}
    for key, value in config.items():
        if f"{prefix}{key}" in keys:
            continue
        kept[key] = _without(value, keys, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        if value and kept[key] == {}:
            del kept[key]  # all of it was left out
    return kept


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    flat = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
