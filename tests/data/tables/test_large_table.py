"""A large table is held once: measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

MEASURED = """
import re, sys
from pathlib import Path
from darts_pl.data.tables import csv_table_data

def peak_bytes():
    # Not getrusage, whose peak a process takes over from the one that started it.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

before = peak_bytes()
for purpose in ("search", "retrain"):
    globals()[purpose] = csv_table_data(sys.argv[1], "y", batch_size=64, purpose=purpose)
    globals()[purpose].prepare()
    globals()[purpose].fingerprint
print(peak_bytes() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc")
def test_a_search_and_its_retraining_need_the_table_and_its_features(tmp_path: Path) -> None:
    rows, columns = 300_000, 40
    values = np.random.default_rng(0).normal(size=(rows, columns))
    lines = [",".join([*(f"f{i}" for i in range(columns)), "y"])]
    lines += [",".join([*(f"{value:.4f}" for value in row), "ab"[int(row[0] > 0)]]) for row in values]
    (tmp_path / "large.csv").write_text("\n".join(lines))
    del lines
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "large.csv")]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    held = rows * columns * (8 + 4)  # float64 as read, float32 as a network takes it
    assert int(found.stdout) < held + 150 * 2**20, "read at once, and twice, it needs 570 MiB"
