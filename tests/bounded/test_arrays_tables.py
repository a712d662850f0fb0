"""Arrays, tables, tensors and saved states: what they declare is held against what they bring."""

import io
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from darts_pl.bounded.arrays import read_arrays
from darts_pl.bounded.saved_state import read_state
from darts_pl.bounded.tables import read_table
from darts_pl.bounded.tensors import check_digest, read_tensors, write_tensors
from darts_pl.errors import RunError
from darts_pl.reports.run_files import read_run

MIB = 1 << 20


def npy(shape: tuple[int, ...], dtype: str = "<f8", data: bytes = b"") -> bytes:
    """An npy file whose header declares what it may not hold."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue() + data


def archive(path: Path, members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as stream:
        for name, data in members.items():
            stream.writestr(name, data)
    return path


def refused_in_little_memory(read, words: str) -> None:
    tracemalloc.start()
    started = time.perf_counter()
    try:
        with pytest.raises(RunError, match=words):
            read()
        assert tracemalloc.get_traced_memory()[1] < 150 * MIB
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (npy((10**12,)), r"gate.npy declares float64 \(1000000000000,\), 8,000,000,000,000 bytes, and brings 0"),
        (npy((10**30, 10**30)), "declares float64"),
        (npy((3,), data=b"x" * 25), "24 bytes, and brings 25"),
        (npy((1,), "|O", b"\x80"), "declares object"),
        (npy((10**12,), "<U0"), "declares <U0"),
        (npy((-1,)), r"declares float64 \(-1,\)"),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': ((((((", "cannot be read as arrays"),
        (b"no array", "cannot be read as arrays"),
    ],
)
def test_an_array_that_declares_what_it_does_not_bring(tmp_path: Path, member: bytes, words: str) -> None:
    path = archive(tmp_path / "alphas.npz", {"gate.npy": member})
    refused_in_little_memory(lambda: read_arrays(path), f"alphas.npz: .*{words}")


def test_a_small_file_that_unpacks_to_gibibytes(tmp_path: Path) -> None:
    path = tmp_path / "alphas.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream, stream.open("gate_normal.npy", "w") as member:
        member.write(npy((100 * MIB // 8,)))
        for _ in range(100):
            member.write(bytes(MIB))
    assert path.stat().st_size < MIB
    refused_in_little_memory(
        lambda: read_arrays(path), r"bytes that unpack to 104,857,\d+, expected at most 67,108,864"
    )
    (tmp_path / "manifest.json").write_text("{}")
    tracemalloc.start()
    run = read_run(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 50 * MIB
    tracemalloc.stop()
    assert run.alphas is None and any("unpack to" in told for told in run.damaged)


def test_arrays_come_back_compressed_or_not(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(["ü", "xyz"]), "c": np.asfortranarray(np.ones((2, 5)))}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays, d=np.float32(1))
        found = read_arrays(tmp_path / "a.npz")
        assert set(found) == {*arrays, "d"}
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
    with pytest.raises(RunError, match=r"found no array 'e', expected it beside a, b, c, d"):
        read_arrays(tmp_path / "a.npz", ["e"])
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    whole[120] ^= 1
    (tmp_path / "a.npz").write_bytes(whole)
    with pytest.raises(RunError, match=r"a.npz: cannot be read as arrays"):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a" + b",a" * 20_000, "a line of 20,001 columns, expected at most 10,000"),
        (b"a\n" + b"," * 20_000, "a line of 20,001 columns"),
        (b"a\n" * 4_000_000, "found about 4,000,000 cells"),
        (b"", "cannot be read as a table: No columns"),
        (b"a,b\n1,2,3,4\n1,2\n1,2,3,4,5\n", "cannot be read as a table: Error tokenizing"),
        (b"a\n\xff", "cannot be read as a table: 'utf-8' codec"),
        (b"a\n1\n", "no column 'epoch', found a"),
    ],
)
def test_a_table_beyond_bounds(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "history.csv").write_bytes(data)
    started = time.perf_counter()
    with pytest.raises(RunError, match=f"history.csv: .*{words}"):
        read_table(tmp_path / "history.csv", ("epoch",))
    assert time.perf_counter() - started < 5


def test_a_saved_state_that_unpacks_to_more_or_runs_code(tmp_path: Path) -> None:
    state = {"a": torch.arange(5.0), "b": {"c": 1, "d": "x"}}
    path = tmp_path / "last.ckpt"
    torch.save(state, path)
    assert torch.equal(read_state(path)["a"], state["a"]) and read_state(path)["b"] == state["b"]
    with zipfile.ZipFile(path) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    bomb = archive(tmp_path / "bomb.ckpt", {**members, "last/data/1": bytes(80 * MIB)})
    refused_in_little_memory(lambda: read_state(bomb), r"bomb.ckpt: found [\d,]+ bytes that unpack to")
    for pickled in (b"cos\nsystem\n(S'true'\ntR.", b".", b"0.", b"\x80\x02]q\x00K\x01u.", b"\x80\x02U", b""):
        name = next(name for name in members if name.endswith("data.pkl"))
        broken = archive(tmp_path / "broken.ckpt", {**members, name: pickled}, zipfile.ZIP_STORED)
        with pytest.raises(RunError, match=r"broken.ckpt: "):
            read_state(broken)
    flipped = bytearray(path.read_bytes())
    flipped[flipped.index(state["a"].numpy().tobytes()) + 3] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(RunError, match=r"last.ckpt: .*data/0 is damaged"):
        read_state(path)


def test_tensors_come_back_and_a_flipped_bit_does_not(tmp_path: Path) -> None:
    tensors = {
        "a": torch.arange(6.0).reshape(2, 3),
        "b": torch.tensor(1.5, dtype=torch.bfloat16),
        "c": torch.zeros(0, 2),
        "d": torch.tensor([True, False]),
    }
    path = tmp_path / "x.safetensors"
    write_tensors(path, tensors, {"header": "{}"})
    texts, found = read_tensors(path, "a model")
    check_digest(path, found, texts)
    assert all(torch.equal(found[name], tensors[name]) for name in tensors) and texts["header"] == "{}"
    with pytest.raises(RunError, match=r"x.safetensors is damaged or was changed: found the sha256"):
        check_digest(path, {**found, "d": torch.tensor([True, True])}, texts)
    with pytest.raises(RunError, match="is damaged or was changed"):
        check_digest(path, found, {**texts, "header": "{ }"})
    save_file(tensors, path)
    texts, found = read_tensors(path, "a model")
    check_digest(path, found, texts)  # written before there were digests
    path.write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    with pytest.raises(RunError, match="found a header of 1,099,511,627,776 bytes"):
        read_tensors(path, "a model")
