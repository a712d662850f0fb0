"""Tensors in safetensors files, with the digest of all that such a file holds."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from darts_pl.bounded.texts import check_size
from darts_pl.errors import DartsError, RunError

LARGEST_FILE, LARGEST_HEADER = 1 << 36, 64 << 20  # bytes; a header names its tensors and holds the texts
MOST_TENSORS = 100_000
DIGEST = "sha256"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> None:
    """Write tensors and texts by name to `path`, with the digest that `check_digest` compares."""
    save_file(dict(tensors), path, {**texts, DIGEST: digest_of(tensors, texts)})


def read_tensors(
    path: Path, what: str, *, error: type[DartsError] = RunError
) -> tuple[dict[str, str], dict[str, Tensor]]:
    """(texts, tensors) by name, on the CPU. A tensor takes the memory that its bytes in the file do.

    Args:
        what: the file is to be read as, for messages. error: the class to raise.

    Raises:
        DartsError: `error`; no such file, or one that is damaged, of another format or too large.
    """
    check_size(path, error=error, largest=LARGEST_FILE)
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
        if length > LARGEST_HEADER:
            raise error(f"{path} cannot be read as {what}: found a header of {length:,} bytes")
        with safe_open(path, framework="pt") as stream:
            names = list(stream.keys())
            if len(names) > MOST_TENSORS:
                raise error(f"{path}: found {len(names):,} tensors, expected at most {MOST_TENSORS:,}")
            return dict(stream.metadata() or {}), {name: stream.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as problem:
        raise error(f"{path} cannot be read as {what}: {problem}") from problem


def check_digest(
    path: Path, tensors: Mapping[str, Tensor], texts: Mapping[str, str], *, error: type[DartsError] = RunError
) -> None:
    """Compare what was read with the digest that was written beside it; a file from before there were digests passes.

    Raises:
        DartsError: `error`; a bit of it is another than when it was written.
    """
    expected = texts.get(DIGEST)
    if expected is not None and (found := digest_of(tensors, texts)) != expected:
        raise error(
            f"{path} is damaged or was changed: found the sha256 {found[:16]}..., it was written with "
            f"{expected[:16]}... Take a copy of it that is whole, or train again"
        )


def digest_of(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    """sha256 of tensors and texts in the order of their names: names, types, shapes and bytes."""
    found = hashlib.sha256()
    for name in sorted(set(texts) - {DIGEST}):
        found.update(f"{name}\0{len(texts[name])}\0{texts[name]}\0".encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
