"""The funnel of a pipeline: how many candidates each stage kept, which failed and why, the rungs of the halving."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from darts_pl.reports import tables
from darts_pl.reports.curves import finite
from darts_pl.reports.page import Block, Text, picture
from darts_pl.reports.pipeline_files import PipelineFiles, true_values
from darts_pl.reports.pipeline_names import error_text
from darts_pl.reports.style import INK, PAGE_WIDTH, SERIES, line_look, shortened, styled

MOST_ROWS = 12  # of the table of candidates; all of them are in candidates.csv
LONGEST_ERROR = 240  # characters
FAILED = "#c8394f"


def funnel_blocks(found: PipelineFiles) -> list[Block]:
    """Counts by stage, the failed candidates with their errors, the promoted ones, and the rungs."""
    counts = funnel(found)
    if counts.empty:
        return []
    caption = (
        "How many candidates reached each stage; the red part failed in it. The table below names them, and what is "
        "missing at the end of the list has not been reached yet."
    )
    blocks: list[Block] = [picture(funnel_figure(counts), caption)]
    if len(errors := failures(found)):
        blocks.append(tables.text_table(["candidate", "failed in", "error"], errors))
    else:
        blocks.append(Text("No candidate failed."))
    if found.rungs is not None and len(found.rungs):
        caption = (
            "Successive halving: validation MSE of each supernet at the end of a rung. A line ends at the rung after "
            "which its candidate was dropped (cross); the thick line is the candidate that was chosen."
        )
        blocks.append(picture(halving_figure(found.rungs, found.chosen), caption))
    return [*blocks, *_candidate_table(found)]


def funnel(found: PipelineFiles) -> pd.DataFrame:
    """One row a stage that was reached: stage, count (with the failed ones), failed."""
    rows = []
    drawn = len(found.pool) or (0 if found.candidates is None else len(found.candidates))
    if drawn:
        rows.append(("drawn", drawn, 0))
    if found.scores is not None:
        rows.append(("screened", len(found.scores), int(_failed(found.scores).sum())))
    if found.promoted:
        rows.append(("promoted", len(found.promoted), 0))
    if found.rungs is not None:
        for epochs, members in found.rungs.groupby("epochs") if "epochs" in found.rungs else ():
            rows.append((f"searched to epoch {int(epochs)}", len(members), int(_failed(members).sum())))
    if found.choices is not None:
        rows.append(("derived", len(found.choices), int(_failed(found.choices).sum())))
    if found.chosen is not None:
        rows.append(("chosen", 1, 0))
    return pd.DataFrame(rows, columns=["stage", "count", "failed"])


def _failed(table: pd.DataFrame) -> pd.Series:
    """Which rows have an error written beside them, or where none is written no validation error."""
    if "error" in table:
        return table["error"].notna() & (table["error"].astype(str).str.strip() != "")
    return table["val_mse"].isna() if "val_mse" in table else pd.Series(False, index=table.index)


def failures(found: PipelineFiles) -> list[tuple[str, str, str]]:
    """(candidate, stage, first line of the error) of all that failed, from the tables of the stages."""
    told = []
    for stage, table in (("screen", found.scores), ("search", found.rungs), ("choice", found.choices)):
        for _, row in table[_failed(table)].iterrows() if table is not None else ():
            text = str(row.get("error", "no validation error was recorded")).strip()
            told.append((row["id"], stage, text.splitlines()[0][:LONGEST_ERROR]))
    return told


@styled
def funnel_figure(counts: pd.DataFrame) -> Figure:
    """Bars from `funnel`, the failed part of each in red."""
    figure = Figure(figsize=(PAGE_WIDTH, 0.7 + 0.36 * len(counts)), layout="constrained", facecolor="white")
    axes = figure.subplots()
    places = range(len(counts))
    good = counts["count"] - counts["failed"]
    axes.barh(places, good, height=0.62, color=SERIES[0])
    axes.barh(places, counts["failed"], left=good, height=0.62, color=FAILED)
    for place, (count, failed) in enumerate(zip(counts["count"], counts["failed"])):
        text = f"  {count}" + (f", {failed} failed" if failed else "")
        axes.text(count, place, text, va="center", color=INK)
    axes.set_yticks(list(places), counts["stage"])
    axes.invert_yaxis()
    axes.set(xlabel="candidates", xlim=(0, 1.15 * max(1, counts["count"].max())))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    return figure


@styled
def halving_figure(rungs: pd.DataFrame, chosen: str | None) -> Figure:
    """Validation MSE over the epochs of the search, a line a candidate, from columns id, epochs, val_mse, kept."""
    figure = Figure(figsize=(PAGE_WIDTH, 3.2), layout="constrained", facecolor="white")
    axes = figure.subplots()
    names = list(dict.fromkeys(rungs["id"]))
    for place, name in enumerate(names):
        line = rungs[rungs["id"] == name].sort_values("epochs")
        look, errors = line_look(place, len(line), size=5), finite(line["val_mse"])
        axes.plot(line["epochs"], errors, label=shortened(name), linewidth=3.2 if name == chosen else 1.5, **look)
        if "kept" in line and not true_values(line["kept"]).iloc[-1]:
            axes.plot(line["epochs"].iloc[-1:], errors.iloc[-1:], "x", color=look["color"], markersize=10, mew=2)
    axes.set(xlabel="epochs of search", ylabel="validation MSE (standardised)")
    axes.margins(x=0.04, y=0.1)
    axes.set_xticks(sorted(rungs["epochs"].unique()))
    figure.legend(loc="outside right upper", ncols=1 + (len(names) - 1) // 10)
    return figure


def _candidate_table(found: PipelineFiles) -> list[Block]:
    """The candidates that came furthest: architecture, size, score and validation errors."""
    if found.candidates is None or found.candidates.empty:
        return []
    frame = found.candidates.copy()
    order = [name for name in ("choice_val_mse", "search_val_mse") if name in frame]
    frame = frame.sort_values(order, na_position="last") if order else frame
    if "score" in frame and order:
        rest = frame[order].isna().all(axis=1)
        frame = pd.concat([frame[~rest], frame[rest].sort_values("score", ascending=False)])
    columns = {
        "id": "candidate", "status": "status", "mode": "mode", "hidden_dim": "hidden", "layers": "layers",
        "num_nodes": "nodes", "parameters": "parameters", "score": "score", "search_val_mse": "search val. MSE",
        "choice_val_mse": "choice val. MSE",
    }  # fmt: skip
    shown = frame[[name for name in columns if name in frame]].head(MOST_ROWS).rename(columns=columns)
    left = len(frame) - len(shown)
    rest = f" {left} more are in candidates.csv." if left > 0 else ""
    caption = f"The candidates that came furthest; the validation errors are standardised.{rest}"
    strong = next((i for i, name in enumerate(shown["candidate"]) if name == found.chosen), None)
    forms: dict[str, tables.Form] = dict.fromkeys(("hidden", "layers", "nodes", "parameters"), tables.format_count)
    forms |= {"search val. MSE": error_text, "choice val. MSE": error_text}
    forms = {name: form for name, form in forms.items() if name in shown}
    return [tables.table_block(shown, forms, caption, strong)]
