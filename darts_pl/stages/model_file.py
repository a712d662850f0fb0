"""A trained network as one file: weights, genotype, preprocessing and classes, in safetensors; nothing is unpickled."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.bounded.tensors import check_digest, read_tensors, write_tensors
from darts_pl.data.base import PairedDataModule
from darts_pl.data.prepared_images import ImageFile, is_image_file, prepared_images
from darts_pl.errors import ConfigError, GenotypeError, RunError
from darts_pl.genotype import AnyGenotype, from_json
from darts_pl.ops.image import Builder
from darts_pl.paths import write_atomically
from darts_pl.spaces import CellSpace, ModuleSpace, Nasbench201Space
from darts_pl.spaces.base import DerivedNetwork, Space
from darts_pl.stages.model_header import FORMAT, MODULE, SERIES, SPACES, VERSION, read_header, space_of
from darts_pl.stages.model_size import check_size
from darts_pl.stages.module_model import ModuleModel, load_module_model, save_module_model
from darts_pl.stages.predicting import Predicting, images_of
from darts_pl.stages.provenance import versions
from darts_pl.stages.series_model import ForecastModel, load_series_model

log = logging.getLogger("darts_pl")

OWN_STEM = "given"
BUILDERS = {"cells": CellSpace, "nasbench201": Nasbench201Space}


class TrainedModel(Predicting, nn.Module):
    """A network with its preprocessing, ready for raw images; `predict` and `predict_proba` take arrays and files too.

    Attributes:
        genotype, classes (names by class index), input_shape (C, H, W), details (metrics and settings of the training),
        preparation (of image files, None where it is not known).
    """

    def __init__(
        self,
        network: nn.Module,
        mean,
        std,
        *,
        genotype: AnyGenotype,
        classes,
        input_shape,
        details: dict,
        preparation: dict | None = None,
    ):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.as_tensor(std, dtype=torch.float32).view(1, -1, 1, 1))
        self.genotype, self.classes = genotype, tuple(classes)
        self.input_shape, self.details, self.preparation = tuple(input_shape), details, preparation

    def prepared(self, images: ImageFile | Sequence[ImageFile]) -> Tensor:
        """Image files as `forward` takes them, uint8 (B, C, H, W), prepared exactly as in the training: orientation,
        depth, background, mode and size.

        Raises:
            DataError: see `prepared_images`.
        """
        return torch.from_numpy(prepared_images(self.preparation, images)).permute(0, 3, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Raw images (B, C, H, W), values 0 to 255, uint8 or float → logits (B, number of classes)."""
        return self.network((x.float() / 255 - self.mean) / self.std)

    def inputs_of(self, raw: Any) -> Tensor:
        """Raw images, or image files, as `forward` takes them; see `images_of` and `prepared`."""
        if is_image_file(raw):
            return self.prepared(raw)
        channels, *size = self.input_shape
        return images_of(raw, channels, size)

    def outputs_of(self, inputs: Tensor) -> Tensor:
        """Logits of raw images."""
        return self(inputs)


def save_model(path: Path, network: DerivedNetwork, space: Space, *, data: PairedDataModule, details: dict) -> Path:
    """Write `network` of `space`, trained on `data` (whose preprocessing and classes are taken), to `path`."""
    if isinstance(space, ModuleSpace):
        return save_module_model(path, network.module, space, network.genotype, data=data, details=details)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "genotype": json.loads(network.genotype.to_json()),
        "space": {key: _plain(getattr(space, key)) for key in SPACES[network.genotype.space]},
        "input_shape": list(data.input_shape),
        "classes": list(map(str, data.classes)),
        "mean": [float(v) for v in data.mean],
        "std": [float(v) for v in data.std],
        "preparation": data.preparation,
        "details": details,
        "versions": versions(),
    }
    state = {k: v.contiguous() for k, v in network.state_dict().items() if not k.startswith("auxiliary.")}
    return write_atomically(path, lambda temporary: write_tensors(temporary, state, {"header": json.dumps(header)}))


