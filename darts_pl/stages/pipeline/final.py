"""Stage 6: the chosen architecture, random ones of the same space and budget, and baselines, trained and tested.

The test windows are used here for the first time, once for each row of the final table.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from darts_pl.data.series import WindowDataModule
from darts_pl.errors import RunError
from darts_pl.genotype import SeriesGenotype
from darts_pl.models import save_model
from darts_pl.paths import write_arrays_atomically
from darts_pl.seeds import derived_seed
from darts_pl.stages.jobs import Figures, FunctionJob, Workers
from darts_pl.stages.pipeline.baselines import SEASONAL_NAIVE, TRAINED, baseline
from darts_pl.stages.pipeline.candidates import Ranges, draw
from darts_pl.stages.pipeline.forecast_errors import forecast_errors, mase_scale, to_device
from darts_pl.stages.pipeline.parts import PipelineParts
from darts_pl.stages.pipeline.screen import record
from darts_pl.stages.pipeline.training import seeded, train
from darts_pl.stages.run import RunFolder

log = logging.getLogger("darts_pl")

SEARCHED, RANDOM = "searched", "random"
SHOWN_WINDOWS = 8  # whose forecasts are kept to look at


def retrain_derived(
    parts: PipelineParts, *, row: str, settings: Mapping[str, Any], genotype: str | None, folder: str, epochs: int
) -> dict[str, Any]:
    """Train a derived network to the end, test it, save it as a model; a random genotype where none is given."""
    data, space = parts.final_data(), parts.make_space(settings)
    if genotype is None:
        generator = torch.Generator().manual_seed(derived_seed(parts.seed, row, "genotype"))
        found = space.random_genotype(generator)
    else:
        found = SeriesGenotype.from_json(genotype, where=row)
    found.save(Path(folder) / "genotype.json")
    network = seeded(lambda: space.network(found, data.input_shape, data.outputs), derived_seed(parts.seed, row))
    figures = train(
        network,
        data,
        folder=Path(folder),
        title=row,
        epochs=epochs,
        make_module=parts.make_module,
        hardware=parts.hardware,
        trainer=parts.trainer,
    )
    figures |= _tested(parts, network, data, Path(folder), row)
    kept = {key: value for key, value in figures.items() if key != "by_step"}
    save_model(Path(folder) / "model.safetensors", network.cpu(), space, data=data, details=kept)
    return {**figures, "genotype": json.loads(found.to_json())}


def run_baseline(parts: PipelineParts, *, row: str, folder: str, epochs: int) -> dict[str, Any]:
    """Train a linear baseline and test it, or test a naive one, which has no parameters."""
    data = parts.baseline_data()
    network = seeded(lambda: baseline(row, data.input_shape, data.seasonal_period), derived_seed(parts.seed, row))
    if row in TRAINED:
        figures = train(
            network,
            data,
            folder=Path(folder),
            title=row,
            epochs=epochs,
            make_module=parts.make_baseline_module,
            hardware=parts.hardware,
            trainer=parts.trainer,
        )
    else:
        network.to(parts.hardware.device)
        errors = forecast_errors(network, parts.trainer.limited(data.evaluation("val"), "val"), parts.hardware.device)
        figures = {"val_mse": float(errors.mse.mean()), "parameters": 0}
    return figures | _tested(parts, network, data, Path(folder), row)


def _tested(
    parts: PipelineParts, network: torch.nn.Module, data: WindowDataModule, folder: Path, row: str
) -> dict[str, Any]:
    """The figures of the test windows; a few forecasts are kept in forecasts.npz of `folder`."""
    device, targets = parts.hardware.device, data.input_shape.targets
    errors = forecast_errors(network, parts.trainer.limited(data.evaluation("test"), "test"), device)
    scale = mase_scale(data.train_targets(), data.seasonal_period)
    figures = errors.figures(np.asarray(data.scaler.std)[:targets], scale)
    write_arrays_atomically(folder / "forecasts.npz", _forecasts(network, data, device))
    return {**{f"test_{name}": value for name, value in figures.items()}, "by_step": errors.by_step()}


@torch.no_grad()
def _forecasts(network: torch.nn.Module, data: WindowDataModule, device: torch.device) -> dict[str, np.ndarray]:
    """Of some test windows, on the original scale: forecast and truth [W, P, Y], past [W, T, Y]; starts [W]."""
    windows = data.windows("test")
    chosen = torch.linspace(0, len(windows) - 1, min(SHOWN_WINDOWS, len(windows))).round().long()
    x, y = windows[chosen]
    forecast = network.eval()(to_device(x, network, device)).cpu()
    past = x["past"][..., : y.shape[-1]]
    arrays = {
        name: np.asarray(data.scaler.inverse(part.double().cpu().numpy()), np.float64)
        for name, part in (("forecast", forecast), ("truth", y), ("past", past))
    }
    times = data.window_times("test")
    numbers = chosen.tolist()
    starts = [f"window {number}" if times is None else times[number].isoformat() for number in numbers]
    return {**arrays, "starts": np.array(starts)}


def random_candidates(ranges: Ranges, count: int, seed: int) -> list[dict[str, Any]]:
    """Settings of random architectures' spaces, drawn as the candidates are."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "random architectures"))
    return [draw(ranges, generator) for _ in range(count)]


