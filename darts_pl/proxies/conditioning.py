"""Conditioning: how evenly gradient descent would learn the samples of a batch."""

from collections.abc import Sequence

import torch
import torch.nn as nn

from darts_pl.proxies.base import Batch, Loss, batch_size, gradients, layer_weights, mapped, register

SAMPLES = 16


@register("conditioning")
def conditioning(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Conditioning: −log(λ_max / λ_min) of the neural tangent kernel Θ = G Gᵀ, G the samples' weight gradients.

    The condition number of TE-NAS (Chen, Gong and Wang, arXiv:2102.11535, section 3.1), there lower is better, hence
    negated. As in the released code a sample's row is the gradient of the sum of its outputs; here over layer weights
    and the first 16 samples. Gradients are accumulated in double precision; a kernel that is singular in the network's
    own precision has no score.
    """
    x = batches[0][0]
    n = min(SAMPLES, batch_size(x))
    if n < 2:
        raise ValueError("conditioning needs two samples")
    parameters = layer_weights(network)
    output = network(mapped(x, lambda value: value[:n]))
    precision = torch.finfo(output.dtype).eps
    rows = [
        torch.cat([g.flatten() for g in gradients(sample.sum(), parameters, retain_graph=True)]) for sample in output
    ]
    stacked = torch.stack(rows).double()
    eigenvalues = torch.linalg.eigvalsh(stacked @ stacked.T)
    if eigenvalues[0] <= precision * n * eigenvalues[-1]:
        raise ValueError("the tangent kernel is singular: some samples have the same gradients")
    return -(eigenvalues[-1] / eigenvalues[0]).log().item()
