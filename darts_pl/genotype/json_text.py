"""JSON of genotypes as text: parsed strictly, written with one node a line so that a diff shows one node."""

import json

from darts_pl.errors import GenotypeError


def parse_json(text: str, where: str) -> object:
    """The value of a JSON text in which no object repeats a key.

    Raises:
        GenotypeError: not JSON (with line and column), nested too deeply, or a key given twice.
    """

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise GenotypeError(f"{where}: key {name!r} is given twice, expected once")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise GenotypeError(f"{where}: not valid JSON at {place}: {error.msg}") from error
    except RecursionError as error:
        raise GenotypeError(f"{where}: nested too deeply, expected the JSON of a genotype") from error


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
