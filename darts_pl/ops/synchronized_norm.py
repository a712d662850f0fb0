"""Batch normalisation with the statistics of the batch of all ranks."""

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from darts_pl import ranks

PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class SynchronizedBatchNorm(_BatchNorm):
    """Batch normalisation (arXiv:1502.03167) over the batches of all ranks; with one rank torch's own.

    Why not `torch.nn.SyncBatchNorm`: it takes tensors on GPUs alone, and its gradient cannot be differentiated again,
    which an exact hypergradient and a Hessian in alpha need. Here the local moments are joined by one differentiable
    sum over the ranks, so that both work, on a CPU too. In eval mode nothing is exchanged.

    Attributes:
        replaced: the class that the module had before `synchronize`.
    """

    replaced: type[nn.Module]

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"found an input of {input.dim()} dimensions, expected at least 2")

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, ...) → the same shape."""
        if not self.training or ranks.world() == 1:
            return super().forward(input)
        self._check_input_dim(input)
        places = [axis for axis in range(input.dim()) if axis != 1]
        # float32 as torch's: low precision would lose the sum of many squares
        x = input if input.dtype == torch.float64 else input.float()
        local_var, local_mean = torch.var_mean(x, places, correction=0)  # [C] each
        count, mean, var = _joined(local_mean.new_tensor(x.numel() // x.shape[1]), local_mean, local_var)
        self._track(count, mean.detach(), var.detach())
        scale = torch.rsqrt(var + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        row = [1, -1, *[1] * (input.dim() - 2)]
        return torch.addcmul(shift.view(row), x, scale.view(row)).to(input.dtype)  # keeps x alone for the gradient

    def _track(self, count: Tensor, mean: Tensor, var: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return  # track_running_stats=False
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
            self.running_var.lerp_((var * count / (count - 1)).to(self.running_var.dtype), momentum)


def _joined(count: Tensor, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(count, mean [C], variance [C]) of the values of all ranks out of those of each."""
    own = torch.stack([mean, var, count.expand_as(mean)])  # [3, C]
    rows = torch.zeros((ranks.world(), *own.shape), dtype=own.dtype, device=own.device)
    before, after = rows[: ranks.rank()], rows[ranks.rank() + 1 :]
    means, variances, counts = ranks.summed(torch.cat([before, own[None], after])).unbind(1)  # [R, C]
    total = counts.sum(0)
    joined = (counts * means).sum(0) / total
    return total[0], joined, (counts * (variances + (means - joined).square())).sum(0) / total


def synchronize(network: nn.Module) -> None:
    """Let every batch normalisation in `network` take the statistics of all ranks. The modules stay what they are, so
    that parameters, buffers, hooks and whoever else holds them do too; only their class changes."""
    for module in network.modules():
        if type(module) in PLAIN:
            kind = type(module)
            module.__class__ = SynchronizedBatchNorm
            module.replaced = kind  # type: ignore[assignment]  # its class is another now


def unsynchronize(network: nn.Module) -> None:
    """Undo `synchronize`."""
    for module in network.modules():
        if isinstance(module, SynchronizedBatchNorm):
            kind = module.replaced
            del module.replaced
            module.__class__ = kind  # type: ignore[assignment]  # a class of torch that this one stands in for
