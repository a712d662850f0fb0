"""Reading files that somebody else may have made: never more of one than its kind can need, and refused by name.

Every file that is not the user's own data comes in through here: texts, JSON and YAML (`texts`, `json_text`,
`yaml_text`), tables (`tables`), arrays (`arrays`). Each reader knows how large, how deep and how long its kind may be,
and raises an error of the package, never one of a library, in seconds and before memory is asked for.
"""

from darts_pl.bounded.json_text import parse_json, read_json
from darts_pl.bounded.texts import read_text
from darts_pl.bounded.yaml_text import check_yaml, parse_yaml, read_yaml

__all__ = ["check_yaml", "parse_json", "parse_yaml", "read_json", "read_text", "read_yaml"]
