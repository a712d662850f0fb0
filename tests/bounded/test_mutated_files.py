"""Files of a run with bytes changed at random: every reading ends well or in an error of ours, in seconds."""

import json
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from darts_pl.bounded.saved_state import read_state
from darts_pl.bounded.tensors import check_digest, read_tensors, write_tensors
from darts_pl.errors import DartsError
from darts_pl.genotype import KNOWN, read
from darts_pl.reports.run_files import read_run
from darts_pl.stages.run import RunFolder

TIMES, SEED, SOON_S = 60, 11, 5.0
PARTS = (
    b"[", b"]", b"{", b"}", b'"', b",", b":", b"9" * 5000, b"1e400", b"NaN", b"-", b"null", b"\x00", b"\xff", b"*a",
    b"&a ", b"!!int ", b"[[[[[[", b"\n", b"Infinity",
)  # fmt: skip


def mutated(data: bytes, rng: random.Random) -> bytes:
    """`data` with one to five bits flipped, bytes cut out, repeated or put in; of large files mostly at the front."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(min(len(found), rng.choice([64, 2000, len(found) + 1])) + 1)
        what = rng.randrange(4)
        if what == 0 and at < len(found):
            found[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            found[at:at] = rng.choice(PARTS)
        elif what == 2:
            del found[at : at + rng.choice([1, 2, 8, 64])]
        else:
            found[at:at] = found[at : at + rng.choice([1, 4, 20, 200])]
    return bytes(found)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a file of each kind."""
    folder = tmp_path_factory.mktemp("run")
    opened = RunFolder.open(folder, command="search", config={"seed": 1, "space": {"layers": 3}}, device="cpu")
    with opened.stage("search", data="abc"):
        pass
    KNOWN["DARTS_V2"].save(folder / "genotype_best.json")
    gates = np.full((3, 2, 2), 0.5)
    names = {"edges": np.array(["2<-0", "2<-1"]), "primitives": np.array(["none", "skip_connect"])}
    np.savez(folder / "alphas.npz", epoch=np.arange(3), gate_normal=gates, gate_reduce=gates, **names)
    (folder / "history.csv").write_text("epoch,train_loss,val_acc\n0,1.5,0.5\n1,1.25,0.75\n")
    (folder / "results.json").write_text(json.dumps({"rows": [], "search": {"val_acc_best": 0.75}}))
    write_tensors(folder / "model.safetensors", {"a": torch.ones(20), "b": torch.zeros(3, 4)}, {"header": "{}"})
    torch.save({"state_dict": {"a": torch.ones(50)}, "epoch": 1}, folder / "last.ckpt")
    return folder


def gone_on_with(path: Path) -> None:
    RunFolder.open(path.parent, command="search", config={"seed": 1, "space": {"layers": 3}}, device="cpu")


def tensors_of(path: Path) -> None:
    texts, tensors = read_tensors(path, "a model")
    check_digest(path, tensors, texts)


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("genotype_best.json", read),
        ("manifest.json", gone_on_with),
        ("config.yaml", gone_on_with),
        ("alphas.npz", lambda path: read_run(path.parent)),
        ("history.csv", lambda path: read_run(path.parent)),
        ("results.json", lambda path: read_run(path.parent)),
        ("model.safetensors", tensors_of),
        ("last.ckpt", read_state),
    ],
)
def test_a_changed_file_is_read_or_refused(
    run: Path, name: str, load: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("darts_pl"), "disabled", True)
    path, rng, refused = run / name, random.Random(SEED), 0
    manifest, whole = (run / "manifest.json").read_bytes(), (run / name).read_bytes()
    try:
        for _ in range(TIMES):
            (run / "manifest.json").write_bytes(manifest)
            path.write_bytes(mutated(whole, rng))
            started = time.perf_counter()
            try:
                load(path)
            except DartsError:
                refused += 1
            assert time.perf_counter() - started < SOON_S
    finally:
        (run / "manifest.json").write_bytes(manifest)
        path.write_bytes(whole)
    assert refused > TIMES / 4 or name in ("alphas.npz", "history.csv", "results.json", "config.yaml")
