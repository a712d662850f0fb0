"""Models that version 1 of the file format holds: `version_1` has one of each kind, with what was said of it then."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from test_module_model import Net

import darts_pl
from darts_pl.data.tables import breast_cancer_data, diabetes_data, digits_table_data
from darts_pl.errors import DataError, RunError
from darts_pl.models import TrainedModel

FILES = Path(__file__).parent / "version_1"
EXPECTED = json.loads((FILES / "expected.json").read_text())
RNG = np.random.default_rng(0)
DIGITS = RNG.integers(0, 256, (5, 8, 8), dtype=np.uint8)
SMALL = RNG.integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)  # averaged down already
NUMBERS = RNG.random((3, 2, 5, 5)).astype(np.float32)
TEXTS = ["who wrote hamlet", "how far is the unknowable moon", ""]
NOW = 250


def pictures() -> list[Image.Image]:
    seeds = [(label, number) for label in (0, 1) for number in range(3)]
    return [
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)) for seed in seeds
    ]


def hourly() -> pd.DataFrame:
    t = np.arange(300)
    columns = {"load": 1e6 + 50 * np.sin(t / 4), "flow": np.cos(t / 5), "rain": np.sin(t / 7) * 3}
    times = pd.date_range("2021-03-20", periods=300, freq="h", tz="Europe/Berlin", name="date")
    return pd.DataFrame({**columns, "wind": np.cos(t / 9) + 20}, index=times)


def classes(raw: Any) -> Callable[[TrainedModel], list]:
    return lambda model: [model.predict(raw), model.predict_proba(raw)]


def digits(model: TrainedModel) -> list:
    return [*classes(DIGITS)(model), model(torch.from_numpy(DIGITS)[:, None])]


def rows(build: Callable) -> pd.DataFrame:
    return build().table.frame.iloc[:6]


def forecasts(model: TrainedModel) -> list:
    frame = hourly()
    found = model.forecast(frame.iloc[:NOW], frame.iloc[NOW:])
    generator, known = torch.Generator().manual_seed(3), model.input_shape.known_future
    sizes = {"past": (2, 12, 3), "past_known": (2, 12, known), "future_known": (2, 4, known)}
    windows = {n: torch.rand(size, generator=generator, dtype=torch.float64) for n, size in sizes.items()}
    return [found.to_numpy(), [str(time) for time in found.index], model(**windows)]


SAID: dict[str, Callable[[TrainedModel], list]] = {
    "cells": digits,
    "nasbench201": digits,
    "cells_shrunk": lambda model: [*classes(SMALL)(model), model.predict_proba(pictures())],
    "own_shrunk": digits,
    "own_numbers": lambda model: [model.predict(NUMBERS), model(torch.from_numpy(NUMBERS))],
    "table_numbers": lambda model: [model.predict(rows(diabetes_data))],
    "table_binary": lambda model: classes(rows(breast_cancer_data))(model),
    "table_parts": lambda model: classes(rows(lambda: digits_table_data(halves=True)))(model),
    "text": classes(TEXTS),
    "series": forecasts,
}


def load(path: Path) -> TrainedModel:
    return darts_pl.load(path, target=Net if path.stem.startswith("own") else None)


def check(found: Any, expected: Any) -> None:
    if isinstance(found, Mapping):
        assert list(found) == list(expected)
        for name, part in found.items():
            check(part, expected[name])
    elif np.asarray(found).dtype.kind == "U":
        assert list(found) == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SAID)
@torch.no_grad()
def test_a_model_says_what_it_said(name: str) -> None:
    for found, expected in zip(SAID[name](load(FILES / f"{name}.safetensors")), EXPECTED[name], strict=True):
        check(found, expected)


def changed(folder: Path, name: str, change: Callable[[dict], object]) -> Path:
    """A copy of the file, its header changed."""
    with safe_open(FILES / f"{name}.safetensors", framework="pt") as stream:
        header = json.loads(stream.metadata()["header"])
    change(header)
    save_file(load_file(FILES / f"{name}.safetensors"), folder / f"{name}.safetensors", {"header": json.dumps(header)})
    return folder / f"{name}.safetensors"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("cells", lambda header: (header.pop("versions"), header.pop("preparation"))),
        ("own_shrunk", lambda header: header["preprocessing"]["values"].pop("preparation")),
        ("series", lambda header: header["preprocessing"].pop("series")),
    ],
)
def test_the_first_files_lacked_some_keys(name: str, change: Callable[[dict], object], tmp_path: Path) -> None:
    with torch.no_grad():
        check(SAID[name](load(changed(tmp_path, name, change)))[0], EXPECTED[name][0])


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("cells", lambda h: h.pop("classes"), "lacks classes"),
        ("cells", lambda h: h.pop("mean"), "lacks preprocessing.values.mean"),
        ("cells", lambda h: h.update(space=3), "space is 3, expected a mapping"),
        ("cells", lambda h: h.update(input_shape=[3, 12]), r"inputs.shape is \[3, 12\]"),
        ("cells", lambda h: h["space"].update(further=1), "unknown key space.arguments.further"),
        ("cells_shrunk", lambda h: h["preparation"].update(shrink=0), "preprocessing.values.shrink is 0"),
        ("cells_shrunk", lambda h: h["preparation"].update(size=[8, 8]), r"preparation makes images of \[3, 4, 4\]"),
        ("own_shrunk", lambda h: h["preprocessing"]["values"].update(shrink="2"), "shrink is '2', expected a whole"),
        ("own_shrunk", lambda h: h["space"].update(builder="os.system"), "space.builder is 'os.system'"),
        ("text", lambda h: h["preprocessing"]["values"].update(max_tokens=0), "max_tokens above 0"),
        ("series", lambda h: h["shape"].update(look_back=7), "inputs.look_back is 7, its preprocessing has 12"),
        ("series", lambda h: h["preprocessing"].update(frequency="fortnight"), "which pandas does not know"),
        ("series", lambda h: h["preprocessing"]["scalers"]["targets"].update(std=[1.0]), "std has 1 values"),
        ("series", lambda h: h["preprocessing"]["scalers"]["targets"].update(std=[0, 1]), "above 0"),
        ("series", lambda h: h["preprocessing"]["columns"].update(targets=[]), "columns.targets is"),
        ("series", lambda h: h["preprocessing"].update(code="os.system"), "unknown key preprocessing.values.code"),
    ],
)
def test_what_was_tampered_with_is_named(
    name: str, change: Callable[[dict], object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=words):
        load(changed(tmp_path, name, change))


@pytest.mark.parametrize("name", ["cells", "own_numbers", "series", "table_binary", "text"])
def test_what_is_no_data_of_the_kind_is_refused(name: str) -> None:
    model = load(FILES / f"{name}.safetensors")
    for wrong in (3, None, [1.5], np.ones(())):
        with pytest.raises(DataError, match=r"found .*expected"):
            model.predict(wrong)
