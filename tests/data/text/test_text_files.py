"""Files of texts: every form that is read, and every refusal with its line."""

from pathlib import Path

import pytest

from darts_pl.data.text import text_data
from darts_pl.errors import ConfigError, DataError


def written(folder: Path, content: str | bytes, name: str = "my.txt") -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


LINES = "pos good film\nneg bad film\npos very good\nneg so bad\n" * 3


def test_lines_of_labels_and_texts(tmp_path) -> None:
    data = text_data(written(tmp_path, LINES.replace("\n", "\r\n")), batch_size=2)
    data.prepare()
    texts, codes = data.train_texts()
    assert data.outputs == 2 and data.classes == ("neg", "pos") and len(texts) + len(data.test_texts()[0]) == 12
    assert all((code == 1) == ("good" in text) for text, code in zip(texts, codes["label"]))


@pytest.mark.parametrize(
    ("name", "mark", "separator"), [("my.csv", ",", None), ("my.tsv", "\t", None), ("a", ";", ";")]
)
def test_tables_with_several_tasks(tmp_path, name: str, mark: str, separator: str | None) -> None:
    cell = f'"with{mark} mark and\nline, ""quoted"" \u2028 NA"'
    rows = [mark.join(("id", "review", "mood", "topic"))]
    rows += [mark.join((str(i), cell if i % 2 else "NA", "ab"[i % 2], "xyz"[i % 3])) for i in range(12)]
    path = written(tmp_path, "\ufeff" + "\n".join(rows) + "\n", name)
    settings = {"text": "review", "labels": ["mood", "topic"], "separator": separator}
    data = text_data(path, test=path, batch_size=2, **settings)
    data.prepare()
    assert data.outputs == {"mood": 2, "topic": 3}
    texts, codes = data.train_texts()
    assert texts[:2] == ["NA", f'with{mark} mark and\nline, "quoted" \u2028 NA'] and codes["topic"][:3].tolist() == [
        0,
        1,
        2,
    ]
    assert text_data(path, tasks=["topic"], batch_size=2, **settings).outputs == 3


def test_a_stray_quotation_mark_swallows_no_texts(tmp_path, caplog) -> None:
    caplog.set_level("INFO")
    rows = [f"text number {i}\t{'good' if i % 2 else 'bad'}" for i in range(60)]
    rows[10], rows[34] = '"Bravo, said nobody\tbad', 'what a day, they said"\tbad'
    path = written(tmp_path, "\n".join(["text\tlabel", *rows]) + "\n", "my.tsv")
    with pytest.raises(DataError, match=r"my.tsv, line 12, byte 1: .*closes in line 36 only.*data.quoting=none"):
        text_data(path).prepare()
    data = text_data(path, quoting="none", batch_size=2)
    data.prepare()
    texts = [*data.train_texts()[0], *data.test_texts()[0]]
    assert len(texts) == 60 and {'"Bravo, said nobody', 'what a day, they said"'} <= set(texts)
    assert "my.tsv: 60 rows" in caplog.text and "label: 2 categories (bad, good)" in caplog.text


def test_another_encoding(tmp_path) -> None:
    path = written(tmp_path, LINES.encode() + "pos café\n".encode("latin-1") * 2)
    with pytest.raises(
        DataError, match=r"my.txt, line 13: byte 8 of it is 0xe9, no utf-8\. .* data.encoding=cp1252 or latin-1"
    ):
        text_data(path).prepare()
    data = text_data(path, encoding="latin-1", batch_size=2)
    data.prepare()
    assert "café" in data.train_texts()[0] + data.test_texts()[0]
    with pytest.raises(ConfigError, match=r"data.encoding='latin-33' is unknown"):
        text_data(path, encoding="latin-33").prepare()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "my.txt is empty"),
        ("a b\n\na c\n", "my.txt, line 2 is empty, expected a label and a text"),
        ("a b\nb\n", "my.txt, line 2: found 'b', expected a label, a space and a text"),
        ("a b\n b c\n", "my.txt, line 2: found 'b c', expected a label"),
        ("a b\na c\n", "every 'label' is 'a', expected two classes"),
        ("a b\nb c\n", "2 texts are too few to hold out 0.2"),
    ],
)
def test_lines_that_are_refused(tmp_path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        text_data(written(tmp_path, content), batch_size=1).prepare()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\n", "holds no rows below its 2 column names"),
        ("text,label\nx,a\ny\n", r"my.csv, line 3: found 1 values, expected 2 as in line 1\.$"),
        ("text,label\nx,a\nso, yes,b\n", r"my.csv, line 3: found 3 values, expected 2 .* in quotation marks"),
        ('text,label\n"two\nlines",a\n,b\n', "my.csv, line 4: the column 'text' is empty"),
        ("text,label\nx,a\ny,\n", "my.csv, line 3: the column 'label' is empty"),
        ("text,text,label\nx,y,a\n", "two columns are named 'text'"),
        (
            'text,label\nx,a\n"y,b\n',
            "my.csv, line 3, byte 1: a quotation mark opens the cell '\"y,b', which no other closes",
        ),
    ],
)
def test_tables_that_are_refused(tmp_path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        text_data(written(tmp_path, content, "my.csv")).prepare()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"text": "txt"}, r"has no column 'txt'\. Did you mean 'text'"),
        ({"labels": ["label", "labels"]}, r"has no column 'labels'\. Did you mean 'label'"),
        ({"labels": []}, r"data.labels: found \[\]"),
        ({"labels": "text"}, r"data.labels: found \['text'\]"),
        ({"separator": "::"}, "data.separator='::': expected one character"),
    ],
)
def test_settings_that_are_refused(tmp_path, settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        text_data(written(tmp_path, "text,label\nx,a\ny,b\n", "my.csv"), **settings).prepare()


def test_test_files(tmp_path) -> None:
    train = written(tmp_path, LINES)
    with pytest.raises(DataError, match=r"mine.txt is no file\. Did you mean 'my.txt'"):
        text_data(train, test=str(tmp_path / "mine.txt")).prepare()
    test = written(tmp_path, "pos good\npoz good\n", "test.txt")
    with pytest.raises(DataError, match=r"line 2: no training text is of the label 'poz'\. Did you mean 'pos'"):
        text_data(train, test=test, batch_size=2).prepare()
