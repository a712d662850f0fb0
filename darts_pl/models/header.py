"""The header of a model file: what it holds, checked before anything is built from it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar

from darts_pl.bounded import parse_json
from darts_pl.bounded.fields import MOST, Fields, is_list, is_whole
from darts_pl.bounded.texts import shown
from darts_pl.data.base import Classes, InputShape, Outputs
from darts_pl.data.decode import CHANNELS
from darts_pl.data.image_preprocessing import ImagePreprocessing
from darts_pl.data.preprocessing import Preprocessing
from darts_pl.data.series.preprocessing import SeriesPreprocessing
from darts_pl.data.tables import TablePreprocessing
from darts_pl.data.text import TextPreprocessing
from darts_pl.errors import ConfigError, RunError
from darts_pl.genotype import AnyGenotype, from_json
from darts_pl.inputs import TensorInput, as_declared, as_inputs, from_plain, to_plain
from darts_pl.models.older import upgraded
from darts_pl.ops.series import SeriesShape
from darts_pl.spaces import CellSpace, DenseSpace, ModuleSpace, Nasbench201Space, SeriesSpace, TextSpace
from darts_pl.spaces.base import Space
from darts_pl.spaces.module.target import target_name

FORMAT, VERSION = "darts_pl.model", 2
MAX_LAYERS, MAX_NODES = 1000, 16
MOST_VALUES = 5_000_000  # a vocabulary of words has some 100,000
OWN = "own"  # a network or a space of somebody's own, which the caller's code builds
CHOICES = ("normalizations", "decompositions", "shortcuts", "tokens", "positions", "attentions", "feed_forwards")
PREPROCESSING = {
    each.kind: each
    for each in (Preprocessing, ImagePreprocessing, TablePreprocessing, TextPreprocessing, SeriesPreprocessing)
}

AnySpace: TypeAlias = Space[Any, Any, Any]
KnownSpace = TypeVar("KnownSpace", bound=AnySpace)
Settings = dict[str, Any]


@dataclass(frozen=True)
class Header:
    """What stands in a model file beside its weights.

    Attributes:
        builder: of its space, a key of `SPACES` or `OWN`. arguments: of the space.
        target, further: of a network of one's own: its name, or that of its space, and the arguments that JSON could
            not hold, as text.
        inputs, outputs: what the network is built for. classes: names, by task where there are several.
    """

    genotype: AnyGenotype
    builder: str
    arguments: Settings
    target: str
    further: Mapping[str, str]
    inputs: InputShape
    outputs: Outputs | None
    classes: Classes
    preprocessing: Preprocessing
    details: Mapping[str, Any]


@dataclass(frozen=True)
class SpaceKind(Generic[KnownSpace]):
    """A space whose settings a file holds: how they are taken from it, and from a file, checked."""

    space: type[KnownSpace]
    genotype: str
    settings: Callable[[KnownSpace], Settings]
    read: Callable[[Fields], Settings]


def _sizes(fields: Fields) -> Settings:
    return {"init_channels": fields.whole("init_channels"), "layers": fields.whole("layers", highest=MAX_LAYERS)}


def _cells(fields: Fields) -> Settings:
    return {**_sizes(fields), "stem": fields.text_or_none("stem")}


def _dense(fields: Fields) -> Settings:
    nodes, names = fields.whole("num_nodes", highest=MAX_NODES), fields.names("primitives", fewest=1)
    return {**_sizes(fields), "num_nodes": nodes, "primitives": names, "dropout": fields.share("dropout")}


def _text(fields: Fields) -> Settings:
    return {**_dense(fields), "word_dropout": fields.share("word_dropout")}


def _series(fields: Fields) -> Settings:
    sizes = {name: fields.whole(name) for name in ("hidden_dim", "num_nodes", "patch_length", "heads")}
    lists = {name: fields.names(name, fewest=1) for name in ("primitives", *CHOICES, "cross_attentions")}
    layers, dropout = fields.whole("layers", highest=MAX_LAYERS), fields.share("dropout")
    return {"mode": fields.text("mode"), "layers": layers, "dropout": dropout, **sizes, **lists}


def _cell_settings(space: CellSpace) -> Settings:
    """A stem of one's own is null: it is handed over again when the model is loaded."""
    stem = None if callable(space.stem) else space.stem
    return {"init_channels": space.init_channels, "layers": space.layers, "stem": stem}


def _nasbench201_settings(space: Nasbench201Space) -> Settings:
    return {"init_channels": space.init_channels, "layers": space.layers}


