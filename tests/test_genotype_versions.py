"""Genotype files of every form there has been, written before there was one form, and what is written now."""

import json
from pathlib import Path

import pytest

from darts_pl.errors import GenotypeError
from darts_pl.genotype import (
    KNOWN,
    AnyGenotype,
    Cell,
    Edge,
    ModuleGenotype,
    Nasbench201Genotype,
    SeriesGenotype,
    from_json,
    read,
    to_nni,
    to_original_text,
)

FIRST = Cell(((Edge("identity", 0), Edge("grn", 1)), (Edge("tcn", 2), Edge("dlinear", 0))), (2, 3))
SECOND = Cell(((Edge("fourier", 0),), (Edge("grn", 2), Edge("dlinear", 1))), (2, 3))
CHOICES = {
    "normalization": "revin",
    "decomposition": "moving_average",
    "shortcut": "linear",
    "tokens": "patches",
    "position": "learned",
    "attention": "full",
    "feed_forward": "mlp",
    "cross_attention": "linear",
}
SERIES = SeriesGenotype("encoder_decoder", CHOICES, {"encoder": FIRST, "decoder": SECOND})
MODULE = ModuleGenotype({"block": "wide", "depth": "3", "inputs": ("2", "0")}, {"cell/own": FIRST})

# fmt: off
VERSION_1 = {  # as they were written, by space
    "cells": """{
  "format": "darts_pl.genotype",
  "version": 1,
  "space": "cells",
  "cells": {
    "normal": {
      "nodes": [
        [["avg_pool_3x3", 0], ["max_pool_3x3", 1]],
        [["sep_conv_3x3", 0], ["sep_conv_5x5", 2]],
        [["sep_conv_3x3", 0], ["avg_pool_3x3", 3]],
        [["sep_conv_3x3", 1], ["skip_connect", 1]],
        [["skip_connect", 0], ["avg_pool_3x3", 1]]
      ],
      "concat": [4, 5, 6]
    },
    "reduce": {
      "nodes": [
        [["avg_pool_3x3", 0], ["sep_conv_3x3", 1]],
        [["max_pool_3x3", 0], ["sep_conv_7x7", 2]],
        [["sep_conv_7x7", 0], ["avg_pool_3x3", 1]],
        [["max_pool_3x3", 0], ["max_pool_3x3", 1]],
        [["conv_7x1_1x7", 0], ["sep_conv_3x3", 5]]
      ],
      "concat": [3, 4, 6]
    }
  }
}
""",
    "nasbench201": """{
  "format": "darts_pl.genotype",
  "version": 1,
  "space": "nasbench201",
  "cells": {
    "cell": {
      "nodes": [
        [["avg_pool_3x3", 0]],
        [["nor_conv_1x1", 0], ["skip_connect", 1]],
        [["nor_conv_1x1", 0], ["skip_connect", 1], ["skip_connect", 2]]
      ],
      "concat": [3]
    }
  }
}
""",
    "series": """{
  "format": "darts_pl.genotype",
  "version": 1,
  "space": "series",
  "mode": "encoder_decoder",
  "choices": {"normalization": "revin", "decomposition": "moving_average", "shortcut": "linear", "tokens": "patches", "position": "learned", "attention": "full", "feed_forward": "mlp", "cross_attention": "linear"},
  "cells": {
    "encoder": {
      "nodes": [
        [["identity", 0], ["grn", 1]],
        [["tcn", 2], ["dlinear", 0]]
      ],
      "concat": [2, 3]
    },
    "decoder": {
      "nodes": [
        [["fourier", 0]],
        [["grn", 2], ["dlinear", 1]]
      ],
      "concat": [2, 3]
    }
  }
}
""",  # noqa: E501
    "module": """{
  "format": "darts_pl.genotype",
  "version": 1,
  "space": "module",
  "choices": {"block": "wide", "depth": "3", "inputs": ["2", "0"]},
  "cells": {
    "cell/own": {
      "nodes": [
        [["identity", 0], ["grn", 1]],
        [["tcn", 2], ["dlinear", 0]]
      ],
      "concat": [2, 3]
    }
  }
}
""",
}
# fmt: on
GENOTYPES: dict[str, AnyGenotype] = {
    "cells": KNOWN["AmoebaNet"],
    "nasbench201": Nasbench201Genotype.from_digits("421211"),
    "series": SERIES,
    "module": MODULE,
}
OF_OTHERS = {  # text → genotype, in the forms of other projects
    to_original_text(KNOWN["DARTS_V2"]): KNOWN["DARTS_V2"],
    json.dumps(to_nni(KNOWN["PDARTS"])): KNOWN["PDARTS"],
    GENOTYPES["nasbench201"].text: GENOTYPES["nasbench201"],
}


