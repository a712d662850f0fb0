"""What earlier code saved and searched: its models predict as they did, its searches of a fixed seed are found again.

`goldens/models/` holds one small trained model of each kind with raw inputs and what was predicted of them,
`goldens/alphas.json` the alphas that `goldens/tiny_searches.py` ended with. Whoever changes random draws, names of
weights or the form of saved files on purpose writes them anew, by `python tests/goldens/write_alphas.py`; models are
never written anew: they stand for files that users have.
"""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import darts_pl
from darts_pl.genotype import from_json

GOLDENS = Path(__file__).resolve().parent / "goldens"
MODELS = sorted(path.stem for path in (GOLDENS / "models").glob("*.json"))
EXPECTED = json.loads((GOLDENS / "alphas.json").read_text(encoding="utf-8"))


def _golden_module(name: str) -> ModuleType:
    """goldens/<name>.py, imported under a name that no other test has."""
    spec = importlib.util.spec_from_file_location(f"goldens_{name}", GOLDENS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # what a class is looked up by
    spec.loader.exec_module(module)
    return module


def _raw(record: dict[str, Any]) -> Any:
    """The raw input of a record, as a user has it."""
    if record["kind"] == "series":
        return pd.DataFrame(record["input"], index=pd.DatetimeIndex(record["times"]))
    if record["kind"] == "images":
        return np.array(record["input"], dtype=np.uint8)
    return record["input"]


def _assert_close(found: Any, expected: Any) -> None:
    """Numbers up to rounding, by task where there are several."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected:
            _assert_close(found[name], expected[name])
    elif np.asarray(expected).dtype.kind == "f":
        np.testing.assert_allclose(np.asarray(found, dtype=float), expected, rtol=1e-5, atol=1e-6)
    else:
        assert np.asarray(found).astype(str).tolist() == expected


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_predicts_as_it_did(name: str) -> None:
    record = json.loads((GOLDENS / "models" / f"{name}.json").read_text(encoding="utf-8"))
    own = {"target": _golden_module("tiny_searches").Net} if name == "own" else {}
    model = darts_pl.load(GOLDENS / "models" / f"{name}.safetensors", **own)
    raw = _raw(record)
    for method, expected in record["output"].items():
        found = getattr(model, method)(raw)
        if isinstance(found, pd.DataFrame):
            found = {column: found[column].tolist() for column in found.columns if column in expected}
        _assert_close(found, expected)
    assert model.genotype == from_json(json.dumps(record["genotype"]))  # as files of that time hold it
    assert sorted(model.network.state_dict()) == record["weights"]


def test_every_kind_of_model_is_there() -> None:
    assert MODELS == ["cells", "forecast", "nasbench201", "own", "table", "text"]


@pytest.mark.parametrize("name", list(EXPECTED))
def test_a_search_of_a_fixed_seed_is_found_again(name: str) -> None:
    torch.manual_seed(0)
    found = _golden_module("tiny_searches").SEARCHES[name]()
    assert list(found) == list(EXPECTED[name])
    for kind, alphas in EXPECTED[name].items():
        np.testing.assert_allclose(
            found[kind].numpy(), alphas, rtol=0, atol=1e-4, err_msg=kind
        )  # processors differ by 1e-6
