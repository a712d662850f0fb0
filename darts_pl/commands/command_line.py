"""The words of a command line: what Hydra cannot read in them, told with what to type instead."""

import re
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from darts_pl.commands.suggestions import commands_with
from darts_pl.errors import ConfigError, nearest
from darts_pl.genotype import KNOWN
from darts_pl.overrides import shell_word, typed

KEY = re.compile(r"(\+\+?|~)?[A-Za-z_][\w./@-]*", re.ASCII)
TAKEN_AS_IT_IS = re.compile(r"[\w/.\\+$%*@?|-]", re.ASCII)
NAMED = {" ": "blanks", "\t": "tabs"}


def check_options(words: Sequence[str]) -> None:
    """Raises ConfigError for an option that no command has, such as --epochs=3, and for `=3` without a key."""
    parser = get_args_parser()
    found, unknown = parser.parse_known_args(list(words))
    for option in unknown:
        if not option.startswith("-"):
            raise ConfigError(
                f"{option}: found settings before and behind an option, expected all settings in one row. Put options "
                "such as --config-dir before them"
            )
        name, sign, value = option.partition("=")
        rest = words[words.index(option) + 1 :]
        value = value if sign else next((word for word in rest[:1] if not word.startswith("-")), "<value>")
        known = [text for action in parser._actions for text in action.option_strings if text.startswith("--")]
        key, hint = name.lstrip("-"), nearest(name, known)
        if hint.startswith("Did you mean") and not commands_with(key):
            raise ConfigError(f"{option}: no such option. {hint}")
        raise ConfigError(f"{option}: no such option. Settings are written without dashes: {key}={value}")
    for word in found.overrides:
        if word.startswith("=") and word != "=":
            raise ConfigError(f"{word!r}: found no key before the sign =, expected key=value")


def lists_values(words: Sequence[str]) -> bool:
    """Whether an argument lists several values, as a sweep needs."""
    overrides = get_args_parser().parse_args(list(words)).overrides
    try:
        return any(parsed.is_sweep_override() for parsed in OverridesParser.create().parse_overrides(overrides))
    except OverrideParseException:  # which Hydra tells
        return True


def explain_word(word: str, words: Sequence[str] = ()) -> str:
    """The message for an argument that Hydra could not read; `words` are those of the command line."""
    key, sign, value = word.partition("=")
    if sign and key.strip() != key:
        return f"{word!r}: found a blank beside the sign =, expected key=value in one word, such as {key.strip()}=3"
    if not sign or word == "=":
        return _without_sign(word, list(words))
    if not KEY.fullmatch(key):
        return f"{word!r}: found {key!r} before the sign =, expected a key such as data.root"
    text = (
        f"{word!r}: expected key=value, in which {_signs(value)} may have a meaning of their own. Put this value "
        f"into two pairs of quotes, the shell's and Hydra's: {typed(key, value)}"
    )
    if value.startswith(("[", "{")) or value.endswith(","):
        text += ". A list is written [a,b] and a mapping {a: 1}, closed and without a comma at the end"
    if "Genotype(" in value:
        text += ". Or put the text into a file and give its name"
    return text


def _signs(value: str) -> str:
    """The signs of a value that Hydra's grammar does not take as they are."""
    found = dict.fromkeys(sign for sign in value if not TAKEN_AS_IT_IS.fullmatch(sign))
    named = dict.fromkeys(NAMED.get(sign, sign if sign.isascii() else "letters beyond A to Z") for sign in found)
    return " ".join(named) or "some of its signs"


def _without_sign(word: str, words: list[str]) -> str:
    place = words.index(word) if word in words else 0
    before, after = words[:place], words[place + 1 :]
    if word == "=" or (before and before[-1].endswith("=")) or (after and after[0].startswith("=")):
        return f"{word!r}: found a blank beside the sign =, expected key=value in one word, such as epochs=3"
    if (Path(word) / "manifest.json").is_file():
        return f"{word!r}: expected key=value. To go on with this run: {typed('resume', word)}"
    if before and "=" in before[-1] and not before[-1].startswith("-"):
        key, _, value = before[-1].partition("=")
        return (
            f"{word!r}: expected key=value. If it belongs to the argument before it, put both into quotes: "
            f"{typed(key, f'{value} {word}')}"
        )
    if word in KNOWN:
        return f"{word!r}: expected key=value, such as {typed('genotype', word)}"
    return f"{word!r}: expected key=value" + (f", such as {word}=<value>" if commands_with(word.split(".")[0]) else "")


def explain_several(word: str, sweep: bool = False) -> str:
    """The message for an argument with several values in a command that runs once; `sweep`: it can be nothing else."""
    key, _, value = word.partition("=")
    listed = shell_word(f"{key}=[{value}]")
    text = f"{word}: several values, but this is one run. For a run of each add -m: -m {shell_word(word)}"
    return text if sweep else f"{text}. A list is written {listed}, a text with commas {typed(key, value)}"
