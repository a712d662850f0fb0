"""Files of a folder, a tar or a zip archive, read one by one; nothing is extracted to disk."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from darts_pl.data.folder import SPECIAL, check_source, is_system_file, walk
from darts_pl.data.reading_notes import Notes
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


MAX_MEMBER_BYTES = 1 << 30  # a member is held in memory whole
MAX_TOTAL_BYTES = 64 << 30
MAX_HEADER_BYTES = 1 << 20  # long names and attributes in a tar, which tarfile reads whole


@dataclass(frozen=True)
class Member:
    """A file or folder: its path inside the archive or folder, and how to read it."""

    path: PurePosixPath
    is_folder: bool
    read: Callable[[], bytes]


@contextmanager
def open_members(source: Path, notes: Notes | None = None) -> Iterator[list[Member]]:
    """All members of a folder or archive in stored order (a folder's sorted), readable inside the `with`, without
    hidden and system files. Of members of one name the last is taken, as unpacking would leave it.

    Args:
        notes: takes what is to be told: links followed, hidden files, names that occur twice.

    Raises:
        DataError: an archive cut short or damaged, a member outside the archive's folder (an absolute path, `..` or a
            link), a device file, a member above 1 GiB or all above 64 GiB by their headers; in a folder, see `walk`.
    """
    check_source(source)
    notes = Notes() if notes is None else notes
    if source.is_dir():
        yield list(_folder_members(source, notes))
        return
    with _as_data_error(source):
        zipped = zipfile.is_zipfile(source)
        archive = zipfile.ZipFile(source) if zipped else _open_tar(source)
    with archive:
        with _as_data_error(source):
            if isinstance(archive, zipfile.ZipFile):
                found = _zip_members(archive, source, notes)
            else:
                found = _tar_members(archive, source, notes)
            members = _last_of_each_name(found, notes)
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


def _folder_members(root: Path, notes: Notes) -> Iterator[Member]:
    for found in walk(root, notes):
        yield Member(PurePosixPath(found.path), found.is_folder, partial(_read_file, root / found.path))


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error})") from error


def _last_of_each_name(members: Iterable[Member], notes: Notes) -> list[Member]:
    last: dict[PurePosixPath, Member] = {}
    for member in members:
        if is_system_file(str(member.path)):
            notes.add("hidden or system files not read", str(member.path))
            continue
        earlier = last.pop(member.path, None)
        if earlier is not None and not (earlier.is_folder and member.is_folder):
            notes.add("names that occur again, of which the last is read", str(member.path), warning=True)
        last[member.path] = member
    return list(last.values())


class _BoundedInfo(tarfile.TarInfo):
    """Refuses long names and attributes that would fill the memory, and keeps the last header read."""

    last: bytes | bytearray = b""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_BoundedInfo":
        cls.last = buf
        info = super().frombuf(buf, encoding, errors)
        if not (info.isfile() or info.isdir()) and info.size > MAX_HEADER_BYTES:
            found = f"member {info.name!r} has a header of {info.size} bytes"
            raise tarfile.ReadError(f"{found}, expected {MAX_HEADER_BYTES} at most")
        return info


def _open_tar(source: Path) -> tarfile.TarFile:
    return tarfile.open(source, tarinfo=type("Info", (_BoundedInfo,), {}))  # of its own, for `last`


class _Sizes:
    """Adds up the sizes that members declare and refuses what would fill the memory."""

    def __init__(self, source: Path):
        self.source, self.total = source, 0

    def add(self, name: str, size: int) -> None:
        self.total += size
        if size > MAX_MEMBER_BYTES:
            found = f"is {size} bytes unpacked, expected {MAX_MEMBER_BYTES} at most"
        elif self.total > MAX_TOTAL_BYTES:
            found = f"({size} bytes) brings the total to {self.total} bytes, expected {MAX_TOTAL_BYTES} at most"
        else:
            return
        raise DataError(f"{self.source}: member {name!r} {found}. Larger data are read from a folder")


def _tar_members(archive: tarfile.TarFile, source: Path, notes: Notes) -> Iterator[Member]:
    infos, sizes = [], _Sizes(source)
    for info in archive:  # sizes are checked before anything is unpacked to pass over it
        sizes.add(info.name, info.size)
        infos.append(info)
    _check_end(archive, notes)
    for info in infos:
        if info.issym() or info.islnk():
            advice = "Pack what it leads to: tar --dereference --hard-dereference"
            raise DataError(f"{source}: member {info.name!r} is a link; only files and folders are read. {advice}")
        if not (info.isfile() or info.isdir()):
            raise DataError(f"{source}: member {info.name!r} is no plain file; only files and folders are read")
        path = _safe_path(info.name, source)
        yield Member(path, info.isdir(), partial(_read_tar, archive, info, source))


def _check_end(archive: tarfile.TarFile, notes: Notes) -> None:
    """Python's reader stops at the end of the file or at a damaged header as at the block of zeros that ends a tar."""
    names = archive.getnames()
    after = f"after {names[-1]!r}, member {len(names)}" if names else "before its first member"
    assert issubclass(archive.tarinfo, _BoundedInfo)  # see `_open_tar`
    if len(archive.tarinfo.last) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"it ends {after}, without the blocks of zeros that end a tar")
    if any(archive.tarinfo.last):
        raise tarfile.ReadError(f"the header at byte {archive.offset}, {after}, is damaged")
    further = False
    while rest := archive.fileobj.read(1 << 20):  # to the end, where gzip's checksum lies
        further = further or rest.count(0) < len(rest)
    if further:
        notes.add("bytes behind the end of the tar, not read, as of another tar", after, warning=True)


def _read_tar(archive: tarfile.TarFile, info: tarfile.TarInfo, source: Path) -> bytes:
    with _as_data_error(source):
        stream = archive.extractfile(info)
        return stream.read() if stream else b""


def _zip_members(archive: zipfile.ZipFile, source: Path, notes: Notes) -> Iterator[Member]:
    sizes = _Sizes(source)
    for info in archive.infolist():
        sizes.add(info.filename, info.file_size)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if stat.S_ISLNK(kind) or kind in SPECIAL:
            found = SPECIAL.get(kind, "a link")
            raise DataError(f"{source}: member {info.filename!r} is {found}; only files and folders are read")
        path = _safe_path(info.filename, source)
        yield Member(path, info.is_dir(), partial(_read_zip, archive, info, source))


def _read_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: Path) -> bytes:
    with _as_data_error(source), archive.open(info) as stream:
        return stream.read(info.file_size + 1)  # no more than declared is unpacked; the checksum lies behind it


def _safe_path(name: str, source: Path) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        raise DataError(f"{source}: member {name!r} lies outside the archive's own folder; the archive is refused")
    return path
