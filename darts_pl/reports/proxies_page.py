"""What a benchmark of proxies leaves behind: tables, and a bar a proxy with its interval."""

from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from darts_pl.paths import write_atomically, write_text_atomically
from darts_pl.reports.style import INK, MUTED, PAGE_WIDTH, TRAIN, VALID, save_png, styled

BASELINE = "params"


def proxies_markdown(ranks: pd.DataFrame, facts: str) -> str:
    """The ranking as a table in Markdown, and which proxies do not beat `params`."""
    lines = [
        "| proxy | Spearman | 95 % interval | beats params | cells without score | seconds a cell |",
        "|---|---|---|---|---|---|",
    ]
    for row in ranks.itertuples():
        failed, seconds = ("", "") if pd.isna(row.failed) else (str(row.failed), f"{row.seconds:.3f}")
        interval = f"{row.low:.3f} to {row.high:.3f}"
        cells = (row.proxy, f"{row.spearman:.3f}", interval, row.beats_params, failed, seconds)
        lines.append("| " + " | ".join(cells) + " |")
    single = ranks[~ranks["proxy"].str.startswith("combined")]
    beaten = list(single.loc[single["beats_params"] == "no", "proxy"])
    said = f"\nDo not beat `{BASELINE}`: {', '.join(beaten)}.\n" if beaten else ""
    return "\n".join([*lines, said, facts, ""])


@styled
def proxies_figure(ranks: pd.DataFrame) -> Figure:
    """Horizontal bars of the correlations, best on top, with 95 % intervals; a line at that of `params`."""
    shown = ranks.dropna(subset=["spearman"])[::-1]
    figure = Figure(figsize=(PAGE_WIDTH * 0.75, 0.28 * len(shown) + 0.9), layout="constrained")
    axes = figure.subplots()
    axes.barh(shown["proxy"], shown["spearman"], color=[_colour(name) for name in shown["proxy"]], height=0.7)
    spread = [shown["spearman"] - shown["low"], shown["high"] - shown["spearman"]]
    axes.errorbar(
        shown["spearman"], range(len(shown)), xerr=[s.clip(lower=0) for s in spread], fmt="none", ecolor=INK, capsize=2
    )
    baseline = shown.loc[shown["proxy"] == BASELINE, "spearman"]
    if len(baseline):
        axes.axvline(baseline.iloc[0], color=MUTED, linestyle="--", linewidth=1)
    axes.set_xlabel("Spearman's rank correlation with CIFAR-10 test accuracy after 200 epochs")
    axes.grid(axis="y", visible=False)
    return figure


def _colour(name: str) -> str:
    return VALID if name.startswith("combined") else MUTED if name == BASELINE else TRAIN


def write_proxies(folder: Path, scores: pd.DataFrame, ranks: pd.DataFrame, facts: str) -> str:
    """Write scores.csv, summary.csv, summary.md and correlations.png to `folder`, tables before the picture; returns
    the table in Markdown."""
    for name, frame in (("scores", scores), ("summary", ranks)):
        write_atomically(folder / f"{name}.csv", partial(frame.to_csv, index=False))
    text = proxies_markdown(ranks, facts)
    write_text_atomically(folder / "summary.md", text)
    figure = proxies_figure(ranks)
    write_atomically(folder / "correlations.png", partial(save_png, figure))
    return text
