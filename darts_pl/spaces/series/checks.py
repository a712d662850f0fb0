"""What a space of forecasting networks refuses, in the words of its configuration."""

from collections.abc import Iterable, Mapping, Sequence

from darts_pl.derive import Derivation
from darts_pl.errors import ConfigError, GenotypeError, nearest
from darts_pl.genotype import SeriesGenotype, check_operations, check_space
from darts_pl.genotype.series import MODES
from darts_pl.ops.series import Builder, SeriesShape
from darts_pl.spaces.base import Mixing
from darts_pl.spaces.checks import check_dropout, check_primitives
from darts_pl.spaces.series.labels import ARGUMENTS, candidates, check_candidates

SMALLEST_DIM = 4


def check_mode(mode: str) -> None:
    """Raises ConfigError for a mode that does not exist."""
    if mode not in MODES:
        raise ConfigError(f"space.mode={mode!r} does not exist. {nearest(str(mode), MODES)}")


def checked_primitives(primitives: Sequence[str], operations: Mapping[str, Builder]) -> tuple[str, ...]:
    """`primitives`, once they are known to be names of `operations`; raises ConfigError where not."""
    names = tuple(_check_list("space.primitives", primitives))
    check_primitives(names, operations)
    return names


def checked_candidates(mode: str, given: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The candidates of the labels that `mode` has; raises ConfigError where they are not known ones."""
    named = {label: tuple(_check_list(f"space.{ARGUMENTS[label]}", names)) for label, names in given.items()}
    check_candidates(mode, named)
    return {label: named[label] for label in candidates(mode)}


def _check_list(key: str, names: Sequence[str]) -> Sequence[str]:
    if isinstance(names, str):
        raise ConfigError(f"{key}={names}: expected a list of names, such as [{names}]")
    return names


def check_sizes(hidden_dim: int, layers: int, num_nodes: int, patch_length: int, heads: int, dropout: float) -> None:
    """Raises ConfigError for a size that cannot be built."""
    least = {"layers": (layers, 1), "num_nodes": (num_nodes, 1), "patch_length": (patch_length, 1), "heads": (heads, 1)}
    for name, (value, smallest) in {"hidden_dim": (hidden_dim, SMALLEST_DIM), **least}.items():
        if value < smallest:
            raise ConfigError(f"space.{name}={value}: expected at least {smallest}")
    if hidden_dim % heads:
        fitting = max(divisor for divisor in range(1, heads + 1) if hidden_dim % divisor == 0)
        raise ConfigError(
            f"space.hidden_dim={hidden_dim} does not divide into space.heads={heads}. Take heads={fitting}, or "
            f"hidden_dim={heads * (-(-hidden_dim // heads))}"
        )
    check_dropout(dropout)


def check_shape(shape: SeriesShape, tokens: Sequence[str], patch_length: int) -> None:
    """Raises ConfigError for windows that networks with `tokens` cannot be built for."""
    if not isinstance(shape, SeriesShape):
        raise ConfigError(
            f"space=series builds networks for time series, found data of the shape {shape!r}. Take a data set of "
            "series, such as data=csv, or space=cells for images"
        )
    if "patches" in tokens and patch_length > shape.look_back:
        raise ConfigError(
            f"space.patch_length={patch_length} is longer than the look-back, data.look_back={shape.look_back}. Take a "
            f"patch_length of at most {shape.look_back}, or space.tokens without patches"
        )


def check_outputs(shape: SeriesShape, outputs: int) -> None:
    """Raises ConfigError where `outputs` is another number than that of targets."""
    if outputs != shape.targets:
        raise ConfigError(f"outputs={outputs}: expected {shape.targets}, the number of targets of the windows")


def check_mixing(mixing: Mixing) -> None:
    """Raises ConfigError, with the remedy, for a mixing that makes no sense on tokens."""
    if mixing.channel_divisor > 1:
        raise ConfigError(
            f"mixing={mixing.name} mixes one part in {mixing.channel_divisor} of an image's channels and "
            "shuffles them; the tokens (B, V, N, D) of space=series have series in that place. Take mixing=full"
        )
    if mixing.edge_normalization:
        raise ConfigError(
            f"mixing={mixing.name} weighs the edges into a node, for the sake of partial channels, which "
            "space=series does not have. Take mixing=full"
        )


def check_derivation(derivation: Derivation) -> None:
    """Raises ConfigError, with the remedy, where `derivation` does not choose among a node's inputs."""
    if not derivation.chooses_inputs:
        raise ConfigError(
            "this derivation puts an operation on every edge, but a cell of space=series keeps some of each node's "
            "inputs. Take derivation=top_edges"
        )


def check_genotype(genotype: SeriesGenotype, mode: str, operations: Iterable[str]) -> None:
    """Raises GenotypeError for a genotype of another space or mode, or with parts that do not exist."""
    check_space(genotype, SeriesGenotype.space)
    if genotype.mode != mode:
        raise GenotypeError(
            f"found a genotype of the mode {genotype.mode!r}, expected {mode!r}. Take space.mode={genotype.mode} for it"
        )
    known = candidates(mode)
    for label, name in genotype.choices.items():
        if name not in known[label]:
            raise GenotypeError(f"genotype: choices: {label}: {name!r} does not exist. {nearest(name, known[label])}")
    check_operations(genotype, operations)
