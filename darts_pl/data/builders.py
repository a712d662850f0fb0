"""What conf/data instantiates: one function a kind of images, each giving an `ImageData`."""

from darts_pl.data.cifar10 import Cifar10
from darts_pl.data.digits import Digits
from darts_pl.data.image import ImageData
from darts_pl.data.image_files import ImageFiles
from darts_pl.data.passed_on import passes_on_to


@passes_on_to(ImageData)
def digits_data(**image_data) -> ImageData:
    """scikit-learn's handwritten digits; keyword arguments go to `ImageData`."""
    return ImageData(source=Digits(), **image_data)


@passes_on_to(ImageData)
def cifar10_data(root: str | None = None, download: bool = True, **image_data) -> ImageData:
    """CIFAR-10 below `root`, else $DARTS_PL_DATA, else downloaded; further keyword arguments go to `ImageData`."""
    return ImageData(source=Cifar10(root=root, download=download), **image_data)


@passes_on_to(ImageData)
def images_data(
    root: str,
    resize: tuple[int, int] | None = None,
    mode: str | None = None,
    background: str | list[int] | None = None,
    range: list[float] | None = None,
    test_fraction: float = 0.2,
    **image_data,
) -> ImageData:
    """Images in class folders or an archive of them; further keyword arguments go to `ImageData`."""
    source = ImageFiles(root, test_fraction, resize, mode, background=background, range=range)
    return ImageData(source=source, **image_data)
