"""TREC and texts of one's own: what batches hold, cuts of small classes, a vocabulary without the test texts."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from darts_pl.data.text import LabelledTexts, TextData, Trec, trec_data
from darts_pl.errors import ConfigError, DataError
from darts_pl.inputs import TensorInput
from darts_pl.tasks import Classification, MultiTask

TRAIN = LabelledTexts(
    ["one two three", "two", "one one", "four two", "five six", "one two"],
    {"kind": ["b", "a", "b", "a", "b", "a"], "mood": ["x", "x", "y", "y", "z", "x"]},
    "train",
    range(1, 7),
)
TEST = LabelledTexts(
    ["one unheard two", "seven two one two one"], {"kind": ["a", "b"], "mood": ["x", "y"]}, "test", [1, 2]
)


@dataclasses.dataclass
class Given:
    """A source of one's own."""

    train: LabelledTexts
    test: LabelledTexts | None = None

    def load(self) -> tuple[LabelledTexts, LabelledTexts | None]:
        return self.train, self.test


@pytest.fixture(scope="module")
def trec(real_data) -> Trec:
    """The real questions, read once."""
    loaded = Trec(real_data).load()
    return Given(*loaded)


def test_trec_holds_two_tasks(trec) -> None:
    data = TextData(source=trec, batch_size=32)
    data.prepare()
    assert data.outputs == {"coarse": 6, "fine": 50} and set(data.classes) == {"coarse", "fine"}
    assert data.classes["coarse"] == ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
    assert all(fine.split(":")[0] in data.classes["coarse"] for fine in data.classes["fine"])
    assert isinstance(data.task, MultiTask) and data.task.monitor == "acc"
    assert (data.training_count, len(data.test_texts()[0])) == (5452, 500)
    (length,), high = data.input_shape.shape, data.input_shape.high
    assert data.input_shape.dtype == "int64" and length == 37
    for pair in itertools.islice(data.train_dataloader(), 5):
        for x, y in data.on_after_batch_transfer(pair, 0).values():
            assert x.dtype == torch.int64 and x.shape[0] == 32 and x.shape[1] <= length and int(x.max()) < high
            assert (x[:, -1] != 0).any() and (x[:, 0] != 0).all(), "padded to the batch's own longest"
            logits = {name: torch.zeros(32, count) for name, count in data.outputs.items()}
            assert y["fine"].shape == (32,) and data.task.loss(logits, y) > 0


def test_one_task_has_no_dictionary(trec) -> None:
    data = TextData(source=trec, tasks=["coarse"], batch_size=32)
    assert data.outputs == 6 and data.classes[0] == "ABBR" and isinstance(data.task, Classification)
    x, y = data.on_after_batch_transfer(next(iter(data.test_dataloader())), 0)
    assert x.shape[0] == 128 and y.shape == (128,) and y.dtype == torch.int64
    with pytest.raises(ConfigError, match=r"the texts have no task 'fines'\. Did you mean 'fine'"):
        TextData(source=trec, tasks=["fines"]).prepare()


def test_a_batch_is_what_the_texts_encode_to(trec) -> None:
    data = TextData(source=trec, eval_batch_size=7)
    texts, codes = data.test_texts()
    for number, (x, y, key) in enumerate(itertools.islice(data.test_dataloader(), 4)):
        chosen = slice(7 * number, 7 * number + 7)
        assert torch.equal(x, data.preprocessing.encode(texts[chosen])) and key == -1
        assert y["fine"].tolist() == codes["fine"][chosen].tolist()


@pytest.mark.parametrize("fraction", [0.5, 0.8])
def test_halves_keep_every_class_within_one_text(trec, fraction: float) -> None:
    data = TextData(source=trec, weights_fraction=fraction, limit_train=600)
    first, second = data.halves
    assert not set(first) & set(second) and (len(first), len(second)) == (round(600 * fraction), 600 - len(first))
    for codes in data.train_texts()[1].values():
        counts, whole = np.bincount(codes[first], minlength=codes.max() + 1), np.bincount(codes)
        assert np.abs(counts - whole * fraction).max() <= 1
    whole, limited = (np.bincount(d.train_texts()[1]["fine"]) for d in (TextData(source=trec), data))
    assert np.abs(limited - whole * 600 / 5452).max() <= 1
    assert not np.array_equal(first, TextData(source=trec, seed=1, limit_train=600).halves[0])


def test_cuts_are_the_same_for_one_task_and_for_both(trec) -> None:
    both, fine = (TextData(source=trec, limit_train=300, tasks=tasks) for tasks in (None, ["fine"]))
    assert both.train_texts()[0] == fine.train_texts()[0]
    assert all(map(np.array_equal, both.halves, fine.halves))


def test_classes_stay_where_few_texts_are_used(trec) -> None:
    few = TextData(source=trec, limit_train=20, batch_size=2, weights_fraction=0.9)
    few.prepare()
    assert few.outputs["fine"] == 50 and [len(half) for half in few.halves] == [18, 2]
    assert few.input_shape.high < 300, "the vocabulary is that of the texts in use"
    assert few.fingerprint != TextData(source=trec).fingerprint


