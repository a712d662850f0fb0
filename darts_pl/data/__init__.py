"""Data modules of images, and of anybody's LightningDataModule."""

from darts_pl.data.builders import cifar10_data, digits_data, images_data
from darts_pl.data.given_module import GivenData, module_data
from darts_pl.data.image import ImageData
from darts_pl.lazy import lazily

__all__ = ["GivenData", "ImageData", "cifar10_data", "digits_data", "images_data", "module_data"]
__getattr__, __dir__ = lazily(__name__)
