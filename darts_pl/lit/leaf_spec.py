"""Lightning 2.6 makes the shape of a single loader by `LeafSpec()`, which torch 2.13 deprecates in every fit."""

import torch.utils._pytree
from lightning.pytorch.utilities import _pytree


def use_the_new_leaf() -> None:
    """Let Lightning take the leaf that torch offers instead, `treespec_leaf`, equal to the deprecated one; with a torch
    that has none, or a Lightning that asks for none, nothing is to be done."""
    leaf = getattr(torch.utils._pytree, "treespec_leaf", None)
    if leaf is not None and hasattr(_pytree, "LeafSpec"):
        _pytree.LeafSpec = leaf  # type: ignore[misc]  # a class of a library, replaced on purpose
