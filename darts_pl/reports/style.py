"""One look for every picture: colours, font sizes, and a figure turned into text for a page."""

import base64
import colorsys
import io
import zlib
from collections.abc import Iterable, Mapping

import matplotlib
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

INK = "#1f2933"
MUTED = "#5f6b7a"
GRID = "#e4e8ee"
PALE = "#f3f5f8"
TRAIN = "#1f5a94"
VALID = "#d9722b"
SERIES = ("#1f5a94", "#d9722b", "#2a7f62", "#8a4f9e", "#c2a214", "#c8394f", "#3aa0b5", "#7a5c3e")
PAGE_WIDTH = 10.6  # inches, the page's column: at 96 pixels an inch a font of 10 points stays readable

# One hue for a family of operations; red is kept for the skip connection, whose growth signals collapse.
OPERATION_COLOURS: Mapping[str, str] = {
    "none": "#98a1ad",
    "skip_connect": "#c8394f",
    "max_pool_3x3": "#c2681a",
    "avg_pool_3x3": "#eda84f",
    "sep_conv_3x3": "#1f5a94",
    "sep_conv_5x5": "#62a3dd",
    "sep_conv_7x7": "#12365c",
    "dil_conv_3x3": "#22704f",
    "dil_conv_5x5": "#6fbf98",
    "conv_7x1_1x7": "#8a4f9e",
    "nor_conv_1x1": "#9d8be0",
    "nor_conv_3x3": "#4a35a3",
    # of forecasting: blue convolutions, purple spectra, orange linear maps and bases, green perceptrons
    "identity": "#e0566a",
    "time_conv": "#2f74b5",
    "tcn": "#7fb4e6",
    "conv_mixer": "#1b4a7a",
    "multi_scale_conv": "#3aa0b5",
    "pyramid_conv": "#86cdd0",
    "fourier": "#a163b5",
    "wavelet": "#c28bd6",
    "times_net": "#5b46b8",
    "dlinear": "#d9722b",
    "nbeats": "#f0a868",
    "time_mixer": "#a8501a",
    "grn": "#2a7f62",
    "residual_mlp": "#7cc49f",
    "patch_embed": "#c2a214",
    "inverted_attention": "#7a5c3e",
}
KIND_TITLES: Mapping[str, str] = {"reduce": "Reduction cell", "cell": "Cell"}
GATES = LinearSegmentedColormap.from_list("gates", ["#ffffff", "#cfe0f1", "#6ea3d4", "#1f5a94", "#0f3358"])
LOGITS = LinearSegmentedColormap.from_list("logits", ["#a8501a", VALID, "#ffffff", "#6ea3d4", TRAIN])  # white is 0

RC = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": "#b8c1cc",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "darts_pl",  # the same data gives the same file
}

styled = matplotlib.rc_context(RC)
"""Decorator and context manager: matplotlib's settings for the pictures made inside, restored afterwards."""


def operation_colour(name: str) -> str:
    """The colour of an operation, `#rrggbb`, the same in every picture; other names get their own."""
    if name in OPERATION_COLOURS:
        return OPERATION_COLOURS[name]
    hue = (zlib.crc32(name.encode()) * 0.61803398875) % 1.0
    red, green, blue = colorsys.hls_to_rgb(hue, 0.42, 0.45)
    return f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"


def text_on(colour: str) -> str:
    """Black or white, whichever is easier to read on `colour` (`#rrggbb`), by relative luminance."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return "#ffffff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.55 else INK


def kind_title(kind: str) -> str:
    """A kind of cell in words: "normal" becomes "Normal cell"."""
    return KIND_TITLES.get(kind, f"{kind.replace('_', ' ').capitalize()} cell")


def state_label(state: int, inputs: int = 2) -> str:
    """The name of a state of a cell as mathtext. With two inputs these are the outputs of the cells before, and nodes
    are counted from 0; with any other number (NAS-Bench-201: one) all states are counted from 0, inputs included."""
    if inputs != 2:
        return str(state)
    return {0: "$c_{k-2}$", 1: "$c_{k-1}$"}.get(state, str(state - 2))


def inputs_of(edges: Iterable[str]) -> int:
    """How many inputs the cell has whose edges are named so: the first state that an edge leads into; 2 where the names
    do not tell."""
    ends = [edge_ends(edge) for edge in edges]
    return min(target for target, _ in ends) if ends and all(ends) else 2


def edge_ends(edge: str) -> tuple[int, int] | None:
    """`(target, source)` of an edge written `"2<-0"`, or None where it is written otherwise."""
    target, arrow, source = edge.partition("<-")
    if arrow and target.strip().isdigit() and source.strip().isdigit():
        return int(target), int(source)
    return None


def edge_label(edge: str, inputs: int = 2) -> str:
    """An edge as it is shown: `"2<-0"` becomes c_{k-2} → 0, anything else stays as it is."""
    ends = edge_ends(edge)
    return f"{state_label(ends[1], inputs)} → {state_label(ends[0], inputs)}" if ends else edge


def figure_svg(figure: Figure) -> str:
    """The figure as an `<svg>` element, without XML prologue."""
    stream = io.StringIO()
    with matplotlib.rc_context(RC):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def data_uri(svg: str) -> str:
    """An SVG text as a `data:` address, so that identifiers of several pictures on a page cannot collide."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
