"""JSON of genotypes as text: parsed strictly, written with one node a line so that a diff shows one node."""

import json

from darts_pl import bounded
from darts_pl.errors import GenotypeError


def parse_json(text: str, where: str) -> object:
    """The value of a JSON text, see `darts_pl.bounded.parse_json`.

    Raises:
        GenotypeError: not JSON (with line and column), nested too deeply, a key given twice, a number out of bounds.
    """
    return bounded.parse_json(text, where, error=GenotypeError, finite=True)


def layout(document: dict[str, object]) -> str:
    """`document` (header values and "cells") as indented JSON, one node a line, ending in a newline."""
    header = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in document.items() if key != "cells"]
    if not document["cells"]:
        return "\n".join(["{", *header, '  "cells": {}', "}", ""])
    cells = ",\n".join(_cell(name, cell) for name, cell in document["cells"].items())
    return "\n".join(["{", *header, '  "cells": {', cells, "  }", "}", ""])


def _cell(name: str, cell: dict[str, list]) -> str:
    nodes = ",\n".join(f"        {json.dumps(edges)}" for edges in cell["nodes"])
    concat = json.dumps(cell["concat"])
    return f'    {json.dumps(name)}: {{\n      "nodes": [\n{nodes}\n      ],\n      "concat": {concat}\n    }}'
