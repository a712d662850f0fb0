"""Reading genotypes: the original text, NNI's JSON, run folders and known names; nothing is evaluated."""

import json

import pytest

from darts_pl.errors import GenotypeError
from darts_pl.genotype import (
    KNOWN,
    Cell,
    Edge,
    Genotype,
    from_nni,
    from_original_text,
    read,
    to_nni,
    to_original_text,
)

DARTS_V1_TEXT = """DARTS_V1 = Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0),
    ('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)],
    normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2),
    ('max_pool_3x3', 0), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)],
    reduce_concat=[2, 3, 4, 5])
"""
SMALL = "normal=[('a', 0), ('b', 1)], normal_concat=[2], reduce=[('a', 0), ('b', 1)], reduce_concat=[2]"
ALL_STATES = [name for name in KNOWN if name not in ("NASNet", "AmoebaNet")]


@pytest.mark.parametrize("name", KNOWN)
def test_known_genotypes_survive_every_form(name, tmp_path):
    genotype = KNOWN[name]
    assert read(genotype.save(tmp_path / "ours.json")) == genotype
    (tmp_path / "original.txt").write_text(f"BEST = {to_original_text(genotype)}\n")
    assert read(tmp_path / "original.txt") == genotype
    assert len(genotype.normal.nodes) == (5 if name in ("NASNet", "AmoebaNet") else 4)


@pytest.mark.parametrize("name", ALL_STATES)
def test_nni_round_trip(name, tmp_path):
    architecture = to_nni(KNOWN[name])
    assert from_nni(architecture) == KNOWN[name]
    (tmp_path / "nni.json").write_text(json.dumps({"width": 36, "depth": 20, **architecture}))
    assert read(str(tmp_path / "nni.json")) == KNOWN[name]
    plain = {key: value[0] if isinstance(value, list) else value for key, value in architecture.items()}
    assert from_nni(plain) == KNOWN[name]


def test_nni_keys_name_states_and_edges():
    architecture = to_nni(KNOWN["DARTS_V2"])
    assert architecture["normal/op_5_1"] == "dil_conv_3x3"
    assert architecture["normal/input_5_1"] == [2]
    assert len(architecture) == 2 * 4 * 2 * 2


def test_original_text_as_published(tmp_path):
    for text in (DARTS_V1_TEXT, DARTS_V1_TEXT.split(" = ", 1)[1], "# searched\n" + DARTS_V1_TEXT):
        assert from_original_text(text) == KNOWN["DARTS_V1"]
    ranges = DARTS_V1_TEXT.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=range(2, 6)")
    ranges = ranges.replace("reduce_concat=[2, 3, 4, 5]", "reduce_concat=list(range(2, 6))")
    (tmp_path / "genotype.py").write_text(ranges)
    assert read(tmp_path / "genotype.py") == KNOWN["DARTS_V1"]


