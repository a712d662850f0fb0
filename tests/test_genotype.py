"""Genotypes: lossless JSON, and an error that names the place for everything that can be wrong by hand."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darts_pl.errors import GenotypeError
from darts_pl.genotype import KNOWN, Cell, Edge, Genotype, check_operations

NAMES = st.text(min_size=1, max_size=12).filter(str.strip)


@st.composite
def cells(draw, num_nodes: int) -> Cell:
    """Any well-formed cell, with any operation names and any number of edges a node."""
    nodes = []
    for node in range(num_nodes):
        edge = st.builds(Edge, op=NAMES, source=st.integers(0, node + 1))
        nodes.append(tuple(draw(st.lists(edge, min_size=1, max_size=3))))
    states = st.integers(2, num_nodes + 1)
    concat = draw(st.lists(states, min_size=1, max_size=num_nodes, unique=True))
    return Cell(tuple(nodes), tuple(concat))


@st.composite
def genotypes(draw) -> Genotype:
    num_nodes = draw(st.integers(1, 5))
    return Genotype(draw(cells(num_nodes)), draw(cells(num_nodes)))


@given(genotypes())
def test_json_round_trip_is_lossless(genotype):
    text = genotype.to_json()
    assert Genotype.from_json(text) == genotype
    assert Genotype.from_json(text).to_json() == text


def test_json_has_the_documented_form():
    document = json.loads(KNOWN["DARTS_V1"].to_json())
    assert list(document) == ["format", "version", "space", "choices", "cells"]
    assert (document["format"], document["version"], document["space"]) == ("darts_pl.genotype", 2, "cells")
    assert document["cells"]["normal"]["nodes"][1] == [["skip_connect", 0], ["sep_conv_3x3", 1]]
    assert document["cells"]["reduce"]["concat"] == [2, 3, 4, 5]


def test_save_writes_what_from_json_reads(tmp_path):
    path = KNOWN["PDARTS"].save(tmp_path / "deep" / "genotype.json")
    assert Genotype.from_json(path.read_text()) == KNOWN["PDARTS"]
    assert [entry.name for entry in path.parent.iterdir()] == ["genotype.json"]


def test_a_failed_save_keeps_the_old_file(tmp_path):
    path = KNOWN["PDARTS"].save(tmp_path / "genotype.json")
    not_json = Genotype(Cell(((Edge(b"skip_connect", 0),),), (2,)), KNOWN["PDARTS"].reduce)
    with pytest.raises(TypeError):
        not_json.save(path)
    assert Genotype.from_json(path.read_text()) == KNOWN["PDARTS"]


def edited(change) -> str:
    document = json.loads(KNOWN["DARTS_V2"].to_json())
    change(document)
    return json.dumps(document)


def put(*route_and_value):
    *route, last, value = route_and_value

    def change(document):
        for step in route:
            document = document[step]
        document[last] = value

    return change


def drop(*route):
    def change(document):
        for step in route[:-1]:
            document = document[step]
        del document[route[-1]]

    return change


NORMAL = ("cells", "normal")
BROKEN = {
    "unknown key": (put("formt", 1), ["'formt'", "Did you mean 'format'"]),
    "unknown key in a cell": (put(*NORMAL, "node", []), ["normal", "'node'", "Did you mean 'nodes'"]),
    "unknown cell": (put("cells", "norml", {}), ["'norml'", "Did you mean 'normal'"]),
    "missing cell": (drop("cells", "reduce"), ["'reduce' is missing"]),
    "missing concat": (drop(*NORMAL, "concat"), ["normal", "'concat' is missing"]),
    "missing version": (drop("version"), ["'version' is missing"]),
    "newer version": (put("version", 3), ["version 3", "expected 1 or 2"]),
    "version as text": (put("version", "1"), ["version '1'", "expected 1"]),
    "version as truth value": (put("version", True), ["version True"]),
    "other format": (put("format", "other"), ["'other'", "'darts_pl.genotype'"]),
    "other space": (put("space", "dense"), ["'dense'", "'cells'"]),
    "last node removed": (drop(*NORMAL, "nodes", 3), ["normal concat", "state 5", "node missing"]),
    "node emptied": (put(*NORMAL, "nodes", 2, []), ["normal node 2 (state 4) is missing"]),
    "no nodes": (put(*NORMAL, "nodes", []), ["normal", "at least one node"]),
    "nodes as object": (put(*NORMAL, "nodes", {"0": []}), ["normal", "dict", "expected a list"]),
    "own state as source": (
        put(*NORMAL, "nodes", 1, 0, 1, 3),
        ["normal node 1", "edge 0", "source 3", "0 to 2"],
    ),
    "negative source": (put(*NORMAL, "nodes", 0, 1, 1, -1), ["normal node 0", "source -1", "0 to 1"]),
    "source as text": (put(*NORMAL, "nodes", 0, 1, 1, "1"), ["normal node 0", "source '1'"]),
    "source as truth value": (put(*NORMAL, "nodes", 0, 1, 1, True), ["source True"]),
    "source as fraction": (put(*NORMAL, "nodes", 0, 1, 1, 1.0), ["source 1.0"]),
    "empty operation": (put(*NORMAL, "nodes", 3, 1, 0, " "), ["normal node 3", "edge 1", "operation ' '"]),
    "operation as number": (put(*NORMAL, "nodes", 3, 1, 0, 7), ["normal node 3", "operation 7"]),
    "edge of three": (put(*NORMAL, "nodes", 3, 1, ["a", 0, 1]), ["normal node 3", "expected a pair"]),
    "concat twice": (put("cells", "reduce", "concat", [2, 3, 3]), ["reduce concat", "each state once"]),
    "concat of an input": (put("cells", "reduce", "concat", [1, 2]), ["reduce concat", "state 1", "2 to 5"]),
    "concat empty": (put("cells", "reduce", "concat", []), ["reduce concat", "[]"]),
    "concat of text": (put("cells", "reduce", "concat", ["2"]), ["reduce concat", "['2']"]),
    "cells as list": (put("cells", []), ["cells", "list []"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_hand_edited_json_is_refused_with_its_place(name):
    change, words = BROKEN[name]
    with pytest.raises(GenotypeError) as caught:
        Genotype.from_json(edited(change), "my.json")
    message = str(caught.value)
    assert message.startswith("my.json")
    assert [word for word in words if word not in message] == [], message


def test_a_cell_with_a_node_less_than_the_other_is_refused():
    def change(document):
        del document["cells"]["reduce"]["nodes"][3]
        document["cells"]["reduce"]["concat"] = [2, 3, 4]

    with pytest.raises(GenotypeError, match=r"reduce node 3 \(state 5\) is missing: found 3 nodes, expected 4"):
        Genotype.from_json(edited(change))


def test_text_that_is_no_json_names_line_and_column():
    text = KNOWN["DARTS_V1"].to_json()
    with pytest.raises(GenotypeError, match=r"my.json: not valid JSON at line \d+, column \d+"):
        Genotype.from_json(text[: len(text) // 2], "my.json")
    with pytest.raises(GenotypeError, match="'version' is given twice"):
        Genotype.from_json(text.replace('"version": 2,', '"version": 2, "version": 2,'))
    with pytest.raises(GenotypeError, match="nested too deeply"):
        Genotype.from_json("[" * 200_000)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_nothing_but_a_genotype_error_for_values_of_any_type(value):
    for route in (("cells",), (*NORMAL, "nodes"), (*NORMAL, "nodes", 0), (*NORMAL, "concat"), ("version",)):
        document = copy.deepcopy(json.loads(KNOWN["DARTS_V2"].to_json()))
        put(*route, value)(document)
        text = json.dumps(document)
        try:
            accepted = Genotype.from_json(text)
        except GenotypeError:
            continue
        assert json.loads(accepted.to_json()) == document


def test_check_operations_names_place_and_nearest():
    operations = {"none", "max_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_3x3"}
    check_operations(KNOWN["DARTS_V2"], operations)
    with pytest.raises(GenotypeError, match=r"normal node 3 \(state 5\): unknown operation 'dil_conv_3x3'") as caught:
        check_operations(KNOWN["DARTS_V2"], operations - {"dil_conv_3x3"} | {"dil_conv_5x5"})
    assert "Did you mean 'dil_conv_5x5'?" in str(caught.value)
