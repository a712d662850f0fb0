"""Choices in anybody's module, and the search space that it becomes by them."""

from darts_pl.spaces.base import call
from darts_pl.spaces.module.cell import Cell
from darts_pl.spaces.module.channel_choice import ChannelChoice
from darts_pl.spaces.module.choice import Choice
from darts_pl.spaces.module.input_choice import InputChoice
from darts_pl.spaces.module.repeat import Repeat
from darts_pl.spaces.module.space import ModuleSpace
from darts_pl.spaces.module.supernet import ModuleSupernet

__all__ = [
    "Cell",
    "ChannelChoice",
    "Choice",
    "InputChoice",
    "ModuleSpace",
    "ModuleSupernet",
    "Repeat",
    "call",
]
