"""Proxies of the weights' gradients on one batch: SNIP, the gradient norm, GraSP."""

from collections.abc import Sequence

import torch
import torch.nn as nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from darts_pl.proxies.base import Batch, Loss, gradients, layer_weights, register


@register("snip")
def snip(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """SNIP: Σ |θ · ∂L/∂θ| over all layer weights θ, the change of the loss when connections are cut.

    Lee, Ajanthan and Torr, arXiv:1810.02340, equation 6, where it is the derivative by a scale c of each connection at
    c = 1; summed without the normalisation there, as Abdelfattah et al. (arXiv:2101.08134) do for whole networks.
    """
    x, y = batches[0]
    parameters = layer_weights(network)
    found = gradients(loss(network(x), y), parameters)
    return sum((p * g).abs().sum().item() for p, g in zip(parameters, found))


@register("grad_norm")
def grad_norm(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Gradient norm: Σ over layers ‖∂L/∂θ‖₂ (Abdelfattah et al., arXiv:2101.08134, section 3)."""
    x, y = batches[0]
    return sum(g.norm().item() for g in gradients(loss(network(x), y), layer_weights(network)))


@register("grasp")
def grasp(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """GraSP: −Σ θ · (H g), how much cutting connections would lower the gradient flow; H, g by the layer weights.

    Wang, Zhang and Grosse, arXiv:2002.07376, equation 8, at temperature 1; the sign as in arXiv:2101.08134. Attention
    is computed in its plain form, as the fused kernels cannot be differentiated twice.
    """
    x, y = batches[0]
    parameters = layer_weights(network)
    with sdpa_kernel(SDPBackend.MATH):
        first = gradients(loss(network(x), y), parameters, create_graph=True)
        flow = sum((g * g.detach()).sum() for g in first)  # its derivative is H g, with g held fixed
        if not isinstance(flow, torch.Tensor) or not flow.requires_grad:
            raise ValueError("the gradients do not depend on the weights: the second derivative is nowhere")
        products = torch.autograd.grad(flow, parameters, allow_unused=True)
    return -sum((p * h).sum().item() for p, h in zip(parameters, products) if h is not None)
