"""What a run folder holds, read as far as it is there: an unfinished or damaged run still gives a report."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from darts_pl.bounded import parse_yaml, read_json, read_text
from darts_pl.bounded.arrays import read_arrays
from darts_pl.bounded.tables import read_table
from darts_pl.bounded.yaml_text import LARGEST_YAML
from darts_pl.errors import RunError, nearest
from darts_pl.genotype import AnyGenotype
from darts_pl.genotype import read as read_genotype
from darts_pl.paths import leads_out
from darts_pl.reports.boundary import CONTENT_ERRORS, reason
from darts_pl.reports.gate_records import GateRecord, gate_records

MANIFEST = "manifest.json"
LARGEST_ALPHAS = 256 << 20  # bytes
RUN_FILES = (MANIFEST, "config.yaml", "history.csv")  # any of them makes a folder a run

Read = TypeVar("Read")


@dataclass
class RunFiles:
    """The contents of a run folder; what is absent is None or empty, and `missing` or `damaged` names it.

    Tables hold one row an epoch. `history` and `timing` are of the run's own training: of the search, or for the
    command retrain of the derived network. `retrain` and `random` are of the networks trained from fresh weights.
    `alphas` holds `epoch` `[T]` and, for each kind of choice, gates `gate_<kind>` `[T, E, K]`, and `alpha_<kind>` of
    that shape where the file has them; names are those of all kinds, `primitives` `[K]` and `edges` `[E]`, or of one,
    `primitives_<kind>` and `edges_<kind>`. `guards` is None where they were off.
    """

    folder: Path
    manifest: dict[str, Any] = field(default_factory=dict)
    config: str = ""
    history: pd.DataFrame | None = None
    timing: pd.DataFrame | None = None
    alphas: dict[str, np.ndarray] | None = None
    best: AnyGenotype | None = None
    last: AnyGenotype | None = None
    results: dict[str, Any] = field(default_factory=dict)
    retrain: pd.DataFrame | None = None
    random: pd.DataFrame | None = None
    guards: dict[str, Any] | None = None
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def command(self) -> str:
        """The command that made the run, "search" where the manifest does not say."""
        return str(self.manifest.get("command", "search"))

    @property
    def overrides(self) -> list[str]:
        """What the command set, as texts such as "epochs=3"; empty where the manifest does not tell."""
        told = self.manifest.get("overrides")
        return [str(text) for text in told] if isinstance(told, list) else []

    @property
    def gates(self) -> dict[str, GateRecord]:
        """The recorded gates by kind of choice."""
        return gate_records(self.alphas) if self.alphas is not None else {}

    @property
    def kinds_differ(self) -> bool:
        """Whether kinds have names of their own, as where parts of a network are chosen beside cells."""
        return any(name.startswith("primitives_") for name in self.alphas or {})

    @property
    def complete(self) -> bool:
        """Whether the manifest says that the run came to its end."""
        return self.manifest.get("status") == "complete"


def is_run(folder: Path) -> bool:
    """Whether `folder` holds at least one of the files that every run writes."""
    return any((folder / name).is_file() for name in RUN_FILES)


def runs_of_sweep(folder: Path) -> list[Path]:
    """The run folders directly inside `folder`, those with a manifest, in the order of their numbers; see `links_out`
    for what is left out."""
    found = [child for child in folder.iterdir() if (child / MANIFEST).is_file() and not leads_out(child, folder)]
    return sorted(found, key=lambda path: (not path.name.isdigit(), path.name.zfill(9)))


def links_out(folder: Path) -> list[str]:
    """The names directly inside `folder` that are links out of it: a page of the folder does not show what is there."""
    return sorted(child.name for child in folder.iterdir() if child.is_symlink() and leads_out(child, folder))


def describe_links_out(folder: Path) -> str:
    """A sentence that names them; empty where there are none."""
    names = ", ".join(links_out(folder))
    return f"Not read, as they are links out of the folder: {names}." if names else ""


def existing_folder(folder: Path | str) -> Path:
    """`folder` as an absolute path.

    Raises:
        RunError: it does not exist (with the nearest folder beside it) or is not a folder.
    """
    path = Path(folder).expanduser().absolute()
    if path.is_dir():
        return path
    if path.exists():
        raise RunError(f"{path}: a file, expected a run folder or a sweep folder")
    above = path.parent
    beside = [child.name for child in above.iterdir() if child.is_dir()] if above.is_dir() else []
    hint = f" {nearest(path.name, beside)}" if beside else ""
    raise RunError(f"{path}: no such folder, expected a run folder or a sweep folder.{hint}")


def no_run_error(folder: Path) -> RunError:
    """The error for a folder that is neither a run nor a sweep."""
    wanted = ", ".join(RUN_FILES)
    children = sorted(child.name for child in folder.iterdir() if child.is_dir())
    inside = f" The folder holds: {', '.join(children[:8])}." if children else ""
    away = describe_links_out(folder)
    return RunError(
        f"{folder}: holds no run. Looked for {wanted} in it, for {MANIFEST} in the folders inside it.{inside}"
        f"{' ' if away else ''}{away}"
    )


def read_run(folder: Path | str) -> RunFiles:
    """Read all files of a run.

    Raises:
        RunError: the folder does not exist or holds none of RUN_FILES.
    """
    path = existing_folder(folder)
    if not is_run(path):
        raise no_run_error(path)
    run = RunFiles(path)
    run.manifest = read_file(run, MANIFEST, json_object) or {}
    run.config = read_file(run, "config.yaml", config_text) or ""
    trained_in = "retrain/" if run.command == "retrain" else ""
    run.history = read_file(run, f"{trained_in}history.csv", epoch_table)
    run.timing = read_file(run, f"{trained_in}timing.csv", epoch_table)
    run.results = read_file(run, "results.json", json_object) or {}
    run.best = read_file(run, "genotype_best.json", read_genotype)
    if run.command == "retrain":
        run.retrain = run.history
    else:
        run.alphas = read_file(run, "alphas.npz", _alphas)
        run.last = read_file(run, "genotype_last.json", read_genotype)
        run.guards = read_file(run, "guards.json", json_object, expected=bool(configured(run, "guards")))
        run.retrain = read_file(
            run, "retrain/history.csv", epoch_table, expected=_retrains_with(run, "retraining.epochs")
        )
    run.random = read_file(
        run, "random/history.csv", epoch_table, expected=_retrains_with(run, "retraining.random_architecture")
    )
    return run


def configured(run: RunFiles, key: str) -> object:
    """The value of a dotted key in the run's configuration as it is written: `${...}` stays what it is, as it could
    lead to the environment of whoever reads. None where there is no such key."""
    value: object = _mapping(run.config)
    for name in key.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


@functools.lru_cache(maxsize=1)
def _mapping(config: str) -> dict[str, Any]:
    """The mapping in a configuration's text; an empty one where it holds none."""
    try:
        found = parse_yaml(config, "config.yaml")
    except RunError:
        return {}
    return found if isinstance(found, dict) else {}


