"""Pickles of the CIFAR batches are read; anything that would call another function is refused before it is called."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from darts_pl.data.unpickle import unpickle
from darts_pl.errors import DataError

# What Python 2 and numpy 1 write for {"data": array([[7, 8]], uint8), "labels": [3]} (protocol 2, str keys).
PYTHON_2 = (
    b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85"
    b"U\x01b\x87Rq\x05(K\x01K\x01K\x02\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNN"
    b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x02\x07\xf8tbU\x06labelsq\x08]q\tK\x03au."
)


def test_a_batch_of_python_2() -> None:
    batch = unpickle(PYTHON_2, "data_batch_1")
    assert batch["data"].dtype == np.uint8 and batch["data"].tolist() == [[7, 248]] and batch["labels"] == [3]


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_a_batch_of_this_python(protocol: int) -> None:
    data = np.arange(256, dtype=np.uint8).reshape(2, 128)
    batch = unpickle(pickle.dumps({"data": data, "labels": [1, 2], b"raw": b"\xff\x00"}, protocol), "x")
    np.testing.assert_array_equal(batch["data"], data)
    assert batch["labels"] == [1, 2] and batch[b"raw"] == b"\xff\x00"


class _Calls:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("function", [os.system, eval, os.mkdir, np.fromfile, getattr])
def test_any_other_function_is_refused_and_not_called(tmp_path: Path, function: object, protocol: int) -> None:
    target = tmp_path / "made"
    argument = {os.system: f"mkdir {target}", eval: f"__import__('os').mkdir({str(target)!r})"}
    attack = pickle.dumps({"data": _Calls(function, argument.get(function, str(target)))}, protocol)
    with pytest.raises(DataError, match=r"data_batch_1: the pickle names [\w.]+, which no CIFAR batch needs"):
        unpickle(attack, "data_batch_1")
    assert not target.exists()


def test_a_dotted_name_reaches_nothing_through_numpy() -> None:
    attack = b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.dump\x93."
    with pytest.raises(DataError, match=r"numpy\.ndarray\.dump"):
        unpickle(attack, "x")


@pytest.mark.parametrize("cut", [0, 1, 10, 60, 150])
def test_a_damaged_pickle_is_named(cut: int) -> None:
    with pytest.raises(DataError, match="data_batch_1 is no readable pickle"):
        unpickle(PYTHON_2[:cut], "data_batch_1")


def test_text_encoded_otherwise_is_refused() -> None:
    attack = b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R."
    with pytest.raises(DataError, match="rot13"):
        unpickle(attack, "x")
