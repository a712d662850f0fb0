"""A saved model prepares image files as the training did: what it is given is what it was trained on."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import darts_pl
from darts_pl.data import digits_data, images_data
from darts_pl.errors import DataError, RunError
from darts_pl.genotype import KNOWN
from darts_pl.models import save_model
from darts_pl.spaces import CellSpace, ModuleSpace
from darts_pl.spaces.base import trainable


class Net(torch.nn.Module):
    """A network that tells its input."""

    def __init__(self, outputs: int):
        super().__init__()
        self.choice = darts_pl.Choice({"same": torch.nn.Identity, "tanh": torch.nn.Tanh})
        self.head = torch.nn.LazyLinear(outputs)

    def forward(self, x):
        return self.head(self.choice(x.flatten(1)))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARTS_PL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DARTS_PL_NATIVE", "off")  # which an empty cache would have compiled anew


def images(root: Path, image_of: Callable[[int, int], Image.Image]) -> Path:
    for label, name in enumerate(("ant", "bee")):
        (root / name).mkdir(parents=True)
        for number in range(10):
            image = image_of(label, number)
            image.save(root / name / f"{number}.png", exif=image.getexif())
    return root


def training(root: Path, image_of: Callable[[int, int], Image.Image], **options):
    return images_data(str(images(root, image_of)), batch_size=4, purpose="retrain", **options)


def cells(data, path: Path) -> darts_pl.models.TrainedModel:
    data.prepare()
    space = CellSpace(init_channels=2, layers=3, num_nodes=4)
    network = space.network(KNOWN["DARTS_V1"], data.input_shape, data.num_classes)
    return darts_pl.load(save_model(path / "cells.safetensors", network, space, data=data, details={}))


def module(data, path: Path):
    data.prepare()
    space = ModuleSpace(Net)
    space.prepare(data.input_shape, data.outputs)
    genotype = space.random_genotype(torch.Generator().manual_seed(0))
    network = trainable(space.network(genotype, data.input_shape, data.outputs), genotype).eval()
    save_model(path / "module.safetensors", network, space, data=data, details={})
    return darts_pl.load(path / "module.safetensors", target=Net)


def _noise(label: int, number: int, *shape: int) -> np.ndarray:
    return np.random.default_rng([label, number]).integers(0, 256, shape, dtype=np.uint8)


def _turned(label: int, number: int) -> Image.Image:
    image = Image.fromarray(_noise(label, number, 8, 8, 3))
    image.getexif()[0x0112] = 1 + number % 8
    return image


def _deep(label: int, number: int) -> Image.Image:
    return Image.fromarray(_noise(label, number, 8, 8).astype(np.uint16) * 16 + 100)


def _clear(label: int, number: int) -> Image.Image:
    return Image.fromarray(_noise(label, number, 9, 7 + number % 3, 4))


def _plain(label: int, number: int) -> Image.Image:
    return Image.fromarray(_noise(label, number, 8, 8, 3))


KINDS = {
    "turned": (_turned, {}),
    "16 bits": (_deep, {}),
    "16 bits as RGB": (_deep, {"mode": "RGB", "range": [0, 65535]}),
    "transparent": (_clear, {"background": "#123456", "resize": [8, 8]}),
    "transparent, kept": (_clear, {"resize": [8, 8]}),
    "averaged": (_plain, {"shrink": 2}),
}


@pytest.mark.parametrize("build", [cells, module])
@pytest.mark.parametrize("kind", KINDS)
def test_files_are_prepared_as_in_the_training(kind: str, build: Callable, tmp_path: Path) -> None:
    image_of, options = KINDS[kind]
    root = tmp_path / "images"
    data = training(root, image_of, **options)
    model = build(data, tmp_path)
    x, _ = data.test_arrays()
    whole = data.arrays.test_x  # models average in `forward`
    files = [root / data.classes[label] / f"{number}.png" for label in (0, 1) for number in range(10)]
    prepared = model.prepared(files)
    assert prepared.dtype == torch.uint8 and prepared.shape == (20, whole.shape[3], *whole.shape[1:3])
    rows = {row.tobytes() for row in prepared.permute(0, 2, 3, 1).contiguous().numpy()}
    assert {np.ascontiguousarray(image).tobytes() for image in whole} <= rows
    mean, std = (np.array(values)[:, None, None] for values in (data.mean, data.std))
    with torch.no_grad():
        expected = model.network(torch.from_numpy((x.transpose(0, 3, 1, 2) / 255 - mean) / std).float())
        found = model(torch.from_numpy(np.ascontiguousarray(whole)).permute(0, 3, 1, 2))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("build", [cells, module])
def test_a_path_a_text_and_an_open_image_do_as_well(build: Callable, tmp_path: Path) -> None:
    model = build(training(tmp_path / "images", _plain), tmp_path)
    file = tmp_path / "images/ant/3.png"
    pixels = torch.from_numpy(_noise(0, 3, 8, 8, 3)).permute(2, 0, 1)[None]
    for given in (file, str(file), [file], Image.open(file), [Image.open(file)]):
        assert torch.equal(model.prepared(given), pixels) and model.predict(given) == model.predict(pixels)


def test_an_open_image_is_left_as_it_is(tmp_path: Path) -> None:
    model = module(training(tmp_path / "images", _turned), tmp_path)
    image = Image.open(tmp_path / "images/ant/5.png")
    before = image.getexif()[0x0112], np.asarray(image).tobytes()
    assert torch.equal(model.prepared(image), model.prepared(tmp_path / "images/ant/5.png"))
    assert (image.getexif()[0x0112], np.asarray(image).tobytes()) == before and "exif" in image.info


REFUSED = {
    "8x9": (lambda: Image.fromarray(_noise(0, 0, 8, 9, 3)), "is 8x9 .*expected 8x8 like the images of the training"),
    "grey": (lambda: Image.fromarray(_noise(0, 0, 8, 8)), "mode 'L', expected RGB like the images of the training"),
    "deep": (lambda: _deep(0, 0), "pixels of 16 bits, expected 8 bits like the images of the training"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_files_unlike_the_training_are_named(name: str, tmp_path: Path) -> None:
    image_of, message = REFUSED[name]
    model = cells(training(tmp_path / "images", _plain), tmp_path)
    image_of().save(tmp_path / "odd.png")
    with pytest.raises(DataError, match=rf"odd\.png .*{message}") as refused:
        model.prepared(tmp_path / "odd.png")
    assert "data." not in str(refused.value)  # no option helps a network that is trained
    for path, words in ((tmp_path / "gone.png", "No such file"), (tmp_path, "cannot be read")):
        with pytest.raises(DataError, match=words):
            model.prepared(path)


def test_transparency_is_refused_where_the_training_had_none(tmp_path: Path) -> None:
    model = cells(training(tmp_path / "images", _plain, mode="RGB"), tmp_path)
    Image.fromarray(_noise(0, 0, 8, 8, 4)).save(tmp_path / "clear.png")
    with pytest.raises(DataError, match=r"clear\.png has transparent pixels.*training had no data\.background"):
        model.prepared(tmp_path / "clear.png")


def test_a_model_of_no_files_says_so(tmp_path: Path) -> None:
    model = cells(digits_data(purpose="retrain"), tmp_path)
    with pytest.raises(DataError, match="does not say how image files are prepared"):
        model.prepared("a.png")


def _header(file: Path) -> dict:
    with safe_open(file, framework="pt") as stream:
        return json.loads(stream.metadata()["header"])


def _rewrite(file: Path, header: dict) -> None:
    save_file(load_file(file), file, {"header": json.dumps(header)})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", [8]),
        ("mode", "CMYK"),
        ("mode", ["L"]),
        ("range", [1, 0]),
        ("background", [1, 2, 3000]),
        ("depths", ["64 bits"]),
        ("depths", ["16 bits"]),
        ("shrink", 0),
        ("resizes", 1),
        ("further", 1),
    ],
)
@pytest.mark.parametrize("build", [cells, module])
def test_a_changed_preparation_is_refused(key: str, value: object, build: Callable, tmp_path: Path) -> None:
    data = training(tmp_path / "images", _plain)
    build(data, tmp_path)
    file = tmp_path / f"{build.__name__}.safetensors"
    header = _header(file)
    header["preprocessing"]["values"]["preparation"][key] = value
    _rewrite(file, header)
    with pytest.raises(RunError, match="preparation"):
        darts_pl.load(file, target=Net)


def test_a_preparation_of_another_shape_than_the_network_takes_is_refused(tmp_path: Path) -> None:
    cells(training(tmp_path / "images", _plain), tmp_path)
    header = _header(tmp_path / "cells.safetensors")
    header["preprocessing"]["values"]["preparation"]["size"] = [16, 8]
    _rewrite(tmp_path / "cells.safetensors", header)
    with pytest.raises(RunError, match=r"preparation makes images of \[3, 16, 8\], its inputs are \[3, 8, 8\]"):
        darts_pl.load(tmp_path / "cells.safetensors")
