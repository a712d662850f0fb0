"""The parts of a forecasting network that are chosen once, and the names of their candidates."""

from collections.abc import Mapping, Sequence

from darts_pl.errors import ConfigError, nearest
from darts_pl.genotype.series import labels

NONE = "none"
CANDIDATES = {
    "normalization": ("revin", "standard", "last", "mean", "robust", "none"),
    "decomposition": ("none", "moving_average", "multi", "dft"),
    "shortcut": ("none", "linear"),
    "tokens": ("steps", "patches", "variates"),
    "position": ("none", "learned", "sinusoidal"),
    "attention": ("none", "full", "linear", "auto_correlation"),
    "feed_forward": ("none", "mlp", "glu"),
    "cross_attention": ("none", "full", "linear"),
}
ARGUMENTS = {  # label -> the argument of a space that lists its candidates
    "normalization": "normalizations",
    "decomposition": "decompositions",
    "shortcut": "shortcuts",
    "tokens": "tokens",
    "position": "positions",
    "attention": "attentions",
    "feed_forward": "feed_forwards",
    "cross_attention": "cross_attentions",
}
ATTENTION_BY_MODE = {"mamba": ("mamba", "bidirectional_mamba"), "decoder_only": ("none", "full", "linear")}


def candidates(mode: str) -> dict[str, tuple[str, ...]]:
    """All candidates that each label has in `mode`. In mamba mode state spaces take the place of attention;
    auto-correlation rolls whole sequences, so that there is no causal form of it for decoder_only."""
    known = {**CANDIDATES, "attention": ATTENTION_BY_MODE.get(mode, CANDIDATES["attention"])}
    return {label: known[label] for label in labels(mode)}


def check_candidates(mode: str, chosen: Mapping[str, Sequence[str]]) -> None:
    """Raises ConfigError for a label without candidates, for an unknown one, and for the same one twice."""
    for label, known in candidates(mode).items():
        names, key = chosen[label], f"space.{ARGUMENTS[label]}"
        if not names:
            raise ConfigError(f"{key}=[]: expected at least one of {', '.join(known)}")
        for name in names:
            if name not in known:
                raise ConfigError(f"{key}: {name!r} does not exist with space.mode={mode}. {nearest(name, known)}")
        if len(set(names)) < len(names):
            raise ConfigError(f"{key}: the same name twice in {list(names)}")
