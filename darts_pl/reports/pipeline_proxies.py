"""What the zero-cost scores of a pipeline were worth: rank correlation with trained validation loss, noise, scatter."""

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from darts_pl.reports import tables
from darts_pl.reports.page import Block, Table, Text, picture
from darts_pl.reports.pipeline_files import PipelineFiles
from darts_pl.reports.style import INK, MUTED, PAGE_WIDTH, SERIES, styled

FEWEST = 5  # candidates: a rank correlation of fewer is no evidence
TOO_FEW = "too few runs"
REFERENCE = "params"
NOISY = 0.5  # spread over repeats, as a part of the spread between candidates, from which a score is called noisy
PANELS_A_ROW, MOST_PANELS = 4, 8


def proxy_blocks(found: PipelineFiles) -> list[Block]:
    """Correlations, what does not beat the count of parameters, spread over repeats, scatter plots."""
    table = proxy_table(found)
    if table.empty:
        return []
    blocks: list[Block] = list(map(Text, _sentences(table)))
    if table["evidence"].any():
        caption = (
            "Spearman's rank correlation between each proxy and the validation quality that its candidates reached "
            "after training (the sign is such that +1 is a perfect ranking); n is the number of trained candidates, "
            "and pale bars do not beat the count of parameters (dashed line)."
        )
        blocks.append(picture(correlation_figure(table), caption))
    blocks.append(_noise_table(table))
    quality, column = _trained(found)
    panels = [name for name in ["score", *_columns(found)] if name in quality]
    if column and panels and len(quality):
        caption = "Each point is a trained candidate; a proxy that ranks well falls from left to right."
        caption += "" if len(quality) >= FEWEST else f" {TOO_FEW.capitalize()}: {len(quality)} points show no trend."
        blocks.append(picture(scatter_figure(quality, panels[:MOST_PANELS], column), caption))
    return blocks


def proxy_table(found: PipelineFiles) -> pd.DataFrame:
    """One row a proxy: name, spearman, n, evidence (n is large enough), beats_params (True, False or None), noise
    (mean spread over repeats by spread between candidates; NaN where it was not measured)."""
    told = found.run.results.get("proxies") or {}
    noise = _noise(found)
    rows = []
    for name in dict.fromkeys([*told, *noise]):
        entry = told.get(name) or {}
        rho, n = entry.get("spearman"), int(entry.get("n") or 0)
        value = float(rho) if isinstance(rho, int | float) else math.nan
        evidence = n >= FEWEST and not math.isnan(value)
        rows.append((name, value, n, evidence, entry.get("beats_params"), noise.get(name, math.nan)))
    return pd.DataFrame(rows, columns=["name", "spearman", "n", "evidence", "beats_params", "noise"])


def _scores(found: PipelineFiles) -> pd.DataFrame | None:
    """The scores with columns <proxy>_mean and <proxy>_std, from the screen or, without it, from all candidates."""
    if found.scores is not None:
        return found.scores
    if found.candidates is None:
        return None
    deviations = [name for name in found.candidates if name.startswith("proxy_") and name.endswith("_std")]
    names = {name: name.removeprefix("proxy_") for name in deviations}
    names |= {name.removesuffix("_std"): f"{name.removesuffix('_std').removeprefix('proxy_')}_mean" for name in names}
    return found.candidates.rename(columns=names)


def _noise(found: PipelineFiles) -> dict[str, float]:
    table = _scores(found)
    if table is None:
        return {}
    noise = {}
    for column in table.columns:
        name = str(column).removesuffix("_mean")
        if name != column and f"{name}_std" in table:
            values, spread = (pd.to_numeric(table[key], errors="coerce") for key in (column, f"{name}_std"))
            between = values.replace([np.inf, -np.inf], np.nan).std(ddof=1)
            noise[name] = float(spread.mean() / between) if between > 0 else math.nan
    return noise


def _sentences(table: pd.DataFrame) -> list[str]:
    """What may be said: nothing of few candidates; who beats the count of parameters, who does not; who is noisy."""
    measured = table[table["n"] > 0]
    sentences = []
    if measured.empty:
        sentences.append("No candidate has been trained yet, so nothing can be said about what the proxies are worth.")
    elif not measured["evidence"].any():
        most = measured["n"].max()
        sentences.append(
            f"{TOO_FEW.capitalize()}: {most} trained candidates; a rank correlation needs at least {FEWEST} to be "
            "shown, so this run says nothing about what the proxies are worth."
        )
    else:
        judged = measured[measured["evidence"] & (measured["name"] != REFERENCE)]
        sentences += _against_parameters(judged)
        sentences.append(
            "The correlations are over the promoted candidates alone, which the score has already made alike; they "
            "tend to be lower than over a whole space."
        )
    noisy = table.loc[table["noise"] >= NOISY, "name"].tolist()
    if noisy:
        sentences.append(
            f"Noisy (the spread over repeats is at least half of that between candidates): {', '.join(noisy)}."
        )
    return [" ".join(sentences)]


