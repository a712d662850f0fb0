"""How large a network a model file may ask for: what takes seconds to build has weights in the file to show for it."""

from collections.abc import Mapping
from typing import Any

from darts_pl.errors import RunError
from darts_pl.genotype import AnyGenotype

EDGES = 500  # of all layers together, beyond one for each tensor of the file
CANDIDATES = 500  # of a network that is built with all its candidates, beyond ten for each tensor
STAGES = 3  # of a network of NAS-Bench-201, each of `layers` cells


def check_size(header: Mapping[str, Any], genotype: AnyGenotype, tensors: int, where: str) -> None:
    """Compare the network that a checked header describes with the number of tensors that the file brings.

    Raises:
        RunError: too many layers, nodes or edges; the message has both numbers.
    """
    space = header["space"]
    arguments = space.get("arguments", space)
    if "target" in space:  # somebody's own network, which the caller's own code builds
        return
    if "builder" in space:
        nodes, kinds = arguments["num_nodes"], len(arguments["primitives"])
        parts, outputs = header["inputs"].get("parts", ()), header["outputs"]
        for key, count in (("inputs", len(parts)), ("outputs", len(outputs) if isinstance(outputs, Mapping) else 0)):
            if count > tensors:  # each has a stem or a head
                raise RunError(
                    f"{where}: {key} has {count:,} parts, expected at most one for each of {tensors:,} tensors"
                )
        asked = (arguments["layers"] + len(parts)) * nodes * (nodes + 3) // 2 * kinds
        allowed = CANDIDATES + 10 * tensors
    else:
        edges = [sum(map(len, cell.nodes)) for cell in genotype.cells.values()]
        repeats = arguments["layers"] * (STAGES if genotype.space == "nasbench201" else 1)
        asked, allowed = repeats * max(edges, default=0), EDGES + tensors
    if asked > allowed:
        raise RunError(
            f"{where}: its header asks for {arguments['layers']:,} layers of cells with {asked:,} operations in all, "
            f"expected at most {allowed:,} of a file with {tensors:,} tensors"
        )
