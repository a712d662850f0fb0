"""`key=value` arguments as Hydra's grammar and a shell read them back."""

import os
import re
import shlex
import subprocess

from hydra.core.override_parser.types import Quote, QuotedString

PLAIN = re.compile(r"[\w./+-]+", re.ASCII)
SHELLS_OWN = set("$`!\\")  # which keep their meaning between double quotes


def quoted(value: str, quote: Quote = Quote.single) -> str:
    """`value` as Hydra's grammar reads it back; there "=", blanks, brackets, other alphabets and more need quotes."""
    return value if PLAIN.fullmatch(value) else QuotedString(text=value, quote=quote).with_quotes()


def typed(key: str, value: str) -> str:
    """`key=value` to be typed in a shell: in Hydra's quotes where the value needs them, then in the shell's."""
    return shell_word(f"{key}={quoted(value, Quote.double)}")


def shell_word(word: str) -> str:
    """`word` as one word of a shell's line."""
    if os.name == "nt":
        return subprocess.list2cmdline([word])
    if "'" in word and not SHELLS_OWN & set(word):
        return '"' + word.replace('"', '\\"') + '"'
    return shlex.quote(word)
