"""The benchmark command from end to end: real processes, real images, the real tables."""

from pathlib import Path

import pandas as pd
import pytest

from darts_pl import benchmark
from darts_pl.data.nasbench201_tables import Tables
from darts_pl.stages.benchmark import nasbench201

TINY = ["epochs=2", "batch_size=8", "data.limit_train=32", "space.init_channels=2", "space.layers=1", "threads=1"]


SEARCHES = {"darts": 1, "rdarts_l2": 4}  # the second sweeps over four weight decays


@pytest.fixture(scope="module", params=["darts", pytest.param("rdarts_l2", marks=pytest.mark.slow)])
def method(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def run(method, tmp_path_factory, real_data) -> Path:
    """The folder of a benchmark of `method`."""
    place = tmp_path_factory.mktemp("benchmark")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("DARTS_PL_DATA", str(real_data))
        status = benchmark.main(["nasbench201", f"method={method}", "seed=0", "jobs=2", *TINY])
    assert status == 0
    return next(place.glob("outputs/nasbench201/*"))


def test_every_search_is_a_run_and_a_row(run, method):
    every = pd.read_csv(run / "runs.csv", dtype={"cell": str})
    assert list(every["method"]) == [method] * SEARCHES[method]
    tables = Tables.load()
    for row in every.itertuples():
        assert (run / row.folder / "manifest.json").is_file()
        assert row.test_acc == pytest.approx(tables.test_accuracy(row.cell))
        assert row.regret == pytest.approx(tables.best()[1] - row.test_acc)
        assert row.alpha_updates == 4 and row.epochs == 2
    decays = [(run / folder / "config.yaml").read_text() for folder in every["folder"]]
    assert method == "darts" or ("weight_decay: 0.0003" in decays[0] and "weight_decay: 0.0081" in decays[3])


def test_curves_have_every_epoch_and_the_page_has_everything(run, method):
    curves = pd.read_csv(run / "curves.csv")
    assert list(curves["epoch"]) == [1, 2]
    assert (run / "curves.png").read_bytes()[:4] == b"\x89PNG"
    page, table = (run / "report.html").read_text(), (run / "summary.md").read_text()
    for words in ("DrNAS, published", "expected best of 10", "optimum", method, "median of all 15,625 cells"):
        assert words in table and words in page
    assert f"| {method} | 1 |" in table


def test_going_on_repeats_nothing(run, monkeypatch, capsys):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("manifest.json")}
    assert benchmark.main(["nasbench201", f"resume={run}"]) == 0
    assert {path: path.stat().st_mtime_ns for path in run.rglob("manifest.json")} == before


def test_a_variant_is_chosen_by_validation_not_by_test():
    runs = pd.DataFrame(
        {
            "method": ["a", "a", "b"],
            "seed": [0, 0, 0],
            "val_acc_12ep": [80.0, 70.0, 1.0],
            "test_acc": [90.0, 94.0, 50.0],
            "seconds": [5.0, 7.0, 1.0],
        }
    )
    chosen = nasbench201.best_variants(runs)
    assert list(chosen["test_acc"]) == [90.0, 50.0] and list(chosen["seconds"]) == [12.0, 1.0]
