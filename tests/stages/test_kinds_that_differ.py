"""What follows a search where kinds differ in candidates and edges, and less of the monitored metric is better."""

import functools
import json
import logging
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from series_search import HARDWARE, searched, space, windows
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from darts_pl.callbacks.guards import CollapseGuards
from darts_pl.data.batches import Batches
from darts_pl.genotype import from_json, read
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.reports.run_page import write_report
from darts_pl.stages.selection import Perturbation, Sampled, Trained
from darts_pl.stages.selection.evaluation import Evaluator, Score
from darts_pl.stages.trainer import DEFAULT

DECIDE = Perturbation(tune_epochs=1)


def untrained(folder) -> Trained:
    built, data = space(), windows()
    torch.manual_seed(0)
    supernet = built.supernet(data.input_shape, data.outputs, relaxation=Softmax(), mixing=full)
    module = SimpleNamespace(supernet=supernet, layout=lambda x: x, task=data.task)
    return Trained(module, None, built, data, built.derive, HARDWARE, 0, folder, DEFAULT)


def test_a_search_tells_of_each_best_genotype_and_writes_what_pages_need(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="darts_pl"):
        run = searched(tmp_path / "run", selection=DECIDE)
    lines = [record.message for record in caplog.records if "best so far" in record.message]
    history = pd.read_csv(run.path / "history.csv")
    improved = (history["val_mse"] < history["val_mse"].cummin().shift(fill_value=np.inf)).sum()
    assert len(lines) == improved > 0
    assert re.match(r"search epoch 1, best so far, validation loss \S+ mse \S+: normalization=\w+", lines[0])
    assert "encoder 2: " in lines[0]
    epochs = [record.message for record in caplog.records if record.message.startswith("search epoch 1/2")]
    assert re.search(r"training loss \S+ mse \S+, validation loss \S+ mse", epochs[0]) and "acc" not in epochs[0]

    decisions = pd.read_csv(run.path / "selection" / "decisions.csv", keep_default_na=False)
    names = space().names_by_kind
    assert set(decisions["kind"]) == set(names)
    for row in decisions.itertuples():
        candidates, edges = names[row.kind]
        assert row.edge in edges and row.operation in (*candidates, "dropped")
    assert (decisions["operation"] == "dropped").sum() == 1  # of the three edges into the second node
    chosen = decisions[decisions["operation"] != "dropped"].set_index("kind")["operation"]
    genotype = read(run.path / "genotype_best.json")
    assert all(genotype.choices[kind] == chosen[kind] for kind in ("normalization", "shortcut"))
    figures = run.manifest["stages"]["search"]["selection"]
    assert list(figures) == ["decisions", "val_mse", "val_loss"] and figures["decisions"] == len(decisions)
    assert any("of the mse)" in record.message for record in caplog.records)

    board = EventAccumulator(str(run.path / "tensorboard"), size_guidance={"images": 0}).Reload()
    scalars, pictures = board.Tags()["scalars"], board.Tags()["images"]
    assert (
        "search_gates/normalization/normalization/last" in scalars and "search_alphas/encoder/2_from_0/grn" in scalars
    )
    assert set(pictures) == {f"search_pictures/{name}" for name in ("cells", "gates_encoder", "alphas_encoder")}
    assert any(tag.startswith("choices") for tag in board.Tags()["tensors"])

    page = write_report(run.path).read_text(encoding="utf-8")
    assert "Best validation mse of the supernet" in page and "samples/s" in page and "images" not in page
    assert "gates after the last epoch" in page and "accuracy" not in page


def test_the_evaluator_gives_the_tasks_figures(tmp_path):
    trained = untrained(tmp_path)
    score = Evaluator(trained)(trained.module.supernet, trained.module.supernet)
    x, y = trained.data.windows("val")[torch.arange(len(trained.data.numbers_of("val")))]
    with torch.no_grad():
        expected = float((trained.module.supernet.eval()(x) - y).square().mean())
    assert score.monitored == pytest.approx(expected, rel=1e-4) and score.loss == pytest.approx(expected, rel=1e-4)
    assert not score.higher_is_better


