"""Models of modules, tables and texts as files: what was saved predicts the same, from raw rows, texts and images."""

import json
import re

import lightning
import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn as nn
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, TensorDataset

import darts_pl
from darts_pl.data import UserModuleData, digits_data
from darts_pl.data.tables import breast_cancer_data, diabetes_data, digits_table_data
from darts_pl.data.text import trec_data
from darts_pl.errors import DartsError, DataError, RunError
from darts_pl.models import save_model
from darts_pl.spaces import DenseSpace, TextSpace
from darts_pl.spaces.base import trainable


class Net(nn.Module):
    def __init__(self, outputs: int, width: int = 4):
        super().__init__()
        self.stem = nn.LazyConv2d(width, 3, padding=1)
        self.act = darts_pl.Choice({"relu": nn.ReLU, "tanh": nn.Tanh})
        self.head = nn.Linear(width, outputs)

    def forward(self, x):
        return self.head(self.act(self.stem(x)).mean((2, 3)))


def saved(space, data, path, seed: int = 0):
    """(network, file) of a random genotype."""
    data.prepare()
    space.prepare(data.input_shape, data.outputs)
    torch.manual_seed(seed)
    genotype = space.random_genotype(torch.Generator().manual_seed(seed))
    network = trainable(space.network(genotype, data.input_shape, data.outputs), genotype).eval()
    return network.module, save_model(path / "model.safetensors", network, space, data=data, details={"test_acc": 0.5})


def rows(data, count: int = 6) -> pd.DataFrame:
    table = data.table
    return table.frame.iloc[data.rows[1][:count]]


def test_a_regression_predicts_in_the_units_of_its_target(tmp_path):
    data = diabetes_data(purpose="retrain")
    network, path = saved(DenseSpace(init_channels=8, layers=1), data, tmp_path)
    model = darts_pl.load(path)
    x, _ = data.test_rows()
    with torch.no_grad():
        expected = data.preprocessing.target.original(network(x[:6])).squeeze(1)
    np.testing.assert_allclose(model.predict(rows(data)), expected.numpy(), rtol=1e-5)
    assert model.details == {"test_acc": 0.5}
    with pytest.raises(DataError, match=r"expected a DataFrame"):
        model.predict(x)
    with pytest.raises(DataError, match="the rows have no column"):
        model.predict(rows(data).drop(columns=data.table.features[0]))


@pytest.mark.parametrize(
    "build", [breast_cancer_data, lambda **o: digits_table_data(halves=True, **o)], ids=["yes", "two"]
)
def test_classes_are_named(build, tmp_path):
    data = build(purpose="retrain")
    network, path = saved(DenseSpace(init_channels=8, layers=1), data, tmp_path)
    model = darts_pl.load(path)
    x, _ = data.test_rows()
    x = {name: part[:6] for name, part in x.items()} if isinstance(x, dict) else x[:6]
    with torch.no_grad():
        outputs = network(x)
    numbers = (outputs[:, 0] > 0).long() if outputs.shape[1] == 1 else outputs.argmax(1)
    assert model.predict(rows(data)).tolist() == [data.classes[int(number)] for number in numbers]


def test_texts_are_read_as_they_are_typed(tmp_path, real_data):
    data = trec_data(root=str(real_data), purpose="retrain", limit_train=200)
    network, path = saved(TextSpace(init_channels=8, layers=1), data, tmp_path)
    model = darts_pl.load(path)
    texts = ["Who wrote Hamlet ?", "zyxwv unknowable", ""]
    found = model.predict(texts)
    with torch.no_grad():
        outputs = network(data.preprocessing.encode(texts))
    for task in ("coarse", "fine"):
        assert found[task].tolist() == [data.classes[task][int(n)] for n in outputs[task].argmax(1)]
    with pytest.raises(DataError, match="found one text, expected a list"):
        model.predict("Who ?")


def test_a_network_of_ones_own_is_not_imported_on_a_files_word(tmp_path):
    data = digits_data(purpose="retrain")
    space = darts_pl.ModuleSpace(Net, {"width": 6})
    network, path = saved(space, data, tmp_path)
    with pytest.raises(RunError, match=r"weights of test_module_model\.Net, which is not imported on a file's word"):
        darts_pl.load(path)
    raw = torch.randint(0, 256, (5, 1, 8, 8))
    normalised = (raw / 255 - data.mean[0]) / data.std[0]
    for target in (Net, darts_pl.ModuleSpace(Net, {"width": 6})):
        model = darts_pl.load(path, target=target)
        torch.testing.assert_close(model(raw), network(normalised))
        assert isinstance(model.network, Net) and set(model.predict(raw)) <= set(data.classes)
        torch.export.export(model, (raw,))
    with pytest.raises(RunError, match="do not fit its genotype and space"):
        darts_pl.load(path, target=lambda outputs, width: Net(outputs, width + 1))


