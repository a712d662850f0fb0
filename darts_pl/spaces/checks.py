"""What spaces ask of their settings."""

from collections.abc import Collection, Sequence

from darts_pl.errors import ConfigError, nearest


def check_primitives(primitives: Sequence[str], operations: Collection[str]) -> None:
    """Raises ConfigError for a primitive without a builder or that cannot name parameters, for the same one twice, and
    where there is none besides `none`."""
    for name in primitives:
        if name not in operations:
            raise ConfigError(
                f"space.primitives: {name!r} is not a known operation. {nearest(name, operations)} What builds one of "
                "your own stands under its name in space.operations"
            )
        if not name.isidentifier():
            raise ConfigError(f"space.primitives: {name!r} must be letters, digits and _, as it names parameters")
    if len(set(primitives)) < len(primitives):
        raise ConfigError(f"space.primitives: the same name twice in {list(primitives)}")
    if not set(primitives) - {"none"}:
        raise ConfigError(f"space.primitives={list(primitives)}: nothing to choose besides 'none'")


def check_sizes(**sizes: int) -> None:
    """Raises ConfigError for a size below 1."""
    for name, value in sizes.items():
        if value < 1:
            raise ConfigError(f"space.{name}={value}: at least 1 is needed")


def check_dropout(dropout: float, name: str = "dropout") -> None:
    """Raises ConfigError for a probability outside [0, 1)."""
    if not 0 <= dropout < 1:
        raise ConfigError(f"space.{name}={dropout}: expected a probability from 0 to below 1")
