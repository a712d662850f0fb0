"""One's own table: what it gives, and what is refused with file, row and column."""

from pathlib import Path

import numpy as np
import pytest
import torch

from darts_pl.data.tables import csv_table_data
from darts_pl.errors import ConfigError, DataError
from darts_pl.inputs import TensorInput
from darts_pl.tasks import BinaryClassification, Classification, Regression


def written(folder: Path, text: str, name: str = "my.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def rows(target: list, header: str = "age,town,y") -> str:
    return "\n".join([header, *(f"{20 + i * 3 % 7},{'ABC'[i % 3]},{value}" for i, value in enumerate(target))]) + "\n"


FOUR = rows(["no", "yes"] * 8)


@pytest.mark.parametrize(
    ("target", "kind", "outputs", "classes"),
    [
        (["no", "yes"] * 8, BinaryClassification, 1, ("no", "yes")),
        ([0, 1] * 8, BinaryClassification, 1, ("0", "1")),
        ([10, 9, 2, 9, 10, 2] * 4, Classification, 3, ("2", "9", "10")),
        ([0.5 * i for i in range(20)], Regression, 1, ()),
        (list(range(30)), Regression, 1, ()),
    ],
)
def test_the_task_is_that_of_the_target(tmp_path, target: list, kind: type, outputs: int, classes: tuple) -> None:
    data = csv_table_data(written(tmp_path, rows(target)), "y", batch_size=4)
    data.prepare()
    assert isinstance(data.task, kind) and (data.outputs, data.classes) == (outputs, classes)
    assert data.input_shape == TensorInput((4,))
    if classes:
        everything = torch.cat([data.train_rows()[1], data.test_rows()[1]])
        assert sorted(everything.tolist()) == sorted(classes.index(str(value)) for value in target)


def test_several_tables_targets_and_codes(tmp_path) -> None:
    text = "a,b,code,y,z\n" + "".join(f"{i % 5},{i % 3},{i % 4},{i},{i * i / 2}\n" for i in range(40))
    data = csv_table_data(
        written(tmp_path, text),
        ["y", "z"],
        {"one": ["a"], "two": ["a", "code"]},
        categories=["code"],
        batch_size=8,
    )
    data.prepare()
    assert data.input_shape == {"one": TensorInput((1,)), "two": TensorInput((5,))} and data.outputs == 2
    x, y = data.on_after_batch_transfer(next(iter(data.test_dataloader())), 0)
    assert x["two"].shape == (8, 5) and y.shape == (8, 2) and data.task.loss(torch.zeros(8, 2), y) > 0


def test_a_test_file(tmp_path) -> None:
    train, test = written(tmp_path, FOUR), written(tmp_path, "y,age,town\nyes,1,Z\nno,30,A\n", "test.csv")
    data = csv_table_data(train, "y", test=test, batch_size=4)
    assert data.training_count == 16 and data.test_rows()[1].tolist() == [1, 0]
    assert data.test_rows()[0][0, 1:].tolist() == [0, 0, 0], "an unknown town"
    unknown = written(tmp_path, "y,age,town\nyes,1,Z\nnope,30,A\nnope,31,A\n", "test.csv")
    with pytest.raises(DataError, match=r"test.csv, line 3, column 'y': no training row is of the class 'nope'"):
        csv_table_data(train, "y", test=unknown, batch_size=4).prepare()
    other = written(tmp_path, "y,aged,town\nyes,1,Z\n", "test.csv")
    with pytest.raises(DataError, match=r"test.csv has no column 'age', expected those of .*Did you mean 'aged'"):
        csv_table_data(train, "y", test=other).prepare()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "my.csv is empty"),
        ("age,town,y\n", "holds no rows below its 3 column names"),
        ("age,age,y\n1,2,3\n", "two columns are named 'age'"),
        ("y\n1\n2\n", "found no column but the target"),
        (FOUR + "30,A,\n31,B,yes\n32,B,\n", r"my.csv, line 18, column 'y': the target is missing, as in 1 other rows"),
        (rows([0.5, 1.5, ""]), r"my.csv, line 4, column 'y': the target is missing\. Leave"),
        (rows([0.5, 1.5, "nan"]), r"line 4, column 'y': found 'nan', expected a number .*data.missing_words=\['nan'\]"),
        (rows([0.5, 1.5, "inf"]), r"my.csv, line 4, column 'y': found 'inf', not finite"),
        (FOUR + "-inf,A,no\n", r"my.csv, line 18, column 'age': found '-inf', not finite"),
        (FOUR + "3O,A,no\n", r"my.csv, line 18, column 'age': found '3O', expected a number as in other rows"),
        (FOUR + "3,A,maybe\n", r"my.csv, line 18, column 'y': the class 'maybe' has only this row"),
        (rows(["yes"] * 9), r"column 'y': every row is of the class 'yes', expected two or more"),
        (rows([1.5] * 9), r"column 'y': the spread of the training rows is 0.0"),
        (FOUR.replace(",", ";"), r"Give its separator: \"data.separator=';'\""),
    ],
)
def test_files_that_are_refused(tmp_path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        csv_table_data(written(tmp_path, text), "y", batch_size=2).prepare()


def test_a_missing_file_names_its_neighbour(tmp_path) -> None:
    written(tmp_path, FOUR)
    with pytest.raises(DataError, match=r"mine.csv is no file\. Did you mean 'my.csv'"):
        csv_table_data(str(tmp_path / "mine.csv"), "y").prepare()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "Y"}, r"data.target: .*my.csv has no column 'Y'\. Choose one of: age, town, y"),
        ({"target": "towns"}, r"no column 'towns'\. Did you mean 'town'"),
        ({"target": []}, "data.target: found no column"),
        ({"target": ["y", "age"]}, r"data.target: 'y' of .* holds 'no', no numbers"),
        ({"tables": {"one": ["agee"]}}, r"data.tables.one: .*no column 'agee'\. Did you mean 'age'"),
        ({"tables": {"one": ["age", "y"]}}, r"data.tables.one: 'y' is the target"),
        ({"tables": {"one": []}}, r"data.tables.one: found no column"),
        ({"tables": {}}, r"data.tables: found no table"),
        ({"categories": ["twn"]}, r"data.categories: .*Did you mean 'town'"),
    ],
)
def test_settings_that_are_refused(tmp_path, settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        csv_table_data(written(tmp_path, FOUR), **{"target": "y", "batch_size": 2, **settings}).prepare()


def test_the_fingerprint_is_that_of_the_values(tmp_path) -> None:
    first, second = (csv_table_data(written(tmp_path, text, f"{i}.csv"), "y") for i, text in enumerate((FOUR, FOUR)))
    other = csv_table_data(written(tmp_path, FOUR.replace("20,A", "20.5,A"), "other.csv"), "y")
    assert first.fingerprint == second.fingerprint != other.fingerprint
    assert np.array_equal(first.rows[1], second.rows[1])
