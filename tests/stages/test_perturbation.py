"""DARTS-PT: the algorithm where costs are known in closed form, its evaluations by hand, a planted operation."""

import dataclasses
import math

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from selecting import AdditiveEvaluator, additive, planted_space, searched, two_classes

from darts_pl.errors import ConfigError
from darts_pl.relaxations import Gumbel, Softmax
from darts_pl.spaces import CellSpace
from darts_pl.stages.selection import Perturbation, perturbation
from darts_pl.stages.selection.decisions import Settled, questions
from darts_pl.stages.selection.evaluation import Evaluator

TARGETS = [2, 2, 3, 3, 3, 4, 4, 4, 4]
EDGES = [f"{n}<-{s}" for n, count in ((2, 2), (3, 3), (4, 4)) for s in range(count)]
OPERATIONS = ("none", "one", "two", "three")
DECIDE = Perturbation(tune_epochs=0)


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
@pytest.mark.parametrize("edges_kept", [2, 3, None])
def test_decisions_where_costs_are_known(tmp_path, monkeypatch, edges_kept, metric):
    """Removing o from e costs gate · value; of decided edges the value itself. `none` is worth most here."""
    monkeypatch.setattr(perturbation, "Evaluator", AdditiveEvaluator)
    generator = torch.Generator().manual_seed(4)
    values = {kind: torch.rand(9, 4, generator=generator) for kind in ("normal", "reduce")}
    for value in values.values():
        value[::2, 0] = 50.0
    trained = additive(tmp_path, values, TARGETS, EDGES, OPERATIONS, edges_kept)
    alphas = {kind: alpha.detach().clone() for kind, alpha in trained.module.supernet.alphas.items()}
    found, figures = Perturbation(tune_epochs=0, metric=metric)(trained)
    for kind, value in values.items():
        worth = alphas[kind].softmax(dim=1) * value
        if edges_kept is not None:
            worth[:, 0] = -1
        best = worth.argmax(dim=1).tolist()
        expected = F.one_hot(torch.tensor(best), 4).float()
        for node in (2, 3, 4):
            rows = [row for row, target in enumerate(TARGETS) if target == node]
            ranked = sorted(rows, key=lambda row: float(value[row, best[row]]), reverse=True)
            for row in ranked[edges_kept if edges_kept is not None else 9 :]:
                expected[row] = 0
        assert torch.equal(found[kind], expected)
    drops = {2: 2 * 3, 3: 2 * 1, None: 0}[edges_kept]
    assert figures["decisions"] == 2 * 9 + drops
    table = pd.read_csv(tmp_path / "decisions.csv", keep_default_na=False)
    assert len(table) == 2 * 9 + drops and (table.operation == "dropped").sum() == drops
    first = table.iloc[0]
    row, column = EDGES.index(first.edge), OPERATIONS.index(first.operation)
    cost = alphas["normal"].softmax(dim=1)[row, column] * values["normal"][row, column]
    assert first.kind == "normal" and first.cost == pytest.approx(float(cost), rel=1e-4)
    assert trained.module.supernet.kept("normal").all()  # the searched supernet is left as it was


def test_questions_come_in_turn_and_in_an_order_of_the_seed():
    supernet = CellSpace(init_channels=1, layers=3).supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=max)
    asked = questions(supernet, 2, seed=0)
    assert len(asked) == 2 * 14 + 2 * (1 + 2 + 3) and asked[-1].stage == 16
    for kind in ("normal", "reduce"):
        rows = [q.row for q in asked if q.kind == kind and q.row is not None]
        nodes = list(dict.fromkeys(q.node for q in asked if q.kind == kind and q.node is not None))
        assert sorted(rows) == list(range(14)) != rows and sorted(nodes) == [3, 4, 5]
    assert [q.kind for q in asked[:28]] == ["normal", "reduce"] * 14
    for stage in range(17):
        per_kind = [{(q.row, q.node) for q in asked if q.stage == stage and q.kind == k} for k in ("normal", "reduce")]
        assert all(len(each) == 1 for each in per_kind)
    assert questions(supernet, 2, seed=0) == asked != questions(supernet, 2, seed=1)
    assert len(questions(supernet, None, seed=0)) == 28


def test_settled_gates():
    inf = torch.inf
    logits = torch.tensor([[0.3, -0.2, 0.5], [0.3, -inf, 0.5], [-inf, 0.2, -inf], [-inf, -inf, -inf]])
    found = Settled(Gumbel()).train()(logits)
    assert torch.equal(found[0], logits[0].softmax(dim=0)) and found[1, 1] == 0
    assert float(found[1].sum()) == pytest.approx(1)
    assert found[2:].tolist() == [[0, 1, 0], [0, 0, 0]]


