"""Read a genotype from wherever it may be: a known name, a file in one of four forms, or a run folder."""

import difflib
from pathlib import Path

from darts_pl.bounded import read_text
from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError, nearest
from darts_pl.genotype.base import AnyGenotype
from darts_pl.genotype.cells import Genotype
from darts_pl.genotype.file import checked_document, parse_json
from darts_pl.genotype.known import KNOWN
from darts_pl.genotype.module import ModuleGenotype
from darts_pl.genotype.nasbench201 import Nasbench201Genotype
from darts_pl.genotype.nni import KEY, from_nni
from darts_pl.genotype.original import call_in, from_original_text, is_call, is_genotype_text
from darts_pl.genotype.series import SeriesGenotype
from darts_pl.paths import leads_out

BEST = "genotype_best.json"
LARGEST_FILE_BYTES = 1 << 20
DIGITS = f"{Nasbench201Genotype.space}:"

KINDS: dict[str, type[AnyGenotype]] = {
    kind.space: kind for kind in (Genotype, Nasbench201Genotype, SeriesGenotype, ModuleGenotype)
}


def read(spec: str | Path) -> AnyGenotype:
    """The genotype that `spec` names: a known name (any case), a genotype file, a run folder, or a cell of
    NAS-Bench-201 as `nasbench201:421211` or `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`; or the text itself of what a file
    may hold. A line of a log that has `Genotype(...)` in it is read without the rest.

    A known name wins over a file of the same name, so that the result does not depend on the current folder;
    write `./NAME` for the file. A file holds this package's JSON, the original `Genotype(...)` text, NNI's
    JSON or the text of a NAS-Bench-201 cell.

    Raises:
        GenotypeError: nothing of that name, or a file that is not a well-formed genotype.
    """
    if isinstance(spec, str) and spec.lower().startswith(DIGITS):
        return Nasbench201Genotype.from_digits(spec[len(DIGITS) :], DIGITS.rstrip(":"))
    if isinstance(spec, str) and spec.startswith("|"):
        return Nasbench201Genotype.from_text(spec)
    if isinstance(spec, str) and spec.lower() in (names := _names_by_lower_case()):
        return KNOWN[names[spec.lower()]]
    if isinstance(spec, str) and not spec.strip():
        raise GenotypeError("genotype: found nothing, expected a file, a run folder or a known name such as DARTS_V2")
    if isinstance(spec, str) and is_genotype_text(spec):
        return _parse(spec, "genotype")
    path = Path(spec).expanduser()
    if path.is_dir():
        if not (path / BEST).is_file():
            raise GenotypeError(f"{path}: a folder without {BEST}, expected the folder of a search that has run")
        if leads_out(path / BEST, path):
            raise GenotypeError(f"{path}: its {BEST} is a link out of the folder. Name the file itself to read it")
        path = path / BEST
    if not path.is_file():
        raise GenotypeError(_nothing_found(str(spec), path))
    return _parse(read_text(path, error=GenotypeError, largest=LARGEST_FILE_BYTES), str(path))


def from_json(text: str, where: str = "genotype") -> AnyGenotype:
    """The genotype of a JSON text of this package, of whichever space.

    Raises:
        GenotypeError: see `Genotype.from_json`; a space that does not exist.
    """
    return _from_parsed(parse_json(text, where), where)


def check_readable(genotype: AnyGenotype) -> None:
    """Raises GenotypeError, with the remedy, for a genotype of a class that this package reads no files of."""
    if KINDS.get(genotype.space) is not type(genotype):
        raise GenotypeError(
            f"found a genotype of the class {type(genotype).__name__}, which no file gives back. A space of one's own "
            "has genotypes of darts_pl.genotype.ModuleGenotype: choices and cells of any labels"
        )


def _from_parsed(found: object, where: str) -> AnyGenotype:
    space = found.get("space", Genotype.space) if isinstance(found, dict) else Genotype.space
    if not isinstance(space, str) or space not in KINDS:
        raise GenotypeError(
            f"{where}: found space {shown(repr(space))}, which does not exist. {nearest(str(space), KINDS)}"
        )
    document = checked_document(found, space, where)
    return KINDS[space].from_labels(document.choices, document.cells, where)


def _names_by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in KNOWN}


def _nothing_found(spec: str, path: Path) -> str:
    names = _names_by_lower_case()
    close = difflib.get_close_matches(spec.lower(), names, n=1, cutoff=0.6)
    suggestion = nearest(names[close[0]] if close else spec, KNOWN)
    absolute = path.absolute()
    return f"no genotype {spec!r}: looked for {absolute}, {absolute / BEST} and a known name. {suggestion}"


def _parse(text: str, where: str) -> AnyGenotype:
    if not text.strip():
        raise GenotypeError(f"{where}: an empty file, expected a genotype")
    if text.lstrip().startswith("|"):
        return Nasbench201Genotype.from_text(text, where)
    if is_call(text) or not text.lstrip().startswith(("{", "[")):
        return from_original_text(call_in(text, where), where)
    document = parse_json(text, where)
    if isinstance(document, dict) and any(KEY.fullmatch(key) for key in document):
        return from_nni(document, where)
    return _from_parsed(document, where)
