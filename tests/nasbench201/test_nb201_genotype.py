"""The genotype of NAS-Bench-201: its three writings, its files, and what is refused."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darts_pl.errors import GenotypeError
from darts_pl.genotype import KNOWN, Edge, Nasbench201Genotype, check_operations, check_space, from_json, read

NAMES = {"0": "none", "1": "skip_connect", "2": "nor_conv_1x1", "3": "nor_conv_3x3", "4": "avg_pool_3x3"}
PUBLISHED = {  # architectures 0 and 1 of the benchmark, in both writings
    "421211": "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "334131": "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
}
CODES = st.text("01234", min_size=6, max_size=6)


def written_out(digits: str) -> str:
    """The published text of a code, by its definition."""
    a, b, c, d, e, f = (NAMES[digit] for digit in digits)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


@pytest.mark.parametrize("digits", PUBLISHED)
def test_published_cells_in_both_writings(digits):
    assert Nasbench201Genotype.from_digits(digits).text == PUBLISHED[digits]
    assert Nasbench201Genotype.from_text(PUBLISHED[digits]).digits == digits


@given(CODES)
@settings(max_examples=300, deadline=None)
def test_every_code_survives_text_and_json(digits):
    genotype = Nasbench201Genotype.from_digits(digits)
    assert genotype.text == written_out(digits)
    assert Nasbench201Genotype.from_text(genotype.text) == genotype == from_json(genotype.to_json())
    assert genotype.digits == digits


def test_all_codes_are_different_texts():
    codes = [
        f"{a}{b}{c}{d}{e}{f}" for a in NAMES for b in NAMES for c in NAMES for d in NAMES for e in NAMES for f in NAMES
    ]
    texts = {Nasbench201Genotype.from_digits(code).text for code in codes}
    assert len(texts) == len(codes) == 15625


def test_cells_hold_the_six_edges_by_node():
    (kind, cell), *others = Nasbench201Genotype.from_digits("012343").cells.items()
    assert kind == "cell" and not others
    assert cell.nodes == (
        (Edge("none", 0),),
        (Edge("skip_connect", 0), Edge("nor_conv_1x1", 1)),
        (Edge("nor_conv_3x3", 0), Edge("avg_pool_3x3", 1), Edge("nor_conv_3x3", 2)),
    )
    assert (cell.first_state, cell.concat) == (1, (3,))


def test_every_way_of_naming_a_cell_is_read(tmp_path):
    genotype = Nasbench201Genotype.from_digits("334131")
    (tmp_path / "cell.txt").write_text(PUBLISHED["334131"] + "\n", encoding="utf-8")
    genotype.save(tmp_path / "genotype_best.json")
    for spec in (
        "nasbench201:334131",
        "NASBench201:334131",
        PUBLISHED["334131"],
        tmp_path / "cell.txt",
        tmp_path / "genotype_best.json",
        tmp_path,
    ):
        assert read(spec) == genotype


def test_an_operation_of_ones_own_has_a_text_and_no_digit():
    genotype = replace(Nasbench201Genotype.from_digits("000000"), operations=("my_conv_3x3", *["none"] * 5))
    assert Nasbench201Genotype.from_text(genotype.text) == genotype
    with pytest.raises(GenotypeError, match=r"'my_conv_3x3' has no digit.*'nor_conv_3x3'"):
        _ = genotype.digits


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("|none~0|+|none~0|none~1|", "found 2 nodes"),
        (
            "|none~0|+|none~0|none~1|+|none~0|none~1|",
            r"node 2 \(state 3\): found the sources \[0, 1\], expected \[0, 1, 2\]",
        ),
        ("|none~0|+|none~1|none~0|+|none~0|none~1|none~2|", r"node 1 \(state 2\): found the sources \[1, 0\]"),
        ("|none~0|+|none~0|none|+|none~0|none~1|none~2|", "found 'none', expected an operation and its source"),
        ("none~0+|none~0|none~1|+|none~0|none~1|none~2|", r"node 0 \(state 1\)"),
        ("|~0|+|none~0|none~1|+|none~0|none~1|none~2|", "expected the name of an operation"),
    ],
)
def test_malformed_texts_are_refused_with_their_place(text, words):
    with pytest.raises(GenotypeError, match=words):
        Nasbench201Genotype.from_text(text)


@pytest.mark.parametrize("digits", ["", "42121", "4212111", "521111", "42a211", "٣٣٣٣٣٣"])
def test_malformed_codes_are_refused(digits):
    with pytest.raises(GenotypeError, match="six digits from 0 to 4"):
        read(f"nasbench201:{digits}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"space": "nasbench20"}, "space 'nasbench20', which does not exist. Did you mean 'nasbench201'"),
        ({"version": 3}, "version 3, expected 1 or 2"),
        ({"cells": {"cel": {}}}, "Did you mean 'cell'"),
        ({"cells": {"cell": {"nodes": [], "concat": [3]}}}, "expected a list with at least one node"),
        (
            {"cells": {"cell": {"nodes": [[["none", 0]]] * 3, "concat": [3]}}},
            r"node 1 \(state 2\): found the sources \[0\]",
        ),
        ({"cells": {"cell": {"nodes": [[["none", 0]]], "concat": [1]}}}, r"found 1 nodes with the concat \[1\]"),
    ],
)
def test_malformed_files_are_refused_with_their_place(change, words):
    document = {**json.loads(Nasbench201Genotype.from_digits("111111").to_json()), **change}
    with pytest.raises(GenotypeError, match=words):
        from_json(json.dumps(document))


def test_unknown_operations_and_other_spaces_are_named():
    text = "|none~0|+|none~0|nor_con_3x3~1|+|none~0|none~1|none~2|"
    with pytest.raises(GenotypeError, match=r"cell node 1 \(state 2\): unknown operation.*'nor_conv_3x3'"):
        check_operations(read(text), NAMES.values())
    with pytest.raises(GenotypeError, match="Take space=nasbench201"):
        check_space(read(text), "cells")
    check_space(KNOWN["DARTS_V2"], "cells")
