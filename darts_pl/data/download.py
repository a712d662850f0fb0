"""A file from the network: with a progress bar, checked by its digest, kept only when whole."""

from pathlib import Path

import pooch
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from darts_pl.data.own_cache import FILE_MODE, make_folder
from darts_pl.errors import DataError
from darts_pl.paths import mode_of_new_files


class _RichBar:
    """What pooch asks of a progress bar, drawn by rich."""

    def __init__(self, title: str) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(title, total=None)
        self._total = 0

    @property
    def total(self) -> int:
        """Bytes expected; pooch sets it when the server has answered."""
        return self._total

    @total.setter
    def total(self, value: int) -> None:
        self._total = value
        self._progress.start()
        self._progress.update(self._task, total=value or None)

    def update(self, size: int) -> None:
        """`size` more bytes have come."""
        self._progress.advance(self._task, size)

    def reset(self) -> None:
        """Back to nothing; pooch then fills the bar."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()


def download(url: str, md5: str, folder: Path) -> Path:
    """Fetch `url` into `folder` unless it lies there already.

    Args:
        url: http or https; the file keeps its last part as its name.
        md5: the digest that the file must have, in hexadecimal.
        folder: of the cache; made where it is missing.

    Returns:
        The file's path.

    Raises:
        DataError: no network, an answer other than the file, a wrong digest, a folder that cannot be written, or one
            that others can write, see `check_own`.
    """
    bar = _RichBar(f"Downloading {url.rsplit('/', 1)[-1]}")
    downloader = pooch.HTTPDownloader(progressbar=bar)
    name = url.rsplit("/", 1)[-1]
    try:
        make_folder(folder)
        before = _facts(folder / name)
        path = Path(pooch.retrieve(url, known_hash=f"md5:{md5}", fname=name, path=folder, downloader=downloader))
        if _facts(path) != before:  # pooch keeps what it fetches for the owner, whatever the umask
            path.chmod(mode_of_new_files(folder) & FILE_MODE)
    except (
        OSError,
        ValueError,
    ) as error:  # the network's errors are OSErrors, a wrong digest is a ValueError
        raise DataError(
            f"{url} could not be downloaded into {folder}: {error}. Where the machine has no network, fetch the "
            "file elsewhere and name its folder in $DARTS_PL_DATA or as the source's root."
        ) from error
    finally:
        bar.close()
    return path


def _facts(path: Path) -> tuple[int, int] | None:
    """What changes when the file is another one; None where there is none."""
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None
