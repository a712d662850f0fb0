"""The comparison of pipeline runs over seeds: one page, its table as CSV and its picture as PNG."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from darts_pl.genotype import SeriesGenotype
from darts_pl.reports import tables
from darts_pl.reports.boundary import Part, attempt, filled_sections
from darts_pl.reports.next_steps import sweep_blocks
from darts_pl.reports.page import Block, Drawn, Page, Table, Text, draw, save
from darts_pl.reports.pipeline_files import PipelineFiles, is_pipeline, read_pipeline
from darts_pl.reports.pipeline_genotype import operations_of
from darts_pl.reports.pipeline_names import SEARCHED, colour
from darts_pl.reports.pipeline_sweep import (
    describe_differences,
    format_interval,
    long_table,
    over_seeds,
    paired_differences,
)
from darts_pl.reports.run_files import describe_links_out, existing_folder, no_run_error, runs_of_sweep
from darts_pl.reports.style import INK, PAGE_WIDTH, shortened, styled, wrapped
from darts_pl.reports.sweep import FEWEST_RUNS, TOO_FEW
from darts_pl.reports.sweep_page import link_runs, sweep_title, write_beside

HEADINGS = {"test_mse": "test MSE", "test_mae": "test MAE", "test_mase": "test MASE", "val_mse": "validation MSE"}
FARTHEST = 1.3  # times the searched model's error: beyond it a point would press all others together
CAPTION = (
    "Mean ± standard deviation (n - 1) over the complete runs that differ only in the seed, and the 95 % interval "
    f"of the mean by the t distribution, both from {FEWEST_RUNS} runs on. All errors but MASE are of "
    "standardised series. The random architectures of a run count as one, their mean."
)
POINTS = (
    "A point is a run, an upright bar the mean, the level line its 95 % interval, from three runs on. "
    f"Networks with more than {FARTHEST} times the searched model's error are left to the table."
)


def is_pipeline_sweep(folder: Path) -> bool:
    """Whether `folder` holds pipeline runs."""
    return any(map(is_pipeline, runs_of_sweep(folder)))


def write_pipeline_comparison(sweep_dir: Path | str, output: Path | str | None = None) -> Path:
    """Compare the pipeline runs of a sweep; the path of the page. comparison.csv and comparison.png lie beside it.

    Raises:
        RunError: no such folder, no pipeline runs in it, or a file cannot be written.
    """
    folder = existing_folder(sweep_dir)
    children = runs_of_sweep(folder)
    runs = {path.name: read_pipeline(path) for path in children if is_pipeline(path)}
    if not runs:
        raise no_run_error(folder)
    others = [path.name for path in children if path.name not in runs]
    page_path = Path(output).absolute() if output else folder / "report.html"
    left_out: list[str] = []
    table = long_table(runs, left_out)
    plot = attempt("comparison.png", lambda: draw(seeds_figure(table), POINTS), None, left_out)
    page = _page(runs, table, plot, page_path, left_out)
    save(replace(page, notices=[*_notices(folder, runs, others), *page.notices]), page_path)
    write_beside(page_path, table, plot)
    return page_path


def _page(
    runs: Mapping[str, PipelineFiles], table: pd.DataFrame, plot: Drawn | None, page_path: Path, left_out: list[str]
) -> Page:
    first = next(iter(runs.values())).run
    folder = first.folder.parent
    complete = [name for name, found in runs.items() if found.run.complete]
    seeds = sorted({str(found.run.manifest.get("seed")) for found in runs.values()})
    facts = [("runs", str(len(runs))), ("complete", str(len(complete))), ("seeds", ", ".join(seeds))]
    folders = {name: found.run.folder for name, found in runs.items()}
    none: list[Block] = [] if len(table) else [Text("No run has test errors yet.")]
    parts: list[Part] = [
        (
            "Results over seeds",
            lambda: [*map(Text, describe_differences(paired_differences(table))), *seed_tables(table)],
        ),
        ("Test error of every run", lambda: none or ([] if plot is None else [plot.block])),
        ("Chosen architectures", lambda: [winner_table(runs)]),
        ("Runs", lambda: [link_runs(_run_table(runs), folders, page_path)]),
        ("What next", lambda: sweep_blocks(folder, first.command, len(complete) == len(runs))),
    ]
    sections = filled_sections(parts, left_out)
    status = "complete" if len(complete) == len(runs) else "unfinished"
    title = sweep_title((found.run for found in runs.values()), folder).replace("Sweep", "Pipelines", 1)
    return Page(title, status, facts, sections, left_out)


def _notices(folder: Path, runs: Mapping[str, PipelineFiles], others: list[str]) -> list[str]:
    notices = []
    if open_runs := [name for name, found in runs.items() if not found.run.complete]:
        notices.append(f"Not finished, so not in the means: {', '.join(open_runs)}.")
    notices += [f"Run {n}: could not read {'; '.join(f.run.damaged)}." for n, f in runs.items() if f.run.damaged]
    if others:
        notices.append(f"Not compared, for they are no pipeline runs: {', '.join(others)}.")
    if away := describe_links_out(folder):
        notices.append(away)
    return notices


def seed_tables(table: pd.DataFrame) -> list[Block]:
    """One table a group of equal settings: a row a network, its errors over the seeds."""
    metrics = [name for name in HEADINGS if table[name].notna().any()]
    blocks: list[Block] = []
    means = {metric: over_seeds(table, metric) for metric in metrics}
    groups = list(dict.fromkeys(table.loc[table["status"] == "complete", "group"]))
    for group in groups:
        if len(groups) > 1:
            blocks.append(Text(f"Settings: {group}"))
        blocks.append(_group_table({m: frame[frame["group"] == group].set_index("name") for m, frame in means.items()}))
    return blocks or [Text("No run is complete yet, so there are no means.")]


def _group_table(means: Mapping[str, pd.DataFrame]) -> Table:
    first = next(iter(means.values()))
    frame = pd.DataFrame({"network": first.index, "runs": [str(int(n)) for n in first["n"]]})
    for metric, rows in means.items():
        aligned = rows.reindex(first.index)
        frame[HEADINGS[metric]] = [format_interval(row) if row["n"] > 0 else "–" for row in aligned.to_dict("records")]
        if metric == "test_mse":
            frame["95 % interval"] = [_interval(row) for row in aligned.to_dict("records")]
    best = int(first["mean"].to_numpy().argmin())
    return tables.table_block(frame, dict.fromkeys(frame.columns[1:], str), CAPTION, best)


def _interval(row: Mapping[str, float]) -> str:
    return TOO_FEW if not row["n"] >= FEWEST_RUNS else f"{row['low']:.4f} – {row['high']:.4f}"


def winner_table(runs: Mapping[str, PipelineFiles]) -> Table:
    """One row a run: seed, chosen candidate, mode, choices and operations of its genotype."""
    rows = []
    for name, found in runs.items():
        head = (name, tables.format_value(found.run.manifest.get("seed")), found.chosen or tables.NOTHING)
        rows.append((*head, *(_describe_genotype(found.genotype) if found.genotype else [tables.NOTHING] * 3)))
    return tables.text_table(["run", "seed", "candidate", "mode", "choices", "operations"], rows)


def _describe_genotype(genotype: SeriesGenotype) -> tuple[str, str, str]:
    """Mode, choices and operations of a genotype in words."""
    choices = ", ".join(f"{label.replace('_', ' ')} {value}" for label, value in genotype.choices.items())
    return genotype.mode, choices, "; ".join(f"{kind}: {names}" for kind, names in operations_of(genotype).items())


def _run_table(runs: Mapping[str, PipelineFiles]) -> Table:
    manifests = {name: found.run.manifest for name, found in runs.items()}
    frame = pd.DataFrame(
        {
            "run": list(runs),
            "status": [str(manifest.get("status", "unknown")) for manifest in manifests.values()],
            "seed": [tables.format_value(manifest.get("seed")) for manifest in manifests.values()],
            "time": [manifest.get("seconds") for manifest in manifests.values()],
            "overrides": [" ".join(found.run.overrides) for found in runs.values()],
        }
    )
    caption = "A run's number is a link to its page. Errors of every run and network: comparison.csv."
    return tables.table_block(frame, {"time": tables.format_duration}, caption)


def _near(table: pd.DataFrame) -> list[str]:
    """The networks whose errors are not far from the searched model's; all where it has none."""
    means = table.groupby("name", sort=False)["test_mse"].mean()
    reference = means.get(SEARCHED, np.nan)
    return list(means.index if np.isnan(reference) else means.index[means <= FARTHEST * reference])


