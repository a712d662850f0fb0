"""The command line of `python -m darts_pl.benchmark proxies`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from darts_pl.bounded import read_json
from darts_pl.errors import ConfigError, RunError, nearest
from darts_pl.proxies import PROXIES
from darts_pl.stages.benchmark.proxies import SIDE, Setup
from darts_pl.stages.benchmark.settings import settings_file

SMALLEST = {"cells": 3, "seed": 0, "channels": 1, "layers": 1, "batch": 2, "shrink": 1, "repeats": 1}
HOW = ("jobs", "resume", "trust", "proxies")


def parse_proxies(arguments: Sequence[str]) -> tuple[Setup, int, Path | None]:
    """(what is scored, processes at a time, the folder that is gone on with) of `key=value` arguments.

    Raises:
        ConfigError: no `key=value`, a key or proxy that does not exist, a number that is none or too small.
        RunError: a folder to go on with that holds no benchmark of proxies.
    """
    given: dict[str, str] = {}
    for text in arguments:
        key, equals, value = text.partition("=")
        if not equals or not value:
            raise ConfigError(f"found {text!r}, expected key=value such as cells=300")
        if key not in (*SMALLEST, *HOW):
            raise ConfigError(f"{key}={value}: no such setting of the proxies. {nearest(key, (*SMALLEST, *HOW))}")
        given[key] = value
    jobs, trust = _number("jobs", given.pop("jobs", "1"), 1), given.pop("trust", "false")
    if trust not in ("true", "false"):
        raise ConfigError(f"trust={trust}: expected true or false")
    if "resume" in given:
        folder = Path(given.pop("resume")).absolute()
        if given:
            others = " ".join(f"{key}={value}" for key, value in given.items())
            raise ConfigError(f"resume={folder} goes on with what was asked for there; leave {others} out")
        return read_setup(folder, trust=trust == "true"), jobs, folder
    numbers = {key: _number(key, given[key], least) for key, least in SMALLEST.items() if key in given}
    if SIDE % (shrink := numbers.get("shrink", 1)):
        raise ConfigError(f"shrink={shrink} does not divide images of {SIDE}x{SIDE} pixels")
    names = _proxies(given["proxies"]) if "proxies" in given else tuple(PROXIES)
    return Setup(**numbers, proxies=names), jobs, None


def _proxies(value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in value.strip("[]").split(",")))
    for name in names:
        if name not in PROXIES:
            raise ConfigError(f"proxies={name} does not exist. {nearest(name, PROXIES)}")
    return names


def _number(key: str, value: str, least: int) -> int:
    if not value.isascii() or not value.isdigit() or int(value) < least:
        raise ConfigError(f"{key}={value}: expected a whole number of at least {least}")
    return int(value)


def setup_json(setup: Setup) -> str:
    """The setup as its file holds it."""
    return json.dumps({"benchmark": "proxies", **asdict(setup)}, indent=2) + "\n"


def read_setup(folder: Path, *, trust: bool = False) -> Setup:
    """The setup of an interrupted benchmark.

    Raises:
        RunError: there is none, or it is damaged; without `trust`, the folder has links that lead out of it.
    """
    path = settings_file(folder, trust=trust)
    try:
        found = read_json(path)
        if found.pop("benchmark", None) != "proxies":
            raise RunError(f"resume={folder} is a benchmark of search methods: resume it with nasbench201")
        names = ",".join(found.pop("proxies"))
        return parse_proxies([*(f"{key}={found[key]}" for key in SMALLEST), f"proxies={names}"])[0]
    except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
