"""The LightningDataModule of texts: numbers of words for one class or the classes of several tasks."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from darts_pl.data.base import PairedDataModule, Source, check_source
from darts_pl.data.batches import Indexed, NamedRows
from darts_pl.data.split import SUBSET_SEED, Index, as_tensors, systematic_cut
from darts_pl.data.text.preprocessing import TextPreprocessing
from darts_pl.data.text.texts import LabelledTexts, TokenRows
from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.inputs import TensorInput
from darts_pl.tasks import Classification, MultiTask, Task

TEST_SEED = 0


class TextData(PairedDataModule):
    """Batches of texts, `(x, y)` or `{"weights": (x, y), "alphas": (x, y)}` in a search.

    x is int64 [B, T], words by number, T that of the batch's longest text, 0 behind the shorter ones. y is int64 [B] of
    one task, a dictionary task → int64 [B] of several. The vocabulary is that of the training texts in use: of both
    halves of a search, of the held-out part of a retraining too, never of test texts. Every text is cut at `max_tokens`
    or else at the longest training text, so that no network meets a longer one than it was built for.

    Args:
        source: gives the texts.
        tasks: names of the tasks; None for all that the source has. Of a single one, batches do not repeat the name.
        combine: how the losses of several tasks become one, see `MultiTask`.
        max_tokens: words a text, at most.
        min_count, lowercase, vocabulary_size: see `fit_tokenizer`.
        test_fraction: of the texts, held out for testing where the source has no test texts, the same for every `seed`;
            a class of a single text is not tested then.
        paired: see `PairedDataModule`; the cuts keep the share of each class within one text, and take classes of a
            single text as they fall; they are the same whichever of the source's `tasks` are in use.

    Raises:
        ConfigError: a source that cannot load, an unknown `purpose`, a number out of range.
    """

    unit = "text"

    def __init__(
        self,
        *,
        source: Source[tuple[LabelledTexts, LabelledTexts | None]],
        tasks: Sequence[str] | None = None,
        combine: str = "mean",
        max_tokens: int | None = None,
        min_count: int = 1,
        lowercase: bool = True,
        vocabulary_size: int | None = None,
        test_fraction: float = 0.2,
        **paired: Any,
    ) -> None:
        super().__init__(**paired)
        check_source(source, "Trec, TextFiles")
        for name, value, least in (
            ("max_tokens", max_tokens, 1),
            ("min_count", min_count, 1),
            ("vocabulary_size", vocabulary_size, 3),
        ):
            if value is not None and value < least:
                raise ConfigError(f"data.{name}={value}: expected {least} or more")
        if not 0 < test_fraction < 1:
            raise ConfigError(f"data.test_fraction={test_fraction}: expected a share above 0 and below 1")
        if isinstance(tasks, str) or (tasks is not None and (not tasks or len(set(tasks)) < len(tasks))):
            raise ConfigError(f"data.tasks={tasks!r}: expected a list of different names, or null for all")
        self.source, self._task_names, self.combine, self.max_tokens = source, tasks, combine, max_tokens
        self.min_count, self.lowercase, self.vocabulary_size = min_count, lowercase, vocabulary_size
        self.test_fraction = test_fraction

    @cached_property
    def task_names(self) -> tuple[str, ...]:
        """The tasks in use.

        Raises:
            ConfigError: the source has no task of a name.
        """
        known = tuple(self._loaded[0].labels)
        for name in self._task_names or ():
            if name not in known:
                raise ConfigError(f"data.tasks: the texts have no task {name!r}. {nearest(name, known)}")
        return tuple(self._task_names or known)

    @cached_property
    def preprocessing(self) -> TextPreprocessing:
        """What makes texts a network's inputs."""
        texts, _ = self.train_texts()
        return TextPreprocessing.fit(
            texts,
            self._classes,
            max_tokens=self.max_tokens,
            min_count=self.min_count,
            lowercase=self.lowercase,
            vocabulary_size=self.vocabulary_size,
        )

    @property
    def input_shape(self) -> TensorInput:
        """(L,) numbers below the vocabulary's size, L that of the longest training text; batches may be shorter."""
        return TensorInput((self.preprocessing.max_tokens,), "int64", self.preprocessing.vocabulary_size)

    @property
    def classes(self) -> tuple[str, ...] | dict[str, tuple[str, ...]]:
        """Names of the classes, of several tasks by task: all of the training texts, whatever `limit_train`."""
        return self._classes if len(self.task_names) > 1 else self._classes[self.task_names[0]]

    @property
    def outputs(self) -> int | dict[str, int]:
        """How many outputs a network needs: one a class, of several tasks by task."""
        counts = {task: len(names) for task, names in self._classes.items()}
        return counts if len(counts) > 1 else counts[self.task_names[0]]

    def prepare(self) -> None:
        """Read the texts and check everything that depends on them, the test texts too; see `PairedDataModule`."""
        _ = self.task
        self.test_dataloader()
        super().prepare()

    def default_task(self) -> Task:
        """A classification, or several by name."""
        tasks = {name: Classification(len(names)) for name, names in self._classes.items()}
        return MultiTask(tasks, self.combine) if len(tasks) > 1 else tasks[self.task_names[0]]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the training and test texts in use, their labels and the classes."""
        digest = hashlib.sha256(repr((self.task_names, self._classes)).encode())
        for texts, codes in (self.train_texts(), self.test_texts()):
            digest.update(repr((texts, {name: values.tolist() for name, values in codes.items()})).encode())
        return digest.hexdigest()

    def train_texts(self) -> tuple[list[str], dict[str, Index]]:
        """The training texts in use, both halves together, and the classes of each task, int64 [N]."""
        return self._of(*self._parts["train"])

    def test_texts(self) -> tuple[list[str], dict[str, Index]]:
        """The test texts and the classes of each task, int64 [N]."""
        return self._of(*self._parts["test"])

    @property
    def training_count(self) -> int:
        """Training texts in use, after `limit_train`."""
        return len(self._parts["train"][1])

    def cut(self, fraction: float) -> tuple[Tensor, Tensor]:
        """The training texts in two by `seed`.

        Raises:
            DataError: a part would be empty.
        """
        size = round(self.training_count * fraction)
        if not 0 < size < self.training_count:
            raise DataError(f"{self.training_count} training texts, of which {fraction:.3g} leaves a part empty")
        train, chosen = self._parts["train"]
        return as_tensors(systematic_cut(_all_labels(train, chosen), size, self.seed))

    def samples_of(self, part: str) -> tuple[TokenRows, Indexed]:
        """x and y of "train" or "test"."""
        return self._stored[part]

    @cached_property
    def _loaded(self) -> tuple[LabelledTexts, LabelledTexts | None]:
        return self.source.load()

    @cached_property
    def _classes(self) -> dict[str, tuple[str, ...]]:
        train = self._loaded[0]
        classes = {name: tuple(sorted(set(train.labels[name]))) for name in self.task_names}
        for name, found in classes.items():
            if len(found) < 2:
                raise DataError(f"{train.file}: every {name!r} is {found[0]!r}, expected two classes or more")
        return classes

    @cached_property
    def _parts(self) -> dict[str, tuple[LabelledTexts, Index]]:
        """The texts of "train" and "test", and the numbers of those in use."""
        train, test = self._loaded
        every = np.arange(len(train.texts))
        if test is None:
            chosen, tested = self._held_out(train)
            test = train
        else:
            self._check_classes(test)
            chosen, tested = every, np.arange(len(test.texts))
        if self.limit_train is not None and self.limit_train < len(chosen):
            chosen = chosen[systematic_cut(_all_labels(train, chosen), self.limit_train, SUBSET_SEED)[0]]
        return {"train": (train, chosen), "test": (test, tested)}

    def _held_out(self, texts: LabelledTexts) -> tuple[Index, Index]:
        """Training and test texts of one file; a text of a class that no training text has is trained with."""
        labels = _all_labels(texts, np.arange(len(texts.texts)))
        size = round(len(texts.texts) * (1 - self.test_fraction))
        chosen, tested = systematic_cut(labels, size, TEST_SEED)
        seen = np.all([np.isin(codes[tested], codes[chosen]) for codes in labels], axis=0)
        if not seen.any():
            raise DataError(f"{texts.file}: {len(texts.texts)} texts are too few to hold out {self.test_fraction:.3g}")
        return np.sort(np.append(chosen, tested[~seen])), tested[seen]

    def _check_classes(self, test: LabelledTexts) -> None:
        for name, known in self._classes.items():
            if name not in test.labels:
                raise DataError(f"{test.file} has no labels of the task {name!r}. {nearest(name, test.labels)}")
            for position, label in enumerate(test.labels[name]):
                if label not in known:
                    raise DataError(
                        f"{test.place(position)}: no training text is of the {name} {label!r}. {nearest(label, known)}"
                    )

    def _codes(self, texts: LabelledTexts) -> dict[str, Index]:
        numbers = {name: {label: code for code, label in enumerate(found)} for name, found in self._classes.items()}
        return {
            name: np.array([code[label] for label in texts.labels[name]], np.int64) for name, code in numbers.items()
        }

    def _of(self, texts: LabelledTexts, chosen: Index) -> tuple[list[str], dict[str, Index]]:
        codes = {name: values[chosen] for name, values in self._codes(texts).items()}
        return [texts.texts[position] for position in chosen], codes

    @cached_property
    def _stored(self) -> dict[str, tuple[TokenRows, Indexed]]:
        found: dict[str, tuple[TokenRows, Indexed]] = {}
        for part, (texts, codes) in (("train", self.train_texts()), ("test", self.test_texts())):
            y = {name: torch.from_numpy(values) for name, values in codes.items()}
            rows = TokenRows(self.preprocessing.numbers(texts))
            found[part] = (rows, NamedRows(y) if len(y) > 1 else next(iter(y.values())))
        return found


def _all_labels(texts: LabelledTexts, chosen: Index) -> list[Index]:
    """Numbers of the labels of all tasks, in use or not: what cuts go by, so that one task alone and several together
    are trained and compared by the same texts."""
    return [np.unique(np.array(labels)[chosen], return_inverse=True)[1] for labels in texts.labels.values()]
