"""Low and high precision: clipping under a loss scale, second-order terms, overflow, float64 from the data on."""

from functools import partial

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.plugins.precision import MixedPrecision

from darts_pl.callbacks import SearchHistory
from darts_pl.data import digits_data
from darts_pl.derive import derive_genotype, random_genotype
from darts_pl.errors import ConfigError, TrainingError
from darts_pl.hypergradient import exact, finite_difference, first
from darts_pl.lit import RetrainModule, SearchModule
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import CellSpace
from darts_pl.tasks import Classification

SPACE = CellSpace(init_channels=2, layers=3, num_nodes=1, primitives=["skip_connect", "sep_conv_3x3"])


def searching(hypergradient, *, optimizer=None, steps=3, **trainer_arguments) -> SearchModule:
    """A search module after `steps` steps on the digits, from the same start each time."""
    data = digits_data(purpose="search", batch_size=16, limit_train=96, limit_test=16, crop_padding=0)
    data.prepare()
    torch.manual_seed(0)
    supernet = SPACE.supernet(data.input_shape, data.num_classes, relaxation=Softmax(), mixing=full)
    module = SearchModule(
        supernet,
        hypergradient,
        optimizer or partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=3e-4),
        partial(torch.optim.Adam, lr=0.01),
        task=data.task,
        epochs=1,
    )
    module.start = [p.detach().clone() for p in supernet.weight_parameters()]
    trainer = Trainer(
        max_epochs=1,
        limit_train_batches=steps,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **trainer_arguments,
    )
    trainer.fit(module, datamodule=data)
    return module


def movement(module: SearchModule) -> float:
    return sum(float((p.detach() - q).norm()) for p, q in zip(module.supernet.weight_parameters(), module.start))


def float16_on_a_cpu() -> MixedPrecision:
    """Lightning's float16 precision with its gradient scaler, which exists for CPUs too."""
    return MixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu", init_scale=2.0**12))


def test_clipping_sees_gradients_without_the_loss_scale():
    plain, scaled = searching(first), searching(first, plugins=[float16_on_a_cpu()])
    assert movement(scaled) == pytest.approx(movement(plain), rel=0.1)
    assert scaled.alpha_updates == plain.alpha_updates == 3


@pytest.mark.parametrize("method", [finite_difference, exact])
@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_second_order_terms_are_computed_in_full_precision(method, precision):
    seen = []

    def spy(problem):
        seen.append(torch.is_autocast_enabled("cpu"))
        return method(problem)

    arguments = {"plugins": [float16_on_a_cpu()]} if precision == "16-mixed" else {"precision": precision}
    module = searching(spy, steps=2, **arguments)
    assert seen == [False, False] and module.alpha_updates == 2


def nan_hypergradient(problem):
    return [torch.full_like(alpha, float("nan")) for alpha in problem.alphas]


def test_a_hypergradient_that_is_not_finite_stops_the_search():
    with pytest.raises(TrainingError, match="hypergradient is not finite at step 0"):
        searching(nan_hypergradient)


def test_under_float16_an_overflowing_hypergradient_is_left_out():
    module = searching(nan_hypergradient, plugins=[float16_on_a_cpu()])
    assert module.alpha_updates == 0 and movement(module) > 0


def test_a_search_without_any_alpha_update_says_so():
    history = SearchHistory(
        None,
        partial(derive_genotype, primitives=SPACE.primitives, num_nodes=SPACE.num_nodes),
        list(SPACE.primitives),
        SPACE.edges,
    )
    with pytest.raises(TrainingError, match="0 alpha updates"):
        searching(nan_hypergradient, plugins=[float16_on_a_cpu()], callbacks=[history])


def test_float64_reaches_the_data():
    module = searching(finite_difference, precision="64-true")
    assert module.supernet.head.weight.dtype == torch.float64 and module.alpha_updates == 3


def test_retraining_clips_without_the_loss_scale():
    moved = []
    for arguments in ({}, {"plugins": [float16_on_a_cpu()]}):
        data = digits_data(purpose="retrain", batch_size=16, limit_train=96, limit_test=16)
        data.prepare()
        torch.manual_seed(0)
        network = SPACE.network(_genotype(), data.input_shape, data.num_classes)
        start = [p.detach().clone() for p in network.parameters()]
        module = RetrainModule(
            network, partial(torch.optim.SGD, lr=0.05), task=Classification(10), epochs=1, drop_path=0.0
        )
        trainer = Trainer(
            max_epochs=1,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            limit_val_batches=0,
            **arguments,
        )
        trainer.fit(module, datamodule=data)
        moved.append(sum(float((p.detach() - q).norm()) for p, q in zip(network.parameters(), start)))
    assert moved[1] == pytest.approx(moved[0], rel=0.1)


def _genotype():
    return random_genotype(SPACE.primitives, SPACE.num_nodes, torch.Generator().manual_seed(0))


def test_a_second_order_refuses_other_steps_than_plain_sgd():
    for optimizer in (
        partial(torch.optim.Adam, lr=0.01),
        partial(torch.optim.SGD, lr=0.01, momentum=0.9, nesterov=True),
    ):
        with pytest.raises(ConfigError, match="plain SGD"):
            searching(finite_difference, optimizer=optimizer)
        assert searching(first, optimizer=optimizer, steps=1).alpha_updates == 1


def test_a_warm_up_as_long_as_the_search_is_refused():
    with pytest.raises(ConfigError, match="alpha_warmup_epochs=2: expected less than epochs=2"):
        SearchModule(torch.nn.Linear(1, 1), first, None, None, task=Classification(2), epochs=2, alpha_warmup_epochs=2)
