"""Codes and words of a table: kept as they are written, and the same for a saved model however a frame was read."""

import io
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from darts_pl.data.tables import TablePreprocessing, csv_table_data
from darts_pl.errors import DataError

CODES = ["00501", "501", "007", "7", "94103", "02134", "2134", "10001"]


def coded(folder: Path, codes: list[str], **options):
    path = folder / "my.csv"
    rows = [f"{codes[i % len(codes)]},{i % 13}.5,{'ab'[i % 8 in (0, 2, 5)]}" for i in range(80)]
    path.write_text("\n".join(["zip,size,label", *rows]) + "\n", encoding="utf-8")
    data = csv_table_data(str(path), "label", batch_size=4, **options)
    data.prepare()
    return path, data, TablePreprocessing.from_plain(data.preprocessing.to_plain())


def test_codes_are_distinct_and_read_as_text_or_refused(tmp_path: Path) -> None:
    path, data, saved = coded(tmp_path, CODES, categories=["zip"])
    (column,) = [each for each in saved.inputs[""] if each.name == "zip"]
    assert column.values == tuple(sorted(CODES))
    as_text = pd.read_csv(path, dtype=str)
    x = torch.cat([data.train_rows()[0], data.test_rows()[0]])
    found = saved.transform(as_text)
    assert torch.equal(found, x[np.argsort(np.concatenate(data.rows))])
    assert torch.equal(found[:, :8].argmax(1), torch.tensor([sorted(CODES).index(CODES[i % 8]) for i in range(80)]))
    with pytest.raises(DataError, match=r"column 'zip': found numbers, .* '00501' is lost.*dtype=\{'zip': str\}"):
        saved.transform(pd.read_csv(path))
    with pytest.raises(DataError, match=r"line 3, column 'zip': '501' and '00501' \(line 2\) would become one number"):
        coded(tmp_path, CODES)


@pytest.mark.parametrize(
    "codes", [["7", "8", "9"], ["7", "", "9"], ["1.5", "2.25"], ["True", "False"], ["true", "false"]]
)
def test_readings_that_lose_nothing_are_the_same(tmp_path: Path, codes: list[str]) -> None:
    path, data, saved = coded(tmp_path, codes, categories=["zip"])
    readings = [pd.read_csv(path, dtype=str), pd.read_csv(path), pd.read_csv(path, dtype=str, keep_default_na=False)]
    first, *others = (saved.transform(frame) for frame in readings)
    x = torch.cat([data.train_rows()[0], data.test_rows()[0]])
    assert torch.equal(first, x[np.argsort(np.concatenate(data.rows))])
    assert all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("codes", [["1.0", "2.0"], ["1e3", "7"], ["+1", "2"], ["123456789012345678", "", "7"]])
def test_readings_that_lose_a_code_are_refused(tmp_path: Path, codes: list[str]) -> None:
    path, _, saved = coded(tmp_path, codes, categories=["zip"])
    assert saved.transform(pd.read_csv(path, dtype=str)).shape[0] == 80
    with pytest.raises(DataError, match="column 'zip': found numbers, in which a category"):
        saved.transform(pd.read_csv(path))


def test_words_that_pandas_takes_for_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path, data, saved = coded(tmp_path, ["NA", "EU", "", "AS"])
    assert "zip: 3 categories (AS, EU, NA); NA in 20 rows is a word like others" in caplog.text
    assert ", 20 missing" in caplog.text and data.preprocessing.features[""][:4] == [
        *("zip=AS", "zip=EU", "zip=NA", "zip is missing"),
    ]
    right = saved.transform(pd.read_csv(path, keep_default_na=False))
    assert torch.equal(right, saved.transform(pd.read_csv(path, keep_default_na=False, na_values=[""])))
    assert right[:4, :4].tolist() == [[0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]]
    with pytest.raises(DataError, match=r"column 'zip': nothing is found in 40 rows \(first row 1\), while 'NA'"):
        saved.transform(pd.read_csv(path))
    _, data, _ = coded(tmp_path, ["NA", "EU", "", "AS"], missing_words=["NA"])
    assert data.preprocessing.features[""][:3] == ["zip=AS", "zip=EU", "zip is missing"]
    assert "zip: 2 categories (AS, EU), 40 missing" in caplog.text


