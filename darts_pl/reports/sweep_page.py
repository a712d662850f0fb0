"""The report of a sweep: one table and one plot over its runs, for reading and as files."""

from pathlib import Path

import pandas as pd

from darts_pl.errors import RunError
from darts_pl.paths import write_atomically
from darts_pl.reports import tables
from darts_pl.reports.monitor import monitor_of
from darts_pl.reports.page import Page, Section, Table, Text, picture, save
from darts_pl.reports.run_files import (
    MANIFEST,
    RunFiles,
    elsewhere,
    existing_folder,
    no_run,
    read_run,
    runs_of_sweep,
    told_elsewhere,
)
from darts_pl.reports.sweep import FEWEST_RUNS, comparison, group_name, over_seeds
from darts_pl.reports.sweep_figure import comparison_figure, not_drawn
from darts_pl.reports.sweep_metrics import form, readable

CAPTION = "A point or line is a run, a black bar the mean of its group, a colour a group of equal settings."


def write_comparison(sweep_dir: Path | str, output: Path | str | None = None) -> Path:
    """Compare the runs of a sweep; the path of the page. The table and the plot are written beside it.

    Raises:
        RunError: no such folder, no runs in it, or a file cannot be written.
    """
    folder = existing_folder(sweep_dir)
    runs = {path.name: read_run(path) for path in runs_of_sweep(folder)}
    if not runs:
        raise no_run(folder)
    page_path = Path(output) if output else folder / "report.html"
    table, settings, metrics = comparison(runs)
    groups = [group_name(row, settings) for row in table.to_dict("records")]
    histories = {name: run.history for name, run in runs.items() if run.history is not None}
    monitors = dict.fromkeys(monitor_of(run) for run in runs.values())
    figure = comparison_figure(table, groups, metrics, histories, list(monitors))
    save(_page(folder, runs, table, settings, metrics, figure), page_path)
    try:
        write_atomically(page_path.parent / "comparison.csv", lambda path: table.to_csv(path, index=False))
        write_atomically(page_path.parent / "comparison.png", lambda path: figure.savefig(path, format="png", dpi=150))
    except OSError as error:
        raise RunError(f"{page_path.parent}: the comparison cannot be written: {error.strerror}") from error
    return page_path


def _page(folder: Path, runs: dict[str, RunFiles], table: pd.DataFrame, settings, metrics, figure) -> Page:
    complete = int((table["status"] == "complete").sum())
    facts = [
        ("runs", str(len(runs))),
        ("complete", str(complete)),
        ("settings that differ", ", ".join(settings) or "none"),
    ]
    undrawn = ", ".join(readable(name) for name in not_drawn(metrics))
    left = [Text(f"Not drawn: {undrawn}. comparison.csv has them.")] if undrawn else []
    sections = [
        Section("Mean over seeds", [_groups_table(over_seeds(table, settings, metrics))]),
        Section("Comparison", [picture(figure, CAPTION), *left]),
        Section("Runs", [_runs_table(table, metrics)]),
    ]  # fmt: skip
    status = "complete" if complete == len(runs) else "unfinished"
    return Page(f"Sweep: {folder.name}", status, facts, sections, _notices(folder, runs))


def _notices(folder: Path, runs: dict[str, RunFiles]) -> list[str]:
    """Runs that are not finished, files that cannot be read, numbered folders in which no run was begun."""
    open_runs = [name for name, run in runs.items() if not run.complete]
    notices = []
    if open_runs:
        notices.append(f"Not finished, so not in the means: {', '.join(open_runs)}.")
    notices += [f"Run {name}: could not read {'; '.join(run.damaged)}." for name, run in runs.items() if run.damaged]
    if away := told_elsewhere(folder):
        notices.append(away)
    known = {*runs, *elsewhere(folder)}
    others = sorted(child.name for child in folder.iterdir() if child.name.isdigit() and child.name not in known)
    if others:
        notices.append(f"No {MANIFEST} in {', '.join(others)}: these runs failed before they began.")
    return notices


def _groups_table(table: pd.DataFrame) -> Table:
    """A row a metric, a column a group."""
    caption = (
        "Mean ± standard deviation over the complete runs that differ only in the seed; "
        f"with fewer than {FEWEST_RUNS} runs there is no deviation to speak of."
    )
    wide = table.rename(columns=readable).set_index("settings").T.reset_index(names="")
    rows = [[str(value) for value in row] for row in wide.itertuples(index=False)]
    return Table(list(wide.columns), rows, [False, *[True] * len(table)], caption)


def _runs_table(table: pd.DataFrame, metrics: list[str]) -> Table:
    forms = {readable(name): form(name) for name in metrics}
    caption = "One row a run, at its last recorded epoch; the same numbers are in comparison.csv."
    return tables.table_block(table.rename(columns=readable), forms, caption)
