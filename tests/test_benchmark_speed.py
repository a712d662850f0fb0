"""The benchmark of speed: its rows, what it counts, what fits into its time, the command from end to end."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from darts_pl import benchmark
from darts_pl.assembly import benchmarks
from darts_pl.errors import ConfigError
from darts_pl.reports.speed_page import speed_markdown
from darts_pl.stages.benchmark.speed import footprint as footprints
from darts_pl.stages.benchmark.speed import limits, measuring
from darts_pl.stages.benchmark.speed.footprint import Footprint
from darts_pl.stages.benchmark.speed.planning import expected_s, plan
from darts_pl.stages.benchmark.speed.rows import rows_of
from darts_pl.stages.benchmark.speed.settings import Case, Speed, parse_speed
from darts_pl.stages.benchmark.speed.subjects import subject
from darts_pl.stages.benchmark.speed.timing import Timing, ratio

ENGINES = ("plain", "fast")
TINY = ["channels=4", "layers=3", "side=8", "batch=2", "threads=1", "engine=plain"]  # what comes later holds
NAIVE = '''
"""The least that `naive=` takes: one linear layer, gated."""
import torch, torch.nn as nn, torch.nn.functional as F

class Supernet(nn.Module):
    def __init__(self, c, classes, layers):
        super().__init__()
        self.head = nn.Linear(3, classes)
        self.alphas = [torch.zeros(1, requires_grad=True)]
    def forward(self, x):
        return self.alphas[0].exp() * self.head(x.mean((2, 3)))

def loss_of(net, batch):
    return F.cross_entropy(net(batch[0]), batch[1])

def search_step(net, w_opt, a_opt, train, val, order):
    net.alphas[0].grad, = torch.autograd.grad(loss_of(net, val), net.alphas)
    a_opt.step()
    w_opt.zero_grad()
    loss_of(net, train).backward()
    w_opt.step()
'''


@pytest.fixture
def naive(tmp_path: Path) -> Path:
    path = tmp_path / "naive.py"
    path.write_text(NAIVE)
    return path


def test_groups_that_tell_most_come_first_and_the_reference_is_always_there(naive: Path) -> None:
    speed = parse_speed([], ENGINES, cores=4)
    assert (speed.network, speed.channels, speed.layers, speed.side) == ("cifar", 16, 8, 32)
    keys = [group[0].group for group in speed.groups]
    assert keys[:4] == [("first", 16, 1), ("first", 64, 4), ("second", 16, 1), ("second", 64, 4)]
    assert len(keys) == len(set(keys)) == 8
    assert [case.engine for case in speed.groups[0]] == ["plain", "fast"]
    speed = parse_speed([f"naive={naive}", "engine=fast", "recompute=false,true"], ENGINES, cores=4)
    rows = [(case.engine, case.recompute) for case in speed.groups[0]]
    assert rows == [("naive", False), ("fast", False), ("fast", True)] and speed.reference == "naive"
    alone = parse_speed(["engine=fast", "recompute=true"], ENGINES, cores=4).groups[0]
    assert (alone[0].engine, alone[0].recompute) == ("plain", False)


def test_what_other_networks_are_measured_by() -> None:
    cells = parse_speed(["network=nasbench201", "threads=1"], ENGINES, cores=2)
    assert [(case.engine, case.mixing) for case in cells.groups[0]] == [
        *[("plain", "full"), ("plain", "partial")],
        *[("fast", "full"), ("fast", "partial")],
    ]
    derived = parse_speed(["network=derived", "batch=8"], ENGINES, cores=1)
    assert [group[0].group for group in derived.groups] == [("retrain", 8, 1), ("predict", 1, 1)]
    assert parse_speed(["network=forecast", "threads=all"], ENGINES, cores=3).cases[0].threads == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["network=nasbench"], "network=nasbench does not exist. Did you mean 'nasbench201'"),
        (["engine=fst"], "engine=fst does not exist here. Did you mean 'fast'"),
        (["engines=fast"], "engines=fast: no such setting of the benchmark. Did you mean 'engine'"),
        (["order=third"], "order=third does not exist here"),
        (["network=derived", "order=first"], "order=first does not exist here"),
        (["network=derived", "mixing=full"], "mixing=full is of the networks cifar and nasbench201"),
        (["network=forecast", "channels=4"], "channels=4: network=forecast has no such size"),
        (["batch=0"], "batch=0: expected a whole number of at least 1"),
        (["threads=two"], "threads=two: expected a whole number"),
        (["minutes=-1"], "minutes=-1: expected a number above 0"),
        (["minutes=0"], "minutes=0: expected a number above 0"),
        (["recompute=yes"], "recompute=yes does not exist here"),
        (["naive=nowhere.py"], "naive=nowhere.py: found no such file"),
        (["naive=n.py", "network=forecast"], "naive=n.py is of network=cifar"),
        (["fast"], "found 'fast', expected key=value"),
    ],
)
def test_what_is_wrong_is_named(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_speed(words, ENGINES, cores=2)


def test_ratios_are_those_of_a_round() -> None:
    slow = [Timing(cpu, wall) for cpu, wall in ((2.0, 9.0), (4.0, 9.0), (9.0, 9.0))]
    quick = [Timing(cpu, wall) for cpu, wall in ((1.0, 3.0), (1.0, 1.0), (3.0, 9.0))]
    found = ratio(slow, quick, threads=1)
    assert (found.median, found.low, found.high) == (3.0, 2.0, 4.0)
    assert ratio(slow, quick, threads=2).high == 9.0


def test_rows_say_how_near_the_limits_are() -> None:
    plain, partial = (Case("plain", "first", 4, 1, mixing) for mixing in ("full", "partial"))
    timings = {plain: [Timing(2.0, 2.5)], partial: [Timing(1.0, 1.0)]}
    found = Footprint(saved_mib=3.0, peak_mib=5.0, calls=7, flops=1e9, bytes=2.0**30)
    reached = {1: {"gflops": 4.0, "gib_per_s": 8.0}}
    full, part = rows_of(timings, {plain: found, partial: found}, "plain", reached)
    # half a second an image: a quarter for the operations, an eighth for the bytes
    assert (full["of_peak_rate"], full["of_roofline"], full["images_per_s"]) == (0.5, 0.5, 2.0)
    assert (full["ratio"], full["of_full"], part["of_full"]) == (1.0, None, 0.5)
    assert (full["saved_mib_per_image"], full["peak_mib_per_image"], full["calls"]) == (3.0, 5.0, 7)
    text = speed_markdown([full, part], [("processor", "a\\b")], ["Not all."])
    assert "| plain | partial | first | 4 | 1 | 1 | 1 |" in text and "Not all." in text


def test_limits_are_the_best_that_was_seen() -> None:
    now = {1: {"gflops": 3.0, "gib_per_s": 2.0}, 2: {"gflops": 5.0, "gib_per_s": 2.0}}
    assert limits.best({}, now) == now
    before = {1: {"gflops": 4.0, "gib_per_s": 1.0}}
    assert limits.best(before, now) == {1: {"gflops": 4.0, "gib_per_s": 2.0}, 2: now[2]}


def test_fewer_rounds_come_before_fewer_rows() -> None:
    groups = [[Case("plain", "first", batch, 1)] for batch in (10, 30, 20)]

    def cost(group: list[Case], rounds: int) -> float:
        return rounds * group[0].batch

    assert plan(groups, 3, 1000, cost) == (groups, 3)
    assert plan(groups, 3, 179, cost) == (groups, 2)
    assert plan(groups, 3, 60, cost) == (groups, 1)
    assert plan(groups, 3, 35, cost) == ([groups[0], groups[2]], 1)
    assert plan(groups, 3, 25, cost) == ([groups[0]], 2)
    assert plan(groups, 3, 5, cost) == ([], 0)


def test_what_a_step_will_take_is_told_by_the_likest() -> None:
    known = {Case("plain", "first", 16, 1): 4.0, Case("fast", "first", 16, 1): 1.0}
    assert expected_s(Case("fast", "first", 16, 1), known) == 1.0
    assert expected_s(Case("fast", "first", 64, 2), known) == pytest.approx(4.0)
    assert expected_s(Case("plain", "second", 16, 1), known) == pytest.approx(9.6)
    assert expected_s(Case("plain", "first", 16, 1), {}) > 0


@pytest.fixture
def run(naive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Runs the command with further words, in this process alone; the folder that it leaves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(measuring, "footprint", footprints._measured)
    monkeypatch.setattr(limits, "SIDE", 16)
    monkeypatch.setattr(limits, "COPIED", 2**10)

    def command(*words: str) -> Path:
        assert benchmark.main(["speed", *TINY, *words]) == 0
        return next(tmp_path.glob("outputs/speed/*"))

    return command


def test_the_command_leaves_figures_a_table_and_a_page(
    run: Callable[..., Path], naive: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = run(f"naive={naive}", "order=first", "rounds=2")
    content = json.loads((folder / "speed.json").read_text())
    assert {"processor", "cores", "torch", "date", "commit", "limits"} <= set(content["machine"])
    assert [row["engine"] for row in content["rows"]] == ["naive", "plain"]
    keys = ["engine", "order", "batch", "threads", "cpu_s", "wall_s", "ratio", "ratio_low", "ratio_high"]
    for row in content["rows"]:
        assert {*keys, "saved_mib_per_image", "peak_mib_per_image", "calls"} <= set(row)
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"] and row["rounds"] == 2
    assert content["rows"][0]["ratio"] == 1.0 > content["rows"][1]["ratio"]
    table, page, said = (folder / "speed.md").read_text(), (folder / "report.html").read_text(), capsys.readouterr().out
    for words in (
        "processor: ",
        "date: ",
        "commit: ",
        "naive, of the file that was named",
        "| naive | first | 2 | 1 |",
    ):
        assert words in table and words in said
    assert "naive, of the file that was named" in page and "of roofline" in page
    assert "<h2" in page and "Times faster" in page and "Left out" not in page
    assert said.splitlines()[-1] == f"Report  {folder / 'report.html'}"


def test_what_the_time_does_not_allow_is_said(run: Callable[..., Path]) -> None:
    folder = run("minutes=0.001", "batch=2,3")
    content, table = json.loads((folder / "speed.json").read_text()), (folder / "speed.md").read_text()
    assert {(row["order"], row["batch"], row["rounds"]) for row in content["rows"]} == {("first", 2, 1)}
    assert "Cut to 0.001 minutes: down to 1 of 3 rounds." in table
    assert "Not measured in 0.001 minutes: first, batch 3, 1 thread; second, batch 2, 1 thread;" in table
    assert "compared with: plain; no naive implementation was named" in table


def test_an_engine_that_cannot_be_built_has_no_rows(run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "is_available", lambda: False)
    folder = run("order=first", "rounds=1", "engine=plain,native")
    assert {row["engine"] for row in json.loads((folder / "speed.json").read_text())["rows"]} == {"plain"}
    assert "The native engine cannot be built on this machine." in (folder / "speed.md").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def search_step(): pass", "found no 'Supernet' in it, expected Supernet, search_step, loss_of"),
        ("import no_such_module", "cannot be run: No module named 'no_such_module'"),
    ],
)
def test_a_naive_implementation_that_is_none(text: str, message: str, naive: Path, tmp_path: Path, capsys) -> None:
    naive.write_text(text)
    speed = Speed("cifar", (), 4, 3, 8, naive=naive)
    with pytest.raises(ConfigError, match=message), subject(speed, Case("naive", "first", 2, 1)):
        pass


def test_ctrl_c_leaves_what_was_measured(run: Callable[..., Path], tmp_path: Path, monkeypatch, capsys) -> None:
    def timings(speed: Speed, cases: list[Case], rounds: int, tell: Callable) -> dict[Case, list[Timing]]:
        if cases[0].order == "second":
            raise KeyboardInterrupt
        return {case: [Timing(1.0, 1.0)] for case in cases}

    monkeypatch.setattr(measuring, "timings", timings)
    monkeypatch.setattr(measuring, "footprint", lambda speed, case: Footprint())
    assert benchmark.main(["speed", *TINY]) == 130
    folder = next(tmp_path.glob("outputs/speed/*"))
    assert f"stopped; what was measured lies in {folder}" in capsys.readouterr().err
    assert [row["order"] for row in json.loads((folder / "speed.json").read_text())["rows"]] == ["first"]
    assert "or the benchmark was stopped" in (folder / "report.html").read_text()
