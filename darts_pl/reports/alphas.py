"""Pictures of alphas (logits) and gates (relaxed alphas): heat maps of one epoch, curves of gates over all of them."""

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from darts_pl.genotype import Cell
from darts_pl.reports.style import (
    GATES,
    INK,
    LOGITS,
    MUTED,
    PAGE_WIDTH,
    VALID,
    edge_ends,
    edge_label,
    inputs_of,
    operation_colour,
    state_label,
    styled,
)


def chosen_places(cell: Cell, edges: Sequence[str], primitives: Sequence[str]) -> set[tuple[int, int]]:
    """(edge number, operation number) of every choice of `cell` that `edges` and `primitives` hold."""
    rows = {ends: row for row, edge in enumerate(edges) if (ends := edge_ends(edge))}
    columns = {name: column for column, name in enumerate(primitives)}
    choices = [(state, edge) for state, node in enumerate(cell.nodes, start=cell.first_state) for edge in node]
    return {
        (rows[state, edge.source], columns[edge.op])
        for state, edge in choices
        if (state, edge.source) in rows and edge.op in columns
    }


@styled
def gate_heatmap(
    gates: np.ndarray,
    edges: Sequence[str],
    primitives: Sequence[str],
    title: str,
    chosen: Collection[tuple[int, int]] = (),
) -> Figure:
    """The gates `[E, K]` as shaded, numbered fields; `chosen` (edge, operation) fields get a frame."""
    gates = np.asarray(gates, dtype=float)
    axes = _fields(gates, GATES, lowest=0.0, highest=_largest(gates))
    for row, column in chosen:
        axes.add_patch(Rectangle((column + 0.04, row + 0.05), 0.92, 0.9, fill=False, edgecolor=VALID, lw=2))
    _label_heatmap(axes, edges, primitives, title)
    return axes.figure


@styled
def alpha_heatmap(alphas: np.ndarray, edges: Sequence[str], primitives: Sequence[str], title: str) -> Figure:
    """The logits `[E, K]` as numbered fields, white at 0, blue above, orange below, the same strength for either."""
    alphas = np.asarray(alphas, dtype=float)
    strongest = _largest(np.abs(alphas))
    axes = _fields(alphas, LOGITS, lowest=-strongest, highest=strongest)
    _label_heatmap(axes, edges, primitives, title)
    return axes.figure


def _largest(values: np.ndarray) -> float:
    """The largest finite number of `values`, kept above 0 so that a scale can end there; 1 where there is none."""
    finite = values[np.isfinite(values)]
    return max(float(finite.max()), 1e-12) if finite.size else 1.0


def _fields(values: np.ndarray, colours: Colormap, lowest: float, highest: float) -> Axes:
    """A new figure's axes with one coloured, numbered field for each of `values` `[E, K]`."""
    count, kinds = values.shape
    width, height = 1.0 + 0.56 * kinds, 1.2 + 0.3 * count
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0.85 / width, 0.9 / height, 0.56 * kinds / width, 0.3 * count / height))
    axes.pcolormesh(values, cmap=colours, vmin=lowest, vmax=highest, edgecolors="white", linewidth=1)
    for row, column in np.ndindex(count, kinds):
        value = values[row, column]
        colour = "white" if abs(value) > 0.55 * highest else INK
        text = f"{value:.2f}"
        axes.text(column + 0.5, row + 0.52, text, ha="center", va="center", size=8.5, color=colour)
    return axes


def _label_heatmap(axes: Axes, edges: Sequence[str], primitives: Sequence[str], title: str) -> None:
    """Names of edges and operations; the first edge is at the top and a line parts the nodes."""
    axes.set_xticks(np.arange(len(primitives)) + 0.5, primitives, rotation=35, ha="right", rotation_mode="anchor")
    inputs = inputs_of(edges)
    axes.set_yticks(np.arange(len(edges)) + 0.5, [edge_label(edge, inputs) for edge in edges])
    axes.invert_yaxis()
    axes.grid(False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    targets = [edge_ends(edge) for edge in edges]
    for row in range(1, len(edges)):
        before, after = targets[row - 1], targets[row]
        if before and after and before[0] != after[0]:
            axes.axhline(row, color=MUTED, linewidth=1)
    axes.set_title(title)


def _places(edges: Sequence[str]) -> list[tuple[int, int]]:
    """Row and column of each edge's picture: target node and source; a plain grid for other edge names."""
    ends = [edge_ends(edge) for edge in edges]
    if all(ends) and len(set(ends)) == len(ends):
        first = min(target for target, _ in ends)
        return [(target - first, source) for target, source in ends]
    return [divmod(number, 4) for number in range(len(edges))]


@styled
def edge_curves(
    epochs: Sequence[int], gates: np.ndarray, edges: Sequence[str], primitives: Sequence[str], title: str
) -> Figure:
    """The gates `[T, E, K]` over `epochs` `[T]`: a picture an edge (row: node, column: source)."""
    gates = np.asarray(gates, dtype=float)
    places = _places(edges)
    rows, columns = (max(place[axis] for place in places) + 1 for axis in (0, 1))
    corner_is_free = (
        0,
        columns - 1,
    ) not in places  # above the diagonal of a cell there is room for the legend
    height = 1.45 * rows + (0.75 if corner_is_free else 1.3)
    figure = Figure(figsize=(PAGE_WIDTH, height), facecolor="white")
    # Margins by hand: matplotlib's constrained layout takes seconds over so many axes.
    grid = figure.add_gridspec(
        rows, columns, left=0.6 / PAGE_WIDTH, right=1 - 0.1 / PAGE_WIDTH, top=1 - 0.55 / height,
        bottom=(0.5 if corner_is_free else 1.05) / height, hspace=0.3, wspace=0.09,
    )  # fmt: skip
    limit, inputs = 1.05 * np.nanmax(gates, initial=0.05), inputs_of(edges)
    for number, (row, column) in enumerate(places):
        axes = figure.add_subplot(grid[row, column])
        axes.set_ylim(-0.03 * limit, limit)
        lowest = max(other for other, beside in places if beside == column)
        axes.tick_params(labelleft=column == 0, labelbottom=row == lowest)
        axes.set_xlabel("epoch" if row == lowest else "")
        _edge_picture(axes, epochs, gates[:, number], edges[number], primitives, inputs)
    handles, names = figure.axes[0].get_legend_handles_labels()
    place = {"loc": "upper right", "ncols": 2} if corner_is_free else {"loc": "lower center", "ncols": 4}
    figure.legend(handles, names, **place)
    figure.text(0.06 / PAGE_WIDTH, 1 - 0.06 / height, title, va="top", weight="bold", size=11)
    return figure


def _edge_picture(
    axes: Axes, epochs: Sequence[int], gates: np.ndarray, edge: str, primitives: Sequence[str], inputs: int
) -> None:
    for column, name in enumerate(primitives):
        axes.plot(
            epochs, gates[:, column], color=operation_colour(name), label=name, linewidth=1.5,
            linestyle="--" if name == "none" else "-", marker="o" if len(epochs) < 4 else None, markersize=3,
        )  # fmt: skip
    ends = edge_ends(edge)
    axes.set_title(edge_label(edge, inputs), size=10, weight="normal", pad=3)
    if ends and ends[1] == 0:
        axes.set_ylabel(f"into node {state_label(ends[0], inputs)}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
