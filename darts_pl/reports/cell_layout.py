"""Where the parts of a cell are drawn: a small layered layout (Sugiyama, Tagawa and Toda, 1981), in inches.

Each intermediate node is a card: a circle for the sum and, left of it, one box for each operation that feeds
it. A line that passes a layer gets a place of its own in that layer, so that it never runs behind a card.
"""

from dataclasses import dataclass

from darts_pl.genotype import Cell

OPERATION_WIDTH, OPERATION_HEIGHT, OPERATION_PITCH = 1.26, 0.27, 0.36
RADIUS = 0.2
PITCH = 2.72  # from the circles of one layer to those of the next
OUTPUT_SHIFT = 1.2  # the output has no boxes on its left, so it stands closer
CARD_GAP, PASSING_HEIGHT = 0.24, 0.26
SWEEPS = 6

Point = tuple[float, float]
Link = tuple[int, int]  # (source, target), states
Item = tuple[str, int]  # ("state", index) or ("pass", state whose line passes this layer)
Heights = list[dict[Item, float]]  # of the centres of a layer's items, by layer


@dataclass(frozen=True)
class CellLayout:
    """Positions in inches, y upwards: circles by state (the output is the last), boxes by (state, edge).

    `routes` holds for each line its source, its kind ("operation" or "concat") and its points.
    """

    states: dict[int, Point]
    operations: dict[tuple[int, int], Point]
    routes: list[tuple[int, str, list[Point]]]
    extent: tuple[float, float, float, float]


def _depths(cell: Cell) -> dict[int, int]:
    """The layer of each state: the longest way from an input; the output cell lies behind everything."""
    depths = dict.fromkeys(range(cell.first_state), 0)
    for state, edges in enumerate(cell.nodes, start=cell.first_state):
        depths[state] = 1 + max((depths[edge.source] for edge in edges), default=0)
    depths[output_state(cell)] = 1 + max(depths.values())
    return depths


def output_state(cell: Cell) -> int:
    """The number under which the cell's output is drawn: the one after its last node."""
    return len(cell.nodes) + cell.first_state


def _links(cell: Cell) -> list[Link]:
    """(source, target) of every line, the ones into the output included."""
    links = [(edge.source, state) for state, edges in enumerate(cell.nodes, start=cell.first_state) for edge in edges]
    return links + [(state, output_state(cell)) for state in cell.concat]


def _layers(depths: dict[int, int], links: list[Link]) -> list[list[Item]]:
    """The items of each layer: its states, and the lines that pass through it."""
    layers: list[list[Item]] = [[] for _ in range(max(depths.values()) + 1)]
    for state, depth in depths.items():
        layers[depth].append(("state", state))
    for source in depths:
        furthest = max((depths[target] for start, target in links if start == source), default=0)
        for depth in range(depths[source] + 1, furthest):
            layers[depth].append(("pass", source))
    return layers


def _neighbours(item: Item, depth: int, step: int, depths: dict[int, int], links: list[Link]) -> list[Item]:
    """The items of the next layer to the left (step -1) or right (step 1) that a line joins to `item`."""
    kind, state = item

    def at(source: int, layer: int) -> Item:
        return ("state" if depths[source] == layer else "pass", source)

    if step < 0:
        sources = [state] if kind == "pass" else [a for a, b in links if b == state]
        return [at(source, depth - 1) for source in sources]
    targets = [b for a, b in links if a == state]
    found: list[Item] = [("state", b) for b in targets if depths[b] == depth + 1]
    return found + ([("pass", state)] if any(depths[b] > depth + 1 for b in targets) else [])


def _height(item: Item, cell: Cell) -> float:
    kind, state = item
    if kind == "pass":
        return PASSING_HEIGHT
    first = cell.first_state
    edges = len(cell.nodes[state - first]) if first <= state < output_state(cell) else 1
    return max(1, edges) * OPERATION_PITCH + CARD_GAP


def _stack(layer: list[Item], cell: Cell) -> dict[Item, float]:
    """The heights of the centres of the items of a layer, stacked from the top and centred on 0."""
    top = sum(_height(item, cell) for item in layer) / 2
    centres = {}
    for item in layer:
        centres[item] = top - _height(item, cell) / 2
        top -= _height(item, cell)
    return centres


def _order(layers: list[list[Item]], cell: Cell, depths: dict[int, int], links: list[Link]) -> Heights:
    """Sort each layer by the mean height of its neighbours, to the right and back, to lessen crossings."""
    heights = [_stack(layer, cell) for layer in layers]
    for sweep in range(SWEEPS):
        step = -1 if sweep % 2 == 0 else 1
        for depth in range(1, len(layers)) if step < 0 else range(len(layers) - 2, 0, -1):
            around, origins = heights[depth + step], {}
            for item in layers[depth]:
                near = [around[other] for other in _neighbours(item, depth, step, depths, links)]
                origins[item] = -sum(near) / len(near) if near else 0.0
            layers[depth].sort(key=origins.__getitem__)
            heights[depth] = _stack(layers[depth], cell)
    return heights


def _boxes(
    cell: Cell, states: dict[int, Point], depths: dict[int, int], heights: Heights
) -> dict[tuple[int, int], Point]:
    """The centres of the operation boxes of each node, ordered by where their lines come from."""
    boxes = {}
    for state, edges in enumerate(cell.nodes, start=cell.first_state):
        x, y = states[state]
        before = heights[depths[state] - 1]
        items = [("state" if ("state", edge.source) in before else "pass", edge.source) for edge in edges]
        origins = [-before[item] for item in items]
        for place, number in enumerate(sorted(range(len(edges)), key=origins.__getitem__)):
            offset = ((len(edges) - 1) / 2 - place) * OPERATION_PITCH
            boxes[state, number] = (x - RADIUS - 0.2 - OPERATION_WIDTH / 2, y + offset)
    return boxes


def _route(
    source: int, depths: dict[int, int], heights: Heights, states: dict[int, Point], end: Point, last: int
) -> list[Point]:
    """The points of a line from a state through the layers it passes to `end`, before layer `last`."""
    points = [(states[source][0] + RADIUS, states[source][1])]
    for depth in range(depths[source] + 1, last):
        y = heights[depth][("pass", source)]
        left = depth * PITCH - RADIUS - 0.2 - OPERATION_WIDTH
        points += [(left, y), (depth * PITCH + RADIUS, y)]
    return [*points, end]


def layout_cell(cell: Cell) -> CellLayout:
    """Places for every part of `cell`."""
    depths, links = _depths(cell), _links(cell)
    heights = _order(_layers(depths, links), cell, depths, links)
    states = {state: (depth * PITCH, heights[depth]["state", state]) for state, depth in depths.items()}
    output = output_state(cell)
    states[output] = (states[output][0] - OUTPUT_SHIFT, states[output][1])
    boxes = _boxes(cell, states, depths, heights)
    routes = []
    for (state, number), (x, y) in boxes.items():
        source = cell.nodes[state - cell.first_state][number].source
        end = (x - OPERATION_WIDTH / 2, y)
        routes.append((source, "operation", _route(source, depths, heights, states, end, depths[state])))
    for source in cell.concat:
        end = (states[output][0] - RADIUS * 1.5, states[output][1])
        routes.append((source, "concat", _route(source, depths, heights, states, end, depths[output])))
    half = max(sum(_height(item, cell) for item in column) for column in heights) / 2
    extent = (-0.35, states[output][0] + 0.4, -half - 0.05, half + 0.05)
    return CellLayout(states, boxes, routes, extent)
