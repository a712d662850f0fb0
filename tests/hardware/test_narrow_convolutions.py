"""Narrow convolutions of stride 2 on processors with AVX2 and without AVX-512, which such a process can be told to be:
torch's own operation corrupts the heap there, nothing of darts_pl may reach it."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn as nn

from darts_pl.ops.strided import SlicedPointwise, may_corrupt, slice_narrow_strides

AS_AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def test_no_network_reaches_the_operation_that_aborts():
    command = [sys.executable, str(Path(__file__).with_name("narrow_networks.py"))]
    environment = {**os.environ, **AS_AVX2, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    ended = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert len(ended) == 13, done.stderr
    unchanged = int(ended.pop("unchanged"))
    assert set(ended.values()) == {"0"}, ended
    if platform.machine() == "x86_64" and torch.__version__.startswith("2.13."):
        assert unchanged > 0, "torch's own operation held: this test would not see what it is about"


@pytest.mark.parametrize("stride", [2, 3, (1, 2), (2, 1)])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("side", [(8, 8), (7, 9), (1, 1)])
def test_a_slice_gives_the_numbers_of_a_stride(stride, bias, side):
    torch.manual_seed(0)
    plain = nn.Conv2d(3, 5, 1, stride=stride, bias=bias).double()
    sliced = slice_narrow_strides(nn.Sequential(nn.Conv2d(3, 5, 1, stride=stride, bias=bias).double()))
    assert type(sliced[0]) is SlicedPointwise and sliced[0].stride == plain.stride
    sliced[0].load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, *side, dtype=torch.float64, requires_grad=True)
    expected = plain(x)
    weighting = torch.randn_like(expected)
    found = sliced(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    for one, other in zip(
        torch.autograd.grad((found * weighting).sum(), [x, *sliced.parameters()]),
        torch.autograd.grad((expected * weighting).sum(), [x, *plain.parameters()]),
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "convolution",
    [
        lambda: nn.Conv2d(8, 8, 1, stride=2),
        lambda: nn.Conv2d(4, 8, 1),
        lambda: nn.Conv2d(4, 8, 3, stride=2),
        lambda: nn.Conv2d(4, 8, (1, 2), stride=2),
        lambda: nn.Conv2d(4, 8, 1, stride=2, padding=1),
        lambda: nn.Conv2d(4, 4, 1, stride=2, groups=2),
    ],
)
def test_other_convolutions_stay_what_they_are(convolution):
    conv = slice_narrow_strides(convolution())
    assert type(conv) is nn.Conv2d
    assert not may_corrupt(conv)
