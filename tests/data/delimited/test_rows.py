"""Every line of a file is a row or part of a cell: as Python's reader has it where a file is right, else refused."""

import csv
import io
import random
from pathlib import Path

import pytest

from darts_pl.data.delimited import Dialect, content, read_delimited
from darts_pl.errors import DataError

HEADER = "size,screen,label\n"
GOOD = "".join(f"{i}.5,plain,{'ab'[i % 2]}\n" for i in range(30))


def read(folder: Path, text: str | bytes, **dialect):
    path = folder / "my.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_delimited(path, Dialect(**dialect), lambda name: True)


def with_lines(**lines: str) -> str:
    found = (HEADER + GOOD).splitlines()
    for name, line in lines.items():
        found[int(name.removeprefix("line")) - 1] = line
    return "\n".join(found) + "\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (with_lines(line9='7.5,"5,b', line20='18.5,6",a'), "line 9, byte 5: .* closes in line 20 only, so that 12"),
        (with_lines(line9='7.5,"5,b', line10='8.5,6",a'), "line 9, byte 5: .* closes in line 10 only, so that 2"),
        (with_lines(line9='"7.5,5,b', line20='18.5",6,a'), "line 9, byte 1"),
        (with_lines(line9='7.5,5,"b', line20='18.5,6,a"'), "line 9, byte 7"),
        (
            with_lines(line9='7.5,"5,b', line20='18.5,"wide, flat",a'),
            "line 9, .*line 20, byte 6.* the text 'wide, flat",
        ),
        (with_lines(line9='7.5,"5" inch,b'), "line 9, byte 5: .* has the text ' inch,b' behind it"),
        (with_lines(line9='7.5,"5,b'), "line 9, byte 5: .* no other closes up to the end of the file"),
    ],
)
def test_a_stray_quotation_mark_is_named_where_it_opens(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(DataError, match=f"my.csv, {place}") as told:
        read(tmp_path, text)
    assert "data.quoting=none" in str(told.value)
    raw = read(tmp_path, text.replace("wide, flat", "wide flat"), quoting="none")
    assert len(raw.frame) == 30 and raw.frame.iloc[:, 0].str.strip('"').astype(float).tolist()[:3] == [0.5, 1.5, 2.5]


def test_a_cell_that_looks_like_rows_can_be_right(tmp_path: Path) -> None:
    text = with_lines(line9='7.5,"5,b', line20='18.5,6",a')
    assert len(read(tmp_path, text, quoting="cells").frame) == 30 - 11


def test_texts_of_several_lines_are_cells(tmp_path: Path) -> None:
    draw = random.Random(1)
    words = [
        "good, film",
        "bad",
        'so "so"',
        "line\nline",
        "a\n\nb",
        "well\r\nwell",
        "",
        "x, y\nz, w",
        "\u2028",
        '19" wide',
    ]
    rows = [[str(i), " ".join(draw.choices(words, k=4)), "ab"[i % 2]] for i in range(400)]
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        stream = io.StringIO()
        csv.writer(stream, quoting=quoting, lineterminator="\n").writerows([["id", "text", "label"], *rows])
        raw = read(tmp_path, stream.getvalue())
        assert raw.frame.fillna("").to_numpy().tolist() == rows
        lines = stream.getvalue().replace("\r\n", "\n").split("\n")
        starts = [lines[line - 1].lstrip('"').startswith(f"{row[0]}") for row, line in zip(rows, raw.frame.index)]
        assert all(starts), "each row knows its line"


def test_what_lies_over_the_end_of_a_block_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'a,b\r\n1,"x ""y""\r\n, z"\r\n\r\n007,"\u00e9"\r\n2,"""\n"""\r\n'
    expected = [["1", 'x "y"\r\n, z'], ["007", "\u00e9"], ["2", '"\n"']]
    for size in range(1, 24):
        monkeypatch.setattr(content, "BLOCK", size)
        raw = read(tmp_path, text)
        assert raw.frame.to_numpy().tolist() == expected and raw.frame.index.tolist() == [2, 5, 6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (with_lines(line9="7.5,plain"), "my.csv, line 9: found 2 values, expected 3 as in line 1"),
        (with_lines(line9="7.5,so, yes,b"), "line 9: found 4 values, expected 3 .* in quotation marks"),
        (with_lines(line9="7.5,plain", line12="1,2,3,4"), "line 9: found 2 values"),
        (with_lines(line2="7.5,plain,a,b"), "line 2: found 4 values"),
        (with_lines(line1="size,screen"), "line 2: found 3 values, expected 2"),
        (with_lines(line9="7.5,pl\rain,b"), "line 9: found 2 values"),
        (with_lines(line1="size,,label"), "column 2 of 3 has no name"),
        (with_lines(line1="size,size ,label"), "two columns are named 'size'"),
        ("\n" + HEADER + GOOD, "line 1 is empty, expected column names"),
        (HEADER, "holds no rows below its 3 column names"),
        ("", "is empty"),
        (" \n\n", "is empty"),
        (with_lines(line9="7.5,pl\0ain,b"), r"line 9: byte 7 of it is 0 \(NUL\)"),
        (with_lines().replace(",", ";"), r"Give its separator: \"data.separator=';'\""),
        (
            with_lines(line9="7.5,caf\u00e9,b").encode("cp1252"),
            "line 9: byte 8 of it is 0xe9, no utf-8.*encoding=cp1252",
        ),
        (with_lines().encode("utf-16"), "byte order mark of utf-16.* Give data.encoding=utf-16"),
        (with_lines().encode("utf-16-le"), r"line 1: byte 2 of it is 0 \(NUL\).*utf-16-le"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        (with_lines().replace("\n", "\r\n"), {}),
        (with_lines().replace("\n", "\r"), {}),
        ("\ufeff" + with_lines().rstrip("\n"), {}),
        (with_lines().encode("utf-16"), {"encoding": "utf-16"}),
        (with_lines().replace("plain", "caf\u00e9").encode("cp1252"), {"encoding": "cp1252"}),
        (with_lines().replace(",", "\t"), {"separator": r"\t"}),
    ],
)
def test_line_ends_and_encodings(tmp_path: Path, text: str | bytes, dialect: dict) -> None:
    raw = read(tmp_path, text, **dialect)
    assert list(raw.frame.columns) == ["size", "screen", "label"] and raw.frame.index.tolist() == list(range(2, 32))
    assert raw.frame["size"].astype(float).tolist() == [i + 0.5 for i in range(30)]


def test_empty_lines_are_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    raw = read(tmp_path, "a,b\n1,2\n\n3,4\n\n\n")
    assert raw.frame.index.tolist() == [2, 4] and "3 empty lines are left out, the first is line 3" in caplog.text
    raw = read(tmp_path, "a,b\n1,2\n,\n3,4\n")
    assert (
        raw.frame.index.tolist() == [2, 4] and "1 rows without a value are left out, the first in line 3" in caplog.text
    )