def by_hand(trained, kind: str, row: int, column: int | None) -> tuple[float, float]:
    """(loss, accuracy) on the alphas' half as one batch in train mode, one gate set to 0."""
    supernet, data = trained.module.supernet, trained.data
    x, y = data.train_arrays()
    index = data.halves[1]
    x = (torch.from_numpy(x[index]).permute(0, 3, 1, 2).float() / 255 - data.mean[0]) / data.std[0]
    y = torch.from_numpy(y[index])
    gates = {name: alpha.detach().softmax(dim=1) for name, alpha in supernet.alphas.items()}
    if column is not None:
        gates[kind][row, column] = 0
    with torch.no_grad():
        logits = supernet.train()(x, gates)
    return float(F.cross_entropy(logits, y)), float((logits.argmax(dim=1) == y).float().mean())


def test_the_first_decision_by_hand(tmp_path):
    space = CellSpace(
        init_channels=2, layers=3, num_nodes=1, primitives=("avg_pool_3x3", "skip_connect", "sep_conv_3x3")
    )
    trained = searched(tmp_path, space, data=two_classes(batch_size=64), epochs=2)
    Perturbation(tune_epochs=0, metric="loss")(trained)
    first = pd.read_csv(tmp_path / "selection" / "decisions.csv").iloc[0]
    row = space.edges.index(first.edge)
    losses = [by_hand(trained, "normal", row, column)[0] for column in range(3)]
    assert first.operation == space.primitives[losses.index(max(losses))]
    assert first.cost == pytest.approx(max(losses) - by_hand(trained, "normal", row, None)[0], rel=1e-3, abs=1e-6)


def test_evaluations_leave_statistics_alone_and_mix_the_classes(tmp_path):
    trained = searched(tmp_path, planted_space(), data=two_classes(batch_size=16), epochs=1)
    supernet = trained.module.supernet.eval()
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    evaluate, seen = Evaluator(trained), []

    def forward(x):
        seen.append(x)
        assert supernet.training
        return supernet(x)

    whole, again = evaluate(supernet, forward), evaluate(supernet, supernet)
    assert whole == again and not supernet.training and [len(x) for x in seen] == [16] * 4
    assert all(torch.equal(value, before[name]) for name, value in supernet.state_dict().items())
    assert max(abs(float(x.mean()) - float(torch.cat(seen).mean())) for x in seen) < 0.3  # one class is 0.6 away
    assert evaluate(supernet, supernet, batches=1) != whole


@pytest.mark.parametrize("tune_epochs", [0, 1])
def test_a_planted_operation_is_found_with_untrained_alphas(tmp_path, tune_epochs):
    trained = searched(tmp_path, planted_space(), epochs=4)
    genotype, figures = Perturbation(tune_epochs=tune_epochs)(trained)
    ops = [edge.op for cell in genotype.cells.values() for edge in cell.nodes[0]]
    assert (
        ops.count("faithful") >= 3
    )  # by chance in one of 20 cases; where one edge carries the label the other need not
    assert figures["val_acc"] > 0.95


def test_tuning_moves_weights_alone_at_a_tenth_of_the_rate(tmp_path):
    """The rates of all rounds lie on one cosine; alphas rest; the searched supernet is not touched."""
    space = planted_space()
    space.edges_kept = 1
    trained = searched(tmp_path, space, epochs=1)
    plain, rates, seeds, batches = trained.make_module, [], [], []
    searched_before = {name: value.clone() for name, value in trained.module.supernet.state_dict().items()}

    def make_module(supernet, **settings):
        module = plain(supernet, **settings)
        alphas = [alpha.detach().clone() for alpha in supernet.arch_parameters()]
        seeds.append(module.seed)

        class Watching(type(module)):
            def training_step(self, batch, batch_idx):
                if batch_idx == 0:
                    rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])
                    batches.append(batch["weights"][0])
                before = [weight.detach().clone() for weight in supernet.weight_parameters()]
                super().training_step(batch, batch_idx)
                moved = [not torch.equal(a, b) for a, b in zip(before, supernet.weight_parameters())]
                assert any(moved) and all(torch.equal(a, b) for a, b in zip(alphas, supernet.arch_parameters()))

        module.__class__ = Watching
        return module

    Perturbation(tune_epochs=2)(dataclasses.replace(trained, make_module=make_module))
    start, end, total = 0.1 * 0.05, 0.001, 2 * 2  # two rounds between three stages
    expected = [end + (start - end) * (1 + math.cos(math.pi * epoch / total)) / 2 for epoch in range(total)]
    assert rates == pytest.approx(expected, rel=1e-6) and len(set(seeds)) == 2
    assert not any(torch.equal(a, b) for n, a in enumerate(batches) for b in batches[:n])
    after = trained.module.supernet.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in searched_before.items())
    assert not list((tmp_path / "selection").glob("round_*"))


def test_bad_settings_are_named():
    for settings, words in (
        ({"tune_epochs": -1}, "tune_epochs=-1"),
        ({"learning_rate_factor": 0.0}, "learning_rate_factor=0.0"),
        ({"metric": "acuracy"}, "Did you mean 'accuracy'"),
    ):
        with pytest.raises(ConfigError, match=words):
            Perturbation(**settings)
