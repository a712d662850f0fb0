"""Pictures of alphas (logits) and gates (relaxed alphas): heat maps of one epoch, curves of gates over all of them."""

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from darts_pl.genotype import Cell
from darts_pl.reports.style import (
    GATES,
    LOGITS,
    MUTED,
    PAGE_WIDTH,
    VALID,
    edge_ends,
    edge_label,
    line_look,
    operation_colour,
    shortened,
    styled,
    text_on,
)

FIELD, LETTER = 0.56, 0.085  # inches: the width of a field, of a letter
MOST_NODES = 16  # drawn in rows by node


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
    figure, axes = _fields(gates, GATES, 0.0, _largest(gates), _size(edges, primitives, title))
    for row, column in chosen:
        axes.add_patch(Rectangle((column + 0.04, row + 0.05), 0.92, 0.9, fill=False, edgecolor=VALID, lw=2))
    _label_heatmap(axes, edges, primitives, title)
    return figure


@styled
def alpha_heatmap(alphas: np.ndarray, edges: Sequence[str], primitives: Sequence[str], title: str) -> Figure:
    """The logits `[E, K]` as numbered fields, white at 0, blue above, orange below, the same strength for either."""
    alphas = np.asarray(alphas, dtype=float)
    strongest = _largest(np.abs(alphas))
    figure, axes = _fields(alphas, LOGITS, -strongest, strongest, _size(edges, primitives, title))
    _label_heatmap(axes, edges, primitives, title)
    return figure


def _largest(values: np.ndarray) -> float:
    """The largest finite number of `values`, kept above 0 so that a scale can end there; 1 where there is none."""
    finite = values[np.isfinite(values)]
    return max(float(finite.max()), 1e-12) if finite.size else 1.0


def _size(edges: Sequence[str], primitives: Sequence[str], title: str) -> tuple[float, float, float, float]:
    """Inches of a heat map: left of its fields, below them, its width and its height, with room for all names."""
    left = 0.25 + LETTER * max((len(edge_label(edge)) for edge in edges), default=0)
    below = 0.3 + 0.6 * LETTER * max((len(shortened(name)) for name in primitives), default=0)
    beside = max(FIELD * len(primitives), 1.2 * LETTER * len(title)) + 0.1
    return left, below, left + beside, below + 0.3 * len(edges) + 0.4


def _fields(
    values: np.ndarray, colours: Colormap, lowest: float, highest: float, size: tuple[float, float, float, float]
) -> tuple[Figure, Axes]:
    """A new figure and its axes, a coloured, numbered field for each of `values` `[E, K]`; `size` is of `_size`."""
    count, kinds = values.shape
    left, below, width, height = size
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((left / width, below / height, FIELD * kinds / width, 0.3 * count / height))
    axes.pcolormesh(values, cmap=colours, vmin=lowest, vmax=highest, edgecolors="white", linewidth=1)
    for row, column in np.ndindex(count, kinds):
        value = values[row, column]
        ground = to_hex(colours((value - lowest) / (highest - lowest))) if np.isfinite(value) else "#ffffff"
        text = f"{value:.2f}" if abs(value) < 100 else f"{value:.0e}"
        axes.text(column + 0.5, row + 0.52, text, ha="center", va="center", size=8.5, color=text_on(ground))
    return figure, axes


def _label_heatmap(axes: Axes, edges: Sequence[str], primitives: Sequence[str], title: str) -> None:
    """Names of edges and operations; the first edge is at the top and a line parts the nodes."""
    names = [shortened(name) for name in primitives]
    axes.set_xticks(np.arange(len(primitives)) + 0.5, names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(np.arange(len(edges)) + 0.5, [edge_label(edge) for edge in edges])
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
    ends = [ends for edge in edges if (ends := edge_ends(edge))]
    if len(set(ends)) == len(edges):
        first = min(target for target, _ in ends)
        places = [(target - first, source) for target, source in ends]
        if max(map(max, places)) < MOST_NODES:
            return places
    return [divmod(number, 4) for number in range(len(edges))]


@styled
def edge_curves(
    epochs: Sequence[int], gates: np.ndarray, edges: Sequence[str], primitives: Sequence[str], title: str
) -> Figure:
    """The gates `[T, E, K]` over `epochs` `[T]`: a picture an edge (row: node, column: source)."""
    gates = np.asarray(gates, dtype=float)
    places = _places(edges)
    rows, columns = (max(place[axis] for place in places) + 1 for axis in (0, 1))
    corner_is_free = (0, columns - 1) not in places  # above the diagonal of a cell there is room for the legend
    above = 0.55 if title else 0.3
    height = 1.45 * rows + above + (0.2 if corner_is_free else 0.75)
    figure = Figure(figsize=(PAGE_WIDTH, height), facecolor="white")
    # Margins by hand: matplotlib's constrained layout takes seconds over so many axes.
    grid = figure.add_gridspec(
        rows, columns, left=0.6 / PAGE_WIDTH, right=1 - 0.1 / PAGE_WIDTH, top=1 - above / height,
        bottom=(0.5 if corner_is_free else 1.05) / height, hspace=0.3, wspace=0.09,
    )  # fmt: skip
    limit = 1.05 * max(_largest(gates), 0.05)
    for number, (row, column) in enumerate(places):
        axes = figure.add_subplot(grid[row, column])
        axes.set_ylim(-0.03 * limit, limit)
        lowest = max(other for other, beside in places if beside == column)
        axes.tick_params(labelleft=column == 0, labelbottom=row == lowest)
        axes.set_xlabel("epoch" if row == lowest else "")
        _edge_picture(axes, epochs, gates[:, number], edges[number], primitives)  # gates of one edge, [T, K]
    handles, names = figure.axes[0].get_legend_handles_labels()
    if corner_is_free:
        figure.legend(handles, names, loc="upper right", ncols=2)
    else:
        figure.legend(handles, names, loc="lower center", ncols=4)
    figure.text(0.06 / PAGE_WIDTH, 1 - 0.06 / height, title, va="top", weight="bold", size=11)
    return figure


def _edge_picture(axes: Axes, epochs: Sequence[int], gates: np.ndarray, edge: str, primitives: Sequence[str]) -> None:
    for column, name in enumerate(primitives):
        look = line_look(column, len(epochs), operation_colour(name), size=3)
        axes.plot(epochs, gates[:, column], label=shortened(name), linewidth=1.3, **look)
    ends = edge_ends(edge)
    axes.set_title(edge_label(edge), size=10, weight="normal", pad=3)
    if ends and ends[1] == 0:
        axes.set_ylabel(f"into node {ends[0]}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