def _retrains_with(run: RunFiles, key: str) -> bool:
    """Whether the run's configuration retrains and has something other than 0, false or nothing at `key`."""
    return bool(configured(run, "retraining.epochs")) and bool(configured(run, key))


def read_file(run: RunFiles, name: str, reader: Callable[[Path], Read], expected: bool = True) -> Read | None:
    """What `reader` makes of a file of the run; None and a note in `run` where it is absent, though expected, damaged,
    or reached by a link that leads out of the folder."""
    path = run.folder / name
    if leads_out(path, run.folder):
        run.damaged.append(f"{name} (a link leads out of the folder)")
        return None
    if not path.is_file():
        run.missing += [name] if expected else []
        return None
    try:
        return reader(path)
    except CONTENT_ERRORS as error:
        run.damaged.append(f"{name} ({reason(error).removeprefix(f'{path}: ')})")
        return None


def config_text(path: Path) -> str:
    """The text of a configuration."""
    return read_text(path, largest=LARGEST_YAML)


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; other JSON raises ValueError."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {type(value).__name__}")
    return value


def epoch_table(path: Path) -> pd.DataFrame:
    """A table with one row an epoch and numbers only; text where a number belongs raises ValueError."""
    table = read_table(path)
    if "epoch" not in table:
        raise ValueError(f"no column 'epoch', found {', '.join(map(str, table.columns))}")
    return table.apply(pd.to_numeric)


def _alphas(path: Path) -> dict[str, np.ndarray]:
    arrays = read_arrays(path, largest=LARGEST_ALPHAS)
    if not any(name.startswith("gate_") for name in arrays):
        raise ValueError(f"no array 'gate_<kind of cell>', found {', '.join(sorted(arrays))}")
    gate_records(arrays)  # raises where names or shapes do not fit
    return arrays
