"""A trained network of a module, of tables or of texts as one file: weights, genotype and preprocessing."""

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.bounded.tensors import write_tensors
from darts_pl.data import ImageData
from darts_pl.data.base import PairedDataModule
from darts_pl.data.prepared_images import is_image_file, prepared_images
from darts_pl.data.tables import TableData, TablePreprocessing
from darts_pl.data.text import TextData, TextPreprocessing
from darts_pl.errors import ConfigError, RunError
from darts_pl.genotype import ModuleGenotype
from darts_pl.inputs import as_inputs, from_plain, to_plain
from darts_pl.ops.image import Builder
from darts_pl.paths import write_atomically
from darts_pl.spaces import DenseSpace, ModuleSpace, TextSpace
from darts_pl.spaces.base import call
from darts_pl.stages.model_header import FORMAT, VERSION
from darts_pl.stages.predicting import Predicting, images_of, rows_of, texts_of
from darts_pl.stages.provenance import versions

OWN = "given"
BUILDERS = {"dense": DenseSpace, "text": TextSpace}
PREPROCESSING = {"table": (TableData, TablePreprocessing), "text": (TextData, TextPreprocessing)}


class ModuleModel(Predicting, nn.Module):
    """A network with its preprocessing; `predict` and `predict_proba` take raw rows, texts and images.

    Attributes:
        network: takes what `prepared` gives. genotype; details (metrics and settings of the training).
        classes: names by class index, by task where there are several; empty where there are none.
        preprocessing: as `TableData.preprocessing` or `TextData.preprocessing` gives it; of images mean and std.
    """

    def __init__(self, network: nn.Module, *, genotype: ModuleGenotype, classes, preprocessing: dict, details: dict):
        super().__init__()
        self.network, self.genotype, self.details, self.classes = network, genotype, details, classes
        self.preprocessing, self.processing = preprocessing, None
        kind = preprocessing.get("kind")
        if kind in PREPROCESSING:
            self.processing = PREPROCESSING[kind][1].from_plain(preprocessing["values"])
        self.shrink = int(preprocessing["values"]["shrink"]) if kind == "images" else 1
        for name in ("mean", "std") if kind == "images" else ():
            values = torch.tensor(preprocessing["values"][name], dtype=torch.float32).view(1, -1, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The network's outputs on its inputs: features of tables and numbers of words as `prepared` gives them, raw
        images (B, C, H, W) of 0 to 255, else what the network was trained on."""
        if self.preprocessing.get("kind") == "images":
            images = inputs[0].float()
            images = F.avg_pool2d(images, self.shrink) if self.shrink > 1 else images
            return self.network((images / 255 - self.mean) / self.std)
        return self.network(*inputs, **named)

    def prepared(self, raw: Any) -> Any:
        """Raw rows (a DataFrame, or dictionaries) or texts (a list) as the network takes them, image files as raw
        images uint8 (B, C, H, W), prepared as in the training; anything else as it is.

        Raises:
            DataError: rows that lack a column or were read otherwise than the training's, no texts, what
                `prepared_images` raises.
        """
        if self.preprocessing.get("kind") == "images" and is_image_file(raw):
            preparation = self.preprocessing["values"].get("preparation")
            whole = preparation and {**preparation, "shrink": 1}  # `forward` shrinks
            return torch.from_numpy(prepared_images(whole, raw)).permute(0, 3, 1, 2)
        if self.processing is None:
            return raw
        if isinstance(self.processing, TablePreprocessing):
            return self.processing.transform_read(rows_of(raw))
        return self.processing.encode(texts_of(raw))

    def inputs_of(self, raw: Any) -> Any:
        """Raw rows, texts or images as `outputs_of` takes them; arrays for other networks as tensors."""
        raw = self.prepared(raw)
        if self.preprocessing.get("kind") == "images":
            return images_of(raw, self.mean.numel())
        return torch.from_numpy(raw) if isinstance(raw, np.ndarray) else raw

    def outputs_of(self, inputs: Any) -> Any:
        """What the network makes of prepared inputs."""
        return self(inputs) if self.preprocessing.get("kind") == "images" else call(self.network, inputs)

    def in_units(self, output: Tensor) -> Tensor:
        """A network's numbers in the target's units."""
        original = getattr(getattr(self.processing, "target", None), "original", None)
        return output if original is None else original(output)


def save_module_model(
    path: Path, network: nn.Module, space: ModuleSpace, genotype: ModuleGenotype, *, data: PairedDataModule, details
):
    """Write `network` of `space`, trained on `data`, to `path`, and return the path."""
    several = isinstance(data.classes, Mapping)
    classes = {k: list(map(str, v)) for k, v in data.classes.items()} if several else list(map(str, data.classes))
    header = {
        "format": FORMAT,
        "version": VERSION,
        "genotype": json.loads(genotype.to_json()),
        "space": _space_header(space),
        "inputs": to_plain(as_inputs(data.input_shape)),
        "outputs": data.outputs,
        "classes": classes,
        "preprocessing": _preprocessing_header(data),
        "details": details,
        "versions": versions(),
    }
    # Clones: a module that is used twice has its tensors under two names, which safetensors refuses.
    state = {name: value.detach().clone().contiguous() for name, value in network.state_dict().items()}
    return write_atomically(path, lambda temporary: write_tensors(temporary, state, {"header": json.dumps(header)}))


def _space_header(space: ModuleSpace) -> dict[str, Any]:
    if isinstance(space, tuple(BUILDERS.values())):
        return {"builder": space.builder, "arguments": space.settings}
    plain = {key: value for key, value in space.arguments.items() if _is_plain(value)}
    others = {key: repr(value) for key, value in space.arguments.items() if key not in plain}
    return {"builder": OWN, "target": space.name, "arguments": plain, "further": others}


def _is_plain(value: Any) -> bool:
    """Whether JSON gives the value back, tuples as lists."""
    try:
        again = json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return False
    return again == value or again == list(value) if isinstance(value, tuple) else again == value


def _preprocessing_header(data: PairedDataModule) -> dict[str, Any]:
    for kind, (module, _) in PREPROCESSING.items():
        if isinstance(data, module):
            return {"kind": kind, "values": data.preprocessing()}
    if isinstance(data, ImageData):
        values = {"mean": list(map(float, data.mean)), "std": list(map(float, data.std)), "shrink": data.shrink}
        values["preparation"] = data.preparation
        return {"kind": "images", "values": values}
    return {"kind": "none", "values": {}}


def load_module_model(
    header: Mapping[str, Any],
    genotype: ModuleGenotype,
    fitted: Callable[[Callable[[], nn.Module]], nn.Module],
    *,
    where: str,
    operations: Mapping[str, Builder] | None,
    target: Callable[..., nn.Module] | ModuleSpace | None,
) -> ModuleModel:
    """The model of a checked header.

    Args:
        fitted: gives the network that a function builds its trained weights. where: the file.
        operations: see `load_model`. target: what builds somebody's own network, or its space.

    Raises:
        RunError: a network of one's own without `target`: a file's word is no reason to import and run code.
    """
    try:
        inputs = from_plain(header["inputs"])
        space = _space_of(header["space"], where, operations, target)

        def build() -> nn.Module:
            return space.network(genotype, inputs, header["outputs"])

        network = fitted(build)
        return ModuleModel(
            network,
            genotype=genotype,
            classes=header["classes"],
            preprocessing=header["preprocessing"],
            details=header["details"],
        )
    except (ConfigError, TypeError, KeyError, ValueError) as error:
        raise RunError(f"{where}: its network or preprocessing cannot be built: {error}") from error


def _space_of(described: Mapping[str, Any], where: str, operations, target) -> ModuleSpace:
    if described["builder"] in BUILDERS:
        return BUILDERS[described["builder"]](**described["arguments"], operations=operations)
    if target is None:
        raise RunError(
            f"{where} holds weights of {described['target']}, which is not imported on a file's word. Pass what builds "
            "the network: load(path, target=...)"
        )
    if isinstance(target, ModuleSpace):
        return target
    known = inspect.signature(target).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
    if lost := [key for key in described["further"] if key in known or open_ended]:
        raise RunError(
            f"{where}: the argument {lost[0]}={described['further'][lost[0]]} could not be kept. Pass the whole space: "
            "load(path, target=darts_pl.ModuleSpace(..., {...}))"
        )
    # A function that binds arguments itself has none of them.
    return ModuleSpace(target, {k: value for k, value in described["arguments"].items() if k in known or open_ended})
