"""Crop, flip, normalise and cutout on whole batches, on the device the batch lies on.

The order is that of the original code (quark0/darts, utils.py): a crop from the image padded with zeros in
raw pixels, a flip, normalisation, then cutout with zeros in normalised pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from darts_pl.errors import ConfigError


@dataclass(frozen=True)
class Augment:
    """Random changes of training images, and the normalisation that training and evaluation share.

    Every random number comes from a generator on the CPU and is moved to the batch's device, so that one key
    gives one batch on any device.

    Attributes:
        mean, std: a value for each channel, of pixels scaled to 0..1.
        crop_padding: pixels of zeros around the image before a crop of the old size; 0 crops nothing.
        flip: mirror left and right with probability one half.
        cutout: side of the square of zeros, centred anywhere and clipped at the borders (DeVries and Taylor
            2017); 0 cuts nothing.
        cutout_share: the probability by which an image is cut.

    Raises:
        ConfigError: a negative padding or side, a share outside [0, 1], `mean` and `std` of different lengths, a `std`
            not above 0.
    """

    mean: Sequence[float]
    std: Sequence[float]
    crop_padding: int = 4
    flip: bool = True
    cutout: int = 0
    cutout_share: float = 1.0

    def __post_init__(self) -> None:
        for name in ("crop_padding", "cutout"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}={getattr(self, name)}, expected 0 or more pixels")
        if not 0 <= self.cutout_share <= 1:
            raise ConfigError(f"cutout_share={self.cutout_share}, expected a probability from 0 to 1")
        if len(self.mean) != len(self.std) or min(self.std) <= 0:
            raise ConfigError(
                f"mean={list(self.mean)} and std={list(self.std)}: expected one value a channel, each std above 0"
            )

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Augmented and normalised images.

        Args:
            x: uint8 [B, C, H, W] on any device.
            generator: on the CPU; it decides every random draw.

        Returns:
            float32 [B, C, H, W] on the device of `x`.
        """
        y = self.normalise(self._crop_and_flip(x, generator))
        return self._cut_out(y, generator) if self.cutout else y

    def normalise(self, x: Tensor) -> Tensor:
        """As a network takes them, see `normalise`."""
        return normalise(x, self.mean, self.std)

    def _crop_and_flip(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """One gather for both: a flip only reverses the columns that the crop reads."""
        if not (self.crop_padding or self.flip):
            return x
        size, _, height, width = x.shape
        offset = torch.randint(0, 2 * self.crop_padding + 1, (size, 2), generator=generator)  # [B, 2], row and column
        mirrored = (torch.rand(size, generator=generator) < 0.5) & self.flip
        column = torch.arange(width).expand(size, width)  # [B, W], where each pixel of the result is read
        column = torch.where(mirrored[:, None], width - 1 - column, column) + offset[:, 1:]
        row = torch.arange(height) + offset[:, :1]  # [B, H]
        padded = torch.nn.functional.pad(x, [self.crop_padding] * 4)
        image = torch.arange(size, device=x.device)[:, None, None]  # [B, 1, 1], with [B, H, 1] and [B, 1, W] below
        taken = padded.permute(0, 2, 3, 1)[image, row.to(x.device)[:, :, None], column.to(x.device)[:, None, :]]
        return taken.permute(0, 3, 1, 2).contiguous()

    def _cut_out(self, x: Tensor, generator: torch.Generator) -> Tensor:
        size, _, height, width = x.shape
        inside_row = self._covered(height, size, generator)
        inside_column = self._covered(width, size, generator)
        square = inside_row[:, :, None] & inside_column[:, None, :]  # [B, H, W]
        if self.cutout_share < 1:
            square &= torch.rand(size, 1, 1, generator=generator) < self.cutout_share
        return x.masked_fill_(square.to(x.device)[:, None], 0.0)

    def _covered(self, length: int, size: int, generator: torch.Generator) -> Tensor:
        """bool [B, length]: the positions along one axis that each image's square covers."""
        start = torch.randint(0, length, (size, 1), generator=generator) - self.cutout // 2
        position = torch.arange(length)
        return (position >= start) & (position < start + self.cutout)


def normalise(x: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Pixels [B, C, H, W] of 0 to 255, of any type, to float32 with each channel's mean and deviation taken out, which
    are of pixels scaled to 0..1; `x` is left as it is."""
    means, stds = (torch.tensor(values, device=x.device).view(1, -1, 1, 1) for values in (mean, std))
    return x.to(torch.float32, copy=True).div_(255).sub_(means).div_(stds)