def test_less_is_better_where_the_task_says_so():
    low, high = Score(0.5, 1.0, False), Score(0.1, 2.0, False)
    assert low.goodness("monitor") > high.goodness("monitor") and low.goodness("accuracy") > high.goodness("accuracy")
    assert low.goodness("loss") < high.goodness("loss")
    assert Score(0.1, 1.0, False).goodness("monitor") > low.goodness("monitor")  # equal metrics: the loss tells


def test_sampled_architectures_are_compared_by_the_metric(tmp_path):
    genotype, figures = Sampled(candidates=12, batches=2, finalists=3)(untrained(tmp_path))
    table = pd.read_csv(tmp_path / "samples.csv")
    finals = table[table["val_mse"].notna()]
    assert len(finals) == 3 and set(finals.index) == set(table["mse"].nsmallest(3).index)
    best = finals.loc[finals["val_mse"].idxmin()]
    assert genotype == from_json(best["genotype"]) and figures["val_mse"] == pytest.approx(best["val_mse"])


def nested(trained: Trained) -> Trained:
    """The same supernet for a task with a dictionary of outputs and targets."""
    data, supernet = trained.data, trained.module.supernet

    class Mean(torch.nn.Module):
        """Errors of "a" and "b"."""

        def reset(self):
            self.values = []

        def update(self, loss, output, y):
            self.values = [*getattr(self, "values", []), (float(loss), float((output["b"] - y["b"]).abs().mean()))]

        def compute(self, prefix):
            loss, b = torch.tensor(self.values).mean(dim=0).tolist()
            return {f"{prefix}_loss": loss, f"{prefix}_b_mae": b}

    class Truths:
        def __init__(self, truth):
            self.truth = truth

        def __getitem__(self, chosen):
            return {"a": self.truth[chosen], "b": -self.truth[chosen]}

    class Forward(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = supernet

        def forward(self, x):
            return {"a": self.inner(x), "b": -self.inner(x)}

    loader = data.val_dataloader()
    task = SimpleNamespace(
        monitor="b_mae",
        loss=lambda output, y: sum((output[name] - y[name]).square().mean() for name in y),
        metrics=Mean,
        better=lambda value, than: value < than,
    )
    truths = Batches(loader.x, Truths(loader.y), 8, shuffle=False, index=loader.index)
    face = SimpleNamespace(
        task=task,
        mixed_validation=functools.partial(truths.mixed, 8),
        on_after_batch_transfer=data.on_after_batch_transfer,
    )
    module = SimpleNamespace(supernet=Forward(), layout=lambda x: x, task=task)
    return replace(trained, data=face, module=module)


def test_targets_in_dictionaries_are_evaluated(tmp_path):
    plain = untrained(tmp_path)
    trained = nested(plain)
    found = Evaluator(trained)(trained.module.supernet, trained.module.supernet)
    single = Evaluator(plain)(plain.module.supernet, plain.module.supernet)
    assert found.loss == pytest.approx(2 * single.loss, rel=1e-4) and 0 < found.monitored < found.loss


def test_guards_name_choices_by_their_candidates_and_flat_ones_together(tmp_path):
    built, genotype = space(), space().random_genotype(torch.Generator().manual_seed(0))
    history = SimpleNamespace(genotype=genotype, names_of=lambda kind: built.names_by_kind[kind], rows=[{"epoch": 3}])
    guards = CollapseGuards(history, tmp_path)
    kept, sampled = torch.ones(1, 3, dtype=torch.bool), torch.tensor([[True, False, True]])
    guards.sampled = {"normalization": sampled}
    guards._check_sampling("normalization", {"epoch": 3}, kept)
    guards._warn_of_flat([("normalization", 0.99), ("shortcut", 1.0), ("encoder", 0.985)], {"epoch": 3})
    guards._write(SimpleNamespace(loggers=[], is_global_zero=True))
    told = [warning["what"] for warning in json.loads((tmp_path / "guards.json").read_text())["warnings"]]
    assert told[0] == "never sampled in the choice normalization: last on normalization"
    assert told[1].startswith("the gates of the encoder cell are flat (98% of the largest entropy), so its genotype")
    assert told[2].startswith("the gates of normalization, shortcut are flat (above 98% of the largest entropy)")
