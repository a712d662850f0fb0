"""Data modules of images."""

from darts_pl.data.builders import cifar10_data, digits_data, images_data
from darts_pl.data.image import ImageData

__all__ = ["ImageData", "cifar10_data", "digits_data", "images_data"]
