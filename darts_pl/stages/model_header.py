"""The header of a model file: what it holds, checked before anything is built from it."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from darts_pl.bounded import parse_json
from darts_pl.data.decode import CHANNELS
from darts_pl.data.depth import DEPTHS, EIGHT
from darts_pl.errors import RunError, nearest

FORMAT, VERSION = "darts_pl.model", 1
MAX_LAYERS, MAX_NODES, MAX_SIZE = 1000, 16, 100_000
LARGEST_NUMBER, SMALLEST_NUMBER = 3e38, 1e-37  # in float32, in which networks compute
MOST_VALUES = 5_000_000  # a vocabulary of words has some 100,000


class Rule(NamedTuple):
    """What one value of the header must be, in words and as a test."""

    expected: str
    holds: Callable[[Any], bool]


def _whole(highest: int) -> Rule:
    return Rule(f"a whole number from 1 to {highest}", lambda v: type(v) is int and 1 <= v <= highest)


def _is_list(value: Any, of: Callable[[Any], bool], length: int | None = None) -> bool:
    return isinstance(value, list) and bool(value) and length in (None, len(value)) and all(map(of, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST_NUMBER


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_names(value: Any, least: int = 1) -> bool:
    return isinstance(value, list) and len(value) >= least and all(map(_is_text, value))


def _is_numbers(value: Any, above: float = -math.inf) -> bool:
    return isinstance(value, list) and all(_is_number(each) and each >= above for each in value)


SIZE = _whole(MAX_SIZE)
COUNT = Rule(f"a whole number from 0 to {MAX_SIZE}", lambda v: type(v) is int and 0 <= v <= MAX_SIZE)
SHARE = Rule("a number from 0 to below 1", lambda v: _is_number(v) and 0 <= v < 1)
TEXT = Rule("a text", _is_text)
MAPPING = Rule("a mapping", _is_mapping)
NAMES, ANY_NAMES = Rule("a list of names", _is_names), Rule("a list of names", lambda v: _is_names(v, 0))
ALL = {
    "genotype": Rule("a genotype's mapping", _is_mapping),
    "space": MAPPING,
    "details": MAPPING,
    "versions": Rule("a mapping of names to versions", lambda v: _is_mapping(v) and all(map(_is_text, v.values()))),
}
KEYS = {
    **ALL,
    "input_shape": Rule(f"[C, H, W], each from 1 to {MAX_SIZE}", lambda v: _is_list(v, SIZE.holds, 3)),
    "classes": Rule("a list of names", lambda v: _is_list(v, _is_text)),
    "mean": Rule("a list of numbers that float32 can hold", lambda v: _is_list(v, _is_number)),
    "std": Rule("a list of numbers above 0", lambda v: _is_list(v, lambda n: _is_number(n) and n >= SMALLEST_NUMBER)),
    "preparation": Rule("a mapping or null", lambda v: v is None or _is_mapping(v)),
}
FLAG = Rule("true or false", lambda v: type(v) is bool)
PREPARATION = {  # of image files, as `ImageData.preparation` gives it
    "size": Rule(f"[H, W], each from 1 to {MAX_SIZE}", lambda v: _is_list(v, SIZE.holds, 2)),
    **dict.fromkeys(("resizes", "converts"), FLAG),
    "mode": Rule(f"one of {', '.join(CHANNELS)}", lambda v: _is_text(v) and v in CHANNELS),
    "background": Rule(
        "[r, g, b] of 0 to 255, or null",
        lambda v: v is None or _is_list(v, lambda n: type(n) is int and 0 <= n <= 255, 3),
    ),
    "range": Rule("[lowest, highest], or null", lambda v: v is None or (_is_list(v, _is_number, 2) and v[0] < v[1])),
    "depths": Rule(f"some of {', '.join(DEPTHS)}", lambda v: _is_list(v, lambda depth: depth in DEPTHS)),
    "shrink": SIZE,
}
SERIES_KEYS = {**ALL, "shape": MAPPING, "preprocessing": MAPPING}
SHAPE = {
    **dict.fromkeys(("look_back", "horizon", "targets"), SIZE),
    **dict.fromkeys(("past_covariates", "known_future"), COUNT),
}
PREPROCESSING = {
    "columns": MAPPING,
    "scalers": MAPPING,
    "calendar": ANY_NAMES,
    "frequency": Rule("a frequency or null", lambda v: v is None or _is_text(v)),
    "timezone": Rule("a timezone's name or null", lambda v: v is None or _is_text(v)),
    "series": Rule("texts by column", lambda v: _is_mapping(v) and all(map(_is_text, v.values()))),
    "look_back": SIZE,
    "horizon": SIZE,
}
COLUMNS = {"targets": NAMES, "past_covariates": ANY_NAMES, "future_covariates": ANY_NAMES}
SCALER = {
    "mean": Rule("a list of numbers that float32 can hold", _is_numbers),
    "std": Rule("a list of numbers above 0", lambda v: _is_numbers(v, SMALLEST_NUMBER)),
}
SIZES = {"init_channels": SIZE, "layers": _whole(MAX_LAYERS)}
CHOICES = ("normalizations", "decompositions", "shortcuts", "tokens", "positions", "attentions", "feed_forwards")
SERIES, MODULE = "series", "module"
MODULE_KEYS = {
    **ALL,
    "inputs": MAPPING,
    "outputs": Rule(
        "a number, numbers by task, or null",
        lambda v: v is None or SIZE.holds(v) or (_is_mapping(v) and bool(v) and all(map(SIZE.holds, v.values()))),
    ),
    "classes": Rule(
        "names, or names by task",
        lambda v: _is_names(v, 0) or (_is_mapping(v) and all(_is_names(names, 0) for names in v.values())),
    ),
    "preprocessing": MAPPING,
}
MODULE_SPACE = {"builder": TEXT, "arguments": MAPPING}
OWN_BUILDER = {**MODULE_SPACE, "target": TEXT, "further": MAPPING}
MODULE_PREPROCESSING = {"kind": TEXT, "values": MAPPING}
IMAGES = {**{key: KEYS[key] for key in ("mean", "std", "preparation")}, "shrink": _whole(MAX_SIZE)}
DENSE = {
    "init_channels": SIZE,
    "num_nodes": _whole(MAX_NODES),
    "layers": _whole(MAX_LAYERS),
    "primitives": NAMES,
    "dropout": SHARE,
}
BUILT = {"dense": DENSE, "text": {**DENSE, "word_dropout": SHARE}}
SPACES = {
    "cells": {**SIZES, "stem": Rule("a stem's name", _is_text)},
    "nasbench201": SIZES,
    SERIES: {
        "mode": TEXT,
        **dict.fromkeys(("hidden_dim", "num_nodes", "patch_length", "heads"), SIZE),
        "layers": _whole(MAX_LAYERS),
        "dropout": SHARE,
        **dict.fromkeys(("primitives", *CHOICES, "cross_attentions"), NAMES),
    },
    MODULE: {},
}


def read_header(text: str, where: str) -> dict[str, Any]:
    """The header in `text`, every value of it of the right type and range.

    Args:
        text: JSON. where: the file, for messages.

    Raises:
        RunError: another format or version, a missing or unknown key, or a value of another type or size; the message
            names the file, the key, what was found and what was expected.
    """
    header = parse_json(text, f"{where}: its header is refused", most=MOST_VALUES)
    if not isinstance(header, dict):
        raise RunError(f"{where}: its header is {_shown(header)}, expected a mapping")
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        found = f"format {_shown(header.get('format'))} version {_shown(header.get('version'))}"
        raise RunError(f"{where}: found {found}, expected {FORMAT!r} version {VERSION}")
    header.setdefault("versions", {})  # absent from the first files of this version
    space = space_of(header)
    if space not in (SERIES, MODULE):
        header.setdefault("preparation", None)  # absent where image files were not prepared for predictions
    values = {key: header[key] for key in header if key not in ("format", "version")}
    _check(values, {SERIES: SERIES_KEYS, MODULE: MODULE_KEYS}.get(space, KEYS), where, "")
    if space != MODULE:
        _check(header["space"], SPACES[space], where, "space.")
    {SERIES: _check_series, MODULE: _check_module}.get(space, _check_channels)(header, where)
    return header


def _check_module(header: Mapping[str, Any], where: str) -> None:
    space = header["space"]
    builder = space.get("builder")
    known = BUILT.get(builder) if isinstance(builder, str) else None
    _check(space, OWN_BUILDER if known is None else MODULE_SPACE, where, "space.")
    if known is not None:
        _check(space["arguments"], known, where, "space.arguments.")
    _check(header["preprocessing"], MODULE_PREPROCESSING, where, "preprocessing.")
    if header["preprocessing"]["kind"] == "images":
        values = header["preprocessing"]["values"]
        values.setdefault("preparation", None)  # absent where image files were not prepared for predictions
        _check(values, IMAGES, where, "preprocessing.values.")
        _check_preparation(values["preparation"], where, "preprocessing.values.preparation")
    if not isinstance(header["inputs"].get("parts", {}), (dict, list)):
        raise RunError(f"{where}: inputs.parts is {_shown(header['inputs']['parts'])}, expected a mapping or a list")


def _check_channels(header: Mapping[str, Any], where: str) -> None:
    for key in ("mean", "std"):
        channels = header["input_shape"][0]
        if len(header[key]) != channels:
            raise RunError(
                f"{where}: {key} has {len(header[key])} values, expected one for each of {channels} channels"
            )

    preparation = header["preparation"]
    _check_preparation(preparation, where, "preparation")
    if preparation is not None:
        found = [CHANNELS[preparation["mode"]], *(side // preparation["shrink"] for side in preparation["size"])]
        if found != header["input_shape"]:
            raise RunError(f"{where}: preparation makes images of {found}, its input_shape is {header['input_shape']}")


def _check_preparation(preparation: Any, where: str, place: str) -> None:
    if preparation is None:
        return
    _check(preparation, PREPARATION, where, f"{place}.")
    if preparation["range"] is None and preparation["depths"] != [EIGHT]:
        raise RunError(f"{where}: {place}.range is null, expected numbers for images of {preparation['depths']}")


def _check_series(header: Mapping[str, Any], where: str) -> None:
    shape, preprocessing = header["shape"], header["preprocessing"]
    _check(shape, SHAPE, where, "shape.")
    preprocessing.setdefault("series", {})  # absent from files of earlier times
    _check(preprocessing, PREPROCESSING, where, "preprocessing.")
    columns, scalers = preprocessing["columns"], preprocessing["scalers"]
    _check(columns, COLUMNS, where, "preprocessing.columns.")
    _check(scalers, dict.fromkeys(COLUMNS, MAPPING), where, "preprocessing.scalers.")
    for role, names in columns.items():
        place = f"preprocessing.scalers.{role}."
        _check(scalers[role], SCALER, where, place)
        for key, values in scalers[role].items():
            if len(values) != len(names):
                raise RunError(f"{where}: {place}{key} has {len(values)} values, expected {len(names)}")
    known = len(columns["future_covariates"]) + len(preprocessing["calendar"])
    found = {
        "look_back": preprocessing["look_back"],
        "horizon": preprocessing["horizon"],
        "targets": len(columns["targets"]),
        "past_covariates": len(columns["past_covariates"]),
        "known_future": known,
    }
    for key, value in found.items():
        if shape[key] != value:
            raise RunError(f"{where}: shape.{key} is {shape[key]}, its preprocessing has {value}")


def space_of(header: Mapping[str, Any]) -> str:
    """The space that the header's genotype names; where it names none there is, the first, whose reader tells."""
    genotype = header.get("genotype")
    space = genotype.get("space") if isinstance(genotype, dict) else None
    return space if isinstance(space, str) and space in SPACES else next(iter(SPACES))


def _check(values: Mapping[str, Any], rules: Mapping[str, Rule], where: str, prefix: str) -> None:
    if missing := [prefix + key for key in rules if key not in values]:
        raise RunError(f"{where}: its header lacks {', '.join(missing)}")
    for key, value in values.items():
        if key not in rules:
            raise RunError(f"{where}: its header has the unknown key {prefix}{key}. {nearest(key, rules)}")
        if not rules[key].holds(value):
            raise RunError(f"{where}: {prefix}{key} is {_shown(value)}, expected {rules[key].expected}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
