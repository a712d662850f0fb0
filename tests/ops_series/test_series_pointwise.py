"""The gated and residual perceptrons against their equations in NumPy."""

import numpy as np
from building import built, values


def arrays(operation) -> dict[str, np.ndarray]:
    return {name: weight.detach().numpy() for name, weight in operation.named_parameters()}


def normalised(x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def test_grn_is_equations_2_to_5_of_the_paper():
    operation, x = built("grn", 2, 5, 6), values(3, 2, 5, 6)
    w, a = arrays(operation), x.numpy()
    eta_2 = a @ w["layers.0.weight"].T + w["layers.0.bias"]
    eta_2 = np.where(eta_2 > 0, eta_2, np.expm1(eta_2))
    eta_1 = eta_2 @ w["layers.2.weight"].T + w["layers.2.bias"]
    value, gate = np.split(eta_1 @ w["gate.0.weight"].T + w["gate.0.bias"], 2, axis=-1)
    expected = normalised(a + value / (1 + np.exp(-gate)))
    np.testing.assert_allclose(operation(x).detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_residual_mlp_is_the_tide_block():
    operation, x = built("residual_mlp", 2, 5, 6), values(3, 2, 5, 6)
    w, a = arrays(operation), x.numpy()
    hidden = np.maximum(a @ w["layers.0.weight"].T + w["layers.0.bias"], 0)
    assert hidden.shape[-1] == 12
    straight = a @ w["skip.weight"].T + w["skip.bias"]
    expected = normalised(straight + hidden @ w["layers.2.weight"].T + w["layers.2.bias"])
    np.testing.assert_allclose(operation(x).detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_identity_is_the_input():
    x = values(3, 2, 5, 6)
    assert built("identity", 2, 5, 6)(x) is x
