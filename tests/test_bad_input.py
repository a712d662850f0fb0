"""Bad input through the commands: a message with the key or file, what was found and what was expected; exit status 2.

What the rooms check of themselves is tested there; here one case of each shows that it reaches the user before work.
"""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darts_pl.genotype import KNOWN

Command = Callable[..., str]


@pytest.fixture
def refused(refused: Command) -> Command:
    """A search that is refused, unless `command` says another."""
    return lambda *words, command="search": refused(command, *words)


def assert_told(message: str, words: list[str]) -> None:
    """Every one of `words` is in the message."""
    assert not [word for word in words if word not in message], message


COMPOSED = {
    "epoch=3": ["epoch: no such key", "'epochs'"],
    "+experiment=cifar_first_oder": ["cifar_first_oder", "'cifar_first_order'"],
    "epochs=abc": ["epochs: found 'abc'", "int"],
    "space.layer=3": ["space.layer: no such key", "'layers'"],
    "+data.limit_trian=100": ["data.limit_trian: unknown key", "'limit_train'"],
    "+data.limit_train=abc": ["data.limit_train: found 'abc'", "int or null"],
    "epochs=0": ["epochs: found 0", "at least 1"],
    "batch_size=0": ["batch_size: found 0", "at least 1"],
    "learning_rate=-0.1": ["learning_rate: found -0.1", "at least 0"],
    "learning_rate=nan": ["learning_rate: found nan", "at least 0"],
    "momentum=1.0": ["momentum: found 1.0", "from 0 to below 1"],
    "seed=-1": ["seed: found -1", "from 0 to"],
    "checkpoint_every_s=-1": ["checkpoint_every_s: found -1.0", "at least 0"],
    "retraining.epochs=-1": ["retraining.epochs: found -1", "at least 0"],
    "retraining.holdout=1.5": ["retraining.holdout: found 1.5", "from 0 to below 1"],
    "retraining.drop_path=1.0": ["retraining.drop_path: found 1.0", "from 0 to below 1"],
    "retraining.layers=2": ["retraining.layers=2", "at least 3"],
    "space.layers=2": ["space.layers=2", "at least 3"],
    "space.primitives=[sep_conv_3x]": ["'sep_conv_3x'", "'sep_conv_3x3'"],
    "space.primitives=[none]": ["space.primitives", "nothing to choose"],
    "hardware.precision=bf17": ["hardware.precision='bf17'", "bf16"],
}


@pytest.mark.parametrize("override", COMPOSED)
def test_a_value_that_cannot_work(override: str, refused: Command) -> None:
    assert_told(refused(override), COMPOSED[override])


def test_a_batch_larger_than_a_half(refused: Command) -> None:
    message = refused("+data.limit_train=100", "batch_size=64")
    assert_told(message, ["batch_size=64", "50 images", "at most 50"])


def test_a_batch_of_the_retraining_is_checked_before_the_search(refused: Command) -> None:
    message = refused("+data.limit_train=100", "batch_size=16", "retraining.batch_size=200")
    assert_told(message, ["batch_size=200", "100 images"])


NO_CELLS = """
from torch import nn

import darts_pl


def build(outputs):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(outputs), darts_pl.Choice([nn.Identity(), nn.Tanh()]))
"""


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("retraining.drop_path=0.2", ["retraining.drop_path=0.2", "dropped in cells", "has none"]),
        ("retraining.auxiliary=true", ["no auxiliary head", "retraining.auxiliary=false"]),
    ],
)
def test_what_a_network_of_ones_own_has_not_is_told_before_the_search(
    override: str, words: list[str], refused: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "without_cells.py").write_text(NO_CELLS)
    monkeypatch.syspath_prepend(str(tmp_path))
    own = ("space=module", "space.target=without_cells.build", "data=digits", "retraining=module")
    assert_told(refused(*own, override), words)


# Data


def images(root: Path, classes: dict[str, int], size: tuple[int, int] = (8, 8), mode: str = "RGB") -> Path:
    """Class folders with so many images each."""
    values = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    for name, count in classes.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(values).convert(mode).save(root / name / f"{number}.png")
    return root


def test_a_missing_data_folder_lists_the_layouts(refused: Command) -> None:
    assert_told(refused("data=images", "data.root=nowhere"), ["nowhere", "train/<class>", "<class>/"])
    message = refused("data=cifar10", "data.root=nowhere", "+data.download=false")
    assert_told(message, ["nowhere", "cifar-10-python.tar.gz", "cifar-10-batches-py", "cifar-10-binary.tar.gz"])


def test_a_data_folder_that_was_not_given(refused: Command) -> None:
    assert_told(refused("data=images"), ["data.root: no value given", "data.root=<value>"])


def test_a_truncated_archive_of_the_real_images(refused: Command, real_archive: Path, tmp_path: Path) -> None:
    with real_archive.open("rb") as stream:
        (tmp_path / "cut.tar.xz").write_bytes(stream.read(200_000))
    assert_told(refused("data=images", "data.root=cut.tar.xz"), ["cut.tar.xz", "cut short"])


def test_an_archive_of_another_digest(refused: Command, tmp_path: Path) -> None:
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"not the archive")
    message = refused("data=cifar10", f"data.root={tmp_path}", "+data.download=false")
    assert_told(message, ["cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"])


def test_an_archive_member_outside_its_folder(refused: Command, tmp_path: Path) -> None:

    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../../outside/a.png"), io.BytesIO())
    assert_told(refused("data=images", "data.root=evil.tar"), ["evil.tar", "../../outside/a.png"])
    assert not (tmp_path.parent.parent / "outside").exists()