def test_two_entries_of_the_flat_list_belong_to_one_node():
    nodes = from_original_text(DARTS_V1_TEXT).normal.nodes
    assert nodes[3] == (Edge("sep_conv_3x3", 0), Edge("skip_connect", 2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import os", "expected one Genotype"),
        (f"Genotype({SMALL})\nGenotype({SMALL})", "expected one Genotype"),
        (f"genotypes.Genotype({SMALL})", "expected one Genotype"),
        (f"Genotype({SMALL}", "never closed"),
        ("Genotype\0", "expected the JSON of a genotype or Genotype"),
        (f"Genotype({SMALL.replace('[2]', '__import__(chr(111))', 1)})", "normal_concat: found '__import__"),
        (f"Genotype({SMALL.replace('[2]', '[x for x in (2,)]', 1)})", "normal_concat: found"),
        (f"Genotype({SMALL.replace('[2]', 'range(10**30)', 1)})", "normal_concat: found"),
        (f"Genotype({SMALL.replace('[2]', 'range(999999999999)', 1)})", "expected whole numbers"),
        (f"Genotype({SMALL.replace('[2]', 'range(2, 3, 0)', 1)})", "expected whole numbers"),
        (f"Genotype({SMALL.replace('normal_concat', 'normal_conct')})", "Did you mean 'normal_concat'?"),
        (f"Genotype({SMALL.replace(', reduce_concat=[2]', '')})", "'reduce_concat' is missing"),
        (f"Genotype({SMALL.replace('1)', '-1)')})", "source -1"),
        (f"Genotype({SMALL.replace('1)', '-(-1))').replace('0)', '-None)')})", "found '-None'"),
        (
            "Genotype(normal=[('a', 0)], normal_concat=[2], reduce=[], reduce_concat=[2])",
            "normal: found 1 entries",
        ),
        (f"Genotype({SMALL}, **extra)", "unknown field None"),
        (f"Genotype([], {SMALL})", "given twice"),
    ],
)
def test_original_text_is_parsed_and_never_evaluated(text, words):
    with pytest.raises(GenotypeError) as caught:
        from_original_text(text, "genotype.txt")
    assert str(caught.value).startswith("genotype.txt: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda nni: nni.pop("normal/input_4_1"),
            "normal node 2 (state 4): key 'normal/input_4_1' is missing",
        ),
        (lambda nni: nni.pop("normal/op_3_0"), "normal node 1 (state 3): key 'normal/op_3_0' is missing"),
        (
            lambda nni: [nni.pop(key) for key in list(nni) if "_3_" in key and "reduce" in key],
            "reduce node 1",
        ),
        (lambda nni: [nni.pop(key) for key in list(nni) if "reduce" in key], "the reduce cell is missing"),
        (lambda nni: nni.update({"normal/ops_2_0": "a"}), "unknown key 'normal/ops_2_0'"),
        (lambda nni: nni.update({"normal/op_1_0": "a"}), "normal: found state 1"),
        (
            lambda nni: nni.update({"normal/input_2_0": [0, 1]}),
            "normal node 0 (state 2), edge 0: found source [0, 1]",
        ),
        (lambda nni: nni.update({"normal/input_2_0": 2}), "source 2, expected a state from 0 to 1"),
    ],
)
def test_damaged_nni_architectures_are_refused(edit, words):
    architecture = to_nni(KNOWN["DARTS_V2"])
    edit(architecture)
    with pytest.raises(GenotypeError) as caught:
        from_nni(architecture, "nni.json")
    assert words in str(caught.value)


def test_writers_refuse_what_their_form_cannot_say():
    single = Cell(((Edge("skip_connect", 0),),), (2,))
    with pytest.raises(GenotypeError, match="normal node 0: found 1 edges"):
        to_original_text(Genotype(single, single))
    with pytest.raises(GenotypeError, match="reduce concat: found"):
        to_nni(Genotype(KNOWN["NASNet"].normal, KNOWN["NASNet"].reduce))


def test_known_names_in_any_case_and_before_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "PDARTS").mkdir()
    assert read("pdarts") == KNOWN["PDARTS"] == read("PDARTS")
    assert read("amoebanet") == KNOWN["AmoebaNet"]
    with pytest.raises(GenotypeError, match=r"PDARTS: a folder without genotype_best\.json"):
        read("./PDARTS")


def test_a_run_folder_gives_its_best_genotype(tmp_path):
    KNOWN["PC_DARTS_CIFAR"].save(tmp_path / "genotype_best.json")
    assert read(tmp_path) == KNOWN["PC_DARTS_CIFAR"]


def test_nothing_found_names_the_places_and_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GenotypeError, match=r"Did you mean 'DARTS_V2'\?") as caught:
        read("darts_v2x")
    assert str(tmp_path / "darts_v2x" / "genotype_best.json") in str(caught.value)
    with pytest.raises(GenotypeError, match=r"Did you mean 'AmoebaNet'\?"):
        read("amoebanett")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"[1]", "found list"),
        (b'{"cells": 1}', "'format' is missing"),
        (b" " * (1 << 20) + b"{}", "larger than"),
    ],
)
def test_files_that_are_no_genotypes_are_named(content, words, tmp_path):
    (tmp_path / "g.json").write_bytes(content)
    with pytest.raises(GenotypeError, match=words) as caught:
        read(tmp_path / "g.json")
    assert str(tmp_path / "g.json") in str(caught.value)
