"""The report of a benchmark on NAS-Bench-201: one table of all methods, their curves, what was warned of."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from darts_pl.paths import write_atomically, write_text_atomically
from darts_pl.reports import tables
from darts_pl.reports.boundary import Part, attempt, filled_sections
from darts_pl.reports.page import Page, Table, Text, draw, link_to, save
from darts_pl.reports.style import INK, MUTED, PAGE_WIDTH, VALID, line_look, save_png, shortened, styled

COLUMNS = {
    "method": "method",
    "seeds": "seeds",
    "accuracy": "test accuracy, %",
    "regret": "regret, points",
    "percentile": "better than, % of cells",
    "best_val_test_acc": "at best validation, %",
    "skips": "skips of 6",
    "entropy": "gate entropy, nats",
    "alpha_updates": "alpha updates",
    "seconds": "search, s",
    "relative_step": "step, relative",
    "warnings": "guard warnings",
}
PANELS_A_ROW = 4
LOWEST = 80.0  # per cent: nearly all that a search derives lies above
CURVES = (
    "Test accuracy, from the table, of the cell derived after each epoch: a line is a seed, its dot the cell that the "
    "method chose in the end. Dashed: the median of all cells; dotted: the expected best of 10 random cells; the top "
    "of each panel is the optimum. What lies below 80 % is drawn at the bottom."
)


def readable(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary as texts under readable names, accuracies as mean ± standard deviation."""
    frame = summary.copy()
    frame["accuracy"] = [_spread(mean, std) for mean, std in zip(frame["test_acc"], frame["test_acc_std"])]
    forms = {"regret": ".2f", "percentile": ".1f", "best_val_test_acc": ".2f", "skips": ".1f", "entropy": ".2f"}
    forms |= {"alpha_updates": ".0f", "seconds": ".0f", "relative_step": ".2f"}
    for name, form in forms.items():
        if name in frame:
            frame[name] = [tables.NOTHING if math.isnan(value) else format(value, form) for value in frame[name]]
    return frame[[name for name in COLUMNS if name in frame]].rename(columns=COLUMNS).astype(str)


def _spread(mean: float, deviation: float) -> str:
    space = "\u00a0"  # keeps both numbers on one line
    return f"{mean:.2f}" if math.isnan(deviation) else f"{mean:.2f}{space}±{space}{deviation:.2f}"


def markdown(summary: pd.DataFrame, references: Sequence[tuple[str, float]]) -> str:
    """The table in Markdown, the references below it."""
    frame = readable(summary)
    rows = [list(frame.columns), ["---"] * frame.shape[1], *frame.to_numpy().tolist()]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    others = ["", "| to compare with | CIFAR-10 test accuracy, % |", "|---|---|"]
    return "\n".join([*lines, *others, *(f"| {name} | {value:.2f} |" for name, value in references), ""])


@styled
def anytime_figure(curves: pd.DataFrame, runs: pd.DataFrame, methods: Sequence[str], marks: dict[str, float]) -> Figure:
    """Small panels, one a method: test accuracy by epoch, a line a seed, a dot the cell that the method chose. `marks`:
    median, random_10, optimum."""
    rows = math.ceil(len(methods) / PANELS_A_ROW)
    figure = Figure(figsize=(PAGE_WIDTH, 1.9 * rows + 0.3), layout="constrained")
    panels = figure.subplots(rows, PANELS_A_ROW, squeeze=False, sharex=False, sharey=True).flat
    for method, axes in zip(methods, panels):
        own = curves[curves["method"] == method]
        axes.axhline(marks["median"], color=MUTED, linestyle="--", linewidth=1)
        axes.axhline(marks["random_10"], color=VALID, linestyle=":", linewidth=1.2)
        for index, (seed, line) in enumerate(own.groupby("seed")):
            look = {**line_look(index, len(line)), "marker": None}
            axes.plot(line["epoch"], line["test_acc"].clip(lower=LOWEST), linewidth=1.3, alpha=0.85, **look)
            for chosen in runs[(runs["method"] == method) & (runs["seed"] == seed)].head(1).itertuples():
                point = {**line_look(index, 1, size=6), "linestyle": "none"}
                axes.plot([chosen.epochs], [max(LOWEST, chosen.test_acc)], **point)
        axes.set_title(shortened(method), color=INK, size=10)
        axes.set_ylim(LOWEST - 0.4, marks["optimum"] + 0.4)
    for axes in list(panels):
        axes.set_visible(False)
    figure.supxlabel("epoch", size=10, color=MUTED)
    figure.supylabel("CIFAR-10 test accuracy, %", size=10, color=MUTED)
    return figure


def write_benchmark(
    folder: Path,
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    summary: pd.DataFrame,
    references: Sequence[tuple[str, float]],
    marks: dict[str, float],
    facts: Sequence[tuple[str, str]],
    notices: Sequence[str],
) -> Path:
    """Write runs.csv, curves.csv, summary.csv, summary.md, curves.png and report.html to `folder`; the page's path."""
    for name, frame in (("runs", runs), ("curves", curves), ("summary", summary)):
        write_atomically(folder / f"{name}.csv", partial(frame.to_csv, index=False))
    write_text_atomically(folder / "summary.md", markdown(summary, references))
    chosen = runs[runs["folder"].isin(curves.get("folder", []))]
    left_out: list[str] = []
    methods = list(summary["method"])
    plot = attempt("curves.png", lambda: draw(anytime_figure(curves, chosen, methods, marks), CURVES), None, left_out)
    if plot is not None:
        write_atomically(folder / "curves.png", partial(save_png, plot.figure))
    beside = pd.DataFrame(references, columns=["to compare with", "test accuracy, %"])
    shown = runs[["method", "seed", "cell", "test_acc", "skips", "entropy", "seconds", "stopped"]]
    page_path = folder / "report.html"
    pages = [folder / str(name) / "report.html" for name in runs["folder"]]
    parts: list[Part] = [
        ("Methods", lambda: [tables.table_block(readable(summary)), Text(READING)]),
        ("To compare with", lambda: [tables.table_block(beside, {"test accuracy, %": _two_decimals})]),
        ("Accuracy by epoch", lambda: [] if plot is None else [plot.block]),
        ("Runs", lambda: [_link_pages(tables.table_block(shown, {"test_acc": _two_decimals}), pages, page_path)]),
    ]
    sections = filled_sections(parts, left_out)
    status = "unfinished" if notices else "complete"
    return save(Page("NAS-Bench-201", status, facts, sections, [*notices, *left_out]), page_path)


def _two_decimals(value: float) -> str:
    return f"{value:.2f}"


def _link_pages(table: Table, pages: Sequence[Path], page_path: Path) -> Table:
    """`table` with a link from the seed of each row to the page of its search."""
    rows = [[row[0], link_to(str(row[1]), page, page_path), *row[2:]] for row, page in zip(table.rows, pages)]
    return replace(table, rows=rows)


READING = (
    "Test accuracy: of the cell derived after the last epoch (or chosen by the method), trained for 200 epochs, as the "
    "NAS-Bench-201 tables give it; mean ± standard deviation over seeds. Regret: what it lacks to the best cell."
)
