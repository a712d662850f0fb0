"""The one form of genotype files: a header, what was chosen by label, and the cells by label.

    {
      "format": "darts_pl.genotype",
      "version": 2,
      "space": "series",
      "choices": {
        "mode": "encoder_only",
        ...
      },
      "cells": {
        "encoder": {
          "nodes": [
            [["grn", 0], ["tcn", 1]]
          ],
          "concat": [2]
        }
      }
    }

One choice and one node a line, so that a diff shows them. Version 1 had a form a space: `choices` where a space has
any, and the mode of a forecasting network beside them. It is read as version 2.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from darts_pl import bounded
from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError
from darts_pl.genotype.cell import Cell, check_keys, is_int

FORMAT = "darts_pl.genotype"
VERSION = 2
HEADER = ("format", "version", "space")
KEYS_OF_VERSION_1 = {"series": ("mode", "choices", "cells"), "module": ("choices", "cells")}  # of others cells alone


@dataclass(frozen=True)
class Document:
    """A file whose header is known to fit; `choices` and `cells` are still to be checked by the space's genotype."""

    choices: object
    cells: object


def parse_json(text: str, where: str) -> object:
    """The value of a JSON text, see `darts_pl.bounded.parse_json`.

    Raises:
        GenotypeError: not JSON (with line and column), nested too deeply, a key given twice, a number out of bounds.
    """
    return bounded.parse_json(text, where, error=GenotypeError, finite=True)


def checked_document(found: object, space: str, where: str) -> Document:
    """The document of a genotype of `space` in the parsed JSON `found`.

    Raises:
        GenotypeError: another format, version or space, a key too many or too few.
    """
    version = VERSION
    if isinstance(found, dict):  # the header first: a file of another kind should not hear about its keys
        version = _checked_header(found, space, where)
    keys = ("choices", "cells") if version == VERSION else KEYS_OF_VERSION_1.get(space, ("cells",))
    document = check_keys(found, (*HEADER, *keys), where)
    choices = document.get("choices", {})
    if "mode" in keys and isinstance(choices, dict):
        if "mode" in choices:
            raise GenotypeError(f"{where}: choices: unknown key 'mode': in version 1 it stands beside the choices")
        choices = {"mode": document["mode"], **choices}
    return Document(choices, document["cells"])


def _checked_header(document: Mapping[str, object], space: str, where: str) -> int:
    """The version of a file."""
    if document.get("format", FORMAT) != FORMAT:
        raise GenotypeError(f"{where}: found format {shown(repr(document['format']))}, expected {FORMAT!r}")
    version = document.get("version", VERSION)
    if not is_int(version) or not 1 <= version <= VERSION:
        raise GenotypeError(
            f"{where}: found version {shown(repr(version))}, expected 1 or {VERSION}, the only ones there are"
        )
    if document.get("space", space) != space:
        raise GenotypeError(f"{where}: found space {shown(repr(document['space']))}, expected {space!r}")
    return version


def layout(space: str, choices: Mapping[str, object], cells: Mapping[str, Cell]) -> str:
    """The text of a file, ending in a newline; `checked_document` reads it."""
    header = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in zip(HEADER, (FORMAT, VERSION, space))]
    chosen = [f"    {json.dumps(label)}: {json.dumps(value)}" for label, value in choices.items()]
    wired = [_cell_text(label, cell) for label, cell in cells.items()]
    return "\n".join(["{", *header, f'  "choices": {_block(chosen)},', f'  "cells": {_block(wired)}', "}", ""])


def _block(entries: list[str]) -> str:
    """Indented entries as an object of depth 1."""
    return "\n".join(["{", ",\n".join(entries), "  }"]) if entries else "{}"


def _cell_text(label: str, cell: Cell) -> str:
    document = cell.to_document()
    nodes = ",\n".join(f"        {json.dumps(edges)}" for edges in document["nodes"])
    concat = json.dumps(document["concat"])
    return f'    {json.dumps(label)}: {{\n      "nodes": [\n{nodes}\n      ],\n      "concat": {concat}\n    }}'
