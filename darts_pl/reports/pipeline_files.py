"""What the folder of a staged pipeline holds, read as far as the pipeline has come."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darts_pl.bounded import read_json, read_text
from darts_pl.bounded.arrays import read_arrays
from darts_pl.bounded.tables import read_table
from darts_pl.errors import GenotypeError
from darts_pl.genotype import SeriesGenotype
from darts_pl.reports.boundary import CONTENT_ERRORS, reason
from darts_pl.reports.gate_records import GateRecord, gate_records
from darts_pl.reports.run_files import (
    LARGEST_ALPHAS,
    MANIFEST,
    RunFiles,
    config_text,
    epoch_table,
    existing_folder,
    is_run,
    json_object,
    no_run_error,
    read_file,
)

COMMAND = "pipeline"
TRAINED = {"retrain": "searched", "nlinear": "nlinear", "dlinear": "dlinear"}  # folder → name in results.json


@dataclass
class PipelineFiles:
    """The files of a pipeline run; what is absent is None or empty, and `run.missing` or `run.damaged` names it.

    Attributes:
        run: folder, manifest, configuration and results.
        pool: the drawn candidates, {"id": ..., "space": {...}}.
        scores, rungs, choices, candidates, stats, by_horizon: the tables of the stages, one row a candidate, a
            candidate and rung, a derived network, a candidate, a phase, a network and step.
        promoted: the identifiers that went on to the search.
        gates: candidate → kind of choice → its gates during the search.
        genotypes: candidate → the genotype that its search derived.
        genotype: the winner's.
        forecasts: truth and forecasts [W, P, Y], past [W, T, Y], starts [W], target_names [Y], all by name.
        trainings: name of the network → its history, one row an epoch.
    """

    run: RunFiles
    pool: list[dict[str, Any]] = field(default_factory=list)
    scores: pd.DataFrame | None = None
    promoted: list[str] = field(default_factory=list)
    rungs: pd.DataFrame | None = None
    choices: pd.DataFrame | None = None
    candidates: pd.DataFrame | None = None
    stats: pd.DataFrame | None = None
    by_horizon: pd.DataFrame | None = None
    forecasts: dict[str, np.ndarray] | None = None
    gates: dict[str, dict[str, GateRecord]] = field(default_factory=dict)
    genotypes: dict[str, SeriesGenotype] = field(default_factory=dict)
    genotype: SeriesGenotype | None = None
    trainings: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def chosen(self) -> str | None:
        """The identifier of the winner; None before there is one."""
        if found := _chosen_entry(self.run).get("id"):
            return str(found)
        if self.choices is None or "chosen" not in self.choices:
            return None
        marked = self.choices.loc[true_values(self.choices["chosen"]), "id"]
        return str(marked.iloc[0]) if len(marked) else None


def is_pipeline(folder: Path) -> bool:
    """Whether the manifest of the run in `folder` says that a pipeline made it; False where it cannot be read."""
    return bool(read_file(RunFiles(folder), MANIFEST, lambda path: json_object(path)["command"] == COMMAND))


def read_pipeline(folder: Path | str) -> PipelineFiles:
    """Read all files of a pipeline run.

    Raises:
        RunError: the folder does not exist or holds no run.
    """
    path = existing_folder(folder)
    if not is_run(path):
        raise no_run_error(path)
    run = RunFiles(path)
    run.manifest = read_file(run, MANIFEST, json_object) or {}
    run.config = read_file(run, "config.yaml", config_text) or ""
    found = PipelineFiles(run)
    found.pool = read_file(run, "candidates/pool.json", _pool) or []
    found.scores = read_file(run, "screen/scores.csv", _by_candidate)
    found.promoted = read_file(run, "search/promoted.json", _identifiers) or []
    found.rungs = read_file(run, "search/rungs.csv", _by_candidate)
    found.choices = read_file(run, "choose/choices.csv", _by_candidate)
    run.results = read_file(run, "results.json", json_object) or {}
    found.candidates = read_file(run, "candidates.csv", _by_candidate)
    found.stats = read_file(run, "stats.csv", lambda file: _table(file, "phase"))
    found.by_horizon = read_file(run, "errors_by_horizon.csv", lambda file: _table(file, "name", "step"))
    found.forecasts = read_file(run, "forecasts.npz", _forecasts)
    _read_searches(found)
    _read_trainings(found)
    found.genotype = _winner(found)
    return found


def _read_searches(found: PipelineFiles) -> None:
    """Gates and genotype of every candidate that was searched; the table of candidates wins over a search's folder."""
    folder = found.run.folder / "search"
    for child in sorted(folder.iterdir()) if folder.is_dir() else ():
        if child.is_dir():
            gates = read_file(found.run, f"search/{child.name}/alphas.npz", _gates, expected=False)
            best = read_file(found.run, f"search/{child.name}/genotype_best.json", _genotype, expected=False)
            found.gates |= {child.name: gates} if gates else {}
            found.genotypes |= {child.name: best} if best else {}
    if found.candidates is not None and "genotype" in found.candidates:
        for name, text in found.candidates[["id", "genotype"]].dropna().itertuples(index=False):
            if genotype := _from_text(found.run, str(text), f"candidates.csv, {name}"):
                found.genotypes[str(name)] = genotype


