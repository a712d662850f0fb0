"""Anybody's LightningDataModule: cut and ordered by the seed, and told by name what is wrong with it."""

import random
import re

import lightning
import numpy as np
import pytest
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from darts_pl.data import UserModuleData, module_data
from darts_pl.errors import ConfigError, DataError
from darts_pl.inputs import TensorInput
from darts_pl.tasks import BinaryClassification, Classification, MultiTask, Regression


class Numbered(Dataset):
    """Samples that draw from all three generators."""

    def __init__(self, samples: int, make):
        self.samples, self.make = samples, make

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, number: int):
        drawn = torch.rand(1).item() + np.random.rand() + random.random()
        return self.make(number, drawn)


class Module(lightning.LightningDataModule):
    """Of samples that `make(number, drawn)` gives."""

    def __init__(self, make=None, samples: int = 20, **others):
        super().__init__()
        self.make, self.samples = make or pair, samples
        self.others = others

    def _loader(self, samples: int) -> DataLoader:
        return DataLoader(Numbered(samples, self.make), batch_size=3)

    def train_dataloader(self):
        return self.others.get("train", self._loader(self.samples))

    def test_dataloader(self):
        return self._loader(8)


class Validated(Module):
    def val_dataloader(self):
        return self._loader(6)


def pair(number: int, drawn: float):
    return torch.tensor([float(number), drawn]), torch.tensor(number % 3)


def given(module=None, **options) -> UserModuleData:
    return UserModuleData(module=module or Module(), **{"batch_size": 4, "seed": 3, **options})


def batches(data: UserModuleData, loader) -> list:
    return [data.on_after_batch_transfer(batch, 0) for batch in loader]


def test_halves_are_disjoint_and_every_batch_is_a_function_of_the_seed():
    first, second = given(), given()
    assert first.outputs == 3 and isinstance(first.task, Classification)
    assert first.input_shape == TensorInput((2,))
    weights, alphas = (set(half.tolist()) for half in first.halves)
    assert not weights & alphas and weights | alphas == set(range(20))
    torch.manual_seed(0)
    one = batches(first, first.train_dataloader())
    torch.manual_seed(1)
    other = batches(second, second.train_dataloader())
    for a, b in zip(one, other, strict=True):
        for half, numbers in (("weights", weights), ("alphas", alphas)):
            assert torch.equal(a[half][0], b[half][0])
            assert set(a[half][0][:, 0].int().tolist()) <= numbers
    assert not torch.equal(
        one[0]["weights"][0], batches(given(seed=4), given(seed=4).train_dataloader())[0]["weights"][0]
    )


def test_what_samples_draw_differs_by_epoch_in_training_and_not_in_evaluation():
    data = given()
    loader = data.train_dataloader().weights
    drawn = [{int(x[0]): float(x[1]) for x in batch[0][0]} for epoch in (0, 1) for batch in [loader.batch_at(epoch, 0)]]
    both = [{**{}, **part} for part in drawn]
    common = set(both[0]) & set(both[1])
    assert all(both[0][number] != both[1][number] for number in common)
    one, other = (batches(data, data.val_dataloader()) for _ in range(2))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(one, other))


def test_generators_are_left_as_they_were():
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    expected = torch.rand(1), np.random.rand(), random.random()
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    data = given()
    data.prepare()
    batches(data, data.train_dataloader())
    assert (torch.rand(1), np.random.rand(), random.random()) == expected


def test_a_loader_goes_on_at_its_place():
    data = given()
    whole = list(data.train_dataloader())
    loader = data.train_dataloader()
    iterator = iter(loader)
    next(iterator)
    later = data.train_dataloader()
    later.load_state_dict(loader.state_dict())
    rest = list(later)
    assert all(torch.equal(a["weights"][0][0], b["weights"][0][0]) for a, b in zip(whole[1:], rest, strict=True))


def test_parts_of_a_retraining_and_of_validation():
    retraining = given(Validated(), purpose="retrain")
    assert len(retraining.halves[0]) == 20 and len(retraining.val_dataloader().index) == 6
    assert len(given(purpose="retrain", holdout=0.25).val_dataloader().index) == 5
    assert given(purpose="retrain").val_dataloader() == []
    data = given(Validated(), alphas_from="val")
    assert [len(half) for half in data.halves] == [20, 6]
    assert len(data.test_dataloader().index) == 8


def test_images_are_told_by_their_sizes():
    data = given(Module(lambda i, drawn: (torch.zeros(3, 8, 8), torch.tensor(i % 2))))
    assert data.input_shape == (3, 8, 8)
    raw = torch.rand(3)
    torch.testing.assert_close(data.preprocessing.transform(raw), raw)  # a network is given what the loaders give


def test_tasks_by_targets():
    numbers = given(Module(lambda i, drawn: (torch.zeros(3), torch.tensor([drawn, drawn]))))
    assert isinstance(numbers.task, Regression) and numbers.outputs == 2
    several = given(Module(lambda i, drawn: {"a": torch.zeros(2), "kind": torch.tensor(i % 4), "size": torch.rand(())}),
                    inputs=["a"], targets=["kind", "size"], combine="sum")  # fmt: skip
    assert isinstance(several.task, MultiTask) and several.outputs == {"kind": 4, "size": 1}
    x, y = batches(several, several.train_dataloader())[0]["weights"]
    assert x.shape == (4, 2) and set(y) == {"kind", "size"}
    tuples = given(
        Module(lambda i, drawn: (torch.zeros(2), torch.ones(3), torch.tensor(i % 2))), inputs=[0, 1], targets=[2]
    )
    assert tuples.input_shape == (TensorInput((2,)), TensorInput((3,)))