def _against_parameters(judged: pd.DataFrame) -> list[str]:
    beaten = judged["beats_params"].map(lambda value: value is True)
    losing = judged["beats_params"].map(lambda value: value is False)
    sentences = []
    if losing.any():
        sentences.append(f"No better than the count of parameters: {', '.join(judged.loc[losing, 'name'])}.")
    if beaten.any():
        sentences.append(f"Better than it: {', '.join(judged.loc[beaten, 'name'])}.")
    return sentences or ["Whether a proxy beats the count of parameters was not measured."]


@styled
def correlation_figure(table: pd.DataFrame) -> Figure:
    """Horizontal bars, the best on top, from the rows of `proxy_table` that are evidence."""
    rows = table[table["evidence"]].sort_values("spearman", ascending=False)
    figure = Figure(figsize=(PAGE_WIDTH, 0.9 + 0.31 * len(rows)), layout="constrained", facecolor="white")
    axes = figure.subplots()
    for place, row in enumerate(rows.itertuples()):
        colour, alpha = (MUTED, 1.0) if row.name == REFERENCE else (SERIES[0], 0.4 if row.beats_params is False else 1)
        axes.barh(place, row.spearman, height=0.64, color=colour, alpha=alpha)
        side, away = ("left", 4) if row.spearman >= 0 else ("right", -4)
        axes.annotate(
            f"{row.spearman:+.2f} (n = {row.n})".replace("-", "−"), (row.spearman, place), (away, 0),
            textcoords="offset points", va="center", ha=side, size=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    reference = rows.loc[rows["name"] == REFERENCE, "spearman"]
    if len(reference):
        axes.axvline(float(reference.iloc[0]), color=INK, linestyle="--", linewidth=1, zorder=0.9)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_yticks(range(len(rows)), rows["name"])
    axes.invert_yaxis()
    lowest = min(0.0, float(rows["spearman"].min()))
    axes.set(xlim=(lowest - 0.3 if lowest < 0 else 0, 1.2), xlabel="Spearman's rank correlation")
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    return figure


def _noise_table(table: pd.DataFrame) -> Table:
    words = {True: "yes", False: "no"}
    rho = [
        f"{row.spearman:+.2f}" if row.evidence else TOO_FEW if 0 < row.n < FEWEST else "–" for row in table.itertuples()
    ]
    beats = [
        "–" if row.name == REFERENCE or not row.evidence else words.get(row.beats_params, "–")
        for row in table.itertuples()
    ]
    frame = pd.DataFrame(
        {
            "proxy": table["name"],
            "rank correlation": rho,
            "n": table["n"],
            "beats params": beats,
            "spread over repeats / between candidates": [
                tables.format_value(v, lambda x: f"{x:.0%}".replace("%", " %")) for v in table["noise"]
            ],
        }
    )
    forms = dict.fromkeys(("rank correlation", frame.columns[-1]), str)
    caption = "The last column is the standard deviation over repeats, by that of the means over all candidates."
    return tables.table_block(frame, {**forms, "n": tables.format_count}, caption)


def _columns(found: PipelineFiles) -> list[str]:
    """The columns of proxies in the table of candidates, the strongest correlation first."""
    if found.candidates is None:
        return []
    names = [n for n in found.candidates if n.startswith("proxy_") and not n.endswith("_std")]
    told = found.run.results.get("proxies") or {}
    strength = {n: abs((told.get(n.removeprefix("proxy_")) or {}).get("spearman") or 0.0) for n in names}
    return sorted(names, key=lambda name: -strength[name])


def _trained(found: PipelineFiles) -> tuple[pd.DataFrame, str]:
    """The candidates with a validation error after training and the column that holds it: of the derived network, or
    of the supernet where more candidates have one."""
    table = found.candidates
    if table is None or not (columns := [name for name in ("choice_val_mse", "search_val_mse") if name in table]):
        return pd.DataFrame(), ""
    column = max(columns, key=lambda name: table[name].notna().sum())
    trained = table[table[column].notna()]
    return (trained, column) if len(trained) > 1 else (pd.DataFrame(), "")


@styled
def scatter_figure(trained: pd.DataFrame, proxies: list[str], column: str) -> Figure:
    """A panel a proxy: its score against the validation MSE in `column`, a point a candidate."""
    rows = -(-len(proxies) // PANELS_A_ROW)
    layout = ConstrainedLayoutEngine(w_pad=0.1)  # inches: numbers of two panels must not read as one
    figure = Figure(figsize=(PAGE_WIDTH, 2.4 * rows + 0.3), layout=layout, facecolor="white")
    panels = figure.subplots(rows, PANELS_A_ROW, squeeze=False, sharey=True).ravel()
    for axes, name in zip(panels, proxies):
        axes.plot(trained[name], trained[column], "o", color=SERIES[0], markersize=5, alpha=0.85)
        axes.set_title("combined score" if name == "score" else name.removeprefix("proxy_"), size=10)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=3, min_n_ticks=1))  # long numbers of more ticks would touch
    for axes in panels[len(proxies) :]:
        axes.set_visible(False)
    what = "derived network" if column == "choice_val_mse" else "supernet"
    figure.supylabel(f"validation MSE, {what}", size=10, color=MUTED)
    figure.supxlabel("score (higher is better)", size=10, color=MUTED)
    return figure
