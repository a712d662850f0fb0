"""The Python face: what a result holds, that every setting acts, that bad input is named."""

import dataclasses
import logging
from functools import partial

import pytest
import torch
from small_search import two_classes
from torch.utils.data import DataLoader, Dataset, TensorDataset, get_worker_info
from torchmetrics.classification import MulticlassAccuracy

import darts_pl
from darts_pl import Perturbation, Phase, SearchConfig, SearchResult, api, search_architecture
from darts_pl.derive import top_edges
from darts_pl.genotype import Cell, Genotype
from darts_pl.hardware import Hardware
from darts_pl.ops.image import PRIMITIVES
from darts_pl.relaxations import Gumbel
from darts_pl.rules import RankingStop, Rule
from darts_pl.spaces import CellSpace
from darts_pl.tasks import Custom

BASE = SearchConfig(
    epochs=2,
    batch_size=8,
    layers=3,
    init_channels=2,
    num_nodes=1,
    learning_rate=0.05,
    arch_learning_rate=0.01,
    primitives=PRIMITIVES[2:5],
)
SIZES = ("init_channels", "layers", "num_nodes", "primitives")
HALVES = (two_classes(16, seed=1), two_classes(16, seed=2))


def run(halves=HALVES, **changes) -> SearchResult:
    return search_architecture(*halves, dataclasses.replace(BASE, **changes))


@pytest.fixture(scope="module")
def base() -> SearchResult:
    return run()


def test_a_result_holds_what_was_found(base):
    assert isinstance(base.genotype, Genotype) and isinstance(base.last_genotype, Genotype)
    assert isinstance(base.normal_genotype, Cell) and base.normal_genotype == base.genotype.normal
    assert base.reduce_genotype == base.genotype.reduce
    assert {kind: tuple(alpha.shape) for kind, alpha in base.alphas.items()} == {"normal": (2, 3), "reduce": (2, 3)}
    assert len(base.history) == 2 and base.history[1]["epoch"] == base.history[0]["epoch"] + 1
    figures = {"train_loss", "train_acc", "val_loss", "val_acc", "lr", "alpha_updates", "alpha_movement"}
    assert figures <= set(base.history[0])
    assert (base.final_train_acc, base.final_val_acc) == (base.history[-1]["train_acc"], base.history[-1]["val_acc"])
    assert 0 <= base.final_val_acc <= 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        base.final_val_acc = 1.0


def test_a_result_tells_in_words_what_was_found(base):
    text, cells, shape = str(base), base.genotype.cells, tuple(HALVES[0][0][0].shape)
    network = CellSpace(**{key: getattr(BASE, key) for key in SIZES}).network(base.genotype, shape, 2)
    assert base.parameters == sum(weight.numel() for weight in network.parameters())
    assert f"{base.parameters:,} weights" in text and f"validation loss {base.history[-1]['val_loss']:.4g}" in text
    assert f"accuracy {base.final_val_acc:.1%}" in text and "result.genotype.save(" in text
    assert all(f"{edge.op}({edge.source})" in text for cell in cells.values() for node in cell.nodes for edge in node)
    assert "tensor(" not in text and repr(base) == text
    assert base._repr_html_().startswith("<pre>") and base.genotype.normal.nodes[0][0].op in base._repr_html_()


def test_the_genotype_is_the_best_epochs_not_the_lasts(monkeypatch):
    """A search whose later epochs validate worse: its genotype is the one that the shorter search ends with."""
    settings = {"arch_learning_rate": 0.5, "primitives": PRIMITIVES}
    long = run(epochs=4, **settings)
    accuracies = [row["val_acc"] for row in long.history]
    spied = []
    derive = CellSpace.derive
    monkeypatch.setattr(CellSpace, "derive", lambda *a, **k: spied.append(derive(*a, **k)) or spied[-1])
    again = run(epochs=4, **settings)
    assert len(spied) == 4 and len(set(spied)) > 1
    assert again.genotype == long.genotype == spied[accuracies.index(max(accuracies))]
    assert again.last_genotype == spied[-1]


def test_colour_images_of_another_size_and_a_default_configuration_face():
    assert darts_pl.search_architecture is search_architecture and darts_pl.load is api.load
    result = run([two_classes(16, seed=s, shape=(3, 16, 16)) for s in (1, 2)], epochs=1)
    assert set(result.alphas) == {"normal", "reduce"}
    assert SearchConfig().arch_learning_rate == 3e-4 and SearchConfig().layers == 8  # the paper's


