"""What a result came from: digests of its configuration and files."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

# What may differ between a run and its resumption: none of it changes a result.
VOLATILE = ("resume", "trust", "checkpoint_every_s", "multi_fidelity.max_workers")


def config_digest(config: Mapping[str, Any], leave_out: Collection[str] = ()) -> str:
    """sha256 of the configuration without the keys that change no result, and some further dotted ones."""
    kept = _without(config, {*VOLATILE, *leave_out})
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


def _without(config: Mapping[str, Any], keys: Collection[str], prefix: str = "") -> dict[str, Any]:
    """`config` without some dotted keys."""
    return {
        key: _without(value, keys, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        for key, value in config.items()
        if f"{prefix}{key}" not in keys
    }


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    flat = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
