"""Folders of images as they lie about: links, fifos, hidden files and names that look the same."""

import os
import socket
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from darts_pl.data.arrays import ImageArrays
from darts_pl.data.cache import fingerprint
from darts_pl.data.cifar10 import Cifar10
from darts_pl.data.image_files import ImageFiles
from darts_pl.errors import DataError

pytestmark = [
    pytest.mark.usefixtures("own_cache"),
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="links and fifos of POSIX systems"),
]


@pytest.fixture
def pool(tmp_path: Path, save_image: Callable) -> Path:
    """Folders ant (values 0 to 9) and bee (100 to 109), not below the data's root."""
    for label, name in enumerate(("ant", "bee")):
        for number in range(10):
            save_image(tmp_path / "pool" / name / f"{number}.png", 100 * label + number)
    return tmp_path / "pool"


def _values(arrays: ImageArrays) -> list[int]:
    return sorted([*arrays.train_x[:, 0, 0, 0].tolist(), *arrays.test_x[:, 0, 0, 0].tolist()])


def _warnings(arrays: ImageArrays) -> list[str]:
    return [note.text for note in arrays.notes if note.warning]


ALL = [*range(10), *range(100, 110)]


def test_linked_class_folders_are_followed_and_told(pool: Path, tmp_path: Path) -> None:
    root = tmp_path / "linked"
    root.mkdir()
    for name in ("ant", "bee"):
        (root / name).symlink_to(Path("..") / "pool" / name)
    arrays = ImageFiles(root).load()
    assert arrays.classes == ("ant", "bee") and _values(arrays) == ALL
    assert f"{root}: links followed (2), such as ant to ../pool/ant" in [note.text for note in arrays.notes]


def test_linked_images_and_a_linked_root_are_followed(pool: Path, tmp_path: Path) -> None:
    for path in pool.rglob("*.png"):
        link = tmp_path / "files" / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    (tmp_path / "root").symlink_to(tmp_path / "files")
    assert _values(ImageFiles(tmp_path / "root").load()) == ALL


def test_a_change_behind_a_link_is_noticed(pool: Path, tmp_path: Path, save_image: Callable) -> None:
    root = tmp_path / "linked"
    root.mkdir()
    (root / "ant").symlink_to(pool / "ant")
    before = fingerprint(root)
    save_image(pool / "ant/11.png", 11)
    assert fingerprint(root) != before


@pytest.mark.parametrize("target", ["nowhere.png", "../../pool/ant/99.png", "x.png"])
def test_a_link_to_nothing_is_named(pool: Path, target: str) -> None:
    (pool / "ant/x.png").symlink_to(target)  # the last leads to itself
    with pytest.raises(DataError, match=rf"'ant/x\.png' is a link to {target}, which cannot be reached"):
        ImageFiles(pool).load()


@pytest.mark.parametrize("target", ["..", "../ant", "../.."])
def test_a_circle_of_links_is_refused(pool: Path, target: str) -> None:
    (pool / "ant/deeper").symlink_to(target)
    with pytest.raises(DataError, match=r"'.*deeper.*' leads back to a folder around it"):
        ImageFiles(pool).load()


def test_a_folder_read_twice_is_told(pool: Path) -> None:
    (pool / "wasp").symlink_to("bee")
    arrays = ImageFiles(pool).load()
    assert arrays.classes == ("ant", "bee", "wasp")
    (warning,) = _warnings(arrays)
    assert "read twice through links (1), such as wasp, the same as bee" in warning


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(path))  # such paths are short


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(("make", "kind"), [(_fifo, "a fifo"), (_socket, "a socket"), (_device, "a device")])
@pytest.mark.parametrize("place", ["ant/x.png", "x", "ant/notes.txt"])
def test_what_is_no_file_is_never_opened(
    pool: Path, make: Callable, kind: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pool)
    make(pool / place)
    with pytest.raises(DataError, match=rf"'{place}' is {kind}, expected files and folders"):
        ImageFiles(pool).load()


@pytest.mark.parametrize(("make", "kind"), [(_fifo, "a fifo"), (_device, "a device")])
def test_a_root_that_is_no_file_is_never_opened(tmp_path: Path, make: Callable, kind: str) -> None:
    for name in ("cifar-10-python.tar.gz", "cifar10-images.zip"):
        folder = tmp_path / name.replace(".", "_")
        folder.mkdir()
        make(folder / name)
        with pytest.raises(DataError, match=rf"{name} is {kind}, expected a file or a folder"):
            Cifar10(root=folder, download=False).load()
        with pytest.raises(DataError, match=f"is {kind}, expected a file or a folder"):
            ImageFiles(folder / name).load()