def halved(x, candidates, gate):
    return sum(0.5 * g * op(x) for g, op in zip(gate, candidates))


class Shrinking(Rule):
    """Pulls the alphas to zero."""

    def penalty(self, supernet):
        return sum(alpha.square().sum() for alpha in supernet.arch_parameters())


def doubled(channels, stride, affine):
    return torch.nn.Sequential(torch.nn.AvgPool2d(3, stride, 1), torch.nn.Softplus())


def doubled_loss(output, y):
    return 2 * torch.nn.functional.cross_entropy(output, y)


CHANGES = {
    "engine": "plain",  # the same up to rounding
    "epochs": 3,
    "batch_size": 16,
    "layers": 4,
    "init_channels": 3,
    "num_nodes": 2,
    "num_classes": 4,
    "learning_rate": 0.01,
    "min_learning_rate": 0.04,
    "momentum": 0.0,
    "weight_decay": 0.1,
    "arch_learning_rate": 0.02,
    "arch_weight_decay": 0.5,
    "arch_betas": (0.9, 0.999),
    "alpha_warmup_epochs": 1,
    "clip_norm": 0.01,
    "hypergradient": "exact",
    "primitives": PRIMITIVES[3:6],
    "operations": {"avg_pool_3x3": doubled},
    "relaxation": Gumbel(),
    "mixing": halved,
    "rules": [Shrinking()],
    "derivation": partial(top_edges, keep=1),
    "phases": [Phase(), Phase(keep=2)],
    "selection": Perturbation(tune_epochs=0),
    "stem": "imagenet",
    "space": CellSpace(init_channels=3, layers=3, num_nodes=1),
    "task": Custom(doubled_loss, {"acc": MulticlassAccuracy(2, average="micro")}, monitor="acc"),
    "weights_optimizer": torch.optim.AdamW,
    "seed": 1,
}
NOT_IN_THE_RESULT = {"num_workers", "use_amp", "guards"}  # below


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_acts(base, name):
    changed = run(**{name: CHANGES[name]})
    same_alphas = all(torch.equal(base.alphas[kind], changed.alphas[kind]) for kind in base.alphas)
    same_result = same_alphas and base.history == changed.history and base.selection == changed.selection
    assert not same_result or (base.genotype, base.last_genotype) != (changed.genotype, changed.last_genotype)


def test_no_setting_is_left_out():
    assert {f.name for f in dataclasses.fields(SearchConfig)} == set(CHANGES) | NOT_IN_THE_RESULT


class TellsWorkers(Dataset):
    """Brighter images where a worker process loads them."""

    def __len__(self):
        return 16

    def __getitem__(self, i):
        x, y = HALVES[0][i]
        return x + (get_worker_info() is not None), y


def test_workers_load_where_asked(base):
    plain, loaded = run([TellsWorkers(), HALVES[1]]), run([TellsWorkers(), HALVES[1]], num_workers=1)
    assert plain.history == base.history != loaded.history


def test_mixed_precision_where_asked(monkeypatch):
    asked = []

    class Watched(Hardware):
        def trainer_arguments(self):
            asked.append(self.precision)
            return super().trainer_arguments()

    monkeypatch.setattr("darts_pl.api.search.Hardware", Watched)
    run(epochs=1), run(epochs=1, use_amp=True)
    assert asked == ["32-true", "auto"]


@pytest.mark.parametrize("verbose", [True, False])
def test_verbose_prints_a_line_an_epoch(capsys, verbose):
    search_architecture(*HALVES, BASE, verbose=verbose)
    assert capsys.readouterr().out.count("search epoch") == (BASE.epochs if verbose else 0)


@pytest.mark.parametrize("guards", [True, False])
def test_guards_warn_unless_switched_off(guards, caplog):
    with caplog.at_level(logging.WARNING, "darts_pl"):
        run(guards=guards, arch_learning_rate=1e-9)
    assert any("the alphas have moved by" in record.getMessage() for record in caplog.records) == guards


def test_a_rule_that_stops_says_why():
    result = run(rules=[RankingStop(epochs=1, learnable=False)], epochs=6, arch_learning_rate=1e-9)
    assert "ranking" in result.stopped and len(result.history) < 6
    assert run().stopped is None


def test_loaders_of_different_length_go_round():
    short, long = DataLoader(HALVES[0], 8), DataLoader(TensorDataset(*two_classes(40).tensors), 8)
    assert search_architecture(short, long, BASE).history[-1]["alpha_updates"] == 2 * 5
