"""Windows that a user hands over as loaders: taken out of them, checked, kept in one file that any process can read."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from darts_pl.bounded import parse_json
from darts_pl.bounded.tensors import check_digest, read_tensors, write_tensors
from darts_pl.bounded.texts import shown
from darts_pl.data.series.magnitude import check_network_input, too_coarse, typical_deviations
from darts_pl.errors import DataError
from darts_pl.ops.series.shapes import SeriesShape
from darts_pl.paths import write_atomically

INPUTS = ("past", "past_known", "future_known")
PARTS = ("train", "val", "test")
FORMAT = "darts_pl.windows"


@dataclass(frozen=True)
class WindowPart:
    """The windows of one part.

    Attributes:
        x: past float32 [W, T, C], targets first; past_known [W, T, F] and future_known [W, P, F] where F > 0.
        y: float32 [W, P, Y].
    """

    x: dict[str, Tensor]
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, chosen: Tensor) -> dict[str, Tensor]:
        """The inputs of chosen windows, as batches ask for them."""
        return {name: value[chosen] for name, value in self.x.items()}

    @property
    def device(self) -> torch.device:
        """Where the windows lie."""
        return self.y.device

    @property
    def shape(self) -> SeriesShape:
        """What a network for these windows is built for."""
        _, look_back, channels = self.x["past"].shape
        known = self.x["future_known"].shape[2] if "future_known" in self.x else 0
        return SeriesShape(look_back, self.y.shape[1], self.y.shape[2], channels - self.y.shape[2], known)


@dataclass(frozen=True)
class WindowFile:
    """Parts by name ("train", "val", "test") and what is known of them besides: `facts`, as JSON can hold it."""

    parts: Mapping[str, WindowPart]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """sha256 of all windows and facts."""
        found = hashlib.sha256(json.dumps(self.facts, sort_keys=True).encode())
        for name, tensor in sorted(_tensors(self.parts).items()):
            found.update(f"{name}{tuple(tensor.shape)}".encode())
            found.update(tensor.cpu().numpy().tobytes())
        return found.hexdigest()

    def save(self, path: Path) -> Path:
        """Write the file (safetensors)."""
        header = {"format": FORMAT, "facts": json.dumps(dict(self.facts))}
        return write_atomically(path, lambda temporary: write_tensors(temporary, _tensors(self.parts), header))


def read_windows(path: Path) -> WindowFile:
    """The file that `WindowFile.save` wrote.

    Raises:
        DataError: no such file, another one, or a damaged one.
    """
    header, tensors = read_tensors(path, "a file of windows", error=DataError)
    if header.get("format") != FORMAT:
        raise DataError(f"{path}: found format {shown(repr(header.get('format')))}, expected {FORMAT!r}")
    facts = parse_json(header.get("facts", ""), f"{path}: its facts", error=DataError)
    if not isinstance(facts, dict):
        raise DataError(f"{path}: its facts are {shown(repr(facts))}, expected a mapping")
    check_digest(path, tensors, header, error=DataError)
    parts = {}
    for part in PARTS:
        if f"{part}.y" in tensors:
            x = {name: tensors[f"{part}.{name}"] for name in INPUTS if f"{part}.{name}" in tensors}
            parts[part] = WindowPart(*_checked((x, tensors[f"{part}.y"]), f"{path}: {part}"))
    return WindowFile(parts, facts)


def _tensors(parts: Mapping[str, WindowPart]) -> dict[str, Tensor]:
    found = {f"{part}.y": given.y.contiguous() for part, given in parts.items()}
    return found | {f"{part}.{name}": v.contiguous() for part, given in parts.items() for name, v in given.x.items()}


def windows_of_loader(loader: Iterable[Any], name: str) -> tuple[WindowPart, int]:
    """(all windows of a loader in the order of one pass, how many the first batch holds).

    Args:
        loader: batches `(x, y)`: x float (B, T, C), or a dictionary of `past` and, for features that are known over the
            horizon, `past_known` (B, T, F) and `future_known` (B, P, F); y float (B, P, Y), or (B, P) of one target.

    Raises:
        DataError: no batch, batches of another form or of several shapes; with its window and step a value that is not
            finite or too large, with its channel what is so far from 0 that float32 loses how it moves.
    """
    inputs: dict[str, list[Tensor]] = {}
    truths: list[Tensor] = []
    for number, batch in enumerate(loader):
        x, y = _checked(batch, f"{name}, batch {number}")
        if truths and (set(x) != set(inputs) or any(x[k].shape[1:] != inputs[k][0].shape[1:] for k in x)):
            raise DataError(f"{name}, batch {number}: its inputs are not of the shape of those before")
        if truths and y.shape[1:] != truths[0].shape[1:]:
            raise DataError(f"{name}, batch {number}: found y {tuple(y.shape)}, before {tuple(truths[0].shape)}")
        for key, value in x.items():
            inputs.setdefault(key, []).append(value)
        truths.append(y)
    if not truths:
        raise DataError(f"{name} has no batch")
    found = {**{key: torch.cat(values) for key, values in inputs.items()}, "y": torch.cat(truths)}
    for key, value in found.items():
        check_values(value, key, name)
    found = {key: value.float() for key, value in found.items()}
    return WindowPart({key: found[key] for key in inputs}, found["y"]), len(truths[0])


def check_values(value: Tensor, key: str, name: str) -> None:
    """Raises DataError where float32 cannot hold `value` [W, steps, channels], or not as what it is; `key` and `name`
    say in messages what it is and where it is from."""
    if not torch.isfinite(value).all():
        window, step, channel = (~torch.isfinite(value)).nonzero()[0].tolist()
        raise DataError(
            f"{name}: {key} holds {value[window, step, channel]} in window {window}, step {step}, channel {channel}"
        )
    steps, rows = value.shape[1], value.flatten(0, 1).numpy()
    remedy = "Standardise the series before cutting it into windows, and give the trainer its scaler"

    def place(row: int, channel: int) -> str:
        return f"{name}: {key} of window {row // steps}, step {row % steps}, channel {channel}"

    check_network_input(rows, place, remedy)
    deviations = typical_deviations(rows)
    if (coarse := too_coarse(rows, deviations)).any():
        channel = int(coarse.argmax())
        raise DataError(
            f"{name}: channel {channel} of {key} deviates by {deviations[channel]:.3g} from its median and is "
            f"up to {np.abs(rows[:, channel]).max():g} from 0, where float32 holds it roughly. {remedy}"
        )


def _checked(batch: Any, where: str) -> tuple[dict[str, Tensor], Tensor]:
    if not isinstance(batch, list | tuple) or len(batch) != 2:
        raise DataError(f"{where}: found {type(batch).__name__}, expected a pair (x, y)")
    x, y = batch
    x = dict(x) if isinstance(x, Mapping) else {"past": x}
    y = y.unsqueeze(-1) if isinstance(y, Tensor) and y.dim() == 2 else y
    for key, value in {**x, "y": y}.items():
        if key not in (*INPUTS, "y") or not isinstance(value, Tensor) or value.dim() != 3:
            found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise DataError(
                f"{where}: found {key} {found}, expected x (B, T, C), or a dictionary of past, past_known and "
                "future_known, and y (B, P, Y)"
            )
    known = {"past_known", "future_known"} & set(x)
    if "past" not in x or len(known) == 1 or len({len(value) for value in (*x.values(), y)}) > 1:
        raise DataError(f"{where}: expected past, and past_known and future_known both or neither, of as many windows")
    if y.shape[2] > x["past"].shape[2]:
        raise DataError(
            f"{where}: y has {y.shape[2]} targets, x {x['past'].shape[2]} channels; expected the targets to be the "
            "first channels of x"
        )
    return {key: _on_cpu(value) for key, value in x.items()}, _on_cpu(y)


def _on_cpu(value: Tensor) -> Tensor:
    """Of half precision float32, of whole numbers float64, else as it is until it has been looked at."""
    value = value.detach().cpu()
    if not value.is_floating_point():
        return value.double()
    return value if value.dtype == torch.float64 else value.float()