def final(
    run: RunFolder,
    workers: Workers,
    *,
    settings: Mapping[str, Any],
    genotype: str,
    ranges: Ranges,
    random_architectures: int,
    baselines: Sequence[str],
    epochs: int,
    baseline_epochs: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Figures by row of the final table: `searched`, `random 1` ..., baselines. A row other than the searched one that
    failed has its `error`.

    Raises:
        RunError: retraining what was found failed.
    """
    drawn = random_candidates(ranges, random_architectures, seed)
    jobs = [_derived_job(run, SEARCHED, "retrain", settings, genotype, epochs)]
    jobs += [
        _derived_job(run, f"{RANDOM} {index + 1}", f"{RANDOM}_{index}", each, None, epochs)
        for index, each in enumerate(drawn)
    ]
    jobs += [_baseline_job(run, name, baseline_epochs) for name in baselines]
    if run.done("retrain"):
        return {job.name: job.figures() for job in jobs}
    with run.stage("retrain", inputs={"choices": run.path / "choose" / "choices.csv"}) as entry:
        found = workers.run(jobs, timeout_s=None, title="retrain", describe=_describe)
        record(entry, found, workers)
        if found[SEARCHED]["error"]:
            jobs[0].forget()  # a resumed run tries again
            raise RunError(f"retraining what was found failed: {found[SEARCHED]['error']}")
    return found


def _derived_job(
    run: RunFolder, row: str, folder: str, settings: Mapping[str, Any], genotype: str | None, epochs: int
) -> FunctionJob:
    arguments = {
        "row": row,
        "settings": settings,
        "genotype": genotype,
        "folder": str(run.path / folder),
        "epochs": epochs,
    }
    return FunctionJob(row, retrain_derived, run.path / folder / "figures.json", arguments)


def _baseline_job(run: RunFolder, name: str, epochs: int) -> FunctionJob:
    folder = run.path / name if name in TRAINED else run.path / "naive" / name.replace(" ", "_")
    return FunctionJob(
        name, run_baseline, folder / "figures.json", {"row": name, "folder": str(folder), "epochs": epochs}
    )


def _describe(figures: Figures) -> str:
    return f"test mse {figures['test_mse']:.4f}, mae {figures['test_mae']:.4f}"


def baselines_that_fit(names: Sequence[str], season: int, look_back: int) -> tuple[list[str], list[str]]:
    """(the baselines that can be, notes on those that cannot): a seasonal naive forecast looks a season back."""
    if SEASONAL_NAIVE not in names or season <= look_back:
        return list(names), []
    note = f"No seasonal naive forecast: a season has {season} steps, the look-back {look_back}."
    return [name for name in names if name != SEASONAL_NAIVE], [note]
