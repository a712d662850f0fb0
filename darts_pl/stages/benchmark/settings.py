"""The command line of `python -m darts_pl.benchmark`: which methods, seeds and searches are asked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from darts_pl.errors import ConfigError, RunError, nearest
from darts_pl.stages.places import check_inside

ALL = "all"
PREFIX = "nasbench201_"
SCALES = ("two_cores", "published")
FILE = "benchmark.json"  # in a benchmark's folder: its settings
OPTIONS = ("method", "seed", "scale", "jobs", "threads", "resume", "trust", "steps", "rounds")


@dataclass(frozen=True)
class Settings:
    """What a benchmark was asked for.

    Args:
        scale: `two_cores`, that of the experiments, or `published`.
        methods: names of conf/experiment/nasbench201_<method>.yaml. seeds: one run a method for each.
        jobs: searches at a time. threads: CPU threads of each; None shares them out.
        folder: where an interrupted benchmark lies that is gone on with. trust: run code of others that it names, and
            follow links out of it.
        steps, rounds: of the cost benchmark, see `stages.benchmark.cost`.
        overrides: settings of every search.
    """

    methods: tuple[str, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    scale: str = "two_cores"
    jobs: int = 1
    threads: int | None = None
    folder: Path | None = None
    trust: bool = False
    steps: int = 8
    rounds: int = 3
    overrides: tuple[str, ...] = ()


def methods_in(conf_dir: Path) -> list[str]:
    """The methods that have an experiment for NAS-Bench-201, DARTS first."""
    found = sorted(path.stem.removeprefix(PREFIX) for path in (conf_dir / "experiment").glob(f"{PREFIX}*.yaml"))
    return sorted(found, key=lambda name: (not name.startswith("darts"), name != "darts", name))


def parse(arguments: Sequence[str], known: Sequence[str]) -> Settings:
    """Settings of `key=value` arguments; keys other than `OPTIONS` are left to the searches.

    Raises:
        ConfigError: no `key=value`, a method that does not exist, or a number that is none.
    """
    given: dict[str, str] = {}
    overrides: list[str] = []
    for text in arguments:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(f"found {text!r}, expected key=value such as method=darts,drnas or seed=0,1,2")
        if key.removesuffix("s") in OPTIONS and key not in OPTIONS:
            raise ConfigError(f"found {text!r}, expected {key.removesuffix('s')}={value}")
        if key in OPTIONS:
            given[key] = value
        else:
            overrides.append(text)
    numbers = {key: _numbers(key, given[key], 1)[0] for key in ("jobs", "threads", "steps", "rounds") if key in given}
    seeds = _numbers("seed", given["seed"], 0) if "seed" in given else Settings.seeds
    folder = Path(given["resume"]).absolute() if "resume" in given else None
    others = [text for text in arguments if not text.startswith(("resume=", "trust="))]
    if folder is not None and others:
        raise ConfigError(f"resume={folder} goes on with what was asked for there; leave {' '.join(others)} out")
    scale = given.get("scale", "two_cores")
    if scale not in SCALES:
        raise ConfigError(f"scale={scale} does not exist. {nearest(scale, SCALES)}")
    methods = _methods(given.get("method", ALL), known)
    trust = given.get("trust", "false")
    if trust not in ("true", "false"):
        raise ConfigError(f"trust={trust}: expected true or false")
    return Settings(
        methods,
        seeds,
        scale,
        jobs=numbers.get("jobs", Settings.jobs),
        threads=numbers.get("threads"),
        folder=folder,
        trust=trust == "true",
        steps=numbers.get("steps", Settings.steps),
        rounds=numbers.get("rounds", Settings.rounds),
        overrides=tuple(overrides),
    )


def _methods(value: str, known: Sequence[str]) -> tuple[str, ...]:
    names = [name.strip() for name in value.strip("[]").split(",")]
    if names == [ALL]:
        return tuple(known)
    for name in names:
        if name not in known:
            raise ConfigError(f"method={name} does not exist. {nearest(name, known)}")
    return tuple(dict.fromkeys(names))


def _numbers(key: str, value: str, least: int) -> tuple[int, ...]:
    words = value.strip("[]").split(",")
    if not all(re.fullmatch(r"\s*\d+\s*", word) and int(word) >= least for word in words):
        raise ConfigError(f"{key}={value}: expected whole numbers of at least {least}, such as {key}={least}")
    if key != "seed" and len(words) > 1:
        raise ConfigError(f"{key}={value}: expected one number")
    return tuple(dict.fromkeys(map(int, words)))


def settings_file(folder: Path, *, trust: bool) -> Path:
    """The file with the settings of the benchmark in `folder`.

    Raises:
        RunError: there is none; without `trust`, the folder has links that lead out of it.
    """
    path = folder / FILE
    if not path.is_file():
        raise RunError(f"resume={folder}: found no {FILE}, expected the folder of a benchmark")
    if not trust:
        check_inside(folder)
    return path


def experiment(method: str, scale: str, conf_dir: Path) -> tuple[str, ...]:
    """The overrides that make a method's search at a scale; a method may have published settings of its own."""
    words = (f"+experiment={PREFIX}{method}",)
    if scale == "two_cores":
        return words
    own = (conf_dir / "scale" / f"{scale}_{method}.yaml").is_file()
    return (*words, f"+scale={scale}_{method}" if own else f"+scale={scale}")
