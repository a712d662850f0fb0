"""The filters in the Fourier and the wavelet domain against NumPy and PyWavelets."""

import numpy as np
import pytest
import pywt
import torch
from building import built, values


@pytest.mark.parametrize("tokens", [48, 13, 2, 1])
def test_fourier_is_numpys_transform_with_the_same_weights(tokens):
    operation, x = built("fourier", 2, tokens, 5), values(3, 2, tokens, 5)
    real, imaginary = operation.weight.detach().numpy()
    matrices = real + 1j * imaginary
    spectrum = np.fft.rfft(x.numpy(), axis=2)
    kept = min(16, tokens // 2 + 1)
    assert len(matrices) == kept
    filtered = np.zeros_like(spectrum)
    for mode in range(kept):
        filtered[:, :, mode] = spectrum[:, :, mode] @ matrices[mode]
    expected = np.fft.irfft(filtered, n=tokens, axis=2)
    np.testing.assert_allclose(operation(x).detach().numpy(), expected, rtol=1e-9, atol=1e-12)


def test_fourier_with_unit_weights_is_a_low_pass():
    operation = built("fourier", 1, 96, 4)
    with torch.no_grad():
        operation.weight.copy_(torch.stack([torch.eye(4), torch.zeros(4, 4)])[:, None])
    time = torch.arange(96, dtype=torch.float64) / 96
    low, high = (torch.sin(2 * torch.pi * f * time)[None, None, :, None].expand(1, 1, 96, 4) for f in (5, 30))
    torch.testing.assert_close(operation(low + high), low)


@pytest.mark.parametrize("tokens", [96, 24, 13, 5, 2, 1])
def test_wavelet_with_unit_weights_reconstructs(tokens):
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        operation = built("wavelet", 2, tokens, 4, dtype=dtype)
        with torch.no_grad():
            operation.weight.copy_(torch.eye(4))
        x = values(3, 2, tokens, 4, dtype=dtype)
        torch.testing.assert_close(operation(x), x, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("tokens", "levels"), [(96, 3), (24, 3), (13, 2), (5, 1), (1, 1)])
def test_wavelet_coefficients_are_those_of_pywavelets(tokens, levels):
    operation, x = built("wavelet", 1, tokens, 4), values(3, 4, tokens)
    assert operation.levels == levels
    if levels > 1:
        expected = pywt.wavedec(x.numpy(), "db2", mode="symmetric", level=levels)
    else:  # a single step, which has no advice about the length
        expected = list(pywt.dwt(x.numpy(), "db2", mode="symmetric"))
    found = operation.coefficients(x)
    assert len(found) == len(expected) == levels + 1
    for level, reference in zip(found, expected):
        np.testing.assert_allclose(level.detach().numpy(), reference, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("tokens", [24, 13])
def test_wavelet_filter_by_pywavelets(tokens):
    operation, x = built("wavelet", 2, tokens, 4), values(3, 2, tokens, 4)
    levels = pywt.wavedec(x.numpy(), "db2", mode="symmetric", level=operation.levels, axis=2)
    weighted = [level @ weight for level, weight in zip(levels, operation.weight.detach().numpy(), strict=True)]
    expected = pywt.waverec(weighted, "db2", mode="symmetric", axis=2)[:, :, :tokens]
    np.testing.assert_allclose(operation(x).detach().numpy(), expected, rtol=1e-9, atol=1e-12)


def test_a_level_filters_its_own_scale():
    """Without the finest details a fast oscillation goes and a slow one stays."""
    operation = built("wavelet", 1, 64, 4)
    with torch.no_grad():
        operation.weight.copy_(torch.eye(4))
        operation.weight[-1] = 0
    time = torch.arange(64, dtype=torch.float64)[None, None, :, None].expand(1, 1, 64, 4)
    fast, slow = torch.cos(torch.pi * time), torch.cos(2 * torch.pi * time / 32)
    assert operation(fast)[0, 0, 8:-8].std() < 0.05 * fast.std()
    torch.testing.assert_close(operation(slow)[:, :, 8:-8], slow[:, :, 8:-8], rtol=0, atol=0.05)
