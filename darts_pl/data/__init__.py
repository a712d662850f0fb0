"""Data modules of images, and of anybody's LightningDataModule."""

from darts_pl.data.image import ImageData
from darts_pl.data.image_sources import Cifar10Data, DigitsData, ImageFileData
from darts_pl.data.user_module import TargetModuleData, UserModuleData
from darts_pl.lazy import lazily

# The names in conf/data, which the configurations of earlier runs hold.
digits_data, cifar10_data, images_data, module_data = DigitsData, Cifar10Data, ImageFileData, TargetModuleData

__all__ = ["ImageData", "UserModuleData", "cifar10_data", "digits_data", "images_data", "module_data"]
__getattr__, __dir__ = lazily(__name__)
