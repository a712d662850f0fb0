"""A task of one's own, from Python and from a configuration."""

import math

import pytest
import torch
import torch.nn.functional as F
import torchmetrics
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from darts_pl.errors import ConfigError
from darts_pl.tasks import Custom

OUTPUT, Y = torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0]]), torch.tensor([0, 2, 2])


def test_figures_and_direction() -> None:
    given = {"f1": MulticlassF1Score(3), "acc": MulticlassAccuracy(3, average="micro")}
    task = Custom(lambda output, y: F.cross_entropy(output, y, label_smoothing=0.1), given, "f1")
    first, second = task.metrics(), task.metrics()
    first.update(task.loss(OUTPUT, Y), OUTPUT, Y)
    found = first.compute("val")
    assert found["val_acc"] == pytest.approx(2 / 3) and found["val_f1"] == pytest.approx(given["f1"](OUTPUT, Y).item())
    assert found["val_loss"] == pytest.approx(F.cross_entropy(OUTPUT, Y, label_smoothing=0.1).item())
    assert second.compute("val") == {} and task.metrics().compute("val") == {}, "the metrics are copies"
    assert task.monitor == "f1" and task.better(0.9, 0.8) and not task.better(math.nan, 0.8)
    error = Custom(F.mse_loss, {"mse": torchmetrics.MeanSquaredError()}, "mse")
    assert error.better(0.1, 0.2)
    assert Custom(F.mse_loss, {"mse": torchmetrics.MeanSquaredError()}, "mse", True).better(0.2, 0.1)
    assert Custom(F.mse_loss, {}).better(0.1, 0.2) and Custom(F.mse_loss, {}).monitor == "loss"


def test_hydra_builds_it() -> None:
    config = OmegaConf.create(
        {
            "_target_": "darts_pl.tasks.Custom",
            "loss": {"_target_": "torch.nn.CrossEntropyLoss", "label_smoothing": 0.1},
            "metrics": {"top2": {"_target_": "torchmetrics.classification.MulticlassAccuracy", "num_classes": 3}},
            "monitor": "top2",
        }
    )
    task = instantiate(config)
    metrics = task.metrics()
    metrics.update(task.loss(OUTPUT, Y), OUTPUT, Y)
    assert set(metrics.compute("test")) == {"test_loss", "test_top2"} and task.better(0.2, 0.1)


def test_a_loss_keeps_its_buffers_and_outputs_may_be_several() -> None:
    weighted = Custom(torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0])), {})
    assert "given_loss.weight" in weighted.state_dict()

    def loss(output: dict, y: dict) -> torch.Tensor:
        return F.mse_loss(output["a"], y["a"]) + F.mse_loss(output["b"], y["b"])

    task, output = Custom(loss, {}), {"a": torch.ones(4), "b": torch.zeros(4, 2)}
    metrics = task.metrics()
    metrics.update(task.loss(output, {name: part + 1 for name, part in output.items()}), output, output)
    assert metrics.compute("x") == {"x_loss": 2.0} and float(metrics.loss.weight) == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "mse"}, "loss='mse' cannot be called"),
        ({"monitor": "f11"}, r"monitor='f11' is none of the metrics\. Did you mean 'f1'"),
        ({"metrics": {"f1": len}, "monitor": "f1"}, "expected a metric of torchmetrics"),
        ({"metrics": {"loss": MulticlassAccuracy(3)}}, "'loss' cannot name a metric"),
        ({"metrics": {"a.b": MulticlassAccuracy(3)}}, "'a.b' cannot name a metric"),
        ({"metrics": {"mean": torchmetrics.MeanMetric()}, "monitor": "mean"}, "Give higher_is_better"),
    ],
)
def test_what_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Custom(**{"loss": F.mse_loss, "metrics": {"f1": MulticlassF1Score(3)}, **settings})


def test_a_loss_or_a_metric_that_is_no_single_number() -> None:
    with pytest.raises(ConfigError, match=r"the loss gives \(3,\), expected a scalar"):
        Custom(lambda output, y: output[:, 0], {}).loss(OUTPUT, Y)
    metrics = Custom(F.cross_entropy, {"acc": MulticlassAccuracy(3, average=None)}).metrics()
    metrics.update(torch.tensor(0.0), OUTPUT, Y)
    with pytest.raises(ConfigError, match=r"'acc' gives \(3,\) numbers, expected one"):
        metrics.compute("x")