def test_images_that_were_averaged_down_are_so_again(tmp_path):
    network, path = saved(darts_pl.ModuleSpace(Net), digits_data(purpose="retrain", shrink=2), tmp_path)
    data = digits_data(purpose="retrain", shrink=2)
    small = torch.from_numpy(data.test_arrays()[0]).permute(0, 3, 1, 2)
    raw = torch.from_numpy(data.arrays.test_x).permute(0, 3, 1, 2)
    expected = network((small / 255 - data.mean[0]) / data.std[0])
    torch.testing.assert_close(darts_pl.load(path, target=Net)(raw), expected)


class Twice(nn.Module):
    """One block under two names, one weight in two layers."""

    def __init__(self, outputs: int, depth=(1, 2)):
        super().__init__()
        block = darts_pl.Choice({"linear": lambda: nn.Linear(64, 64), "same": nn.Identity}, "block")
        self.body = nn.Sequential(nn.Flatten(), block, nn.ReLU(), block)
        self.deep = darts_pl.Repeat(lambda: nn.Linear(64, 64), depth, "deep")
        self.head, self.tied = nn.Linear(64, outputs), nn.Linear(64, outputs)
        self.tied.weight = self.head.weight

    def forward(self, x):
        x = self.deep(self.body(x))
        return self.head(x) + self.tied(x)


@pytest.mark.parametrize("seed", range(3))
def test_shared_modules_and_lists_as_arguments_are_kept(seed, tmp_path):
    space = darts_pl.ModuleSpace(Twice, {"depth": [1, 2]})
    network, path = saved(space, digits_data(purpose="retrain"), tmp_path, seed)
    data = digits_data(purpose="retrain")
    raw = torch.randint(0, 256, (5, 1, 8, 8))
    model = darts_pl.load(path, target=Twice)
    torch.testing.assert_close(model(raw), network((raw / 255 - data.mean[0]) / data.std[0]))
    assert model.network.body[1] is model.network.body[3] and model.network.tied.weight is model.network.head.weight


def test_data_of_ones_own_keep_their_shapes(tmp_path):
    class Own(lightning.LightningDataModule):
        def train_dataloader(self):
            return DataLoader(TensorDataset(torch.rand(20, 2, 5, 5), torch.rand(20)))

    network, path = saved(darts_pl.ModuleSpace(Net), UserModuleData(module=Own(), batch_size=4), tmp_path)
    x = torch.rand(3, 2, 5, 5)
    expected = network(x).detach().squeeze(1).numpy()
    model = darts_pl.load(path, target=Net)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-6)
    for wrong in ("a text", [1.0, 2.0], torch.tensor(1.0), {}, {"x": None}, None):
        with pytest.raises(DataError, match=r"expected tensors or arrays, samples first"):
            model.predict(wrong)


def rewritten(path, change):
    """The file with its header changed by `change(header)`."""
    with safe_open(path, framework="pt") as stream:
        header = json.loads(stream.metadata()["header"])
    change(header)
    save_file(load_file(path), path, {"header": json.dumps(header)})


HEADERS = {
    "a huge network": (lambda h: h["space"]["arguments"].update(init_channels=99_999, layers=9), "do not fit"),
    "beyond reason": (
        lambda h: h["space"]["arguments"].update(init_channels=10**7),
        "space.arguments.init_channels is",
    ),
    "another argument": (
        lambda h: h["space"]["arguments"].update(target="os.system"),
        "unknown key space.arguments.targ",
    ),
    "no arguments": (lambda h: h["space"].pop("arguments"), "lacks space.arguments"),
    "another builder": (
        lambda h: h["space"].update(builder="os.system"),
        "space.builder is 'os.system', expected one of cells",
    ),
    "no inputs": (lambda h: h.update(inputs={"shape": "x"}), "inputs: found"),
    "outputs": (lambda h: h.update(outputs=-3), "outputs is -3, expected a number"),
    "classes": (lambda h: h.update(classes=3), "classes is 3, expected a list of names"),
    "preprocessing": (
        lambda h: h["preprocessing"].update(values={"inputs": 3}),
        "expected the inputs and the target of a table",
    ),
    "a genotype": (lambda h: h["genotype"]["cells"].clear(), "nothing is decided for 'cell'"),
}


@pytest.mark.parametrize(("change", "message"), HEADERS.values(), ids=HEADERS)
def test_files_that_were_tampered_with(change, message, tmp_path):
    _, path = saved(DenseSpace(init_channels=8, layers=1), diabetes_data(purpose="retrain"), tmp_path)
    rewritten(path, change)
    with pytest.raises(DartsError, match=re.escape(message)):
        darts_pl.load(path)
