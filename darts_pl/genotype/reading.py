"""Read a genotype from wherever it may be: a known name, a file in one of three forms, or a run folder."""

import difflib
from pathlib import Path

from darts_pl.errors import GenotypeError, nearest
from darts_pl.genotype.cells import Genotype
from darts_pl.genotype.json_text import parse_json
from darts_pl.genotype.known import KNOWN
from darts_pl.genotype.nni import KEY, from_nni
from darts_pl.genotype.original import from_original_text

BEST = "genotype_best.json"
LARGEST_FILE_BYTES = 1 << 20


def read(spec: str | Path) -> Genotype:
    """The genotype that `spec` names: a known name (any case), a genotype file, or a run folder.

    A known name wins over a file of the same name, so that the result does not depend on the current folder;
    write `./NAME` for the file. A file holds this package's JSON, the original `Genotype(...)` text or NNI's
    JSON.

    Raises:
        GenotypeError: nothing of that name, or a file that is not a well-formed genotype.
    """
    if isinstance(spec, str) and spec.lower() in (names := _names_by_lower_case()):
        return KNOWN[names[spec.lower()]]
    path = Path(spec).expanduser()
    if path.is_dir():
        if not (path / BEST).is_file():
            raise GenotypeError(f"{path}: a folder without {BEST}, expected the folder of a search that has run")
        path = path / BEST
    if not path.is_file():
        raise GenotypeError(_nothing_found(str(spec), path))
    return _parse(_text(path), str(path))


def from_json(text: str, where: str = "genotype") -> Genotype:
    """The genotype of a JSON text of this package, of whichever space.

    Raises:
        GenotypeError: see `Genotype.from_json`.
    """
    return Genotype.from_json(text, where)


def _names_by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in KNOWN}


def _nothing_found(spec: str, path: Path) -> str:
    names = _names_by_lower_case()
    close = difflib.get_close_matches(spec.lower(), names, n=1, cutoff=0.6)
    suggestion = nearest(names[close[0]] if close else spec, KNOWN)
    absolute = path.absolute()
    return f"no genotype {spec!r}: looked for {absolute}, {absolute / BEST} and a known name. {suggestion}"


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise GenotypeError(f"{path}: larger than {LARGEST_FILE_BYTES} bytes, expected a genotype file")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise GenotypeError(f"{path}: not text in UTF-8, expected a genotype file") from error
    except OSError as error:
        raise GenotypeError(f"{path}: cannot be read: {error.strerror}") from error


def _parse(text: str, where: str) -> Genotype:
    if not text.strip():
        raise GenotypeError(f"{where}: an empty file, expected a genotype")
    if not text.lstrip().startswith(("{", "[")):
        return from_original_text(text, where)
    document = parse_json(text, where)
    if isinstance(document, dict) and any(KEY.fullmatch(key) for key in document):
        return from_nni(document, where)
    return from_json(text, where)