class Streamed(IterableDataset):
    def __iter__(self):
        yield from (pair(i, 0.0) for i in range(9))


NAN = lambda i, drawn: (torch.tensor([float("nan") if i == 7 else 1.0]), torch.tensor(i % 2))  # noqa: E731
REFUSED = {
    "a stream": (Module(train=DataLoader(Streamed())), {}, "Module.train_dataloader reads a Streamed, which gives its"),
    "a list": (
        Module(train=[DataLoader(TensorDataset(torch.zeros(3)))]),
        {},
        "gives a list, expected one torch",
    ),
    "empty": (Module(samples=0), {}, "the data set is empty"),
    "three parts": (
        Module(lambda i, d: (torch.zeros(1),) * 3),
        {},
        "Name the parts: data.inputs=[...]",
    ),
    "no such part": (
        Module(lambda i, d: {"image": torch.zeros(1), "label": torch.tensor(0)}),
        {"inputs": ["imge"], "targets": ["label"]},
        "data.inputs: Module.train_dataloader has no part 'imge'. Did you mean 'image'?",
    ),
    "no such number": (Module(), {"inputs": [0], "targets": [5]}, "data.targets: found 5, Module.train_dataloader has"),
    "one of them": (Module(), {"inputs": [0]}, "found one of them alone"),
    "not finite": (Module(NAN), {}, "Module.train_dataloader: found a value that is not finite in inputs, sample 7 of"),
    "a label too high": (Module(), {"outputs": 2}, "found label 2, expected labels from 0 to 1"),
    "outputs by name of one target": (
        Module(),
        {"outputs": {"kind": 3}},
        "data.outputs={'kind': 3}: the targets are int64",
    ),
    "no tensors": (Module(lambda i, d: ("text", torch.tensor(0))), {}, "found str inputs[0], expected tensors"),
    "no validation": (Module(), {"alphas_from": "val"}, "Module has no val_dataloader. Take train"),
    "a half": (Module(samples=2), {"weights_fraction": 0.1}, "leaves one half empty"),
    "a batch": (
        Module(),
        {"batch_size": 16},
        "batch_size=16 is larger than the 'weights' part",
    ),
}


@pytest.mark.parametrize(("module", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_named(module, options, message):
    with pytest.raises((DataError, ConfigError), match=re.escape(message)):
        given(module, **options).prepare()


def test_options_are_named():
    with pytest.raises(ConfigError, match="Did you mean 'val'"):
        given(alphas_from="valid")
    with pytest.raises(ConfigError, match="expected a LightningDataModule"):
        UserModuleData(module=3)
    with pytest.raises(ConfigError, match=r"data\.target='no_such\.Data' cannot be loaded"):
        module_data("no_such.Data")
    with pytest.raises(ConfigError, match="cannot be built with them"):
        module_data("lightning.pytorch.demos.boring_classes.BoringDataModule", {"width": 3})

    class Untested(lightning.LightningDataModule):
        def train_dataloader(self):
            return DataLoader(TensorDataset(torch.rand(20, 2), torch.arange(20) % 2))

    given(Untested()).prepare()
    with pytest.raises(DataError, match="Untested has no test_dataloader, which a retraining is judged by"):
        given(Untested(), purpose="retrain").prepare()


def test_samplers_that_choose_a_part_are_respected_and_others_refused():
    whole = TensorDataset(torch.rand(30, 2), torch.arange(30) % 3)

    class Cut(lightning.LightningDataModule):
        def __init__(self, sampler):
            super().__init__()
            self.sampler = sampler

        def train_dataloader(self):
            return DataLoader(whole, sampler=self.sampler, batch_size=4)

        def test_dataloader(self):
            return DataLoader(whole, sampler=SubsetRandomSampler(range(20, 30)), batch_size=4)

    data = given(Cut(SubsetRandomSampler(range(20))), purpose="retrain")
    seen = torch.cat([x for x, _ in batches(data, data.train_dataloader())])
    assert len(seen) == 20 and len(data.test_dataloader().index) == 10
    assert {tuple(row) for row in seen.tolist()} == {tuple(row) for row in whole.tensors[0][:20].tolist()}
    with pytest.raises(DataError, match="reads by a WeightedRandomSampler, but batches are made here"):
        given(Cut(WeightedRandomSampler(torch.ones(30), 30))).prepare()


def test_whole_numbers_of_any_type_are_labels_and_the_highest_word_counts():
    small = given(Module(lambda i, drawn: (torch.zeros(2), torch.tensor(i % 3, dtype=torch.int32))))
    assert batches(small, small.train_dataloader())[0]["weights"][1].dtype == torch.int64
    words = given(Module(lambda i, drawn: (torch.tensor([i, 1]), torch.tensor(i % 2))))
    assert words.input_shape == TensorInput((2,), "int64", high=20)
    with pytest.raises(DataError, match="found label -1, expected labels from 0"):
        given(Module(lambda i, drawn: (torch.zeros(2), torch.tensor(2 * (i % 2) - 1)))).prepare()
    with pytest.raises(DataError, match="every label is 0"):
        given(Module(lambda i, drawn: (torch.zeros(2), torch.tensor(0)))).prepare()
    yes = given(Module(lambda i, drawn: (torch.zeros(2), torch.tensor(i % 2))), task=BinaryClassification())
    assert yes.outputs == 1
