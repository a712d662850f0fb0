"""Files are written whole or not at all, and what a killed process leaves is removed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darts_pl.paths import remove_temporaries, write_atomically, write_text_atomically

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