@pytest.mark.parametrize("space", VERSION_1)
def test_a_file_of_version_1_reads_to_an_equal_genotype(space: str, tmp_path: Path):
    (tmp_path / "genotype_best.json").write_text(VERSION_1[space], encoding="utf-8")
    genotype = read(tmp_path)
    assert genotype == GENOTYPES[space] == type(genotype).from_json(VERSION_1[space])
    assert from_json(json.dumps(json.loads(VERSION_1[space]))) == genotype  # on one line, as results hold it


@pytest.mark.parametrize("space", GENOTYPES)
def test_every_space_is_written_in_one_form(space: str, tmp_path: Path):
    genotype = GENOTYPES[space]
    text = genotype.save(tmp_path / "genotype.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert list(document) == ["format", "version", "space", "choices", "cells"]
    assert (document["format"], document["version"], document["space"]) == ("darts_pl.genotype", 2, space)
    assert read(tmp_path / "genotype.json") == genotype and from_json(text).to_json() == text
    assert list(document["cells"]) == list(genotype.cells)
    assert document["choices"] == json.loads(json.dumps(genotype.labels()))


def test_the_form_is_easy_to_read():
    text = ModuleGenotype({"block": "wide", "inputs": ("2", "0")}, {"own": SECOND}).to_json()
    assert (
        text
        == """{
  "format": "darts_pl.genotype",
  "version": 2,
  "space": "module",
  "choices": {
    "block": "wide",
    "inputs": ["2", "0"]
  },
  "cells": {
    "own": {
      "nodes": [
        [["fourier", 0]],
        [["grn", 2], ["dlinear", 1]]
      ],
      "concat": [2, 3]
    }
  }
}
"""
    )


@pytest.mark.parametrize("text", OF_OTHERS)
def test_forms_of_others_are_read(text: str, tmp_path: Path):
    (tmp_path / "genotype.txt").write_text(text, encoding="utf-8")
    assert read(tmp_path / "genotype.txt") == OF_OTHERS[text] == from_json(OF_OTHERS[text].to_json())


def changed(space: str, of: int, /, **entries: object) -> str:
    text = VERSION_1[space] if of == 1 else GENOTYPES[space].to_json()
    return json.dumps({**json.loads(text), **entries})


HOSTILE = {
    "a later version": (changed("cells", 2, version=3), "found version 3, expected 1 or 2"),
    "a version before the first": (changed("cells", 2, version=0), "found version 0, expected 1 or 2"),
    "an unknown space": (changed("series", 2, space="serie"), "found space 'serie'.* Did you mean 'series'"),
    "a space that is no text": (changed("series", 2, space=["series"]), r"found space \['series'\]"),
    "another format": (changed("module", 2, format="other.genotype"), "found format 'other.genotype'"),
    "a mode beside the choices": (changed("series", 2, mode="mamba"), "unknown key 'mode'"),
    "a mode among the choices of version 1": (
        changed("series", 1, choices={"mode": "mamba", **CHOICES}),
        "choices: unknown key 'mode'",
    ),
    "no mode": (changed("series", 2, choices=CHOICES), "choices: found dict .*expected an object with the mode"),
    "choices of cells": (changed("cells", 2, choices={"depth": "2"}), "choices: unknown key 'depth'"),
    "choices in version 1 of cells": (changed("cells", 1, choices={}), "unknown key 'choices'"),
    "choices as a list": (changed("series", 2, choices=[]), r"choices: found list \[\]"),
    "choices of version 1 as a list": (changed("series", 1, choices=[]), r"choices: found list \[\]"),
    "no choices": (GENOTYPES["cells"].to_json().replace('"choices": {},', ""), "key 'choices' is missing"),
    "cells as a list": (changed("module", 2, cells=[]), r"cells: found list \[\]"),
    "deep": ('{"format": "darts_pl.genotype", "cells": ' + "[" * 200 + "]" * 200 + "}", "nested too deeply"),
    "wide": (changed("module", 2, cells={"own": {"nodes": [[["a", 0]]] * 101, "concat": [2]}}), "own: found 101 nodes"),
    "many edges": (
        changed("module", 2, cells={"own": {"nodes": [[["a", 0]] * 2001], "concat": [2]}}),
        "own: found 2,001 edges",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_place(name: str, tmp_path: Path):
    text, words = HOSTILE[name]
    (tmp_path / "g.json").write_text(text, encoding="utf-8")
    with pytest.raises(GenotypeError, match=words) as caught:
        read(tmp_path / "g.json")
    assert str(caught.value).startswith(f"{tmp_path / 'g.json'}: ")
