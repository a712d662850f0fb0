"""One look for every picture: colours, font sizes, and a figure turned into text for a page."""

import base64
import colorsys
import io
import re
import textwrap
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType  # since matplotlib 3.11

INK = "#1f2933"
MUTED = "#5f6b7a"
GRID = "#e4e8ee"
PALE = "#f3f5f8"
TRAIN = "#1f5a94"
VALID = "#d9722b"
# told apart with any kind of colour vision: at least 17 by CIEDE2000 between any two, also without red or green cones
SERIES = ("#1f5a94", "#d9722b", "#716f67", "#737aff", "#933d00", "#6b0047", "#679fa5", "#582724")
PAGE_WIDTH = 10.6  # inches, the page's column: at 96 pixels an inch a font of 10 points stays readable

# Related operations have related hues; red is kept for the skip connection, whose growth signals collapse. Any two
# are at least 8.5 apart by CIEDE2000, also without red or green cones, and visible on light and on dark ground.
OPERATION_COLOURS: Mapping[str, str] = {
    "none": "#8d97a3",
    "skip_connect": "#a00737",
    "max_pool_3x3": "#ad5f0b",
    "avg_pool_3x3": "#b37c46",
    "sep_conv_3x3": "#3a66a0",
    "sep_conv_5x5": "#53a0c8",
    "sep_conv_7x7": "#0a3155",
    "dil_conv_3x3": "#0a5132",
    "dil_conv_5x5": "#14a570",
    "conv_7x1_1x7": "#00469b",
    "nor_conv_1x1": "#2444f8",
    "nor_conv_3x3": "#000052",
    # of forecasting
    "identity": "#bb3f51",
    "time_conv": "#4d82b1",
    "tcn": "#426fff",
    "conv_mixer": "#327b87",
    "multi_scale_conv": "#006465",
    "pyramid_conv": "#5ca48e",
    "fourier": "#4399ff",
    "wavelet": "#3a8a6b",
    "times_net": "#0005a1",
    "dlinear": "#46180f",
    "nbeats": "#a7386f",
    "time_mixer": "#964209",
    "grn": "#087450",
    "residual_mlp": "#ff607f",
    "patch_embed": "#c78d00",
    "inverted_attention": "#6a2400",
}
KIND_TITLES: Mapping[str, str] = {"reduce": "Reduction cell", "cell": "Cell"}
GATES = LinearSegmentedColormap.from_list("gates", ["#ffffff", "#cfe0f1", "#6ea3d4", "#1f5a94", "#0f3358"])
LOGITS = LinearSegmentedColormap.from_list("logits", ["#a8501a", VALID, "#ffffff", "#6ea3d4", TRAIN])  # white is 0

RC: dict["RcKeyType", Any] = {
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
    "axes.facecolor": "none",
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
    "svg.fonttype": "none",  # texts stay texts: small files, and browsers have letters of every alphabet
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
}

NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # characters that no XML may hold

styled = matplotlib.rc_context(RC)
"""Decorator and context manager: matplotlib's settings for the pictures made inside, restored afterwards."""


def operation_colour(name: str) -> str:
    """The colour of an operation, `#rrggbb`, the same in every picture; other names get their own."""
    if name in OPERATION_COLOURS:
        return OPERATION_COLOURS[name]
    hue = (zlib.crc32(name.encode(errors="replace")) * 0.61803398875) % 1.0
    red, green, blue = colorsys.hls_to_rgb(hue, 0.42, 0.45)
    return f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"


def text_on(colour: str) -> str:
    """Black or white, whichever is easier to read on `colour` (`#rrggbb`), by relative luminance."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return "#ffffff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.55 else INK


def shortened(name: str, most: int = 30) -> str:
    """A name for a picture, which has no room for very long ones: its middle is left out."""
    if len(name) <= most:
        return name
    return f"{name[: most // 2]}…{name[-(most - most // 2 - 1) :]}"


def wrapped(title: str, inches: float) -> str:
    """A bold title of 11 points broken into lines that fit into `inches`."""
    return textwrap.fill(title, max(8, int(inches * 9)))


def kind_title(kind: str) -> str:
    """A kind of cell in words: "normal" becomes "Normal cell"."""
    return KIND_TITLES.get(kind, f"{kind.replace('_', ' ').capitalize()} cell")


def edge_ends(edge: str) -> tuple[int, int] | None:
    """`(target, source)` of an edge written `"2<-0"`, or None where it is written otherwise."""
    target, arrow, source = edge.partition("<-")
    if arrow and target.strip().isdecimal() and source.strip().isdecimal():
        return int(target), int(source)
    return None


def edge_label(edge: str) -> str:
    """An edge as it is shown: `"2<-0"` becomes "0 → 2", anything else stays as it is. States are counted as genotypes,
    the log and TensorBoard count them: from 0, the inputs of the cell first."""
    ends = edge_ends(edge)
    return f"{ends[1]} → {ends[0]}" if ends else shortened(edge)


def figure_svg(figure: Figure) -> str:
    """The figure as an `<svg>` element without XML prologue: as large as all that is drawn, on no ground of its own."""
    stream = io.StringIO()
    with matplotlib.rc_context(RC):
        figure.savefig(
            stream, format="svg", facecolor="none", bbox_inches="tight", pad_inches=0.06,
            metadata={"Date": None, "Creator": None},
        )  # fmt: skip
    return as_element(stream.getvalue())


def as_element(svg: str) -> str:
    """An SVG file that matplotlib wrote as an element: without prologue and what no XML may hold, with all blanks."""
    text = NO_XML.sub("\N{REPLACEMENT CHARACTER}", svg)
    return text[text.index("<svg") :].replace("<svg", '<svg xml:space="preserve"', 1)


def save_png(figure: Figure, path: Path) -> None:
    """Write the figure to `path` as a PNG on white, as large as all that is drawn."""
    with matplotlib.rc_context(RC):
        figure.savefig(path, format="png", dpi=150, bbox_inches="tight", pad_inches=0.06)


def data_uri(svg: str) -> str:
    """An SVG text as a `data:` address, so that identifiers of several pictures on a page cannot collide."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


# How the lines of one picture differ: each by colour, dashes and marker together, not by colour alone. The numbers of
# dashes and markers have no common divisor, so that no two of the first 40 lines are alike in both.
Dashes = str | tuple[int, tuple[float, ...]]  # as matplotlib has them: a name, or (offset, lengths in points)
DASHES: tuple[Dashes, ...] = ("-", (0, (6, 2)), (0, (2, 1.6)), (0, (7, 2, 1.5, 2)), (0, (4, 1.4, 1.2, 1.4, 1.2, 1.4)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_MARKERS = 7  # on one line: more hide where it runs


def line_look(place: int, points: int, colour: str | None = None, size: float = 4.0) -> Mapping[str, Any]:
    """The arguments for `Axes.plot` of the line number `place` of a picture, which has `points` points.

    Dashes and markers go by the place alone; the colour too, unless one is given. Long lines have a few markers, each
    line at other points, so that lines that run together show both.
    """
    step = max(1, points // MOST_MARKERS)
    return {
        "color": colour or SERIES[place % len(SERIES)],
        "linestyle": DASHES[place % len(DASHES)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": size,
        "markevery": (place % step, step),
    }
