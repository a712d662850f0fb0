"""Files of a folder, a tar or a zip archive, read one by one; nothing is extracted to disk."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from darts_pl.errors import DataError

DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    OSError,
    lzma.LZMAError,
    zlib.error,
    RuntimeError,  # zipfile: a password or an unknown compression
)


@dataclass(frozen=True)
class Member:
    """A file or folder: its path inside the archive or folder, and how to read it."""

    path: PurePosixPath
    is_folder: bool
    read: Callable[[], bytes]


@contextmanager
def open_members(source: Path) -> Iterator[list[Member]]:
    """All members of a folder or archive, in stored order (a folder's sorted), readable inside the `with`.

    Raises:
        DataError: an archive cut short or damaged, a member outside the archive's folder (an absolute path,
            `..` or a link), a device file.
    """
    if source.is_dir():
        yield list(_folder_members(source))
        return
    with _as_data_error(source):
        zipped = zipfile.is_zipfile(source)
        archive = zipfile.ZipFile(source) if zipped else tarfile.open(source)  # noqa: SIM115
    with archive:
        listing = _zip_members if zipped else _tar_members
        with _as_data_error(source):
            members = list(listing(archive, source))
        yield members


@contextmanager
def _as_data_error(source: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise DataError(
            f"{source} cannot be read: it is cut short, damaged or no tar or zip archive "
            f"({type(error).__name__}: {error}). Copy or download it again."
        ) from error


def _folder_members(root: Path) -> Iterator[Member]:
    for path in sorted(root.rglob("*")):
        yield Member(PurePosixPath(path.relative_to(root).as_posix()), path.is_dir(), partial(_read_file, path))


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error})") from error


def _tar_members(archive: tarfile.TarFile, source: Path) -> Iterator[Member]:
    infos = archive.getmembers()
    while archive.fileobj.read(1 << 20):  # to the end, where gzip's checksum lies
        pass
    for info in infos:
        if not (info.isfile() or info.isdir()):
            kind = "a link" if info.issym() or info.islnk() else "no plain file"
            raise DataError(f"{source}: member {info.name!r} is {kind}; only files and folders are read")
        path = _safe_path(info.name, source)
        yield Member(path, info.isdir(), partial(_read_tar, archive, info, source))


def _read_tar(archive: tarfile.TarFile, info: tarfile.TarInfo, source: Path) -> bytes:
    with _as_data_error(source):
        stream = archive.extractfile(info)
        return stream.read() if stream else b""


def _zip_members(archive: zipfile.ZipFile, source: Path) -> Iterator[Member]:
    for info in archive.infolist():
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DataError(f"{source}: member {info.filename!r} is a link; only files and folders are read")
        path = _safe_path(info.filename, source)
        yield Member(path, info.is_dir(), partial(_read_zip, archive, info, source))


def _read_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: Path) -> bytes:
    with _as_data_error(source):
        return archive.read(info)


def _safe_path(name: str, source: Path) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        raise DataError(f"{source}: member {name!r} lies outside the archive's own folder; the archive is refused")
    return path
