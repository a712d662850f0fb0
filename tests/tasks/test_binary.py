"""Binary classification: logits, whatever their range, against scikit-learn's figures."""

import math
import pickle

import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from darts_pl.errors import ConfigError, DataError
from darts_pl.tasks import BinaryClassification

LOGITS = torch.tensor([0.2, 0.4, -1.0, 0.9, 0.6, -3.0])  # all of the first batch lie in 0..1
Y = torch.tensor([1, 0, 0, 1, 1, 1])


@pytest.mark.parametrize("size", [2, 6])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
@pytest.mark.parametrize("kind", [torch.int64, torch.float32])
def test_figures(size: int, shape: tuple, kind: torch.dtype) -> None:
    task = BinaryClassification()
    metrics, y = task.metrics(), Y.to(kind)
    for start in range(0, 6, size):
        output, truth = LOGITS[start : start + size].reshape(shape), y[start : start + size]
        metrics.update(task.loss(output, truth), output, truth)
    assert metrics.compute("val") == pytest.approx(
        {
            "val_loss": log_loss(Y, LOGITS.sigmoid().double()),
            "val_acc": ((LOGITS > 0).long() == Y).float().mean().item(),
            "val_auroc": roc_auc_score(Y, LOGITS),
        },
        rel=1e-5,
    )


def test_a_state_goes_on() -> None:
    task = BinaryClassification()
    part, resumed, whole = task.metrics(), task.metrics(), task.metrics()
    part.update(task.loss(LOGITS[:4], Y[:4]), LOGITS[:4], Y[:4])
    resumed.load_state_dict(pickle.loads(pickle.dumps(part.state_dict())))
    resumed.update(task.loss(LOGITS[4:], Y[4:]), LOGITS[4:], Y[4:])
    whole.update(task.loss(LOGITS, Y), LOGITS, Y)
    assert resumed.compute("x") == pytest.approx(whole.compute("x"))
    assert task.metrics().compute("x") == {}


def test_one_class_has_no_auroc() -> None:
    task = BinaryClassification()
    metrics = task.metrics()
    metrics.update(task.loss(LOGITS[3:], Y[3:]), LOGITS[3:], Y[3:])
    found = metrics.compute("x")
    assert math.isnan(found["x_auroc"]) and found["x_acc"] == pytest.approx(2 / 3)


def test_what_is_refused() -> None:
    task = BinaryClassification()
    with pytest.raises(ConfigError, match=r"binary classification: found outputs \(3, 2\) and targets \(3,\)"):
        task.loss(torch.zeros(3, 2), torch.zeros(3))
    with pytest.raises(DataError, match="found the target 2, expected 0 or 1"):
        task.metrics().update(torch.tensor(0.0), torch.zeros(2), torch.tensor([0, 2]))
    assert task.monitor == "acc" and task.better(0.9, 0.8) and not task.better(math.nan, 0.8)
