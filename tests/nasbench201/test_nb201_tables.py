"""The published tables: known figures, the expectation of the best of n, what is refused."""

import itertools
import math
import shutil

import numpy as np
import pandas as pd
import pytest

from darts_pl.data.nasbench201_tables import CELLS, LONG, SHORT, Tables, check_table
from darts_pl.errors import ConfigError, DataError, GenotypeError
from darts_pl.genotype import Nasbench201Genotype


@pytest.fixture(scope="module")
def tables(real_data) -> Tables:
    """The real tables."""
    return Tables.load(real_data)


def small(*accuracies: float) -> Tables:
    """A table of so many cells, one seed each."""
    codes = [f"{number:06d}" for number in range(len(accuracies))]
    frame = pd.DataFrame({"s1": accuracies, "s2": math.nan, "s3": math.nan}, index=pd.Index(codes, name="arch"))
    return Tables(frame, frame)


def test_published_figures(tables):
    digits, best = tables.best()
    assert round(best, 2) == 94.37 and tables.test_accuracy(digits) == best
    assert round(tables.test_accuracy("111111"), 2) == 54.30  # what DARTS is published with: nothing but identities
    assert round(tables.mean, 2) == 87.06
    assert round(tables.median, 2) == 90.73
    found = [tables.expected_best_of(n) for n in (10, 50, 100, 500)]
    assert found == pytest.approx([93.10, 93.69, 93.85, 94.11], abs=0.01)
    assert 100 - tables.percentile(93.9999) == pytest.approx(0.27, abs=0.01)


def test_one_cell_by_its_file(tables, real_data):
    """Against the file read by hand; cell 334131 is architecture 1."""
    rows = [line.split(",") for line in (real_data / "nasbench201" / LONG.name).read_text().splitlines()]
    (row,) = [row for row in rows if row[1] == "334131"]
    values = [float(value) for value in row[2:] if value]
    assert tables.test_accuracy("334131") == pytest.approx(sum(values) / len(values), abs=1e-9)
    assert tables.test_accuracy_std("334131") == pytest.approx(np.std(values, ddof=1), abs=1e-9)
    assert round(tables.test_accuracy("334131"), 2) == 93.66
    single = tables.accuracies.index[tables.accuracies[["s2", "s3"]].isna().all(axis=1)][0]
    assert tables.test_accuracy(single) == tables.accuracies.loc[single, "s1"]
    assert math.isnan(tables.test_accuracy_std(single))


def test_validation_after_12_epochs_as_the_authors_print_it(tables):
    """Architecture 1, github.com/D-X-Y/NATS-Bench/issues/18."""
    genotype = Nasbench201Genotype.from_text(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
    )
    assert round(tables.validation_accuracy_12ep(genotype), 2) == 82.83
    assert round(tables.validation_accuracy_12ep(genotype, "cifar100"), 2) == 57.80
    assert tables.validation_accuracy_12ep("334131", "imagenet16_120") == pytest.approx(35.433)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("replacement", [True, False])
def test_expected_best_by_enumerating_every_draw(n, replacement):
    values = [3.0, 1.0, 4.0, 1.0, 5.5]
    draws = itertools.product(values, repeat=n) if replacement else itertools.permutations(values, n)
    best = [max(draw) for draw in draws]
    assert small(*values).expected_best_of(n, replacement=replacement) == pytest.approx(
        sum(best) / len(best), rel=1e-12
    )


def test_expected_best_at_its_ends(tables):
    assert tables.expected_best_of(1) == pytest.approx(tables.mean, rel=1e-12)
    assert tables.expected_best_of(1, replacement=False) == pytest.approx(tables.mean, rel=1e-12)
    assert tables.expected_best_of(CELLS, replacement=False) == pytest.approx(tables.best()[1], rel=1e-12)
    for n in (0, CELLS + 1):
        with pytest.raises(ConfigError, match=f"n={n}"):
            tables.expected_best_of(n, replacement=False)


def test_quantiles_and_percentiles():
    table = small(10.0, 20.0, 30.0, 40.0)
    assert [table.quantile(q) for q in (0, 0.5, 1)] == [10.0, 25.0, 40.0]
    assert [table.percentile(value) for value in (9, 10, 25, 40, 99)] == [0.0, 25.0, 50.0, 100.0, 100.0]
    assert table.median == 25.0


def test_cells_and_data_sets_that_do_not_exist(tables):
    for cell in ("11111", "111115", "nasbench201:111111"):
        with pytest.raises(GenotypeError, match="expected six digits"):
            tables.test_accuracy(cell)
    with pytest.raises(ConfigError, match="Did you mean 'cifar100'"):
        tables.validation_accuracy_12ep("111111", "cifar-100")


def test_missing_files_are_told_with_their_source(tmp_path, monkeypatch):
    monkeypatch.setenv("DARTS_PL_DATA", str(tmp_path))
    monkeypatch.setenv("DARTS_PL_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError) as told:
        Tables.load()
    for words in (LONG.name, "HamsterMimi/MeCo", SHORT.name, "$DARTS_PL_DATA/nasbench201/", str(tmp_path)):
        assert words in str(told.value)


def test_a_file_of_other_bytes_is_refused(tmp_path, real_data):
    for file in (LONG, SHORT):
        shutil.copyfile(real_data / "nasbench201" / file.name, tmp_path / file.name)
    assert Tables.load(tmp_path).best() == Tables.load(real_data).best()  # the folder itself is taken too
    with (tmp_path / SHORT.name).open("a", encoding="utf-8") as stream:
        stream.write("\n")
    with pytest.raises(DataError, match=f"{SHORT.name} has the SHA-256 digest .*expected {SHORT.sha256}"):
        Tables.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.drop(columns="s2"), "no column s2"),
        (lambda table: table.iloc[1:], "found 15624 rows of 15624 cells"),
        (lambda table: table.assign(arch=["111111", *table["arch"][1:]]), "found 15625 rows of 15624 cells"),
        (lambda table: table.assign(s1=table["s1"] * 2), "outside 0 to 100"),
        (lambda table: table.assign(s1=math.nan), "none in s1"),
    ],
)
def test_tables_that_are_not_whole_are_refused(tables, change, words):
    whole = tables.accuracies.reset_index()
    check_table(whole, LONG, "table")
    with pytest.raises(DataError, match=words):
        check_table(change(whole), LONG, "table")
