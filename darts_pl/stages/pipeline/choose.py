"""Stage 5: every derived network is trained briefly from fresh weights; the best in validation is chosen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from darts_pl.bounded.tables import read_table
from darts_pl.genotype import SeriesGenotype
from darts_pl.paths import write_atomically
from darts_pl.seeds import derived_seed
from darts_pl.stages.jobs import Figures, FunctionJob, Workers
from darts_pl.stages.pipeline.halving import genotype_text
from darts_pl.stages.pipeline.parts import PipelineParts
from darts_pl.stages.pipeline.screen import check_any, record
from darts_pl.stages.pipeline.training import seeded, train
from darts_pl.stages.run import RunFolder

CHOICES = Path("choose", "choices.csv")


def train_derived(
    parts: PipelineParts, *, identifier: str, settings: Mapping[str, Any], genotype: str, folder: str, epochs: int
) -> dict[str, Any]:
    """Train the network of `genotype` (JSON) for `epochs`: see `training.train`."""
    data, space = parts.final_data(), parts.make_space(settings)
    found = SeriesGenotype.from_json(genotype, where=identifier)
    found.save(Path(folder) / "genotype.json")
    network = seeded(
        lambda: space.network(found, data.input_shape, data.outputs), derived_seed(parts.seed, "choose", identifier)
    )
    return train(
        network,
        data,
        folder=Path(folder),
        title=f"choose {identifier}",
        epochs=epochs,
        make_module=parts.make_module,
        hardware=parts.hardware,
        trainer=parts.trainer,
    )


def choose(
    run: RunFolder,
    workers: Workers,
    candidates: Mapping[str, Mapping[str, Any]],
    searched: Sequence[str],
    *,
    epochs: int,
    timeout_s: float,
) -> pd.DataFrame:
    """Train the derived networks of `searched`; the rows of choices.csv, one of them `chosen`.

    Raises:
        RunError: all of them failed.
    """
    if not run.done("choose"):
        with run.stage("choose", inputs={"rungs": run.path / "search" / "rungs.csv"}) as entry:
            jobs = [_job(run, identifier, candidates[identifier], epochs) for identifier in searched]
            found = workers.run(jobs, timeout_s=timeout_s, title="choose", describe=_describe)
            record(entry, found, workers)
            check_any(found, jobs, "training the derived networks")
            losses = {name: each["val_mse"] for name, each in found.items() if not each["error"]}
            best = min(losses, key=losses.__getitem__)
            rows = [_row(name, each, name == best) for name, each in found.items()]
            write_atomically(run.path / CHOICES, lambda path: pd.DataFrame(rows).to_csv(path, index=False))
    return read_table(run.path / CHOICES, ("id", "chosen"))


def _job(run: RunFolder, identifier: str, settings: Mapping[str, Any], epochs: int) -> FunctionJob:
    folder = run.path / "choose" / identifier
    arguments = {
        "identifier": identifier,
        "settings": settings,
        "genotype": genotype_text(run, identifier),
        "folder": str(folder),
        "epochs": epochs,
    }
    return FunctionJob(identifier, train_derived, folder / "figures.json", arguments)


def _row(identifier: str, figures: Mapping[str, Any], chosen: bool) -> dict[str, Any]:
    kept = {name: figures.get(name) for name in ("val_mse", "parameters")}
    return {"id": identifier, **kept, "chosen": chosen, "seconds": figures["seconds"], "error": figures["error"]}


def _describe(figures: Figures) -> str:
    return f"{figures['parameters']:,} parameters, validation mse {figures['val_mse']:.4f}"
