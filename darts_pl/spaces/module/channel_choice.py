"""A choice of width."""

from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.spaces.choice import ChoiceModule, building_now, unbound
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.options import Chosen, OneOf


class Narrow(nn.Module):
    """Leaves the first `width` channels and sets the others to zero."""

    mask: Tensor  # bool [widest]

    def __init__(self, width: int, widest: int, dim: int):
        super().__init__()
        self.dim = dim
        self.register_buffer("mask", torch.arange(widest) < width, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., widest, ...) → the same shape."""
        shape = [1] * x.dim()
        shape[self.dim] = -1
        return x * self.mask.view(shape)


class ChosenWidth(nn.Identity):
    """What a width leaves in a derived network: nothing, but that `channels` can still be asked for."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels


class ChannelChoice(ChoiceModule):
    """How many channels a part of the network has.

    Build the layers by `channels` and put the choice itself where the channels leave their part, behind normalisation
    and activation, so that what it silences stays zero:

        width = darts_pl.ChannelChoice([8, 16, 32], "width")
        nn.Sequential(nn.Conv2d(3, width.channels, 3), nn.BatchNorm2d(width.channels), nn.ReLU(), width,
                      nn.Conv2d(width.channels, 64, 3))

    In a supernet `channels` is the largest width, and the choice masks: y = Σ_w gate[w] · (x with all but the first w
    channels zero), as in FBNetV2 (arXiv:2004.05565, section 3.1). A derived network is built with `channels` being the
    width that was chosen, and an identity stands in the choice's place.

    Args:
        widths: to choose from, ascending. label: as of `Choice`, but needed, since it is asked for while the network is
            built. dim: of the channels.

    Attributes:
        channels: the largest width, in a derived network the chosen one.

    Raises:
        ConfigError: fewer than two widths, not ascending from 1, or no label.
    """

    label: str
    options: OneOf

    def __init__(self, widths: Sequence[int], label: str, dim: int = 1):
        if not isinstance(label, str) or not label:
            raise ConfigError(f"ChannelChoice: found label={label!r}, expected a name, as the layers ask for its width")
        super().__init__(label, OneOf(tuple(map(str, widths))))
        rising = all(type(width) is int for width in widths) and sorted(set(widths)) == list(widths)
        if len(widths) < 2 or not rising or widths[0] < 1:
            raise ConfigError(f"ChannelChoice {label!r}: found {list(widths)}, expected at least two rising widths")
        self.dim = dim
        building = building_now.get()
        self.channels = widths[-1] if building is None else building.widths.get(label, widths[-1])
        masks = {str(width): Narrow(width, widths[-1], dim) for width in widths}
        self.mixed = MixedOperation(masks, unbound, droppable=False)  # no path here is one that could be done without

    def mixed_operations(self) -> dict[str, MixedOperation]:
        """One row."""
        return {self.label: self.mixed}

    def forward(self, x: Tensor) -> Tensor:
        """(..., channels, ...) → the same shape, masked.

        Raises:
            ConfigError: another number of channels.
        """
        if x.shape[self.dim] != self.channels:
            raise ConfigError(
                f"choice {self.label!r}: found {x.shape[self.dim]} channels in dimension {self.dim} of "
                f"{tuple(x.shape)}, expected {self.channels}. Build the layers before it by its `channels`"
            )
        (gate,) = self.rows()
        return self.mixed(x, gate)

    def width(self, chosen: Chosen) -> int:
        """The number of channels that was chosen."""
        return int(self.options.check(chosen))

    def freeze(self, chosen: Chosen) -> ChosenWidth:
        """Nothing: the layers have the width already."""
        return ChosenWidth(self.width(chosen))
