"""The stages of `darts_pl.search` in order: search, derive, retrain briefly beside baselines, write results."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from darts_pl.callbacks import without_thread_tracebacks, write_hparams
from darts_pl.data.base import PairedDataModule
from darts_pl.genotype import AnyGenotype, from_json
from darts_pl.metric_names import format_name, format_value, further_metrics
from darts_pl.progress import bar, part_done, whole_run
from darts_pl.reports.run_page import write_report
from darts_pl.spaces.base import Space
from darts_pl.stages.baselines import random_architecture, reference_rows
from darts_pl.stages.run import RunFolder
from darts_pl.stages.sizes import paper_sizes
from darts_pl.tasks import Task

REFERENCES = "linear"  # the stage of the simple models; its name is that of the first of them
NOTHING = "–"
Figure = TypeVar("Figure")
Results = dict[str, Any]
"""What results.json holds, or a row of it: figures by name."""


def find_architecture(
    run: RunFolder,
    *,
    space: Space,
    task: Task,
    search: Callable[[], AnyGenotype],
    retrain: Callable[[RunFolder, AnyGenotype, str], Results] | None,
    random_seed: int | None,
    reference_data: PairedDataModule | None,
) -> Results:
    """Run what is not done yet and return the results that `results.json` holds.

    Args:
        task: what networks are trained for and compared by.
        search: runs or resumes the search, returns the genotype.
        retrain: `(run, genotype, stage name) -> figures`; None leaves retraining and comparison out.
        random_seed: seed of the random architecture to compare with; None leaves it out.
        reference_data: a prepared data module for the simple models of `reference_rows`; None leaves them out.
    """
    run.note(**compared_by(task))
    compared = 0 if retrain is None else _parts(random_seed, reference_data)
    with whole_run(1 + compared):
        genotype = search()
        part_done()
        rows = []
        if retrain is not None:
            rows = compare(run, genotype, "searched", space, partial(retrain, run), random_seed, reference_data)
    found = run.manifest["stages"]["search"]
    keys = (f"val_{task.monitor}_best", "epoch_best", "alpha_updates", "alpha_movement")
    figures = {key: found[key] for key in keys}
    figures |= {key: found[key] for key in ("stopped", "selection") if key in found}
    return finish(run, genotype, space, {**compared_by(task), "search": figures, "rows": rows})


def retrain_only(
    run: RunFolder,
    genotype: AnyGenotype,
    *,
    space: Space,
    task: Task,
    retrain: Callable[[RunFolder, AnyGenotype, str], Results],
    random_seed: int | None,
    reference_data: PairedDataModule | None,
) -> Results:
    """The stages of `darts_pl.retrain`: as `find_architecture` with the genotype given."""
    run.note(**compared_by(task))
    genotype.save(run.path / "genotype_best.json")
    with whole_run(_parts(random_seed, reference_data)):
        rows = compare(run, genotype, "retrained", space, partial(retrain, run), random_seed, reference_data)
    return finish(run, genotype, space, {**compared_by(task), "rows": rows})


def compared_by(task: Task) -> dict[str, str | bool]:
    """The metric that networks are compared by, and whether more of it is better."""
    return {"monitor": task.monitor, "higher_is_better": bool(task.better(1.0, 0.0))}


def _parts(random_seed: int | None, reference_data: PairedDataModule | None) -> int:
    """The parts of a comparison, as `compare` tells them: the network, the random one, the simple models."""
    return 1 + (random_seed is not None) + (reference_data is not None)


def compare(
    run: RunFolder,
    genotype: AnyGenotype,
    name: str,
    space: Space,
    retrain: Callable[[AnyGenotype, str], Results],
    random_seed: int | None,
    reference_data: PairedDataModule | None,
) -> list[Results]:
    """Figures of the genotype and of what it is compared with, each trained in a stage of its own.

    The simple models, last of the rows, are fitted first: minutes at most, and what is wrong with them shows before the
    long stages.
    """
    references: list[Results] = []
    if reference_data is not None:
        with bar("simple models", None):
            references = _references(run, reference_data)
        part_done()
    rows = [{"name": name, **retrain(genotype, "retrain")}]
    part_done()
    if random_seed is not None:
        other = random_architecture(space, random_seed)
        rows.append({"name": "random architecture", **retrain(other, "random")})
        part_done()
    return rows + references


def finish(run: RunFolder, genotype: AnyGenotype, space: Space, results: Results) -> Results:
    """Write results.json and report.html, mark the run complete."""
    results = {"genotype_best": json.loads(genotype.to_json()), **results, **paper_sizes(genotype, space)}
    run.write_json("results.json", results)
    if not run.done("hparams"):
        with run.stage("hparams"), without_thread_tracebacks():
            if any(run.path.rglob("tensorboard")):
                write_hparams(run.path / "tensorboard", run.distinguishing_settings(), final_figures(results))
    run.complete()
    write_report(run.path)
    return results


def final_figures(results: Results) -> dict[str, float]:
    """The figures that runs are compared by, of the monitored metric: best in validation, then those of the test."""
    monitor = _monitor(results)
    best, tested = f"val_{monitor}_best", f"test_{monitor}"
    figures = {f"search/{best}": results["search"][best]} if "search" in results else {}
    named = {f"{tested}/{row['name'].replace(' ', '_')}": row[tested] for row in results["rows"] if tested in row}
    return {**figures, **named}


def _references(run: RunFolder, data: PairedDataModule) -> list[Results]:
    entry = run.manifest["stages"].get(REFERENCES, {})
    if not run.done(REFERENCES) or "rows" not in entry:
        with run.stage(REFERENCES, data=data.fingerprint) as entry:
            entry["rows"] = rows = reference_rows(data)
            if len(rows) == 1:  # as the stages of one network do
                entry["figures"] = {key: value for key, value in rows[0].items() if key != "name"}
    return entry["rows"]


def _monitor(results: Results) -> str:
    return results.get("monitor", "acc")  # results that do not say it are of classifications


def summary(run: RunFolder, results: Results) -> str:
    """The closing lines: genotype, figures beside the baselines, where everything lies."""
    lines = ["", _heading(results["search"], _monitor(results)), *genotype_lines(results["genotype_best"])]
    return "\n".join([*lines, *_table(results["rows"], _monitor(results)), *_places(run, results)])


def retrain_summary(run: RunFolder, results: Results) -> str:
    """The closing lines of a retraining."""
    lines = ["", "Genotype:", *genotype_lines(results["genotype_best"])]
    return "\n".join([*lines, *_table(results["rows"], _monitor(results)), *_places(run, results)])


def genotype_lines(genotype: dict[str, Any]) -> list[str]:
    """A genotype's dictionary in lines of text, a choice or a cell each."""
    return from_json(json.dumps(genotype)).lines()


