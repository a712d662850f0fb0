"""The size of the derived network beside published genotypes, all at the paper's size."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from darts_pl.reports.style import PAGE_WIDTH, VALID, shortened, styled

PUBLISHED = "#a9b7c8"


@styled
def parameter_bars(published: Sequence[tuple[str, int]], derived: int | None) -> Figure:
    """Bars of parameter counts, smallest at the top; `derived` is the count of this run's genotype."""
    entries = [(name, count, PUBLISHED) for name, count in published]
    if derived is not None:
        entries.append(("this run", derived, VALID))
    entries.sort(key=lambda entry: entry[1])
    size = (PAGE_WIDTH * 0.75, 0.75 + 0.33 * len(entries))
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    axes = figure.subplots()
    y = np.arange(len(entries))
    axes.barh(y, [count / 1e6 for _, count, _ in entries], color=[colour for *_, colour in entries], height=0.64)
    for row, (_, count, _) in enumerate(entries):
        axes.text(count / 1e6, row, f"  {count:,}", va="center", size=9.5)
    axes.set_yticks(y, [shortened(name) for name, *_ in entries])
    axes.set_xlim(0, 1.18 * max(1, *(count for _, count, _ in entries)) / 1e6)
    axes.set_xlabel("million parameters")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    return figure
