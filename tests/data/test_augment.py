"""The vectorised augmentation against a plain loop over images with the same draws."""

import pytest
import torch
from torch import Tensor

from darts_pl.data.augment import Augment
from darts_pl.errors import ConfigError

MEAN, STD = (0.5, 0.25, 0.125), (0.25, 0.5, 0.2)


def _images(size: int = 32, height: int = 7, width: int = 10) -> Tensor:
    return torch.randint(1, 256, (size, 3, height, width), generator=torch.Generator().manual_seed(5)).byte()


def _generator(seed: int = 11) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _normalise(image: Tensor) -> Tensor:
    channels = [(image[c].float() / 255 - MEAN[c]) / STD[c] for c in range(3)]
    return torch.stack(channels)


def _loop(x: Tensor, padding: int, flip: bool, cutout: int, generator: torch.Generator) -> Tensor:
    """The original code's transforms image by image, on the draws in the documented order."""
    size, _, height, width = x.shape
    if padding or flip:
        offsets = torch.randint(0, 2 * padding + 1, (size, 2), generator=generator).tolist()
        coins = torch.rand(size, generator=generator).tolist()
    if cutout:
        rows = torch.randint(0, height, (size, 1), generator=generator).flatten().tolist()
        columns = torch.randint(0, width, (size, 1), generator=generator).flatten().tolist()
    made = []
    for i, image in enumerate(x):
        if padding:
            canvas = torch.zeros(3, height + 2 * padding, width + 2 * padding, dtype=torch.uint8)
            canvas[:, padding : padding + height, padding : padding + width] = image
            top, left = offsets[i]
            image = canvas[:, top : top + height, left : left + width]
        if flip and coins[i] < 0.5:
            image = image.flip(2)
        image = _normalise(image)
        if cutout:
            top, left = rows[i] - cutout // 2, columns[i] - cutout // 2
            image[:, max(top, 0) : max(top + cutout, 0), max(left, 0) : max(left + cutout, 0)] = 0
        made.append(image)
    return torch.stack(made)


@pytest.mark.parametrize("padding", [0, 1, 4])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("cutout", [0, 3, 4, 30])
def test_equals_the_loop_over_images(padding: int, flip: bool, cutout: int) -> None:
    x = _images()
    augment = Augment(mean=MEAN, std=STD, crop_padding=padding, flip=flip, cutout=cutout)
    expected = _loop(x, padding, flip, cutout, _generator())
    torch.testing.assert_close(augment(x, _generator()), expected, rtol=1e-6, atol=1e-6)


def test_the_loop_sees_every_kind_of_change() -> None:
    x = _images(200)
    y = Augment(mean=MEAN, std=STD, crop_padding=2, flip=True, cutout=4)(x, _generator())
    assert y.dtype == torch.float32 and y.shape == x.shape
    plain = torch.stack([_normalise(image) for image in x])
    assert not (y == plain).all(dim=(1, 2, 3)).all()
    square = (y == 0).all(dim=1).sum(dim=(1, 2))
    assert square.max() == 16 and square.min() < 16, "squares are clipped at the borders and nowhere else"


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_images_is_cut(share: float) -> None:
    x = torch.full((2000, 3, 8, 8), 255, dtype=torch.uint8)
    y = Augment(mean=MEAN, std=STD, crop_padding=0, cutout=4, cutout_share=share)(x, _generator())
    found = float((y == 0).all(dim=1).any(dim=(1, 2)).float().mean())
    assert abs(found - share) <= 4 * (share * (1 - share) / 2000) ** 0.5


def test_padding_is_black_before_normalisation() -> None:
    x = torch.full((64, 3, 6, 6), 255, dtype=torch.uint8)
    y = Augment(mean=MEAN, std=STD, crop_padding=3, flip=False)(x, _generator())
    black, white = ((value - torch.tensor(MEAN)) / torch.tensor(STD) for value in (0.0, 1.0))
    for c in range(3):
        torch.testing.assert_close(y[:, c].unique(), torch.stack([black[c], white[c]]))


def test_flips_about_half_and_leaves_the_input_alone() -> None:
    x = _images(400)
    before = x.clone()
    augment = Augment(mean=MEAN, std=STD, crop_padding=0)
    flipped = (augment(x, _generator()) == augment.normalise(x.flip(3))).all(dim=3).all(dim=2).all(dim=1)
    assert 150 < flipped.sum() < 250
    assert torch.equal(x, before)


def test_one_key_one_batch() -> None:
    x, augment = _images(), Augment(mean=MEAN, std=STD, cutout=4)
    assert torch.equal(augment(x, _generator(1)), augment(x, _generator(1)))
    assert not torch.equal(augment(x, _generator(1)), augment(x, _generator(2)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_one_key_one_batch_on_any_device() -> None:
    x, augment = _images(), Augment(mean=MEAN, std=STD, cutout=4)
    on_device = augment(x.cuda(), _generator()).cpu()
    torch.testing.assert_close(on_device, augment(x, _generator()), rtol=1e-6, atol=1e-6)


def test_normalise_takes_out_the_statistics() -> None:
    x = _images()
    torch.testing.assert_close(
        Augment(mean=MEAN, std=STD).normalise(x), torch.stack([_normalise(image) for image in x])
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"crop_padding": -1}, "crop_padding=-1"),
        ({"cutout": -2}, "cutout=-2"),
        ({"cutout_share": 1.5}, "cutout_share=1.5"),
        ({"std": (0.1, 0.0, 0.1)}, "std"),
        ({"mean": (0.5,)}, "one value a channel"),
    ],
)
def test_values_that_cannot_work_are_named(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Augment(**{"mean": MEAN, "std": STD, **changed})
