"""Retraining that keeps the best epoch, averages weights or runs out of patience: what is tested, and resumed."""

from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from test_every_point import check_every_point
from tiny_runs import SGD, load_final, tiny_retrain, tiny_space

from darts_pl.errors import ConfigError
from darts_pl.genotype import Genotype
from darts_pl.lit import RetrainModule
from darts_pl.tasks import Classification


def genotype() -> Genotype:
    return tiny_space().random_genotype(torch.Generator().manual_seed(0))


# At this rate some epochs are worse than the one before.
ROUGH = {"holdout": 0.25, "epochs": 4, "batch_size": 24, "optimizer": partial(torch.optim.SGD, lr=1.0)}


def test_resumed_at_every_point_with_all_of_them(tmp_path: Path) -> None:
    recipe = {**ROUGH, "epochs": 2, "optimizer": SGD, "keep_best": True, "average": 0.5, "patience": 5}
    check_every_point(
        lambda folder: tiny_retrain(folder, genotype(), **recipe), tmp_path, steps=[1, 2, 3, 3, 4, 5, 6, 6]
    )


def test_the_saved_model_is_the_best_epochs(tmp_path: Path) -> None:
    tiny_retrain(tmp_path, genotype(), keep_best=True, **ROUGH)
    final = load_final(tmp_path)
    rows = next(state["rows"] for name, state in final["callbacks"].items() if "History" in name)
    accuracies = [row["val_acc"] for row in rows]
    assert final["best"]["epoch"] == accuracies.index(max(accuracies)) + 1 != len(rows)
    model, last = load_file(tmp_path / "model.safetensors"), final["state_dict"]
    assert all(torch.equal(model[name], final["best"]["state"][name]) for name in model)
    assert any(not torch.equal(model[name], last[f"network.{name}"]) for name in model)


def test_patience_ends_a_training_and_a_resumed_one_stays_ended(tmp_path: Path) -> None:
    recipe = {**ROUGH, "epochs": 30, "optimizer": partial(torch.optim.SGD, lr=0.0), "patience": 2}
    tiny_retrain(tmp_path, genotype(), **recipe)
    steps = load_final(tmp_path)["steps_done"]
    assert steps < 30 * 3 / 2  # with a rate of 0 only the running statistics change
    (tmp_path / "manifest.json").unlink()  # as if killed before the stage was marked complete
    tiny_retrain(tmp_path, genotype(), **recipe)
    assert load_final(tmp_path)["steps_done"] == steps


def test_the_average_is_the_written_out_one() -> None:
    network = torch.nn.Linear(2, 3, dtype=torch.float64)
    module = RetrainModule(network, None, task=Classification(3), epochs=1, average=0.9)
    expected = network.weight.detach().clone()
    for step in range(3):
        with torch.no_grad():
            network.weight += 1.0
        module.averaged.update_parameters(network)
        weight = network.weight.detach()
        expected = weight.clone() if step == 0 else 0.9 * expected + 0.1 * weight
    torch.testing.assert_close(module.evaluated.weight.detach(), expected, rtol=0, atol=1e-12)
    module.finish()
    torch.testing.assert_close(network.weight.detach(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("wrong", [{"average": 1.0}, {"average": -0.1}, {"patience": -1}])
def test_values_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        RetrainModule(torch.nn.Linear(1, 1), None, task=Classification(2), epochs=1, **wrong)
