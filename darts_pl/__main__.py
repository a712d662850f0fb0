"""`python -m darts_pl`: names the commands."""

import sys
from collections.abc import Sequence

import darts_pl
from darts_pl.errors import nearest

COMMANDS = {
    "search": "search an architecture, train what was found, compare it",
    "retrain": "train a genotype",
    "pipeline": "search and train a forecasting model",
    "report": "write the page of a run, or compare the runs of a sweep",
    "benchmark": "measure search methods and zero-cost proxies",
}
HELP, VERSION = ("-h", "--help", "help"), ("-V", "--version")


def main(words: Sequence[str] | None = None) -> int:
    """Print the commands; 0, or 2 where a word was given, for a command's name follows a dot."""
    words = sys.argv[1:] if words is None else words
    if words and words[0] in VERSION:
        print(darts_pl.__version__)
        return 0
    if not words or words[0] in HELP:
        print("\n".join(["The commands of darts_pl; each tells its settings with --help:", *_lines()]))
        return 0
    if words[0] in COMMANDS:
        print(f"error: a dot, not a blank: python -m darts_pl.{words[0]}", file=sys.stderr)
    else:
        print(f"error: {words[0]!r} is no command. {nearest(words[0], COMMANDS)}", *_lines(), sep="\n", file=sys.stderr)
    return 2


def _lines() -> list[str]:
    return [f"  python -m darts_pl.{name:10} {what}" for name, what in COMMANDS.items()]


if __name__ == "__main__":
    sys.exit(main())