@styled
def seeds_figure(table: pd.DataFrame) -> Figure:
    """A panel a group: test MSE of every run as points, a row a network, their mean and its interval."""
    groups = list(dict.fromkeys(table["group"])) or ["all runs"]
    names = _near(table)
    height = len(groups) * (0.9 + 0.36 * max(1, len(names)))
    figure = Figure(figsize=(PAGE_WIDTH, height), layout="constrained", facecolor="white")
    panels = figure.subplots(len(groups), 1, squeeze=False, sharex=True)[:, 0]
    means = over_seeds(table, "test_mse")
    for axes, group in zip(panels, groups):
        for place, name in enumerate(names):
            values = table.loc[(table["group"] == group) & (table["name"] == name), "test_mse"].to_numpy()
            spread = place + (np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(len(values)))
            axes.plot(values, spread, "o", color=colour(name), markersize=6, alpha=0.8)  # a row each tells them apart
            for row in means[(means["group"] == group) & (means["name"] == name)].itertuples():
                axes.plot([row.low, row.high], [place] * 2, color=INK, linewidth=1.2)
                axes.plot([row.mean] * 2, [place - 0.28, place + 0.28], color=INK, linewidth=2)
        axes.set_yticks(range(len(names)), [shortened(name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(axis="y", visible=False)
        if len(groups) > 1:
            axes.set_title(wrapped(shortened(group, 200), PAGE_WIDTH), size=10)
    panels[-1].set_xlabel("test MSE (standardised)")
    return figure
