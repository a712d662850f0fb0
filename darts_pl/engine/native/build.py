"""The kernels, compiled by the system's compiler when they are first asked for.

A library is made for a target, a vector width and the instructions that go with it, and lies in the cache folder under
a name made of all that it depends on: the sources, the compiler, its flags. No flag names the processor at hand, so
that a cache may be shared by machines.
"""

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from filelock import FileLock

from darts_pl.errors import ConfigError, DartsError, nearest
from darts_pl.paths import cache_dir, write_atomically

log = logging.getLogger("darts_pl")

VARIABLE = "DARTS_PL_NATIVE"
OFF = "off"
DECIDING = (VARIABLE, "CXX", "DARTS_PL_CACHE", "XDG_CACHE_HOME", "HOME")  # variables on which the library depends
TARGETS: dict[str, tuple[str, ...]] = {
    "avx512": (
        "-DVECTOR_BYTES=64",
        *("-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mavx2", "-mfma"),
    ),
    "avx2": ("-DVECTOR_BYTES=32", "-mavx2", "-mfma"),
    "portable": ("-DVECTOR_BYTES=16",),
}
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-pthread", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
QUIET = ("-Wno-psabi",)  # vectors are passed among functions of one library alone
COMPILERS = ("c++", "g++", "clang++")
LONGEST_S = 300.0


class BuildError(DartsError):
    """The kernels cannot be compiled or loaded on this machine."""


def native_target() -> str:
    """What kernels are compiled for: `$DARTS_PL_NATIVE`, else the widest that this processor has.

    Raises:
        ConfigError: a target that does not exist. BuildError: the variable says `off`.
    """
    given = os.environ.get(VARIABLE)
    if given == OFF:
        raise BuildError(f"{VARIABLE}={OFF}")
    if given and given not in TARGETS:
        raise ConfigError(f"{VARIABLE}={given!r} does not exist. {nearest(given, (*TARGETS, OFF))}")
    return given or _widest()


def _widest() -> str:
    # torch asks for the same instructions before it takes its own kernels of that name
    has = torch.backends.cpu.get_cpu_capability()
    if has.startswith("AVX512"):
        return "avx512"
    return "avx2" if has.startswith("AVX2") else "portable"


def library() -> ctypes.CDLL:
    """The kernels for `native_target()`, compiled if they have not been yet.

    Raises:
        BuildError: no compiler, one that fails, a cache folder that cannot be written.
    """
    found = _found_by(tuple(map(os.environ.get, DECIDING)))
    if isinstance(found, ctypes.CDLL):
        return found
    raise BuildError(found)


@functools.cache
def _found_by(environment: tuple[str | None, ...]) -> ctypes.CDLL | str:
    """`environment`: the values of DECIDING. Every pass through a cell asks, so that paths are made of them once."""
    try:
        return _found(native_target(), cache_dir(), os.environ.get("CXX"))
    except BuildError as error:
        return str(error)  # by `OFF`


@functools.cache
def _found(target: str, cache: Path, named: str | None) -> ctypes.CDLL | str:
    """The library, or why there is none: what failed once is not tried again by this process."""
    try:
        return _library(target, cache, named)
    except BuildError as error:
        return str(error)


def _library(target: str, cache: Path, named: str | None) -> ctypes.CDLL:
    compiler = _compiler(named)
    flags = (*FLAGS, *QUIET, *TARGETS[target])
    path = cache / "native" / f"{target}-{_key(compiler, flags)}.so"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.is_file():
                _build(path, target, compiler, flags)
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise BuildError(f"the kernels for {target} cannot be written or loaded: {error}") from error


def _compiler(named: str | None) -> list[str]:
    """The command that compiles: `$CXX`, which may have arguments, else the first that is found."""
    if named:
        return named.split()
    for name in COMPILERS:
        if shutil.which(name):
            return [name]
    raise BuildError(f"no C++ compiler is installed, none of {', '.join(COMPILERS)}. Name one by CXX.")


def _sources() -> list[Path]:
    return sorted(path for path in Path(__file__).parent.iterdir() if path.suffix in (".cpp", ".h"))


def _key(compiler: Sequence[str], flags: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for part in (_output([*compiler, "--version"]), platform.machine(), *compiler, *flags):
        digest.update(part.encode() + b"\0")
    for path in _sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _build(path: Path, target: str, compiler: Sequence[str], flags: Sequence[str]) -> None:
    start = time.perf_counter()
    log.info("compiling the native engine for %s, once", target)
    with tempfile.TemporaryDirectory() as folder:
        objects = list(_objects(Path(folder), compiler, flags))
        write_atomically(path, lambda made: _output([*compiler, *flags, "-shared", *objects, "-o", str(made)]), 0o777)
    log.info("compiled in %.1f s: %s", time.perf_counter() - start, path)


def _objects(folder: Path, compiler: Sequence[str], flags: Sequence[str]) -> Iterator[str]:
    """Compile all sources at the same time, as many as there are processors."""
    waiting = [path for path in _sources() if path.suffix == ".cpp"]
    running: list[tuple[str, subprocess.Popen[str]]] = []
    try:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                source = waiting.pop()
                made = str(folder / f"{source.stem}.o")
                running.append((made, _started([*compiler, *flags, "-c", str(source), "-o", made])))
            made, process = running.pop(0)
            _finished(process)
            yield made
    finally:
        for _, process in running:
            process.kill()


def _output(command: Sequence[str]) -> str:
    return _finished(_started(command))


def _started(command: Sequence[str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    except OSError as error:
        raise BuildError(f"the compiler {command[0]!r} cannot be started: {error}") from error


def _finished(process: subprocess.Popen[str]) -> str:
    """What it printed.

    Raises:
        BuildError: it failed, or took longer than `LONGEST_S`.
    """
    try:
        printed, _ = process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise BuildError(f"the compiler has not ended within {LONGEST_S:g} s") from error
    if process.returncode:
        raise BuildError(f"the compiler failed with status {process.returncode}: {printed[-2000:]}")
    return printed
