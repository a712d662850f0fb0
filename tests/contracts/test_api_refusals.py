"""The Python face: what it refuses, by name and before work starts."""

import pytest
import torch
from test_api import BASE, HALVES, doubled, run
from torch.utils.data import DataLoader, IterableDataset

from darts_pl import Perturbation, search_architecture
from darts_pl.errors import ConfigError, DataError, TrainingError
from darts_pl.relaxations import Gumbel
from darts_pl.relaxations.mixing import PartialChannels
from darts_pl.rules import BetaDecay


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("relaxation", "gumbel"),
        ("relaxation", Gumbel),
        ("mixing", "partial"),
        ("mixing", PartialChannels),
        ("rules", ["beta_decay"]),
        ("rules", BetaDecay()),
        ("rules", "beta_decay"),
        ("derivation", "threshold"),
        ("phases", "pdarts"),
        ("phases", [{"keep": 2}]),
        ("selection", Perturbation),
    ],
)
def test_parts_are_objects_not_names(name, value):
    with pytest.raises(ConfigError, match=f"{name}: found .*expected"):
        run(**{name: value})


X, Y = torch.randn(8, 1, 8, 8), torch.arange(8) % 2


class Stream(IterableDataset):
    def __iter__(self):
        yield X, Y


STREAM = Stream()


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([], [(X, Y)], "train_loader has no batch"),
        ([(X, Y)], iter([(X, Y)]), "valid_loader: found list_iterator without a length"),
        (STREAM, [(X, Y)], "train_loader: found Stream without a length"),
        ([(X, Y)], DataLoader(STREAM), "valid_loader: found DataLoader without a length"),
        ([(X, Y)], [(X,)], "valid_loader: found a batch of"),
        ([X], [(X, Y)], "train_loader: found a batch of"),
        ([3], [(X, Y)], "train_loader: found a batch of"),
        ([{"x": X, "y": Y}], [(X, Y)], "train_loader: found a batch of"),
        ([((255 * X).byte(), Y)], [(X, Y)], r"uint8 \(8, 1, 8, 8\).*expected \(float \(B, C, H, W\)"),
        ([(X, Y.float())], [(X, Y)], r"float32 \(8,\)"),
        ([(X, Y[:4])], [(X, Y)], r"int64 \(4,\)"),
        ([(X, Y[:, None])], [(X, Y)], r"int64 \(8, 1\)"),
        ([(X[:, 0], Y)], [(X, Y)], r"float32 \(8, 8, 8\)"),
        ([(X, Y)], [(X.repeat(1, 3, 1, 1), Y)], "images differ in shape"),
        ([(X, Y - 1)], [(X, Y)], "found label -1, expected labels from 0"),
        ([(X, 0 * Y)], [(X, 0 * Y)], "every label is 0"),
    ],
)
def test_bad_loaders_are_named(first, second, words):
    with pytest.raises(DataError, match=words):
        search_architecture(first, second, BASE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hypergradient": "finite_diference"}, "Did you mean 'finite_difference'"),
        ({"primitives": ("sep_conv_3x",)}, "Did you mean 'sep_conv_3x3'"),
        ({"primitives": ("none",)}, "nothing to choose"),
        ({"primitives": ("skip_connect", "skip_connect")}, "twice"),
        ({"stem": "imagnet"}, "Did you mean 'imagenet'"),
        ({"layers": 2}, "at least 3"),
        ({"num_nodes": 0}, "num_nodes=0"),
        ({"init_channels": 0}, "init_channels=0"),
        ({"init_channels": 1, "stem": "imagenet"}, "init_channels=1"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"num_workers": -1}, "num_workers=-1"),
        ({"operations": {"my.op": doubled}, "primitives": ("my.op", "none")}, "'my.op'"),
    ],
)
def test_bad_settings_are_named(changes, words):
    with pytest.raises(ConfigError, match=words):
        run(**changes)


def test_bad_devices_and_labels_are_named():
    with pytest.raises(ConfigError, match="accelerator='tpu7'"):
        search_architecture(*HALVES, BASE, device="tpu7")
    with pytest.raises(DataError, match="found label 1, expected labels below num_classes=1"):
        run(num_classes=1)


def test_data_that_are_not_finite_stop_the_search():
    x = X.clone()
    x[0, 0, 0, 0] = float("nan")
    with pytest.raises(TrainingError, match="loss is nan at step 0"):
        search_architecture([(x, Y)], [(X, Y)], BASE)
