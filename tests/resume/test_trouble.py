"""What goes wrong during training: broken checkpoints, a full disk, a loss that is not finite, no memory left."""

import os
import pickle
import resource
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback
from tiny_runs import PRIMITIVES, KeepEveryPoint, assert_same_run, tiny_search, tiny_space

from darts_pl.callbacks import ResumePoints, newest_loadable
from darts_pl.errors import RunError, TrainingError
from darts_pl.hypergradient import first

BAD_STEP = 3


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(a whole search of one epoch, the folder of the same search as it was after two steps)."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        kept = KeepEveryPoint(folder / "whole", folder / "points", patch, previous=True)
        tiny_search(folder / "whole", first, epochs=1)
    return folder / "whole", kept.folders[1]


@pytest.fixture
def stopped(runs: tuple[Path, Path], tmp_path: Path) -> Path:
    """A search stopped after two steps, with two points."""
    return Path(shutil.copytree(runs[1], tmp_path / "stopped"))


def cut(path: Path) -> None:
    """Leave half of a file."""
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    """Leave nothing of a file, as a crash of the machine may."""
    os.truncate(path, 0)


def flip(path: Path) -> None:
    """Change one byte of the largest tensor in a checkpoint."""
    with zipfile.ZipFile(path) as archive:
        largest = max((i for i in archive.infolist() if "/data/" in i.filename), key=lambda info: info.file_size)
        tensor = archive.read(largest)
    content = bytearray(path.read_bytes())
    content[content.find(tensor) + len(tensor) // 2] ^= 0xFF
    path.write_bytes(content)


class Evil:
    """A pickle that calls a function when it is read."""

    def __reduce__(self) -> tuple:
        return (os.mkdir, (os.environ["EVIL_FOLDER"],))


def evil(path: Path) -> None:
    """A checkpoint that runs code when it is unpickled."""
    torch.save({"state_dict": {}, "evil": Evil()}, path)


def evil_pickle(path: Path) -> None:
    """The same without torch's container."""
    path.write_bytes(pickle.dumps({"evil": Evil()}))


@pytest.mark.parametrize("spoil", [cut, empty, flip, evil, evil_pickle])
def test_a_broken_point_falls_back_to_the_one_before(
    spoil: Callable, runs: tuple, stopped: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trap = stopped / "was_run"
    monkeypatch.setenv("EVIL_FOLDER", str(trap))
    points = stopped / "checkpoints"
    spoil(points / "last.ckpt")
    assert newest_loadable(points)[0] == points / "previous.ckpt"
    tiny_search(stopped, first, epochs=1)
    assert not trap.exists()
    assert "last.ckpt cannot be read" in caplog.text and "the one before" in caplog.text
    assert_same_run(stopped, runs[0])


def test_a_stop_between_two_renames_keeps_the_newest(runs: tuple, stopped: Path) -> None:
    points = stopped / "checkpoints"
    (points / "last.ckpt").rename(points / "next.ckpt")
    assert newest_loadable(points) == (points / "next.ckpt", [])
    tiny_search(stopped, first, epochs=1)
    assert_same_run(stopped, runs[0])


def test_all_points_broken(stopped: Path) -> None:
    for point in (points := stopped / "checkpoints").glob("*.ckpt"):
        cut(point)
    with pytest.raises(RunError, match=r"no checkpoint in .* can be read") as caught:
        tiny_search(stopped, first, epochs=1)
    assert str(points / "last.ckpt") in str(caught.value) and str(points / "previous.ckpt") in str(caught.value)
    assert not (points / "final.ckpt").exists()


class FullDisk(Callback):
    """Files cannot grow beyond a page once `step` steps are done."""

    def __init__(self, step: int):
        self.step = step

    def on_train_batch_start(self, trainer, module, batch, batch_idx) -> None:
        if module.steps_done == self.step:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))


def test_a_full_disk_keeps_the_points_before(runs: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, limits = tmp_path / "run", resource.getrlimit(resource.RLIMIT_FSIZE)
    with monkeypatch.context() as patch:
        full = FullDisk(step=2)
        patch.setattr(ResumePoints, "on_train_batch_start", full.on_train_batch_start)
        try:
            with pytest.raises(RunError, match="cannot write the checkpoint") as caught:
                tiny_search(folder, first, epochs=1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(folder / "checkpoints") in str(caught.value) and "intact" in str(caught.value)
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["last.ckpt", "previous.ckpt"]
    tiny_search(folder, first, epochs=1)
    assert_same_run(folder, runs[0])


def steps_of(point: Path) -> int:
    """Steps done at a point whose parameters are all finite."""
    content = torch.load(point, weights_only=True)
    assert all(torch.isfinite(value).all() for value in content["state_dict"].values())
    return content["steps_done"]


class SpoilAt(torch.nn.Module):
    """An operation that calls `trouble` on its input at the training pass after `passes` of them."""

    def __init__(self, trouble: Callable, passes: int):
        super().__init__()
        self.trouble, self.passes = trouble, passes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.passes -= 1
            if self.passes < 0:
                return self.trouble(x)
        return x


def troubled(folder: Path, trouble: Callable) -> None:
    """A search with an operation that makes trouble in the step after `BAD_STEP`."""
    built = []

    def build(channels: int, stride: int, affine: bool) -> torch.nn.Module:
        built.append(channels)
        if stride > 1:
            return torch.nn.AvgPool2d(stride, stride, ceil_mode=True)
        return SpoilAt(trouble, 2 * BAD_STEP)  # two passes a step: the alphas' and the weights'

    space = tiny_space(primitives=(*PRIMITIVES, "mine"), operations={"mine": build})
    tiny_search(folder, first, epochs=2, space=space)
    assert built


def allocate(x: torch.Tensor) -> torch.Tensor:
    """More memory than any machine has."""
    return x + torch.empty(2**50, dtype=torch.uint8)


def test_no_memory_left_names_what_lowers_the_need(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=f"out of memory at step {BAD_STEP} with batch_size=16") as caught:
        troubled(tmp_path, allocate)
    settings = ["space.init_channels", "space.layers", "hardware.precision", "Checkpoints so far are kept"]
    assert not [words for words in settings if words not in str(caught.value)]
    assert steps_of(tmp_path / "checkpoints" / "last.ckpt") == BAD_STEP


def test_a_loss_that_is_not_finite_says_the_step(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=f"loss is nan at step {BAD_STEP} \\(epoch 1, batch 0\\)"):
        troubled(tmp_path, lambda x: x * float("nan"))
    assert steps_of(tmp_path / "checkpoints" / "last.ckpt") == BAD_STEP
    troubled(tmp_path, lambda x: x)  # what was wrong is mended: the same run goes on to its end
    assert steps_of(tmp_path / "checkpoints" / "final.ckpt") == 2 * BAD_STEP


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    """A step of learning rate 1e38 leaves infinite weights behind a finite loss."""
    with pytest.raises(TrainingError, match=r"loss is .* at step 1 "):
        tiny_search(tmp_path, first, sgd=partial(torch.optim.SGD, lr=3e38, weight_decay=1e38), clip_norm=0)
    assert not (tmp_path / "checkpoints" / "last.ckpt").exists()
