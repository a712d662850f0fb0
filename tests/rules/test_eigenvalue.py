"""DARTS-ES: the eigenvalue against full Hessians and scipy, and the stop on series that were planted."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg
import torch
import torch.nn.functional as F
from torch.func import functional_call

from darts_pl.errors import ConfigError
from darts_pl.ops.image import PRIMITIVES
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import Combination, EigenvalueStop, EpochEnd, Stop
from darts_pl.rules.eigenvalue import dominant_eigenvalue, largest_eigenvalue
from darts_pl.spaces import CellSpace


def symmetric(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """A symmetric matrix with these eigenvalues."""
    basis = np.linalg.qr(np.random.default_rng(seed + 100).standard_normal((len(values), len(values))))[0]
    return basis * values @ basis.T


SPECTRA = {
    "spread": np.linspace(-3, 5, 60),
    "all negative": np.linspace(-9, -0.5, 40),
    "largest in magnitude is negative": np.array([-100.0, *np.linspace(0, 1, 30)]),
    "low rank": np.array([2.0, -1.0, *np.zeros(50)]),
    "twice": np.array([3.0, 3.0, *np.linspace(-1, 1, 20)]),
    "identity": np.ones(12),
    "zero": np.zeros(7),
    "one": np.array([-4.0]),
    "small": np.array([1e-9, 2e-9, -5e-9]),
}


@pytest.mark.parametrize("name", SPECTRA)
def test_the_iteration_finds_the_largest_eigenvalue(name):
    values = SPECTRA[name]
    matrix = symmetric(values)
    found = largest_eigenvalue(lambda vector: matrix @ vector, len(values), 1e-8)
    assert found == pytest.approx(values.max(), rel=1e-8, abs=1e-12 * max(1e-6, np.abs(values).max()))
    assert found == largest_eigenvalue(lambda vector: matrix @ vector, len(values), 1e-8)


def test_it_needs_far_fewer_products_than_there_are_dimensions():
    matrix, calls = symmetric(np.array([10.0, *np.linspace(-1, 1, 223)])), []
    found = largest_eigenvalue(lambda vector: calls.append(0) or matrix @ vector, 224, 1e-6)
    assert found == pytest.approx(10.0, rel=1e-9) and len(calls) < 20
    reference = scipy.sparse.linalg.eigsh(matrix, k=1, which="LA", return_eigenvectors=False, v0=np.ones(224))[0]
    assert found == pytest.approx(reference, rel=1e-9)


def test_derivatives_that_are_not_finite_give_nan():
    assert np.isnan(largest_eigenvalue(lambda vector: vector * np.nan, 5, 1e-6))


def test_a_linear_loss_has_no_curvature():
    alpha = torch.ones(3, requires_grad=True)
    assert dominant_eigenvalue(lambda: (2 * alpha).sum(), [alpha]) == 0.0


@pytest.fixture(scope="module")
def problem() -> SimpleNamespace:
    """A supernet of 40 alphas in float64 and train mode, far from flat, over pooling and convolution; its Hessian."""
    torch.manual_seed(0)
    space = CellSpace(init_channels=2, layers=3, num_nodes=2, primitives=PRIMITIVES[1:5])
    supernet = space.supernet((1, 6, 6), 3, relaxation=Softmax(), mixing=full).double().train()
    with torch.no_grad():
        for alpha in supernet.alphas.values():
            alpha.normal_()
    x, y = torch.randn(6, 1, 6, 6, dtype=torch.float64), torch.arange(6) % 3
    alphas = [supernet.alphas[kind] for kind in supernet.kinds]

    def loss_at(flat: torch.Tensor) -> torch.Tensor:
        parts = flat.split([alpha.numel() for alpha in alphas])
        named = {f"alphas.{k}": part.view_as(a) for k, part, a in zip(supernet.kinds, parts, alphas)}
        return F.cross_entropy(functional_call(supernet, named, (x,)), y)

    flat = torch.cat([alpha.detach().flatten() for alpha in alphas])
    hessian = torch.autograd.functional.hessian(loss_at, flat).numpy()
    loss = lambda: F.cross_entropy(supernet(x), y)  # noqa: E731
    return SimpleNamespace(supernet=supernet, alphas=alphas, hessian=hessian, loss=loss)


def test_it_is_the_hessians_of_a_supernet(problem):
    values = scipy.linalg.eigvalsh(problem.hessian)
    assert values[0] < -1e-4 and values[-1] > 1e-3
    assert dominant_eigenvalue(problem.loss, problem.alphas) == pytest.approx(values[-1], rel=1e-8)
    negated = dominant_eigenvalue(lambda: -problem.loss(), problem.alphas)
    assert negated == pytest.approx(-values[0], rel=1e-8)


def test_only_candidates_that_are_left_count(problem):
    """A part of the matrix that has negative eigenvalues only, where zero rows would give 0."""
    masks = [torch.zeros_like(alpha, dtype=torch.bool) for alpha in problem.alphas]
    place = int(np.argmin(np.diag(problem.hessian)))
    kind, rest = divmod(place, problem.alphas[0].numel())
    masks[kind].view(-1)[rest] = True
    found = dominant_eigenvalue(problem.loss, problem.alphas, masks)
    assert problem.hessian[place, place] < -1e-5
    assert found == pytest.approx(problem.hessian[place, place], rel=1e-8)


def end_of(epoch: int, curvature: float, trained: bool = True) -> EpochEnd:
    """The end of an epoch whose validation loss has this dominant eigenvalue; a second alpha bends down."""
    alpha = torch.nn.Parameter(torch.tensor([[0.3, -0.2]], dtype=torch.float64))
    supernet = SimpleNamespace(
        kinds=("only",), alphas={"only": alpha}, kept=lambda kind: torch.ones(1, 2, dtype=torch.bool)
    )
    weights = torch.tensor([curvature, -50.0], dtype=torch.float64)
    return EpochEnd(supernet, epoch, None, trained, lambda: (weights * alpha**2).sum() / 2)


def run(rule: EigenvalueStop, curvature, epochs: int = 40) -> tuple[int, Stop] | None:
    """The epoch of the stop and the verdict; `curvature` by epoch."""
    for epoch in range(1, epochs + 1):
        verdict = rule.epoch_end(end_of(epoch, curvature(epoch)))
        if verdict is not None:
            return epoch, verdict
    return None


def step_up(epoch: int) -> float:
    """1 up to epoch 20, then 3."""
    return 1.0 if epoch <= 20 else 3.0


def test_the_stop_goes_back_to_the_middle_of_the_earlier_window():
    """Samples at the epochs 2, 4, …: at 22 the means are (4 · 1 + 3) / 5 = 1.4 and 1, the latter around epoch 10."""
    epoch, verdict = run(EigenvalueStop(), step_up)
    assert (epoch, verdict.epoch) == (22, 10)
    assert "grew by 1.40" in verdict.reason and "around epoch 10" in verdict.reason


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"not_before": 12}, (24, 12)),
        ({"factor": 1.5}, (24, 12)),  # 1.8 one sample later
        ({"window": 1, "delta": 1}, (22, 20)),
        ({"every": 1, "window": 3, "delta": 2}, (21, 18)),  # (1 + 1 + 3) / 3 against 1, around 21 − 2 − 1
        ({"factor": 3.0}, None),
        ({"stop": False}, None),
    ],
)
def test_every_setting_acts(settings, expected):
    found = run(EigenvalueStop(**settings), step_up)
    assert expected == (found and (found[0], found[1].epoch))


def test_it_does_not_stop_where_nothing_grows():
    assert run(EigenvalueStop(), lambda epoch: 5.0) is None
    assert run(EigenvalueStop(), lambda epoch: 1.03 ** (epoch / 2)) is None  # 1.13 in four samples
    assert run(EigenvalueStop(), lambda epoch: -60.0 + epoch) is None  # largest is negative throughout


def test_the_rise_of_negative_values_is_no_ratio():
    rule = EigenvalueStop(every=1, window=1, delta=1, not_before=1)
    rule.epochs, rule.values = [1, 2], [-3.0, 9.0]
    assert rule._verdict() is None


def test_samples_are_taken_when_due_and_shown():
    rule, shown = EigenvalueStop(every=2), []
    for epoch in range(1, 8):
        rule.epoch_end(end_of(epoch, float(epoch), trained=epoch > 3))
        shown.append(rule.figures()["lambda_max"])
    assert shown == [None, None, None, pytest.approx(4.0), None, pytest.approx(6.0), None]


def test_a_series_goes_on_from_its_state():
    whole = run(EigenvalueStop(), step_up)
    first = EigenvalueStop()
    assert run(first, step_up, epochs=17) is None
    buffer = io.BytesIO()
    torch.save(first.state_dict(), buffer)
    buffer.seek(0)
    second = EigenvalueStop()
    second.load_state_dict(torch.load(buffer, weights_only=True))
    found = next(v for epoch in range(18, 41) if (v := second.epoch_end(end_of(epoch, step_up(epoch)))))
    assert found == whole[1]


def test_errors_are_named():
    for name in ("every", "window", "delta", "factor", "not_before"):
        with pytest.raises(ConfigError, match=rf"eigenvalue_stop\.{name}=-1"):
            EigenvalueStop(**{name: -1})
    with pytest.raises(ConfigError, match="Hessian of no loss"):
        EigenvalueStop().check(Combination(SimpleNamespace(one_hot=True), None, False))
    with pytest.raises(ConfigError, match="never trains them"):
        EigenvalueStop().check(Combination(Softmax(), None, False, alphas_trained=False))
    EigenvalueStop().check(Combination(Softmax(), None, True))
