"""CIFAR-10 in each of its forms, written small; nothing here uses the network beyond this machine."""

import functools
import hashlib
import http.server
import pickle
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from darts_pl.data import cifar10
from darts_pl.data.cifar10 import Cifar10
from darts_pl.data.cifar10_batches import CLASSES, TEST_BATCH, TRAIN_BATCHES
from darts_pl.errors import DataError

NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture
def no_data(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither `$DARTS_PL_DATA` nor a filled cache."""
    monkeypatch.delenv("DARTS_PL_DATA", raising=False)


def _batch(number: int, n: int = 4) -> tuple[np.ndarray, list[int]]:
    """Rows of red, green and blue planes, as the official files have them."""
    pixels = np.random.default_rng(number).integers(0, 256, (n, 3072), dtype=np.uint8)
    return pixels, [(number + i) % 10 for i in range(n)]


BATCHES = {name: _batch(number) for number, name in enumerate((*TRAIN_BATCHES, TEST_BATCH))}


def _python_files() -> dict[str, bytes]:
    meta = {"label_names": list(CLASSES)}
    batches = {name: {"data": pixels, "labels": labels} for name, (pixels, labels) in BATCHES.items()}
    return {
        f"cifar-10-batches-py/{name}": pickle.dumps(content, protocol=2)
        for name, content in {**batches, "batches.meta": meta}.items()
    }


def _binary_files() -> dict[str, bytes]:
    return {
        f"cifar-10-batches-bin/{name}.bin": b"".join(
            bytes([label]) + row.tobytes() for row, label in zip(pixels, labels)
        )
        for name, (pixels, labels) in BATCHES.items()
    }


FILES = {"python": _python_files, "binary": _binary_files}


def _write(root: Path, kind: str, packed: bool, tar_of: Callable[..., Path]) -> dict[str, str]:
    """The archive or the folder under `root`; returns the digest for the constructor."""
    root.mkdir(exist_ok=True)
    if packed:
        archive = tar_of(root / f"cifar-10-{kind}.tar.gz", FILES[kind]())
        return {f"{kind}_md5": hashlib.md5(archive.read_bytes()).hexdigest()}
    for name, content in FILES[kind]().items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)
    return {}


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize("kind", ["python", "binary"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("below", ["", "cifar10"])
def test_official_forms(tmp_path: Path, tar_of: Callable, kind: str, packed: bool, below: str) -> None:
    root = tmp_path / "data"
    root.mkdir()
    arrays = Cifar10(root, **_write(root / below, kind, packed, tar_of)).load()
    assert arrays.train_x.shape == (20, 32, 32, 3) and arrays.test_x.shape == (4, 32, 32, 3)
    assert (arrays.classes, arrays.class_sorted, arrays.name) == (CLASSES, False, "cifar10")
    pixels, labels = BATCHES["data_batch_2"]
    for channel in range(3):
        plane = pixels[1, 1024 * channel : 1024 * (channel + 1)].reshape(32, 32)
        np.testing.assert_array_equal(arrays.train_x[5, :, :, channel], plane)
    assert arrays.train_y[4:8].tolist() == labels
    assert arrays.test_y.tolist() == BATCHES[TEST_BATCH][1]


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize("kind", ["python", "binary"])
def test_another_digest_is_refused_with_both(tmp_path: Path, tar_of: Callable, kind: str) -> None:
    found = _write(tmp_path, kind, True, tar_of)[f"{kind}_md5"]
    expected = getattr(Cifar10(), f"{kind}_md5")
    with pytest.raises(DataError, match=f"cifar-10-{kind}.tar.gz has the md5 digest {found}, expected {expected}"):
        Cifar10(tmp_path).load()


def test_the_published_digests() -> None:
    assert Cifar10().python_md5 == "c58f30108f718f92721af3b95e74349a"
    assert Cifar10().binary_md5 == "c32a1d4ab5d03f1284b67883e8d87530"


class _Mkdir:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return Path.mkdir, (self.target,)


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "data_batch_3 is no readable pickle"),
        (pickle.dumps([1, 2]), "holds no 'data' and 'labels'"),
        (pickle.dumps({"data": np.zeros((2, 9), np.uint8), "labels": [1, 2]}, 2), r"'data' is \[2, 9\]"),
        (
            pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}, 2),
            r"labels other than.*0\.\.9",
        ),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": ["a"]}, 2), "labels other than"),
        (pickle.dumps({"data": [1], "labels": [1]}), "expected 'data' as a uint8 array"),
        (None, "lacks data_batch_3"),
    ],
)
def test_a_bad_python_batch_is_named(tmp_path: Path, tar_of: Callable, content: bytes | None, message: str) -> None:
    _write(tmp_path, "python", False, tar_of)
    batch = tmp_path / "cifar-10-batches-py/data_batch_3"
    batch.unlink() if content is None else batch.write_bytes(content)
    with pytest.raises(DataError, match=message):
        Cifar10(tmp_path).load()


@pytest.mark.usefixtures("no_data")
def test_a_malicious_batch_is_not_run(tmp_path: Path, tar_of: Callable) -> None:
    files = _python_files()
    files["cifar-10-batches-py/data_batch_1"] = pickle.dumps({"data": _Mkdir(tmp_path / "made"), "labels": []})
    archive = tar_of(tmp_path / "cifar-10-python.tar.gz", files)
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    with pytest.raises(DataError, match=r"data_batch_1: the pickle names "):
        Cifar10(tmp_path, python_md5=digest).load()
    assert not (tmp_path / "made").exists()


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[:-1], "test_batch.bin has 12291 bytes"),
        (lambda data: b"\x0a" + data[1:], "labels other"),
    ],
)
def test_a_bad_binary_batch_is_named(tmp_path: Path, tar_of: Callable, spoil: Callable, message: str) -> None:
    _write(tmp_path, "binary", False, tar_of)
    batch = tmp_path / "cifar-10-batches-bin/test_batch.bin"
    batch.write_bytes(spoil(batch.read_bytes()))
    with pytest.raises(DataError, match=message):
        Cifar10(tmp_path).load()


@pytest.mark.usefixtures("no_data")
def test_a_given_root_without_data_is_an_error_and_no_download(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        Cifar10(tmp_path / "here", url=NOWHERE).load()
    for part in (*cifar10.LAYOUTS, str(tmp_path / "here"), str(tmp_path / "here/cifar10"), "DARTS_PL_DATA"):
        assert part in str(refused.value)


@pytest.mark.usefixtures("no_data")
def test_nothing_found_and_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARTS_PL_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(DataError, match=r"not found in .*elsewhere.*cache"):
        Cifar10(download=False).load()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A web server on this machine: its folder and address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


@pytest.mark.usefixtures("no_data")
def test_downloaded_once_into_the_cache(own_cache: Path, server: tuple[Path, str], tar_of: Callable) -> None:
    folder, url = server
    digest = _write(folder, "python", True, tar_of)
    assert len(Cifar10(url=url, **digest).load().train_y) == 20
    assert (own_cache / "cifar10/cifar-10-python.tar.gz").is_file()
    shutil.rmtree(own_cache / "images")
    assert len(Cifar10(url=NOWHERE, **digest).load().train_y) == 20, "the second time without the network"


@pytest.mark.usefixtures("no_data")
def test_a_download_of_another_digest_is_not_kept(own_cache: Path, server: tuple[Path, str], tar_of: Callable) -> None:
    folder, url = server
    _write(folder, "python", True, tar_of)
    with pytest.raises(DataError, match=r"could not be downloaded.*c58f30108f718f92721af3b95e74349a"):
        Cifar10(url=url).load()
    assert not [path for path in own_cache.rglob("*") if path.is_file()]


@pytest.mark.usefixtures("no_data")
def test_a_failed_download_says_what_to_do(server: tuple[Path, str]) -> None:
    for url in (server[1], NOWHERE):
        with pytest.raises(DataError, match=r"could not be downloaded.*DARTS_PL_DATA"):
            Cifar10(url=url).load()


@pytest.mark.usefixtures("no_data")
def test_class_folders_and_a_packed_one(tmp_path: Path, save_image: Callable, pack: Callable) -> None:
    root = tmp_path / "data"
    for part, count in (("train", 2), ("test", 1)):
        for label, name in enumerate(CLASSES):
            for number in range(count):
                save_image(root / part / name / f"{number}.png", label, size=(32, 32))
    (tmp_path / "packed").mkdir()
    archive = pack(root, tmp_path / "packed/cifar10-images.zip")
    for place in (root, archive.parent, archive):
        arrays = Cifar10(place).load()
        assert arrays.class_sorted and arrays.name == "cifar10" and arrays.test_x.shape == (10, 32, 32, 3)
        assert arrays.train_x[:, 0, 0, 0].tolist() == arrays.train_y.tolist() == sorted([*range(10)] * 2)


@pytest.mark.usefixtures("no_data")
def test_other_images_are_not_taken_for_cifar10(tmp_path: Path, image_folder: Path, pack: Callable) -> None:
    with pytest.raises(DataError, match=r"is not CIFAR-10: .*4x6x3.*item2, item10.*ImageFiles"):
        Cifar10(pack(image_folder, tmp_path / "cifar10-images.tar.gz")).load()
