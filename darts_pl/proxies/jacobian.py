"""Proxies of the derivative of the output by the input: how differently a network sees different samples."""

import math
from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.proxies.base import Batch, Inputs, Loss, batch_size, gradients, mapped, register, tensors

K = 1e-5  # keeps logarithms and quotients finite, as published


def input_jacobian(network: nn.Module, x: Inputs, weight: Tensor | None = None) -> Tensor:
    """The gradient of the outputs' sum (or of their inner product with `weight`, of their shape) by every sample's
    input: (B, all input values of a sample), in double precision.

    Raises:
        ValueError: the output does not depend on the input.
    """
    x = mapped(x, lambda value: value.detach().clone().requires_grad_(True))
    output = network(x)
    value = output.sum() if weight is None else (output * weight).sum()
    return torch.cat([gradient.flatten(1) for gradient in gradients(value, tensors(x))], dim=1).double()


def correlations(rows: Tensor) -> Tensor:
    """Pearson correlations [n, n] of rows [n, m].

    Raises:
        ValueError: a row is constant, so that it correlates with nothing.
    """
    centred = rows - rows.mean(dim=1, keepdim=True)
    norms = centred.norm(dim=1, keepdim=True)
    if not bool((norms > 0).all()):
        raise ValueError("a sample's Jacobian is constant: it has no correlation")
    unit = centred / norms
    return (unit @ unit.T).clamp(-1, 1)


@register("jacob_cov")
def jacob_cov(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Jacobian covariance: −Σ [log(v + k) + 1/(v + k)] over the eigenvalues v of the samples' Jacobian correlations.

    Mellor et al., arXiv:2006.04647v1, section 3, k = 1e-5: the Jacobian of the summed output by each sample's input,
    in train mode. Near its maximum all eigenvalues are one: samples are told apart.
    """
    v = torch.linalg.eigvalsh(correlations(input_jacobian(network, batches[0][0])))
    return -(torch.log(v.clamp(min=0) + K) + 1 / (v.clamp(min=0) + K)).sum().item()


@register("epe_nas")
def epe_nas(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """EPE-NAS: Σ over classes c |Σ log(|corr_c| + k)|, corr_c the Jacobian correlations of the samples of class c.

    Lopes, Alirezazadeh and Alexandre, arXiv:2102.08099, equations 4 to 6, k = 1e-5: up to 100 classes the sum, above
    the mean over classes of the summed differences to all others. Only for class labels.
    """
    x, y = batches[0]
    if y.is_floating_point() or y.dim() != 1:
        raise ValueError("epe_nas needs class labels")
    jacobian = input_jacobian(network, x)
    sums = []
    for label in y.unique():
        corr = correlations(jacobian[y == label])
        sums.append((corr.abs() + K).log().sum())
    scores = torch.stack(sums)
    if len(scores) <= 100:
        return scores.abs().sum().item()
    return (scores[:, None] - scores[None]).abs().sum().item() / len(scores)


@register("sensitivity")
def sensitivity(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Sensitivity: ½ log of the mean squared Frobenius norm of the samples' Jacobians.

    After Novak et al., arXiv:1802.08760, section 3, where a low norm after training goes with good generalisation. At
    initialisation the sign is the other way, as for the gradient norm (see the table in the README), so this is not
    negated. Estimated without all rows of the Jacobian: E‖Jᵀv‖² = ‖J‖² for v ~ N(0, I), one draw a sample.
    """
    x = batches[0][0]
    with torch.no_grad():
        weight = torch.randn_like(network(x))
    squared = input_jacobian(network, x, weight).square().sum().item() / batch_size(x)
    if squared == 0:
        raise ValueError("the output does not depend on the input")
    return 0.5 * math.log(squared)