SPACES: dict[str, SpaceKind[Any]] = {
    "cells": SpaceKind(CellSpace, "cells", _cell_settings, _cells),
    "nasbench201": SpaceKind(Nasbench201Space, "nasbench201", _nasbench201_settings, _sizes),
    "series": SpaceKind(SeriesSpace, "series", SeriesSpace.settings, _series),
    "dense": SpaceKind(DenseSpace, "module", lambda space: space.settings, _dense),
    "text": SpaceKind(TextSpace, "module", lambda space: space.settings, _text),
}


def write_header(
    genotype: AnyGenotype,
    space: AnySpace,
    *,
    input_shape: InputShape,
    outputs: Outputs | None,
    classes: Classes,
    preprocessing: Preprocessing,
    details: Mapping[str, Any],
    versions: Mapping[str, str],
) -> str:
    """What `read_header` reads."""
    by_task = {k: list(map(str, v)) for k, v in classes.items()} if isinstance(classes, Mapping) else None
    header = {
        "format": FORMAT,
        "version": VERSION,
        "genotype": json.loads(genotype.to_json()),
        "space": _space_settings(space, genotype),
        "inputs": asdict(input_shape) if isinstance(input_shape, SeriesShape) else to_plain(as_inputs(input_shape)),
        "outputs": outputs,
        "classes": list(map(str, classes)) if by_task is None else by_task,
        "preprocessing": {"kind": preprocessing.kind, "values": preprocessing.to_plain()},
        "details": details,
        "versions": versions,
    }
    return json.dumps(header)


def _space_settings(space: AnySpace, genotype: AnyGenotype) -> Settings:
    """The space as a file holds it; somebody's own space of known genotypes as the one of these, any other by its name
    alone, as the caller hands it over again."""
    for builder, kind in SPACES.items():
        if isinstance(space, kind.space):
            return {"builder": builder, "arguments": kind.settings(space)}
    if not isinstance(space, ModuleSpace):
        return {"builder": OWN, "target": target_name(type(space)), "arguments": {}, "further": {}}
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


def read_header(text: str, where: str) -> Header:
    """The header in `text`, every value of it of the right type and range.

    Args:
        text: JSON. where: the file, for messages.

    Raises:
        RunError: another format or version, a missing or unknown key, or a value of another type or size; the message
            names the file, the key, what was found and what was expected.
        GenotypeError: what `from_json` refuses.
    """
    plain = parse_json(text, f"{where}: its header is refused", most=MOST_VALUES)
    if not isinstance(plain, dict):
        raise RunError(f"{where}: its header is {shown(repr(plain))}, expected a mapping")
    if plain.get("format") != FORMAT or plain.get("version") not in (1, VERSION):
        found = f"format {shown(repr(plain.get('format')))} version {shown(repr(plain.get('version')))}"
        raise RunError(f"{where}: found {found}, expected {FORMAT!r} version {VERSION}")
    try:
        return _read(Fields(upgraded(plain) if plain["version"] == 1 else plain), where)
    except (ConfigError, TypeError, KeyError, ValueError) as error:
        raise RunError(f"{where}: {error}") from error


def _read(fields: Fields, where: str) -> Header:
    fields.text("format")
    fields.whole("version")
    fields.texts("versions")
    space, details = fields.fields("space"), fields.mapping("details")
    builder = space.text("builder", (*SPACES, OWN))
    if builder == OWN:
        arguments, target, further = space.mapping("arguments"), space.text("target"), space.texts("further")
    else:
        settings = space.fields("arguments")
        arguments, target, further = SPACES[builder].read(settings), "", {}
        settings.done()
    space.done()
    classes, inputs, outputs = _classes(fields), fields.mapping("inputs"), _outputs(fields)
    preprocessing = _preprocessing(fields.fields("preprocessing"))
    genotype = from_json(json.dumps(fields.mapping("genotype")), where=where)
    fields.done()
    if builder != OWN and genotype.space != (expected := SPACES[builder].genotype):
        raise ConfigError(f"its genotype is of the space {genotype.space!r}, expected {expected!r}")
    shape, preprocessing = _shape(inputs, preprocessing, genotype.space)
    return Header(genotype, builder, arguments, target, further, shape, outputs, classes, preprocessing, details)


def _outputs(fields: Fields) -> Outputs | None:
    def holds(value: Any) -> bool:
        counts = value.values() if isinstance(value, dict) and value else [value]
        return value is None or all(is_whole(count) and 1 <= count <= MOST for count in counts)

    return fields.value("outputs", "a number, numbers by task, or null", holds)