def load_model(
    path: Path | str,
    *,
    operations: Mapping[str, Builder] | None = None,
    target: Callable[..., nn.Module] | ModuleSpace | None = None,
    stem: Callable[[int, int], nn.Module] | None = None,
) -> TrainedModel | ForecastModel | ModuleModel:
    """The model of a file written by `save_model` or `save_series_model`, or of a run folder that holds one, in eval
    mode on the CPU.

    Args:
        operations: builders of operations that the genotype uses and the library does not know.
        target: what builds a network of one's own, as the search was given it, or its `ModuleSpace`. stem: the same of
            a stem of one's own in the cell space.

    Raises:
        RunError: no such file, not a model of this library or version, damaged.
        GenotypeError: an operation that neither the library nor `operations` knows.
    """
    file = _model_file(Path(path))
    texts, state = read_tensors(file, "a model")
    header = read_header(texts.get("header", "{}"), str(file))
    check_digest(file, state, texts)
    genotype = from_json(json.dumps(header["genotype"]), where=str(file))
    check_size(header, genotype, len(state), str(file))
    if genotype.space == SERIES:
        fitted = partial(_network, file, state=state)
        return load_series_model(header, genotype, fitted, operations, str(file)).eval()

    if genotype.space == MODULE:
        fitted = partial(_network, file, state=state, trusted=target is not None)
        return load_module_model(header, genotype, fitted, where=str(file), operations=operations, target=target).eval()

    def build() -> nn.Module:
        space = BUILDERS[space_of(header)](**_with_stem(header["space"], stem, file), operations=operations)
        return space.network(genotype, tuple(header["input_shape"]), len(header["classes"]))

    model = TrainedModel(
        _network(file, build, state=state),
        header["mean"],
        header["std"],
        genotype=genotype,
        classes=header["classes"],
        input_shape=header["input_shape"],
        details=header["details"],
        preparation=header["preparation"],
    )
    return model.eval()


def _plain(setting):
    return OWN_STEM if callable(setting) else setting


def _network(
    file: Path, build: Callable[[], nn.Module], *, state: dict[str, Tensor], trusted: bool = False
) -> nn.Module:
    """The network that a header describes, with the weights `state`. It is tried without memory first: a header may
    ask for any size, and only weights of that size justify it. Not where the caller's own code builds it (`trusted`),
    which may ask for values that there are not without memory."""
    try:
        if not trusted:
            with torch.device("meta"):
                trial = build()
            _load(trial, state, file, assign=True)
        network = build()
    except ConfigError as error:
        raise RunError(f"{file}: its network cannot be built: {error}") from error
    except GenotypeError as error:
        raise GenotypeError(f"{file}: {error} Pass its builder: load(path, operations={{name: builder}})") from error
    _load(network, state, file)
    return network


def _load(network: nn.Module, state: dict[str, Tensor], file: Path, **how: bool) -> None:
    try:
        network.load_state_dict(state, **how)
    except RuntimeError as error:
        raise RunError(f"{file}: its weights do not fit its genotype and space: {str(error)[:300]}") from error


def _with_stem(arguments: Mapping, stem: Callable | None, file: Path) -> dict:
    if arguments.get("stem") != OWN_STEM:
        return dict(arguments)
    if stem is None:
        raise RunError(f"{file}: the network has a stem of its own. Pass what builds it: load(path, stem=...)")
    return {**arguments, "stem": stem}


def _model_file(path: Path) -> Path:
    candidates = [path, path / "model.safetensors", path / "retrain" / "model.safetensors"]
    if found := [candidate for candidate in candidates if candidate.is_file()]:
        if len(found) > 1:
            log.warning("%s holds two models; taking %s, not %s", path, *found)
        return found[0]
    raise RunError(f"no model at {path}: looked for {', '.join(map(str, candidates))}")
