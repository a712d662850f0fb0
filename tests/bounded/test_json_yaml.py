"""Texts, JSON and YAML beyond what a file of ours can need are refused by name, in seconds."""

import json
import os
import threading
import time
from pathlib import Path

import pytest
import yaml

from darts_pl.bounded import parse_json, parse_yaml, read_json, read_text, read_yaml
from darts_pl.errors import ConfigError, GenotypeError, RunError
from darts_pl.genotype import read

SOON_S = 5.0


def laughs(levels: int) -> str:
    """YAML of some hundred bytes whose last list stands for 9 to the power of `levels` values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": {"b": 1, "b": 2}}', "key 'b' is given twice"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("[" * 200 + "]" * 200, "nested too deeply"),
        ('{\n "a": ' + "9" * 1_000_000 + "}", r"line 2, column 7: found a number of 1,000,000 characters"),
        ('{"a": 18446744073709551616}', "line 1, column 7: found 18446744073709551616, expected .* 64 bits"),
        ('{"a": 1e400}', "found 1e400, beyond"),
        ('{"a": -1e400}', "found -1e400, beyond"),
        ('{"a": 0.' + "1" * 200 + "}", "found a number of 202 characters"),
        ("[" + "0," * 2_000_000 + "0]", "found about 2,000,001 values"),
        ('{"a": 1,}', r"not valid JSON at line 1, column \d"),
        ("", "not valid JSON at line 1, column 1"),
    ],
)
def test_json_beyond_bounds(text: str, words: str) -> None:
    started = time.perf_counter()
    with pytest.raises(RunError, match=f"f.json: .*{words}|f.json: {words}"):
        parse_json(text, "f.json")
    assert time.perf_counter() - started < SOON_S


def test_json_within_bounds_is_what_the_library_reads() -> None:
    value = {"a": [1, -2.5, 1e-300, None, True, "ü"], "b": {"c": 2**63, "d": {}}, "e": 2**64 - 1}
    assert parse_json(json.dumps(value), "f.json") == value
    assert parse_json("[NaN, Infinity]", "f.json")[1] == float("inf")
    with pytest.raises(ConfigError, match=r"f.json: line 1, column 2: found NaN"):
        parse_json("[NaN, Infinity]", "f.json", error=ConfigError, finite=True)


def test_sixty_thousand_keys_take_no_minutes(tmp_path: Path) -> None:
    keys = ", ".join(f'"k{index}": "x"' for index in range(60_000))
    header = '"format": "darts_pl.genotype", "version": 1, "space": "module", "cells": {}'
    (tmp_path / "many.json").write_text(f'{{{header}, "choices": {{{keys}}}}}')
    (tmp_path / "twice.json").write_text(f'{{{header}, "choices": {{{keys}, "k59999": "x"}}}}')
    (tmp_path / "nni.json").write_text(
        json.dumps({f"normal/{part}_{2 + n // 30}_{n % 30}": 0 for n in range(9_000) for part in ("op", "input")})
    )
    started = time.perf_counter()
    assert len(read(tmp_path / "many.json").choices) == 60_000
    with pytest.raises(GenotypeError, match="'k59999' is given twice"):
        read(tmp_path / "twice.json")
    with pytest.raises(GenotypeError, match="reduce cell is missing"):
        read(tmp_path / "nni.json")
    assert time.perf_counter() - started < SOON_S


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (laughs(9), "found more than 100,000 values"),
        ("a: &a [*a]", r"line 1, column 8: found the alias \*a, expected one of a value that has ended"),
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1: key 'a' is given twice"),
        ("[" * 5_000, "nested too deeply|not valid YAML"),
        ("a: " + "9" * 1_000_000, "line 1, column 4: found a number of 1,000,000 characters"),
        ("a: !!int " + "'" + "9" * 5_000 + "'", "found a number of 5,000 characters"),
        ("a: 2001-13-41", "not valid YAML: month must be"),
        ("a: [1", "not valid YAML at line 2, column 1|not valid YAML at line 1"),
        ("a: !!python/object/apply:os.system [id]", "not valid YAML at line 1, column 4"),
        ("- x\n" * 150_000, "found more than 100,000 values"),
    ],
)
def test_yaml_beyond_bounds(text: str, words: str) -> None:
    started = time.perf_counter()
    with pytest.raises(RunError, match=f"c.yaml: .*({words})|c.yaml: ({words})"):
        parse_yaml(text, "c.yaml")
    assert time.perf_counter() - started < SOON_S


def test_yaml_with_aliases_is_what_the_library_reads() -> None:
    text = "base: &base {lr: 0.1, steps: [1, 2]}\nother:\n  <<: *base\n  lr: 0.2\ntext: 'ü'\nnone:\n"
    assert parse_yaml(text, "c.yaml") == yaml.safe_load(text)
    assert parse_yaml(laughs(3), "c.yaml") == yaml.safe_load(laughs(3))
    assert parse_yaml("", "c.yaml") is None


def test_files_are_bounded_before_they_are_read(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as stream:
        stream.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(RunError, match=r"large.json: larger than 16,777,216 bytes"):
        read_json(large)
    with pytest.raises(RunError, match=r"large.json: larger than 4,194,304 bytes"):
        read_yaml(large)
    with pytest.raises(RunError, match=r"none: cannot be read: No such file"):
        read_text(tmp_path / "none")
    with pytest.raises(RunError, match="expected a plain file"):
        read_text(tmp_path)
    (tmp_path / "latin").write_bytes(b"a\nb\xe4")
    with pytest.raises(RunError, match=r"latin, line 2: found the byte 0xe4, not text in UTF-8"):
        read_text(tmp_path / "latin")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found: list[str] = []

    def look() -> None:
        try:
            read_text(tmp_path / "pipe")
        except RunError as error:
            found.append(str(error))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(SOON_S)
    assert found and "expected a plain file" in found[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (json.dumps({"cells": {"normal": {"nodes": [[["none", 0]]] * 101, "concat": [2]}}}), "found 101 nodes"),
        (json.dumps({"cells": {"normal": {"nodes": [[["none", 0]] * 3_000], "concat": [2]}}}), "found 3,000 edges"),
        ("Genotype(normal=[" + "range(0, 1000), " * 60_000 + "])", "found 960,0.. characters, expected Genotype"),
        ("Genotype(" + "-" * 900 + "1, [], [], [])", "nested too deeply|expected the JSON of a|with two entries"),
        ("Genotype(normal=" + "a." * 20_000 + "b)", "nested too deeply|expected the JSON of a genotype"),
        ('{"version": ' + "9" * 5_000 + "}", "found a number of 5,000 characters"),
        ('{"version": "' + "9" * 5_000 + '"}', "found version '9{56}..., expected 1"),
        ("|" + "a" * 500_000 + "|+|b|+|c|", r"found 'a{56}\.\.\., expected an operation"),
    ],
)
def test_a_genotype_beyond_bounds(tmp_path: Path, text: str, words: str) -> None:
    if text.startswith('{"cells"'):
        text = '{"format": "darts_pl.genotype", "version": 1, "space": "cells", ' + text[1:].replace(
            "}}}", '}, "reduce": {}}}'
        )
    (tmp_path / "g.json").write_text(text)
    started = time.perf_counter()
    with pytest.raises(GenotypeError, match=words) as raised:
        read(tmp_path / "g.json")
    assert len(str(raised.value)) < 500
    assert time.perf_counter() - started < SOON_S
