"""Headers of model files of version 1, which had one form for images, one for series and one for other networks."""

from typing import Any

Plain = dict[str, Any]


def upgraded(header: Plain) -> Plain:
    """The header as of today. What is not as expected stays as it is, and is refused by whoever reads it."""
    found = {"versions": {}, **header}  # absent from the first files
    genotype, space = found.get("genotype"), found.get("space")
    name = genotype.get("space", "cells") if isinstance(genotype, dict) else "cells"
    if not isinstance(space, dict):
        return found
    if name == "module":
        return _module(found, space)
    found["space"] = {"builder": name, "arguments": space}
    return _series(found) if name == "series" else _images(found, space)


def _images(header: Plain, space: Plain) -> Plain:
    if space.get("stem") == "given":
        header["space"]["arguments"] = {**space, "stem": None}
    if "input_shape" in header:
        header["inputs"] = {"shape": header.pop("input_shape"), "dtype": "float32", "high": None}
    if isinstance(classes := header.get("classes"), list):
        header["outputs"] = len(classes)
    names = ["mean", "std", "preparation"]
    values = {name: header.pop(name) for name in names if name in header}
    header["preprocessing"] = {"kind": "images", "values": _with_shrink(values, rounds=True)}
    return header


def _series(header: Plain) -> Plain:
    if isinstance(shape := header.pop("shape", None), dict):
        header |= {"inputs": shape, "outputs": shape.get("targets"), "classes": []}
    if isinstance(values := header.get("preprocessing"), dict):
        header["preprocessing"] = {"kind": "series", "values": {"series": {}, **values}}
    return header


def _module(header: Plain, space: Plain) -> Plain:
    if space.get("builder") == "given":
        header["space"] = {**space, "builder": "own"}
    match header.get("preprocessing"):
        case {"kind": "images", "values": dict(values), **others}:
            header["preprocessing"] = {"kind": "images", "values": _with_shrink(values, rounds=False), **others}
    return header


def _with_shrink(values: Plain, rounds: bool) -> Plain:
    """Of how many pixels averages are stood with the preparation of files, of networks of one's own with both."""
    found = {"shrink": 1, "preparation": None, **values, "rounds": rounds}
    if isinstance(preparation := found["preparation"], dict):
        kept = {key: value for key, value in preparation.items() if key != "shrink"}
        found |= {"preparation": kept, "shrink": values.get("shrink", preparation.get("shrink"))}
    return found
