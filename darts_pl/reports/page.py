"""The HTML page: titled sections of pictures, tables and texts, rendered by one template into one file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from darts_pl.errors import RunError
from darts_pl.paths import write_text_atomically
from darts_pl.reports.panels import panels_of
from darts_pl.reports.style import data_uri, figure_svg


@dataclass(frozen=True)
class Link:
    """A cell of a table that leads to a file; `address` is relative to the page and made by `link_to`."""

    text: str
    address: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Picture:
    """An image held in the page itself; `caption` says in a sentence how to read it, `title` stands above it.

    Two `narrow` pictures stand side by side where there is room. `more` are further panels of the same picture, up to
    `columns` of them side by side and in a column on a narrow page; `legends` stand below all of them.
    """

    source: str
    caption: str
    narrow: bool = False
    title: str = ""
    more: Sequence[str] = ()
    legends: Sequence[str] = ()
    columns: int = 1
    kind: str = "picture"


@dataclass(frozen=True)
class Table:
    """Rows of texts and links; `numeric` tells which columns are set flush right, `strong` which row is set in bold."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Link]]
    numeric: Sequence[bool]
    caption: str = ""
    strong: int | None = None
    kind: str = "table"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Fold:
    """A text such as a configuration, set as it is and folded away until it is asked for."""

    summary: str
    text: str
    kind: str = "fold"


@dataclass(frozen=True)
class Command:
    """Lines that are meant to be copied into a terminal or into Python, and before them what they do."""

    purpose: str
    text: str
    kind: str = "command"


Block = Picture | Table | Text | Fold | Command


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """The name that links inside the page use."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


@dataclass(frozen=True)
class Page:
    """A whole page: `facts` are (name, value) pairs under the title, `notices` stand before the sections."""

    title: str
    status: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    notices: Sequence[str] = field(default_factory=tuple)


def link_to(text: str, target: Path, page: Path) -> Link | str:
    """A link from the file `page` to the file `target`, plain text where there is no such file or it is a link.

    Every character of a name that has a meaning in addresses is encoded and the address begins with a dot, so that no
    name of a folder can make it lead elsewhere.
    """
    if target.is_symlink() or not target.is_file():
        return text
    relative = Path(os.path.relpath(target, page.parent)).as_posix()
    return Link(text, quote(relative if relative.startswith("../") else f"./{relative}"))


def picture(figure: Figure, caption: str, narrow: bool = False, title: str = "") -> Picture:
    """A matplotlib figure as a block."""
    return Picture(data_uri(figure_svg(figure)), caption, narrow, title)


def panels(figure: Figure, caption: str, title: str = "") -> Picture:
    """A matplotlib figure as a block whose panels find their own places in the page."""
    parts = panels_of(figure)
    first, *more = map(data_uri, parts.panels)
    return Picture(first, caption, False, title, more, list(map(data_uri, parts.legends)), parts.columns)


@dataclass(frozen=True)
class Drawn:
    """A figure that is also written to a file of its own, and its picture in the page."""

    figure: Figure
    block: Picture


def draw(figure: Figure, caption: str, separate_panels: bool = False) -> Drawn:
    """The figure as a whole or by its panels: what cannot be drawn raises here, not where its file is written."""
    return Drawn(figure, panels(figure, caption) if separate_panels else picture(figure, caption))


def render(page: Page) -> str:
    """The page as HTML that loads nothing from anywhere: styles and pictures are inside it."""
    environment = Environment(
        loader=PackageLoader("darts_pl.reports", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("page.html.jinja").render(page=page)
    return text.encode("utf-8", "replace").decode("utf-8")  # halves of surrogate pairs, which JSON can hold


def save(page: Page, path: Path) -> Path:
    """Write the page, whole or not at all.

    Raises:
        RunError: `path` is a folder or cannot be written.
    """
    if path.is_dir():
        raise RunError(f"{path}: a folder, expected the name of the HTML file to write")
    try:
        return write_text_atomically(path, render(page))
    except OSError as error:
        raise RunError(f"{path}: the report cannot be written: {error.strerror}") from error