def _classes(fields: Fields) -> Classes:
    def holds(value: Any) -> bool:
        return all(is_list(names, str) for names in (value.values() if isinstance(value, dict) else [value]))

    found = fields.value("classes", "a list of names, or lists of names by task", holds)
    return found if isinstance(found, dict) else tuple(found)


def _preprocessing(fields: Fields) -> Preprocessing:
    found = PREPROCESSING[fields.text("kind", PREPROCESSING)].from_plain(fields.mapping("values"))
    fields.done()
    return found


def _shape(plain: Settings, preprocessing: Preprocessing, space: str) -> tuple[InputShape, Preprocessing]:
    """What the network takes, as its space knows it, and the preprocessing, which has to make that."""
    if space == "series":
        if not isinstance(preprocessing, SeriesPreprocessing):
            raise ConfigError(f"preprocessing.kind is {preprocessing.kind!r}, expected 'series'")
        shape = preprocessing.input_shape
        for key, made in asdict(shape).items():
            if (found := plain.get(key)) != made or not is_whole(found):
                raise ConfigError(f"inputs.{key} is {shown(repr(found))}, its preprocessing has {made}")
        return shape, preprocessing
    inputs = from_plain(plain)
    sizes = list(inputs.shape) if isinstance(inputs, TensorInput) else []
    is_image = len(sizes) == 3 and min(sizes) >= 1
    if not is_image and (space != "module" or isinstance(preprocessing, ImagePreprocessing)):
        raise ConfigError(f"inputs.shape is {sizes}, expected [C, H, W]")
    if isinstance(preprocessing, ImagePreprocessing):
        _check_image(preprocessing, sizes)
        if space != "module":  # anybody's network may take images of any size, these take this one alone
            preprocessing = replace(preprocessing, size=(sizes[1], sizes[2]))
    return (as_declared(inputs) if space == "module" else (sizes[0], sizes[1], sizes[2])), preprocessing


def _check_image(preprocessing: ImagePreprocessing, sizes: list[int]) -> None:
    for name, values in (("mean", preprocessing.mean), ("std", preprocessing.std)):
        if len(values) != sizes[0]:
            raise ConfigError(f"{name} has {len(values)} values, expected one for each of {sizes[0]} channels")
    if (preparation := preprocessing.preparation) is not None:
        found = [CHANNELS[preparation["mode"]], *(side // preprocessing.shrink for side in preparation["size"])]
        if found != sizes:
            raise ConfigError(f"preparation makes images of {found}, its inputs are {sizes}")


EDGES = 500  # of all layers together, beyond one for each tensor of the file
CANDIDATES = 500  # of a network that is built with all its candidates, beyond ten for each tensor
STAGES = 3  # of a network of NAS-Bench-201, each of `layers` cells


def check_size(header: Header, tensors: int) -> None:
    """Compare the network that a header describes with the number of tensors that the file brings: what takes seconds
    to build has weights in the file to show for it.

    Raises:
        ConfigError: too many layers, nodes or edges; the message has both numbers.
    """
    arguments = header.arguments
    if header.builder == OWN:
        return  # the caller's own code builds it
    if SPACES[header.builder].genotype == "module":
        nodes, kinds = arguments["num_nodes"], len(arguments["primitives"])
        parts = len(header.inputs) if isinstance(header.inputs, (Mapping, Sequence)) else 0
        heads = len(header.outputs) if isinstance(header.outputs, Mapping) else 0
        for key, count in (("inputs", parts), ("outputs", heads)):
            if count > tensors:  # each has a stem or a head
                raise ConfigError(f"{key} has {count:,} parts, expected at most one for each of {tensors:,} tensors")
        asked = (arguments["layers"] + parts) * nodes * (nodes + 3) // 2 * kinds
        allowed = CANDIDATES + 10 * tensors
    else:
        edges = [sum(map(len, cell.nodes)) for cell in header.genotype.cells.values()]
        repeats = arguments["layers"] * (STAGES if header.builder == "nasbench201" else 1)
        asked, allowed = repeats * max(edges, default=0), EDGES + tensors
    if asked > allowed:
        raise ConfigError(
            f"its header asks for {arguments['layers']:,} layers of cells with {asked:,} operations in all, expected "
            f"at most {allowed:,} of a file with {tensors:,} tensors"
        )
