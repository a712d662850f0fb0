"""The text of the original code (github.com/quark0/darts): `Genotype(normal=[('sep_conv_3x3', 1), ...)`.

Its flat lists hold two edges a node: entries 2i and 2i + 1 belong to node i. Text is parsed, never evaluated. Where it
was copied out of a log, the line's beginning is taken off; the nodes that a log lists are no genotype: that is said.
"""

import ast
import re

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError, nearest
from darts_pl.genotype.cell import Cell
from darts_pl.genotype.cells import Genotype

FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
EDGES_PER_NODE = 2
LARGEST_STATE = 1000  # bounds what range(...) may produce
LONGEST_TEXT = 1 << 16  # characters; the published ones have some 500
CALL = re.compile(r"(?<![\w.])Genotype\(")
CELL_TEXT = re.compile(r"\b\d+: *\w+\(\d+\)")  # `Cell.text`, as logs have it: "2: sep_conv_3x3(0) + ..."
BRACKET = re.compile(r"[()]")
MOST_REPEATED = 20  # of one genotype in a log


def from_original_text(text: str, where: str = "genotype") -> Genotype:
    """Read `Genotype(...)`, with or without `NAME =` before it; literals, lists and range(...) only.

    Raises:
        GenotypeError: any other text, or a genotype that is not well formed.
    """
    if len(text) > LONGEST_TEXT:
        raise GenotypeError(
            f"{where}: found {len(text):,} characters, expected Genotype(...) of at most {LONGEST_TEXT:,}"
        )
    try:
        fields = _fields(_call(text, where), where)
    except RecursionError as error:  # of parts that the parser still took
        raise GenotypeError(f"{where}: nested too deeply, expected Genotype(normal=[...], ...)") from error
    cells = {name: _cell(fields, name, where) for name in ("normal", "reduce")}
    return Genotype.from_labels({}, cells, where)


def to_original_text(genotype: Genotype) -> str:
    """The original code's text of `genotype`; `from_original_text` gives back an equal genotype.

    Raises:
        GenotypeError: a node does not have exactly two edges, which that form cannot express.
    """
    cells = (("normal", genotype.normal), ("reduce", genotype.reduce))
    return f"Genotype({', '.join(_cell_text(name, cell) for name, cell in cells)})"


def _cell_text(name: str, cell: Cell) -> str:
    for index, edges in enumerate(cell.nodes):
        if len(edges) != EDGES_PER_NODE:
            raise GenotypeError(
                f"{name} node {index}: found {len(edges)} edges; the original text expects {EDGES_PER_NODE}"
            )
    pairs = [(edge.op, edge.source) for edges in cell.nodes for edge in edges]
    return f"{name}={pairs!r}, {name}_concat={list(cell.concat)!r}"


def _call(text: str, where: str) -> ast.Call:
    """The one call of Genotype that `text` consists of."""
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise GenotypeError(
            f"{where}: expected the JSON of a genotype or Genotype(normal=[...], ...): {shown(str(error))}"
        ) from error
    value = body[0].value if len(body) == 1 and isinstance(body[0], ast.Assign | ast.Expr) else None
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "Genotype"):
        raise GenotypeError(
            f"{where}: found {text.strip()[:40]!r}..., expected one Genotype(normal=[...], ...) or its JSON"
        )
    return value


def _fields(call: ast.Call, where: str) -> dict[str, object]:
    """The arguments of Genotype(...) by name, as Python values."""
    if len(call.args) > len(FIELDS):
        raise GenotypeError(f"{where}: found {len(call.args)} arguments, expected {', '.join(FIELDS)}")
    nodes = dict(zip(FIELDS, call.args))
    for keyword in call.keywords:
        if keyword.arg not in FIELDS:
            raise GenotypeError(
                f"{where}: unknown field {shown(repr(keyword.arg))}. {nearest(str(keyword.arg), FIELDS)}"
            )
        if keyword.arg in nodes:
            raise GenotypeError(f"{where}: field {keyword.arg!r} is given twice, expected once")
        nodes[keyword.arg] = keyword.value
    if missing := [name for name in FIELDS if name not in nodes]:
        raise GenotypeError(f"{where}: field {missing[0]!r} is missing, expected {', '.join(FIELDS)}")
    return {name: _value(node, f"{where}: {name}") for name, node in nodes.items()}


def _value(node: ast.expr, place: str) -> object:
    """A literal, a list or tuple of values, range(...) or list(...) of one; nothing else is admitted."""
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item, place) for item in node.elts]
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _value(node.operand, place)
        if isinstance(number, int | float):
            return -number
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id == "range":
            return _range([_value(argument, place) for argument in node.args], place)
        if node.func.id == "list" and len(node.args) == 1:
            return _value(node.args[0], place)
    raise GenotypeError(f"{place}: found {ast.unparse(node)[:60]!r}, expected names, numbers, lists or range(...)")


def _range(arguments: list[object], place: str) -> list[int]:
    numbers = [value for value in arguments if type(value) is int and abs(value) <= LARGEST_STATE]
    if len(numbers) < len(arguments) or not 1 <= len(numbers) <= 3 or (len(numbers) == 3 and numbers[2] == 0):
        raise GenotypeError(
            f"{place}: found range{shown(repr(tuple(arguments)))}, expected whole numbers as in range(2, 6)"
        )
    return list(range(*numbers))


def _cell(fields: dict[str, object], name: str, where: str) -> dict[str, object]:
    pairs = fields[name]
    if not isinstance(pairs, list) or len(pairs) % EDGES_PER_NODE:
        count = f"{len(pairs)} entries" if isinstance(pairs, list) else shown(repr(pairs))
        raise GenotypeError(f"{where}: {name}: found {count}, expected a list with two entries for each node")
    nodes = [pairs[first : first + EDGES_PER_NODE] for first in range(0, len(pairs), EDGES_PER_NODE)]
    return {"nodes": nodes, "concat": fields[f"{name}_concat"]}


def is_genotype_text(spec: str) -> bool:
    """Whether `spec` is the text of a genotype, and not the name of a file or a published genotype."""
    return spec.lstrip().startswith("{") or is_call(spec) or bool(CELL_TEXT.search(spec))


def is_call(text: str) -> bool:
    """Whether there is a `Genotype(...)` in `text`, whatever a logger, "[2026-11-22 ...]", put before it."""
    return not text.lstrip().startswith("{") and bool(CALL.search(text))


def call_in(text: str, where: str) -> str:
    """The one `Genotype(...)` in `text`, without the time and level that a logger put before it; any other text as it
    is.

    Raises:
        GenotypeError: several, of which one cannot know which is meant; or the words of a log, which tell no output.
    """
    found = list(CALL.finditer(text))
    if not found:
        if CELL_TEXT.search(text):
            raise GenotypeError(
                f"{where}: found the words that a log tells a genotype with, which leave out what a cell puts out. "
                "Give the run folder, or the file genotype_best.json in it"
            )
        return text
    if len(found) <= MOST_REPEATED and len(calls := {_call_at(text, match.start()) for match in found}) == 1:
        return calls.pop()
    raise GenotypeError(f"{where}: found {len(found)} genotypes, expected one. Keep the line that is meant")


def _call_at(text: str, start: int) -> str:
    """The call that begins at `start`, up to the bracket that closes it, or to the end where none does."""
    depth = 0
    for bracket in BRACKET.finditer(text, start):
        depth += 1 if bracket.group() == "(" else -1
        if depth == 0:
            return text[start : bracket.end()]
    return text[start:]
