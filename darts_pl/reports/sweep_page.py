"""The report of a sweep: one table and one plot over its runs, for reading and as files."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from darts_pl.errors import RunError
from darts_pl.paths import write_atomically
from darts_pl.reports import tables
from darts_pl.reports.boundary import Part, attempt, filled_sections
from darts_pl.reports.monitor import monitor_of
from darts_pl.reports.next_steps import sweep_blocks
from darts_pl.reports.page import Block, Drawn, Page, Table, Text, draw, link_to, save
from darts_pl.reports.run_files import (
    MANIFEST,
    RunFiles,
    configured,
    describe_links_out,
    existing_folder,
    links_out,
    no_run_error,
    read_run,
    runs_of_sweep,
)
from darts_pl.reports.style import save_png
from darts_pl.reports.sweep import FEWEST_RUNS, comparison, group_name, over_seeds
from darts_pl.reports.sweep_figure import comparison_figure, not_drawn
from darts_pl.reports.sweep_metrics import column_in_words, format_of

CAPTION = (
    "A point or line is a run, an upright bar the mean of its group; colour, marker and dashes tell groups of equal "
    "settings apart."
)


def write_comparison(sweep_dir: Path | str, output: Path | str | None = None) -> Path:
    """Compare the runs of a sweep; the path of the page. The table and the plot are written beside it.

    Raises:
        RunError: no such folder, no runs in it, or a file cannot be written.
    """
    folder = existing_folder(sweep_dir)
    runs = {path.name: read_run(path) for path in runs_of_sweep(folder)}
    if not runs:
        raise no_run_error(folder)
    page_path = Path(output).absolute() if output else folder / "report.html"
    left_out: list[str] = []
    compared = comparison(runs, left_out)
    plot = attempt(
        "comparison.png", lambda: draw(_figure(runs, *compared), CAPTION, separate_panels=True), None, left_out
    )
    save(_page(runs, *compared, plot, left_out, page_path), page_path)
    write_beside(page_path, compared[0], plot)
    return page_path


def write_beside(page_path: Path, table: pd.DataFrame, plot: Drawn | None) -> None:
    """Write comparison.csv and, where there is a plot, comparison.png to the folder of the page.

    Raises:
        RunError: they cannot be written.
    """
    try:
        write_atomically(page_path.parent / "comparison.csv", partial(table.to_csv, index=False))
        if plot is not None:
            write_atomically(page_path.parent / "comparison.png", partial(save_png, plot.figure))
    except OSError as error:
        raise RunError(f"{page_path.parent}: the comparison cannot be written: {error.strerror}") from error


def _figure(runs: dict[str, RunFiles], table: pd.DataFrame, settings: list[str], metrics: list[str]) -> Figure:
    groups = [group_name(row, settings) for row in table.to_dict("records")]
    histories = {name: run.history for name, run in runs.items() if run.history is not None}
    monitors = dict.fromkeys(monitor_of(run) for run in runs.values())
    return comparison_figure(table, groups, metrics, histories, list(monitors))


def _page(
    runs: dict[str, RunFiles],
    table: pd.DataFrame,
    settings: list[str],
    metrics: list[str],
    plot: Drawn | None,
    left_out: list[str],
    page_path: Path,
) -> Page:
    folder = next(iter(runs.values())).folder.parent
    complete = int((table["status"] == "complete").sum())
    facts = [
        ("runs", str(len(runs))),
        ("complete", str(complete)),
        ("settings that differ", ", ".join(settings) or "none"),
    ]
    parts: list[Part] = [
        ("Mean over seeds", lambda: [_groups_table(over_seeds(table, settings, metrics))]),
        ("Comparison", lambda: _comparison(plot, metrics)),
        ("Runs", lambda: [_runs_table(table, metrics, {name: run.folder for name, run in runs.items()}, page_path)]),
        ("What next", lambda: sweep_blocks(folder, next(iter(runs.values())).command, complete == len(runs))),
    ]
    sections = filled_sections(parts, left_out)
    status = "complete" if complete == len(runs) else "unfinished"
    return Page(sweep_title(runs.values(), folder), status, facts, sections, [*_notices(folder, runs), *left_out])


def sweep_title(runs: Iterable[RunFiles], folder: Path) -> str:
    """What a sweep is called: the name that its runs have in common and its folder."""
    names = {str(configured(run, "name") or "") for run in runs}
    common = names.pop() if len(names) == 1 else ""
    return f"Sweep: {', '.join(filter(None, ('' if common in folder.name else common, folder.name)))}"


def _comparison(plot: Drawn | None, metrics: list[str]) -> list[Block]:
    undrawn = ", ".join(column_in_words(name) for name in not_drawn(metrics))
    left = [Text(f"Not drawn: {undrawn}. comparison.csv has them.")] if undrawn else []
    return [] if plot is None else [plot.block, *left]


def _notices(folder: Path, runs: dict[str, RunFiles]) -> list[str]:
    """Runs that are not finished, files that cannot be read, numbered folders in which no run was begun."""
    open_runs = [name for name, run in runs.items() if not run.complete]
    notices = []
    kinds = dict.fromkeys(run.command for run in runs.values())
    if len(kinds) > 1:
        notices.append(f"Runs of several commands are compared: {', '.join(kinds)}.")
    if open_runs:
        notices.append(f"Not finished, so not in the means: {', '.join(open_runs)}.")
    notices += [f"Run {name}: could not read {'; '.join(run.damaged)}." for name, run in runs.items() if run.damaged]
    if away := describe_links_out(folder):
        notices.append(away)
    known = {*runs, *links_out(folder)}
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
    wide = table.rename(columns=column_in_words).set_index("settings").T.reset_index(names="")
    rows = [[str(value) for value in row] for row in wide.itertuples(index=False)]
    return Table(list(wide.columns), rows, [False, *[True] * len(table)], caption)


def _runs_table(table: pd.DataFrame, metrics: list[str], folders: dict[str, Path], page_path: Path) -> Table:
    forms = {column_in_words(name): format_of(name) for name in metrics}
    caption = (
        "One row a run, at its last recorded epoch, its number a link to its page; the same numbers are in "
        "comparison.csv."
    )
    block = tables.table_block(table.rename(columns=column_in_words), forms, caption)
    return link_runs(block, folders, page_path)


def link_runs(table: Table, folders: dict[str, Path], page_path: Path) -> Table:
    """`table`, whose first column names runs, with links from there to their pages where they have one."""
    rows = [[link_to(str(row[0]), folders[str(row[0])] / "report.html", page_path), *row[1:]] for row in table.rows]
    return replace(table, rows=rows)
