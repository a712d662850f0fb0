"""Random search with weight sharing: scores against the derived networks, two rounds, a planted operation."""

import dataclasses
import json

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from inherited import network_with_weights
from selecting import planted_space, searched, two_classes

from darts_pl.errors import ConfigError
from darts_pl.genotype import from_json
from darts_pl.spaces import CellSpace
from darts_pl.stages.selection import Sampled

PRIMITIVES = ("none", "skip_connect", "avg_pool_3x3", "dil_conv_3x3")


def derived_score(trained, genotype) -> tuple[float, float]:
    """(loss, accuracy) of the genotype's own network with the supernet's weights, the half as one batch."""
    space, data = trained.space, trained.data
    network = network_with_weights(space, trained.module.supernet, genotype, data.input_shape, 2)
    x, y = data.train_arrays()
    index = data.halves[1]
    x = (torch.from_numpy(x[index]).permute(0, 3, 1, 2).float() / 255 - data.mean[0]) / data.std[0]
    y = torch.from_numpy(y[index])
    with torch.no_grad():
        logits = network.train()(x)
    return float(F.cross_entropy(logits, y)), float((logits.argmax(dim=1) == y).float().mean())


def test_scores_are_those_of_the_derived_networks(tmp_path):
    space = CellSpace(init_channels=2, layers=3, num_nodes=2, primitives=PRIMITIVES)
    trained = searched(tmp_path, space, data=two_classes(batch_size=64), epochs=2)
    for choice in trained.module.supernet.choices():
        choice.drop_path_probability = 0.9  # what a rule of the search may have left
    genotype, figures = Sampled(candidates=12, batches=None)(trained)
    table = pd.read_csv(tmp_path / "selection" / "samples.csv")
    genotypes = [from_json(text) for text in table.genotype]
    expected = [derived_score(trained, each) for each in genotypes]
    assert table.loss.tolist() == pytest.approx([loss for loss, _ in expected], rel=1e-4)
    assert table.accuracy.tolist() == pytest.approx([accuracy for _, accuracy in expected])
    best = max(range(len(table)), key=lambda n: (table.accuracy[n], -table.loss[n]))
    assert genotype == genotypes[best] and figures["val_acc"] == table.accuracy[best]
    assert figures["candidates"] == 12 >= figures["different"] == len(set(genotypes)) == len(table)
    assert json.dumps(figures)


def test_few_are_evaluated_on_all_and_the_result_is_of_the_seed(tmp_path):
    space = CellSpace(init_channels=2, layers=3, num_nodes=1, primitives=PRIMITIVES)
    trained = searched(tmp_path, space, epochs=1)
    results = []
    for _ in range(2):
        results.append(Sampled(candidates=20, batches=1, finalists=3)(trained))
        table = pd.read_csv(tmp_path / "selection" / "samples.csv")
        results[-1] += (table.to_csv(),)
    assert results[0] == results[1]
    order = sorted(range(len(table)), key=lambda n: (-table.accuracy[n], table.loss[n]))
    assert set(table.index[table.val_acc.notna()]) == set(order[:3])
    assert results[0][1]["val_acc"] == table.val_acc.max()
    Sampled(candidates=20, batches=1, finalists=3)(dataclasses.replace(trained, seed=1))
    assert pd.read_csv(tmp_path / "selection" / "samples.csv").genotype.tolist() != table.genotype.tolist()


def test_a_planted_operation_is_found(tmp_path):
    trained = searched(tmp_path, planted_space(), epochs=4)
    genotype, figures = Sampled(candidates=30, batches=None)(trained)
    ops = [edge.op for cell in genotype.cells.values() for edge in cell.nodes[0]]
    assert ops.count("faithful") >= 3 and figures["val_acc"] > 0.95


def test_bad_settings_are_named():
    for name in ("candidates", "batches", "finalists"):
        with pytest.raises(ConfigError, match=f"selection.{name}=0"):
            Sampled(**{name: 0})
    with pytest.raises(ConfigError, match=r"selection\.metric='los'.*Did you mean 'loss'"):
        Sampled(metric="los")
