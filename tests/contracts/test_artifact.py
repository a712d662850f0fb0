"""One file holds a trained model: it comes back with the same logits, holds no pickle, says what is wrong with it."""

import functools
import json
import time
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_search import small_space

import darts_pl
from darts_pl.data.image_preprocessing import ImagePreprocessing
from darts_pl.derive import random_genotype
from darts_pl.errors import GenotypeError, RunError
from darts_pl.genotype import KNOWN
from darts_pl.models import load_model, save_model
from darts_pl.ops.image import separable
from darts_pl.spaces import SeriesSpace

PREPROCESSING = ImagePreprocessing((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
DATA = SimpleNamespace(preprocessing=PREPROCESSING, classes=("cat", "dog"), outputs=2, input_shape=(3, 12, 12))
OWN = {"my_conv": separable(3)}
SERIES = json.loads(SeriesSpace().random_genotype(torch.Generator().manual_seed(0)).to_json())


def saved(path, genotype=KNOWN["DARTS_V2"], **settings):
    """(file, the network it was written from)."""
    space = small_space(num_nodes=len(genotype.normal.nodes), init_channels=4, **settings)
    network = space.network(genotype, DATA.input_shape, 2, auxiliary=True)
    for _ in range(3):
        network.train()(torch.randn(4, 3, 12, 12))  # statistics other than the initial ones
    return save_model(path / "model.safetensors", network, space, data=DATA, details={"test_acc": 0.5}), network.eval()


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path)


def settings(header):
    return header["space"]["arguments"]


def values(header):
    return header["preprocessing"]["values"]


def rewritten(file, change_header=None, change_state=None):
    """The file with another header or other tensors."""
    with safe_open(file, framework="pt") as stream:
        header = json.loads(stream.metadata()["header"])
    state = load_file(file)
    (change_header or (lambda _: None))(header), (change_state or (lambda _: None))(state)
    save_file(state, file, {"header": json.dumps(header)})
    return file


@pytest.mark.parametrize("name", list(KNOWN))
def test_the_model_comes_back_with_the_same_logits(tmp_path, name):
    file, network = saved(tmp_path, KNOWN[name])
    x = torch.randint(256, (5, 3, 12, 12), dtype=torch.uint8)
    shape = (1, 3, 1, 1)
    normalised = (x / 255 - torch.tensor(PREPROCESSING.mean).view(shape)) / torch.tensor(PREPROCESSING.std).view(shape)
    loaded = darts_pl.load(file)
    assert not loaded.training
    assert torch.equal(loaded(x), network(normalised)) and torch.equal(loaded(x.float()), loaded(x))
    assert (loaded.genotype, loaded.classes, loaded.input_shape) == (KNOWN[name], DATA.classes, DATA.input_shape)
    assert loaded.details == {"test_acc": 0.5}


@pytest.mark.parametrize("folder", ["", "retrain"])
def test_a_run_folder_will_do(tmp_path, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    saved(tmp_path / folder)
    assert load_model(str(tmp_path)).genotype == KNOWN["DARTS_V2"]


def test_the_file_holds_no_pickle_and_no_auxiliary_head(model):
    raw = model[0].read_bytes()
    length = int.from_bytes(raw[:8], "little")
    names = set(json.loads(raw[8 : 8 + length])) - {"__metadata__"}
    assert names == {name for name in model[1].state_dict() if not name.startswith("auxiliary.")}
    assert not raw.startswith((b"PK", *(b"\x80" + bytes([protocol]) for protocol in range(2, 6))))


def test_nothing_is_unpickled(tmp_path):
    torch.save({"weights": torch.ones(2)}, tmp_path / "model.safetensors")
    with pytest.raises(RunError, match="cannot be read as a model"):
        load_model(tmp_path)


@pytest.mark.parametrize("length", [0, 5, 300, -1])
def test_a_file_cut_short_is_named(model, length):
    raw = model[0].read_bytes()
    model[0].write_bytes(raw[:length])
    with pytest.raises(RunError, match=r"model\.safetensors cannot be read as a model"):
        load_model(model[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda header: header.update(version=3), "version 3, expected 'darts_pl.model' version 2"),
        (lambda header: header.update(format="other"), "found format 'other'"),
        (lambda header: header.pop("classes"), "classes"),
        (lambda header: settings(header).update(init_channels=5), "weights do not fit"),
        (lambda header: settings(header).update(init_channels=90_000, layers=20), "weights do not fit"),
        (
            lambda header: settings(header).update(layers=10**9),
            r"space\.arguments\.layers is 1000000000, expected .* 1 to 1000",
        ),
        (
            lambda header: settings(header).update(layers="8"),
            r"space\.arguments\.layers is '8', expected a whole number",
        ),
        (lambda header: settings(header).update(layers=True), r"space\.arguments\.layers is True"),
        (lambda header: settings(header).update(layers=1), "cannot be built"),
        (lambda header: settings(header).update(stem="other"), "cannot be built.*other"),
        (lambda header: settings(header).update(stem=3), r"space\.arguments\.stem is 3"),
        (
            lambda header: settings(header).update(operations={}),
            r"unknown key space\.arguments\.operations",
        ),
        (lambda header: settings(header).pop("stem"), r"lacks space\.arguments\.stem"),
        (lambda header: header.update(space=[4, 8]), r"space is \[4, 8\], expected a mapping"),
        (lambda header: header.update(extra=1), "unknown key extra"),
        (lambda header: header.update(classes="ab"), "classes is 'ab', expected a list of names"),
        (lambda header: header.update(classes=[1, 2]), r"classes is \[1, 2\]"),
        (
            lambda header: values(header).update(mean=[0.5]),
            "mean has 1 values, expected one for each of 3",
        ),
        (lambda header: values(header).update(mean=["a", "b", "c"]), r"mean is \['a', 'b', 'c'\]"),
        (lambda header: values(header).update(mean=[float("nan")] * 3), "mean is .*nan"),
        (
            lambda header: values(header).update(std=[0, 1, 1]),
            r"std is \[0, 1, 1\], expected .* above 0",
        ),
        (lambda header: header["inputs"].update(shape=[3, 12]), r"inputs\.shape is \[3, 12\], expected \[C, H, W\]"),
        (lambda header: header.update(inputs=None), "inputs is None"),
        (lambda header: header.update(outputs=0), "outputs is 0, expected a number"),
        (lambda header: header["preprocessing"].update(kind="other"), "kind is 'other', expected one of none, images"),
        (lambda header: header.update(genotype=SERIES), "its genotype is of the space 'series', expected 'cells'"),
        (lambda header: header.update(details=None), "details is None"),
        (lambda header: header.update(versions=["torch"]), "versions is"),
        (lambda header: header.update(genotype=None), "genotype is None"),
    ],
)
def test_another_header_is_named(model, change, words):
    with pytest.raises(RunError, match=words):
        load_model(rewritten(model[0], change_header=change))


@pytest.mark.parametrize("text", ["[1]", "null", "{", "1" * 5000, "[" * 100_000])
def test_a_header_that_is_no_mapping_is_named(model, text):
    save_file(load_file(model[0]), model[0], {"header": text})
    with pytest.raises(RunError, match=r"model\.safetensors: its header is"):
        load_model(model[0])


def test_the_versions_are_recorded(model):
    with safe_open(model[0], framework="pt") as stream:
        assert json.loads(stream.metadata()["header"])["versions"]["torch"] == torch.__version__


def test_missing_weights_are_named(model):
    file = rewritten(model[0], change_state=lambda state: state.pop("head.bias"))
    with pytest.raises(RunError, match="weights do not fit"):
        load_model(file)


def test_a_file_of_other_tensors_is_refused(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "model.safetensors")
    with pytest.raises(RunError, match="found format None version None"):
        load_model(tmp_path)


def test_a_folder_without_a_model_says_where_it_looked(tmp_path):
    with pytest.raises(RunError, match=r"no model at .*retrain"):
        load_model(tmp_path)


def test_own_operations_are_handed_over_when_loading(tmp_path):
    genotype = random_genotype(["my_conv"], 2, torch.Generator().manual_seed(0))
    file, network = saved(tmp_path, genotype, operations=OWN)
    with pytest.raises(GenotypeError, match=r"unknown operation 'my_conv'.*operations="):
        load_model(file)
    loaded = functools.partial(load_model, file)(operations=OWN)
    x = torch.randint(256, (2, 3, 12, 12), dtype=torch.uint8)
    assert loaded(x).shape == (2, 2) and loaded.genotype == genotype == network.genotype


@pytest.mark.parametrize("place", ["a weight", "the header"])
def test_a_flipped_bit_is_noticed(model, place):
    assert load_model(model[0]).genotype == KNOWN["DARTS_V2"]
    raw = bytearray(model[0].read_bytes())
    at = len(raw) - 5 if place == "a weight" else raw.index(b"test_acc")
    raw[at] ^= 1
    model[0].write_bytes(raw)
    with pytest.raises(RunError, match=r"model\.safetensors is damaged or was changed: found the sha256"):
        load_model(model[0])


def test_a_file_from_before_there_were_digests_is_read(model):
    x = torch.randint(256, (2, 3, 12, 12), dtype=torch.uint8)
    expected = load_model(model[0])(x)
    old = rewritten(model[0])
    with safe_open(old, framework="pt") as stream:
        assert set(stream.metadata()) == {"header"}
    assert torch.equal(load_model(old)(x), expected)


def test_of_two_models_the_one_that_is_taken_is_named(tmp_path, caplog):
    for folder in ("", "retrain"):
        (tmp_path / folder).mkdir(exist_ok=True)
        saved(tmp_path / folder)
    load_model(tmp_path)
    first, second = tmp_path / "model.safetensors", tmp_path / "retrain" / "model.safetensors"
    assert f"holds two models; taking {first}, not {second}" in caplog.text


def cells(nodes: int, edges: int):
    """A change of the header to cells of that many nodes, each with that many edges."""
    cell = {"nodes": [[["sep_conv_5x5", 0]] * edges] * nodes, "concat": [2]}
    return lambda header: header["genotype"].update(cells={"normal": cell, "reduce": cell})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda header: settings(header).update(layers=1000),
            "1,000 layers of cells with 8,000 operations in all",
        ),
        (cells(100, 20), "3 layers of cells with 6,000 operations in all, expected at most"),
        (cells(101, 1), "found 101 nodes, expected at most 100"),
        (
            lambda header: values(header).update(mean=[1e300] * 3),
            "mean is .*expected a list of numbers that float32 can hold",
        ),
        (
            lambda header: values(header).update(std=[1e-300] * 3),
            "std is .*expected a list of numbers above 0",
        ),
        (
            lambda header: values(header).update(mean=[10**30] * 3),
            "found 1000000000000000000000000000000, expected .* 64 bits",
        ),
        (lambda header: header["details"].update(deep=eval("[" * 150 + "]" * 150)), "nested too deeply"),
    ],
)
def test_a_header_that_asks_for_too_much_is_refused_at_once(model, change, words):
    file = rewritten(model[0], change_header=change)
    started = time.perf_counter()
    with pytest.raises((RunError, GenotypeError), match=words):
        load_model(file)
    assert time.perf_counter() - started < 3
