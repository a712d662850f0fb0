"""Several tasks: each one's figures, the common ones, learned variances, names that do not fit."""

import math

import pytest
import torch
import torchmetrics

from darts_pl.errors import ConfigError, DataError
from darts_pl.tasks import BinaryClassification, Classification, Custom, MultiTask, Regression


def some(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def two_classes() -> tuple[dict, dict, dict]:
    tasks = {"coarse": Classification(3), "fine": Classification(5)}
    output = {"coarse": some(6, 3), "fine": some(6, 5, seed=1)}
    return tasks, output, {"coarse": torch.tensor([0, 1, 2, 0, 1, 2]), "fine": torch.tensor([4, 3, 2, 1, 0, 4])}


def mixed() -> tuple[dict, dict, dict]:
    tasks = {"kind": Classification(3), "size": Regression()}
    return (
        tasks,
        {"kind": some(4, 3), "size": some(4, 1)},
        {"kind": torch.tensor([0, 1, 2, 0]), "size": some(4, seed=2)},
    )


@pytest.mark.parametrize(("combine", "of"), [("mean", lambda a, b: (a + b) / 2), ("sum", lambda a, b: a + b)])
def test_plain_combinations(combine: str, of) -> None:
    tasks, output, y = mixed()
    singles = [task.loss(output[name], y[name]) for name, task in tasks.items()]
    task = MultiTask(tasks, combine)
    assert task.loss(output, y).item() == pytest.approx(of(*singles).item())
    assert not list(task.parameters())


def test_learned_variances_are_those_of_the_paper() -> None:
    tasks, output, y = mixed()
    tasks["flag"], output["flag"], y["flag"] = BinaryClassification(), some(4), torch.tensor([0, 1, 1, 0])
    task = MultiTask(tasks, "uncertainty")
    (parameter,) = task.parameters()
    with torch.no_grad():
        parameter.copy_(torch.tensor([0.3, -0.7, 0.1]))
    singles = [each.loss(output[name], y[name]).item() for name, each in tasks.items()]
    sigma = [math.exp(s / 2) for s in (0.3, -0.7, 0.1)]
    factors = (1, 0.5, 1)  # one half for the squared error
    expected = sum(f / s**2 * loss + math.log(s) for f, s, loss in zip(factors, sigma, singles))
    assert task.loss(output, y).item() == pytest.approx(expected, rel=1e-5)


def test_learned_variances_settle_where_the_gradient_vanishes() -> None:
    tasks, output, y = mixed()
    task = MultiTask(tasks, "uncertainty")
    optimiser = torch.optim.Adam(task.parameters(), lr=0.05)
    for _ in range(600):
        optimiser.zero_grad()
        task.loss(output, y).backward()
        optimiser.step()
    singles = [each.loss(output[name], y[name]).item() for name, each in tasks.items()]
    expected = [math.log(2 * singles[0]), math.log(singles[1])]  # s = log 2L, of squared errors log L
    torch.testing.assert_close(task.log_variances.detach(), torch.tensor(expected), atol=1e-2, rtol=0)


def test_figures_of_tasks_with_one_monitor() -> None:
    tasks, output, y = two_classes()
    task = MultiTask(tasks)
    metrics = task.metrics()
    for part in (slice(0, 4), slice(4, 6)):
        chosen = ({name: value[part] for name, value in each.items()} for each in (output, y))
        metrics.update(torch.tensor(7.0), *chosen)
    found = metrics.compute("val")
    assert set(found) == {"val_loss", "val_acc", *(f"val_{t}_{m}" for t in tasks for m in ("loss", "acc"))}
    for name in tasks:
        assert found[f"val_{name}_acc"] == pytest.approx((output[name].argmax(1) == y[name]).float().mean().item())
        assert found[f"val_{name}_loss"] == pytest.approx(tasks[name].loss(output[name], y[name]).item(), rel=1e-5)
    for figure in ("acc", "loss"):
        mean = (found[f"val_coarse_{figure}"] + found[f"val_fine_{figure}"]) / 2
        assert found[f"val_{figure}"] == pytest.approx(mean)
    assert task.monitor == "acc" and task.better(0.9, 0.8) and not task.better(math.nan, 0.8)
    metrics.reset()
    assert metrics.compute("val") == {}


@pytest.mark.parametrize("combine", ["mean", "sum", "uncertainty"])
def test_tasks_with_several_monitors_compare_a_loss_that_learned_variances_leave_alone(combine: str) -> None:
    tasks, output, y = mixed()
    task = MultiTask(tasks, combine)
    if combine == "uncertainty":
        with torch.no_grad():
            task.log_variances.fill_(-5.0)
    metrics = task.metrics()
    metrics.update(task.loss(output, y), output, y)
    found = metrics.compute("val")
    assert task.monitor == "loss" and task.better(0.1, 0.2) and not task.better(math.nan, 0.2)
    assert found["val_loss"] == pytest.approx((found["val_kind_loss"] + found["val_size_loss"]) / 2)
    assert "val_acc" not in found and "val_mse" not in found and "val_size_r2" in found


def test_one_name_in_two_directions_is_no_common_monitor() -> None:
    score = {"acc": torchmetrics.MeanSquaredError()}
    assert MultiTask({"a": Classification(2), "b": Custom(torch.nn.MSELoss(), score, "acc")}).monitor == "loss"


def test_a_state_goes_on_and_keeps_the_variances_once() -> None:
    tasks, output, y = mixed()
    task = MultiTask(tasks, "uncertainty")
    holder = torch.nn.Module()
    holder.task, holder.val_metrics = task, task.metrics()
    assert [name for name, _ in holder.named_parameters()] == ["task.log_variances"]
    assert [name for name in holder.state_dict() if "variances" in name] == ["task.log_variances"]
    holder.val_metrics.update(task.loss(output, y), output, y)
    resumed = task.metrics()
    resumed.load_state_dict(holder.val_metrics.state_dict())
    assert resumed.compute("x") == holder.val_metrics.compute("x") != {}


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda o, y: o.pop("fine"), ConfigError, "outputs: found 'coarse' without 'fine', expected 'coarse', 'fine'"),
        (lambda o, y: y.pop("coarse"), DataError, "targets: found 'fine' without 'coarse'"),
        (lambda o, y: o.update(fines=0), ConfigError, "outputs: found the unknown task 'fines'. Did you mean 'fine'"),
    ],
)
def test_names_that_do_not_fit(change, kind, message: str) -> None:
    tasks, output, y = two_classes()
    change(output, y)
    task = MultiTask(tasks)
    with pytest.raises(kind, match=message):
        task.loss(output, y)
    with pytest.raises(kind, match=message):
        task.metrics().update(torch.tensor(0.0), output, y)


def test_settings() -> None:
    tasks, output, _ = two_classes()
    with pytest.raises(ConfigError, match=r"combine='uncertain' is no way .* Did you mean 'uncertainty'"):
        MultiTask(tasks, "uncertain")
    with pytest.raises(ConfigError, match=r"tasks: found the names \[\]"):
        MultiTask({})
    with pytest.raises(ConfigError, match=r"outputs: found Tensor, expected a dictionary of 'coarse', 'fine'"):
        MultiTask(tasks).loss(output["fine"], {})
    nested = MultiTask({"a": MultiTask(tasks, "uncertainty"), "b": Classification(2)})
    assert len(list(nested.parameters())) == 1 and nested.monitor == "acc"
