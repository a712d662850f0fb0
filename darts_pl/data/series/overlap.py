"""Which windows share time steps with others: told by runs of equal rows, as windows do not tell their place."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from darts_pl.data.series.window_file import GivenPart

RUN = 8  # equal rows after each other that are no coincidence
SEED = 20_261_124
Hashes = npt.NDArray[np.uint64]


def apart(part: GivenPart, from_: GivenPart) -> Tensor:
    """bool [W]: which windows of `part` have no run of 8 equal time steps (of targets) in common with any window of
    `from_`; shorter windows are compared whole. Constant runs tell nothing and are left out."""
    length = min(RUN, part.x["past"].shape[1] + part.y.shape[1])
    theirs = _runs(from_, length)
    known = np.unique(theirs[0][theirs[1]])
    hashes, telling = _runs(part, length)
    shared = np.isin(hashes, known) & telling
    return torch.from_numpy(~shared.any(axis=1))


def _runs(part: GivenPart, length: int) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """(a hash of every run of `length` rows in every window, whether the run varies), both [W, runs]."""
    targets = part.y.shape[2]
    rows = torch.cat([part.x["past"][..., :targets], part.y], dim=1).numpy() + 0.0  # -0.0 becomes 0.0
    bits = np.ascontiguousarray(rows, "<f4").view("<u4").astype(np.uint64)
    generator = np.random.default_rng(SEED)
    odd = generator.integers(0, 2**63, size=targets, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    row = (bits * odd).sum(axis=2, dtype=np.uint64)
    row ^= row >> np.uint64(29)
    places = generator.integers(0, 2**63, size=length, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    runs = rows.shape[1] - length + 1
    hashes = sum((row[:, k : k + runs] * places[k] for k in range(length)), np.zeros((len(row), runs), np.uint64))
    still = np.ones((len(row), runs), bool)
    for k in range(1, length):
        still &= row[:, k : k + runs] == row[:, :runs]
    return hashes, ~still