def test_an_order_goes_on_where_it_stood(trec) -> None:
    data = TextData(source=trec, batch_size=16, limit_train=200, seed=2)
    whole, resumed = data.train_dataloader(), data.train_dataloader()
    batches = []
    for batch in whole:
        batches.append(batch)
        if len(batches) == 3:
            resumed.load_state_dict(whole.state_dict())
    rest = list(resumed)
    assert len(batches) == 7
    for expected, found in zip(batches[3:], rest, strict=True):
        assert torch.equal(expected["alphas"][0], found["alphas"][0]) and expected["alphas"][2] == found["alphas"][2]
        assert torch.equal(expected["weights"][1]["fine"], found["weights"][1]["fine"])


def test_test_texts_leave_no_trace() -> None:
    first = TextData(source=Given(TRAIN, TEST), batch_size=2)
    wild = dataclasses.replace(TEST, texts=["unheard " * 50, "seven seven two"])
    second = TextData(source=Given(TRAIN, wild), batch_size=2)
    assert first.preprocessing.to_plain() == second.preprocessing.to_plain() and first.fingerprint != second.fingerprint
    assert first.input_shape == second.input_shape == TensorInput((3,), "int64", 8)
    words = first.preprocessing.tokenizer
    assert words.token_to_id("unheard") is None
    one, two = words.token_to_id("one"), words.token_to_id("two")
    (x, _, _) = next(iter(first.test_dataloader()))
    assert x.tolist() == [[one, 1, two], [1, two, one]], "cut at the longest training text"


def test_held_out_texts_hold_no_class_that_is_not_trained() -> None:
    labels = ["a"] * 20 + ["b"] * 20 + [f"rare{i}" for i in range(9)]
    texts = LabelledTexts([f"word{i}" for i in range(49)], {"kind": labels}, "mine", range(1, 50))
    data = TextData(source=Given(texts), batch_size=4)
    data.prepare()
    tested, trained = data.test_texts()[1]["kind"], data.train_texts()[1]["kind"]
    assert (
        set(tested) <= set(trained)
        and len(data.classes) == 11
        and tested.tolist().count(0) == tested.tolist().count(1) == 4
    )
    assert len(tested) + len(trained) == 49 and not set(data.test_texts()[0]) & set(data.train_texts()[0])
    part = TextData(source=Given(texts), purpose="retrain", batch_size=4, holdout=0.25, seed=5)
    kept = round(len(trained) * 0.75)
    assert [len(half) for half in part.halves] == [kept, len(trained) - kept]
    assert part.test_texts()[0] == data.test_texts()[0], "the same for every seed"


def test_what_does_not_fit_the_texts() -> None:
    unknown = dataclasses.replace(TEST, labels={"kind": ["a", "bb"], "mood": ["x", "y"]})
    with pytest.raises(DataError, match=r"test, line 2: no training text is of the kind 'bb'\. Did you mean 'b'"):
        TextData(source=Given(TRAIN, unknown)).prepare()
    without = dataclasses.replace(TEST, labels={"kind": ["a", "b"], "moods": ["x", "y"]})
    with pytest.raises(DataError, match=r"test has no labels of the task 'mood'\. Did you mean 'moods'"):
        TextData(source=Given(TRAIN, without)).prepare()
    same = dataclasses.replace(TRAIN, labels={"kind": ["a"] * 6})
    with pytest.raises(DataError, match="train: every 'kind' is 'a', expected two classes"):
        TextData(source=Given(same, TEST)).prepare()
    with pytest.raises(DataError, match=r"'weights' part of the training data, which holds 3 texts\. Lower"):
        TextData(source=Given(TRAIN, TEST)).prepare()
    with pytest.raises(ConfigError, match=r"data.min_count=9 and data.vocabulary_size=None leave no known word"):
        TextData(source=Given(TRAIN, TEST), min_count=9, batch_size=2).prepare()
    with pytest.raises(ConfigError, match=r"combine='men' is no way"):
        TextData(source=Given(TRAIN, TEST), combine="men", batch_size=2).prepare()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tasks": "coarse"}, "data.tasks='coarse': expected a list"),
        ({"tasks": []}, r"data.tasks=\[\]: expected a list"),
        ({"max_tokens": 0}, "data.max_tokens=0: expected 1 or more"),
        ({"vocabulary_size": 2}, "data.vocabulary_size=2: expected 3 or more"),
        ({"min_count": 0}, "data.min_count=0"),
        ({"test_fraction": 1}, "data.test_fraction=1"),
        ({"purpose": "serch"}, "Did you mean 'search'"),
    ],
)
def test_settings_are_checked_at_once(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        trec_data(**settings)


def test_trec_that_is_not_there(tmp_path, monkeypatch) -> None:
    with pytest.raises(DataError, match=r"TREC is not in .*; expected TREC.train and TREC.test there or in its trec/"):
        trec_data(root=str(tmp_path)).prepare()
    monkeypatch.delenv("DARTS_PL_DATA", raising=False)
    with pytest.raises(DataError, match="TREC is not in any known folder"):
        trec_data().prepare()
    for name in ("TREC.train", "TREC.test"):
        (tmp_path / name).write_text("NUM:a how many ?\nNUM how much ?\n", encoding="latin-1")
    with pytest.raises(DataError, match=r"TREC.train, line 2: found the label 'NUM', expected COARSE:fine"):
        trec_data(root=str(tmp_path)).prepare()