def test_words_for_missing_numbers_are_refused_until_they_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 3, column 'zip': found 'NA'.*data.missing_words=\['NA'\]"):
        coded(tmp_path, ["1.5", "NA", "2.5"])
    for words in (["NA"], "usual"):
        _, data, _ = coded(tmp_path, ["1.5", "NA", "2.5"], missing_words=words)
        assert data.preprocessing.features[""] == ["zip", "zip is missing", "size"]


def test_an_unknown_category_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, _, saved = coded(tmp_path, ["x", "y"])
    rows = pd.read_csv(io.StringIO("zip,size\nx,1\nz,2\n"))
    assert saved.transform(rows)[1, :2].tolist() == [0, 0]
    assert "column 'zip': 1 of 2 rows hold categories that the training had none of, such as 'z'" in caplog.text


def test_types_of_wide_tables_are_summed_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    names = [f"f{i}" for i in range(200)]
    rows = [",".join([*(str(i * k % 7) for k in range(199)), "pq"[i % 2], "ab"[i % 2]]) for i in range(40)]
    (tmp_path / "wide.csv").write_text("\n".join([",".join([*names, "y"]), *rows]))
    csv_table_data(str(tmp_path / "wide.csv"), "y", batch_size=4).prepare()
    assert "wide.csv: 40 rows, 201 columns" in caplog.text and "f1: 40 numbers from 0 to 6" in caplog.text
    assert "176 further columns: 174 of numbers, 2 of categories" in caplog.text and len(caplog.records) < 40


def test_the_kinds_of_a_test_file_are_those_of_the_training_file(tmp_path: Path) -> None:
    def written(name: str, codes: list[str]) -> str:
        rows = [f"{code},{i},{'ab'[i % 2]}" for i, code in enumerate(codes * 8)]
        (tmp_path / name).write_text("\n".join(["code,size,y", *rows]) + "\n")
        return str(tmp_path / name)

    words, digits = written("words.csv", ["A", "B", "07"]), written("digits.csv", ["07", "7"])
    data = csv_table_data(words, "y", test=digits, batch_size=2)
    assert data.preprocessing.features[""][:3] == ["code=07", "code=A", "code=B"]
    assert data.test_rows()[0][:2, :3].tolist() == [[1, 0, 0], [0, 0, 0]]
    with pytest.raises(DataError, match=r"words.csv, line 2, column 'code': found 'A', .*holds numbers in .*rs.csv"):
        csv_table_data(written("numbers.csv", ["1", "2"]), "y", test=words, batch_size=2).prepare()


def test_a_search_and_its_retraining_hold_one_table(tmp_path: Path) -> None:
    path, search, _ = coded(tmp_path, ["x", "y"])
    retraining = csv_table_data(str(path), "label", batch_size=4, purpose="retrain")
    assert retraining.table is search.table and retraining.train_rows()[0] is search.train_rows()[0]
    path.write_text(path.read_text().replace("x,", "xx,"))
    other = csv_table_data(str(path), "label", batch_size=4)
    assert other.table is not search.table and other.fingerprint != search.fingerprint


def test_texts_of_a_parquet_file_stay_categories_unless_they_are_numbers_of_another_notation(tmp_path: Path) -> None:
    frame = pd.DataFrame({"zip": ["00501", "501"] * 20, "price": ["1,5", "2,25"] * 20, "y": list("aabb") * 10})
    frame.to_parquet(tmp_path / "my.parquet")
    with pytest.raises(DataError, match=r"my.parquet, row 1, column 'price': found '1,5'.*data.decimal=','"):
        csv_table_data(str(tmp_path / "my.parquet"), "y", batch_size=2).prepare()
    data = csv_table_data(str(tmp_path / "my.parquet"), "y", batch_size=2, decimal=",")
    assert data.preprocessing.features[""] == ["zip=00501", "zip=501", "price"]
    frame.assign(price=[1.5, 2.25] * 20).to_parquet(tmp_path / "typed.parquet")
    data = csv_table_data(str(tmp_path / "typed.parquet"), "y", batch_size=2)
    assert data.preprocessing.features[""] == ["zip=00501", "zip=501", "price"]


def test_categories_that_blanks_keep_apart_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    coded(tmp_path, ["x", "x ", "y"])
    assert "column 'zip': 'x' and 'x ' are two categories" in caplog.text