def _heading(found: Results, monitor: str) -> str:
    """What was chosen, and how."""
    updates = f"{found['alpha_updates']} alpha updates"
    if "selection" in found:
        chosen = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in found["selection"].items())
        return f"Genotype (chosen by: {chosen}; {updates}):"
    reached = f"validation {format_name(monitor)} {format_value(monitor, found[f'val_{monitor}_best'])}, {updates}"
    if "stopped" in found:
        return f"Search stopped: {found['stopped']}.\nGenotype (epoch {found['epoch_best']}, {reached}):"
    return f"Genotype (best by validation, epoch {found['epoch_best']}, {reached}):"


def _table(rows: list[Results], monitor: str) -> list[str]:
    """A line a network: the monitored metric, further ones, size and time; a dash where a row has no figure."""
    if not rows:
        return []
    metrics = [monitor, *further_metrics((key for row in rows for key in row), "test_", monitor)]
    titles = [f"test {format_name(monitor)}", *map(format_name, metrics[1:])]
    widths = [max(14, len(title) + 1) for title in titles]
    head = "".join(f"{title:>{width}}" for title, width in zip(titles, widths))
    names = max(22, *(len(row["name"]) for row in rows))
    lines = ["", f"{'':{names}}{head}{'parameters':>13}{'seconds':>10}"]
    for row in rows:
        figures = [_cell(row.get(f"test_{name}"), partial(format_value, name)) for name in metrics]
        columns = "".join(f"{figure:>{width}}" for figure, width in zip(figures, widths))
        size, seconds = _cell(row.get("parameters"), lambda count: f"{count:,}"), _cell(row.get("seconds"), str)
        lines.append(f"{row['name']:{names}}{columns}{size:>13}{seconds:>10}")
    return lines


def _cell(value: Figure | None, form: Callable[[Figure], str]) -> str:
    return NOTHING if value is None else form(value)


def _places(run: RunFolder, results: Results) -> list[str]:
    lines = ["", f"Run folder  {run.path}", f"Genotype    {run.path / 'genotype_best.json'}"]
    if results["rows"]:
        lines.append(f"Model       {run.path / 'retrain' / 'model.safetensors'}  (darts_pl.load reads it)")
    return [*lines, f"Report      {run.path / 'report.html'}"]
