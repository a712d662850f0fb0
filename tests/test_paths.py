"""Files are written whole or not at all, and what a killed process leaves is removed."""

import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from darts_pl.paths import is_of_storage, remove_temporaries, write_atomically, write_text_atomically

KILLED = """
import os, sys
from darts_pl.paths import write_atomically

def write(temporary):
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), 9)

write_atomically(sys.argv[1], write)
"""


def test_the_folder_is_synced_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only then is the new name certain to outlast a power cut."""
    synced, fsync = [], os.fsync

    def record(handle: int) -> None:
        place = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append((place.is_dir(), (tmp_path / "a.txt").exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", record)
    write_text_atomically(tmp_path / "a.txt", "whole")
    assert synced == [(False, False), (True, True)]
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "a.txt", "old")
    with pytest.raises(ValueError, match="no"):
        write_atomically(tmp_path / "a.txt", lambda temporary: int("no"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = {"last.ckpt", ".hidden", "next.ckpt.abcdefgh", ".gitignore.txt"}
    for name in kept:
        (tmp_path / name).write_text("kept")
    process = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "next.ckpt")])
    assert process.returncode == -9
    (left,) = {path.name for path in tmp_path.iterdir()} - kept
    assert left.startswith(".next.ckpt.")
    remove_temporaries(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_a_folder_that_is_not_there_holds_no_temporaries(tmp_path: Path) -> None:
    remove_temporaries(tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.name == "nt", reason="permissions of Unix")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o007, 0o660), (0o077, 0o600), (0, 0o666)])
def test_files_have_the_permissions_of_any_new_file(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        for name in ("new.txt", "new.txt", "by_a_library.safetensors"):
            if name.endswith("txt"):
                write_text_atomically(tmp_path / name, "text")
            else:  # which moves a file of its own, for its owner alone, to the name that it is given
                write_atomically(tmp_path / name, lambda path: save_file({"a": torch.ones(1)}, path))
            assert (tmp_path / name).stat().st_mode & 0o777 == mode
    finally:
        os.umask(before)


def test_many_threads_write_at_once_and_leave_the_umask_alone(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with ThreadPoolExecutor(8) as pool:
            paths = list(pool.map(lambda n: write_text_atomically(tmp_path / f"{n % 5}.txt", str(n % 5)), range(200)))
        assert {path.stat().st_mode & 0o777 for path in paths} == {0o640}
        assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n}.txt" for n in range(5)]
    finally:
        assert os.umask(before) == 0o027


def test_an_error_of_the_system_names_the_file(tmp_path: Path) -> None:
    """Python's own writing knows no name once a file is open, and libraries in Rust raise errors of their own."""
    big, limits = {"x": torch.zeros(10_000)}, resource.getrlimit(resource.RLIMIT_FSIZE)
    writers = [lambda path: path.write_bytes(bytes(40_000)), lambda path: save_file(big, path)]
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        for write in writers:
            with pytest.raises(OSError, match="File too large") as caught:
                write_atomically(tmp_path / "model", write)
            assert caught.value.filename == str(tmp_path / "model") and is_of_storage(caught.value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())
