"""What the README tells of one's own network, data, task and primitives runs as it stands there."""

import importlib
import re
import shlex
import sys

import pytest
import torch
from readme_text import commands, python_block

import darts_pl
from darts_pl import retrain, search
from darts_pl.assembly import launch


def test_a_network_of_ones_own_is_searched_trained_and_exported(reader, capsys):
    exec(compile(python_block("space.network(result"), "README, own network", "exec"), {})
    printed = capsys.readouterr().out
    assert re.search(r"block: conv[35]\ndeep: [012]\njoin: [012], [012]\n[01]\.\d+\n", printed), printed


def test_a_stem_and_primitives_of_ones_own_are_searched(reader, capsys):
    exec(compile(python_block('"point"'), "README, own primitives", "exec"), {})
    assert re.search(r"op='(wide|point)'", capsys.readouterr().out)


def test_a_data_module_of_ones_own_is_searched_in_the_cell_space(reader, monkeypatch, capsys):
    data = (reader / "my_data.py").read_text().replace("x.mean((1, 2, 3))", "(x.mean((1, 2, 3)) > 0).long()")
    (reader / "two_data.py").write_text(data)
    words = ["data=module", "data.target=two_data.Rings", "epochs=3", "retraining.epochs=1", "space.init_channels=2"]
    small = ["retraining.init_channels=2", "retraining.layers=3", "hydra.run.dir=found"]
    monkeypatch.setattr(sys, "argv", ["search", *words, *small])
    assert launch(search.task, "search") == 0
    assert "test accuracy" in capsys.readouterr().out
    assert darts_pl.load(reader / "found")(torch.randn(2, 1, 8, 8)).shape == (2, 2)
    monkeypatch.setattr(sys, "argv", ["search", "data=diabetes"])
    assert launch(search.task, "search") == 2
    assert "space=CellSpace takes images, found DiabetesData. Take space=dense for tables" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["data.target=my_data.Rings retraining", "task=huber"])
def test_a_data_module_and_a_task_of_ones_own_train(words, reader, monkeypatch, capsys):
    command = next(command for command in commands() if words in command)
    monkeypatch.setattr(sys, "argv", ["search", *shlex.split(command)[3:], "epochs=3", "retraining.epochs=1"])
    assert launch(search.task, "search") == 0
    printed = capsys.readouterr().out
    assert ("test mae" if "huber" in words else "test mse") in printed and "random architecture" in printed


def test_a_found_network_of_ones_own_is_trained_again(reader, monkeypatch, capsys):
    """By the commands, with a list among its arguments, beside a random architecture; then loaded."""
    net = (reader / "my_net.py").read_text()
    net = net.replace("width=16)", "width=16, depth=(0, 2))").replace("3), depth=(0, 2))", "3), depth=depth)")
    (reader / "deep_net.py").write_text(net)
    own = ["space=module", "space.target=deep_net.Net", "+space.arguments.depth=[0,1]"]
    small = ["retraining=module", "retraining.epochs=1", "+data.limit_train=256", "+data.limit_test=64"]
    monkeypatch.setattr(sys, "argv", ["search", *own, *small, "epochs=3", "hydra.run.dir=found"])
    assert launch(search.task, "search") == 0
    monkeypatch.setattr(sys, "argv", ["retrain", "genotype=found", *own, *small, "hydra.run.dir=again"])
    assert launch(retrain.task, "retrain") == 0
    assert "random architecture" in capsys.readouterr().out
    target = importlib.import_module("deep_net").Net
    for folder in ("found", "again"):
        assert isinstance(darts_pl.load(reader / folder, target=target).network, target)