def test_images_of_another_size_or_mode(refused: Command, tmp_path: Path) -> None:
    root = images(tmp_path / "sizes", {"cat": 4, "dog": 4})
    images(root / "..", {"sizes/eel": 4}, size=(9, 8))
    assert_told(refused("data=images", f"data.root={root}"), ["eel/0.png is 9x8", "expected 8x8", "resize=[8,8]"])
    root = images(tmp_path / "modes", {"cat": 4, "dog": 4})
    images(root / "..", {"modes/eel": 4}, mode="L")
    assert_told(refused("data=images", f"data.root={root}"), ["eel", "'L'", "mode"])


def test_an_empty_class_folder(refused: Command, tmp_path: Path) -> None:
    root = images(tmp_path / "pictures", {"cat": 4, "dog": 4, "eel": 0})
    assert_told(refused("data=images", f"data.root={root}"), ["eel", "image"])


def test_one_class_only(refused: Command, tmp_path: Path) -> None:
    root = images(tmp_path / "pictures", {"cat": 8})
    assert_told(refused("data=images", f"data.root={root}"), ["one class", "cat"])


# Genotypes


def edited(change: Callable[[dict], object]) -> str:
    """The JSON of DARTS_V2 after `change`."""
    document = json.loads(KNOWN["DARTS_V2"].to_json())
    change(document)
    return json.dumps(document)


GENOTYPES = {
    "unknown operation": (
        lambda d: d["cells"]["normal"]["nodes"][1].__setitem__(0, ["sep_conv_3x", 0]),
        ["normal node 1", "'sep_conv_3x'", "'sep_conv_3x3'"],
    ),
    "missing node": (lambda d: d["cells"]["reduce"]["nodes"].pop(), ["is a node missing?"]),
    "wrong version": (lambda d: d.update(version=99), ["version", "99"]),
    "source too late": (lambda d: d["cells"]["normal"]["nodes"][0].__setitem__(0, ["none", 7]), ["source 7", "0 to 1"]),
    "misspelt key": (lambda d: d["cells"].update(nomal=d["cells"].pop("normal")), ["'nomal'", "'normal'"]),
}


@pytest.mark.parametrize("case", GENOTYPES)
def test_an_edited_genotype(case: str, refused: Command, tmp_path: Path) -> None:
    change, words = GENOTYPES[case]
    (tmp_path / "mine.json").write_text(edited(change))
    assert_told(refused("genotype=mine.json", command="retrain"), words)


def test_a_genotype_file_cut_short(refused: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(KNOWN["DARTS_V2"].to_json()[:100])
    assert_told(refused("genotype=mine.json", command="retrain"), ["mine.json", "JSON"])


def test_a_genotype_that_is_nowhere(refused: Command) -> None:
    assert_told(refused("genotype=DARTS_V3", command="retrain"), ["'DARTS_V3'", "'DARTS_V2'"])
    assert_told(refused(command="retrain"), ["genotype: no value given"])
    assert_told(refused("genotype=DARTS_V2", "retraining=none", command="retrain"), ["retraining.epochs=0"])


# Folders


def test_a_run_folder_below_a_file(refused: Command, tmp_path: Path) -> None:
    (tmp_path / "in_the_way").write_text("a file")
    assert_told(refused("hydra.run.dir=in_the_way/run"), ["in_the_way"])


def test_a_folder_to_resume_that_is_nowhere(refused: Command, tmp_path: Path) -> None:
    (tmp_path / "outputs" / "run_1").mkdir(parents=True)
    assert_told(refused("resume=outputs/run_2"), ["outputs/run_2", "no such folder", "outputs/run_1"])
    assert_told(refused("resume=outputs/run_1"), ["outputs/run_1", "manifest.json", "no run folder"])


def test_a_refused_command_leaves_its_folder_usable(refused: Command, tmp_path: Path) -> None:
    """Nothing had begun there: the corrected command may have the same folder, without resume."""
    refused("hydra.run.dir=here", "+data.limit_train=100", "batch_size=64")
    assert_told(refused("hydra.run.dir=here", "data=images", "data.root=nowhere"), ["nowhere"])


def test_resuming_another_configuration_lists_the_keys(refused: Command) -> None:
    small = ["+data.limit_train=100", "retraining=none", "space.init_channels=2", "learning_rate=1e30"]
    assert_told(refused("hydra.run.dir=run", *small, "batch_size=16", "epochs=5"), ["loss is", "at step"])
    message = refused("resume=run", *small, "batch_size=32", "epochs=7")
    assert_told(message, ["another configuration", "batch_size: 16 there, 32 here", "epochs: 5 there, 7 here"])
    assert_told(refused("resume=run", "genotype=DARTS_V2", command="retrain"), ["holds a search run", "retrain"])
    assert_told(refused("resume=run", "hydra.run.dir=other"), ["resume=run", "found hydra.run.dir=", "other"])
    assert_told(refused("-m", "resume=run", "seed=0,1"), ["single run", "Leave -m out"])
    assert_told(refused("resume=run"), ["loss is", "at step"])  # what started it is added, and so it ends as it did


def test_a_sweep_is_not_resumed_as_a_run(refused: Command, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "multirun.yaml").write_text("hydra: {overrides: {task: [seed='0,1']}}\n")
    assert_told(refused("resume=sweep"), ["found a sweep", "Add -m", "sweep/0"])