def test_a_root_that_links_to_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "root").symlink_to("gone")
    with pytest.raises(DataError, match="root is a link to gone, which cannot be reached"):
        ImageFiles(tmp_path / "root").load()


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="everything may be read by root")
def test_a_folder_that_may_not_be_read_is_named(pool: Path) -> None:
    (pool / "bee").chmod(0)
    try:
        with pytest.raises(DataError, match=r"bee cannot be read"):
            ImageFiles(pool).load()
    finally:
        (pool / "bee").chmod(0o755)


def test_hidden_files_are_passed_over_and_told(pool: Path) -> None:
    for name in (".DS_Store", "ant/.DS_Store", "ant/Thumbs.db", "__MACOSX/ant/._1.png", ".git/x.png"):
        (pool / name).parent.mkdir(parents=True, exist_ok=True)
        (pool / name).write_bytes(b"?")
    os.mkfifo(pool / ".git/fifo")  # not looked into
    arrays = ImageFiles(pool).load()
    assert _values(arrays) == ALL and _warnings(arrays) == []
    assert any("hidden or system files, not read (5)" in note.text for note in arrays.notes)


def test_files_beside_the_classes_are_told(pool: Path) -> None:
    (pool / "README.txt").write_text("about ants")
    (pool / "labels.csv").write_text("a,b")
    arrays = ImageFiles(pool).load()
    (note,) = arrays.notes
    assert "beside the classes, not read (2), such as README.txt" in note.text


def test_further_parts_are_told(image_folder: Path, save_image: Callable) -> None:
    save_image(image_folder / "extra/item2/1.png")
    (warning,) = _warnings(ImageFiles(image_folder).load())
    assert "folders not read, as the parts are train and test (1), such as extra" in warning


def test_files_that_are_no_images_are_counted_and_named(pool: Path) -> None:
    for number in range(3):
        (pool / f"bee/box{number}.json").write_text("{}")
    with pytest.raises(DataError, match=r"bee/box0\.json is not an image.*Refused are 3 images, also bee/box1") as told:
        ImageFiles(pool).load()
    assert "object at 0x" not in str(told.value)


def test_class_names_that_differ_by_capitals_are_two_classes_and_told(pool: Path, save_image: Callable) -> None:
    if (pool / "ANT").exists():
        pytest.skip("names in this file system have no capitals")
    for number in range(10):
        save_image(pool / "Ant" / f"{number}.png", 50 + number)
        save_image(pool / "bee" / f"{number}.PNG", 200)
    arrays = ImageFiles(pool).load()
    assert sorted(arrays.classes) == ["Ant", "ant", "bee"]
    warnings = " ".join(_warnings(arrays))
    assert "'ant' like 'Ant'" in warnings and "differ only in capitals or the form of their letters" in warnings


def _zipped(path: Path, names: list[str], image: Path) -> Path:
    with zipfile.ZipFile(path, "w") as stream:
        for name in names:
            stream.writestr(name, image.read_bytes())
    return path


def test_letters_composed_in_two_ways_are_one_name(pool: Path, tmp_path: Path) -> None:
    """As when the training part was packed by one system and the test part by another."""
    composed, apart = (unicodedata.normalize(form, "abeille_é") for form in ("NFC", "NFD"))
    one = pool / "ant/1.png"
    names = [f"train/ant/{n}.png" for n in range(3)] + [f"train/{composed}/{n}.png" for n in range(3)]
    archive = _zipped(tmp_path / "parts.zip", [*names, "test/ant/1.png", f"test/{apart}/1.png"], one)
    assert ImageFiles(archive).load().classes == (composed, "ant")
    both = _zipped(tmp_path / "both.zip", [*names, f"train/{apart}/1.png"], one)
    with pytest.raises(DataError, match=r"two class folders are named 'abeille_é'.*abeille_e\\u0301"):
        ImageFiles(both).load()


def test_a_class_folder_that_is_not_named_in_utf_8_is_refused(pool: Path) -> None:
    name = os.fsdecode(b"w\xe9spe")
    try:
        (pool / "bee").rename(pool / name)
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    with pytest.raises(DataError, match=r"'w\\udce9spe' is not named in UTF-8"):
        ImageFiles(pool).load()