def _read_trainings(found: PipelineFiles) -> None:
    folders = sorted(found.run.folder.glob("random_*"))
    names = TRAINED | {child.name: f"random {int(child.name[7:]) + 1}" for child in folders if child.name[7:].isdigit()}
    for folder, name in names.items():
        history = read_file(found.run, f"{folder}/history.csv", epoch_table, expected=False)
        if history is not None and len(history):
            found.trainings[name] = history


def _winner(found: PipelineFiles) -> SeriesGenotype | None:
    """The genotype that was retrained, else that of the results, else that of the chosen candidate's search."""
    genotype = read_file(found.run, "retrain/genotype.json", _genotype, expected=False)
    told = _chosen_entry(found.run).get("genotype")
    if genotype is None and told:
        genotype = _from_text(found.run, told if isinstance(told, str) else json.dumps(told), "results.json, chosen")
    return genotype or found.genotypes.get(found.chosen or "")


def _chosen_entry(run: RunFiles) -> Mapping[str, Any]:
    """What the results say of the chosen candidate; nothing where that is no object."""
    told = run.results.get("chosen")
    return told if isinstance(told, Mapping) else {}


def _genotype(path: Path) -> SeriesGenotype:
    return SeriesGenotype.from_json(read_text(path, error=GenotypeError), path.name)


def _from_text(run: RunFiles, text: str, where: str) -> SeriesGenotype | None:
    try:
        return SeriesGenotype.from_json(text, where)
    except CONTENT_ERRORS as error:
        run.damaged.append(f"{where} ({reason(error)})")
        return None


def _pool(path: Path) -> list[dict[str, Any]]:
    pool = read_json(path)
    if not isinstance(pool, list) or not all(isinstance(entry, Mapping) and "id" in entry for entry in pool):
        raise ValueError("expected a list of objects with an id")
    return pool


def _identifiers(path: Path) -> list[str]:
    """Identifiers from a list of them, or from a list of objects that have one."""
    listed = read_json(path)
    if not isinstance(listed, list):
        raise ValueError(f"expected a list of candidates, found {type(listed).__name__}")
    return [str(entry["id"] if isinstance(entry, Mapping) else entry) for entry in listed]


def _by_candidate(path: Path) -> pd.DataFrame:
    return _table(path, "id")


def _table(path: Path, *columns: str) -> pd.DataFrame:
    """A table that has `columns`, of which "id", "name" and "phase" are texts."""
    texts = dict.fromkeys({"id", "name", "phase"} & set(columns), str)
    table = read_table(path, dtype=texts)
    for name in columns:
        if name not in table:
            raise ValueError(f"no column {name!r}, found {', '.join(map(str, table.columns))}")
    return table


def true_values(column: pd.Series) -> pd.Series:
    """Which entries of a column are true, however it was written (True, true, 1)."""
    return column.astype(str).str.lower().isin(("true", "1", "1.0"))


def _gates(path: Path) -> dict[str, GateRecord]:
    return gate_records(read_arrays(path, largest=LARGEST_ALPHAS))


def _forecasts(path: Path) -> dict[str, np.ndarray]:
    arrays = read_arrays(path)
    for name in ("truth", "past"):
        if name not in arrays or arrays[name].ndim != 3:
            raise ValueError(f"no array {name!r} of three dimensions, found {', '.join(sorted(arrays))}")
    for name in arrays:
        if name.startswith("forecast_") and arrays[name].shape != arrays["truth"].shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, expected {arrays['truth'].shape} as truth has")
    return arrays
