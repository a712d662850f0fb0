"""Texts as numbers of words, by a vocabulary of the training texts that is written as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from darts_pl.bounded import parse_json
from darts_pl.data.preprocessing import Preprocessing
from darts_pl.errors import ConfigError, DataError

PADDING, UNKNOWN = "[PAD]", "[UNK]"  # the numbers 0 and 1
UNLIMITED = 2**31 - 1  # words of a vocabulary
MOST_VALUES = 10_000_000  # in a tokenizer's JSON


def _library():
    try:
        import tokenizers
    except ImportError as error:
        raise ConfigError("texts need the library tokenizers: pip install 'darts_pl[text]'") from error
    return tokenizers


@dataclass(frozen=True)
class TextPreprocessing(Preprocessing):
    """Words and punctuation marks by number, words that are not in the vocabulary as 1, padding as 0.

    Attributes:
        tokenizer: of the library `tokenizers`, a WordLevel model. max_tokens: what is beyond them in a text is cut off.
        classes: task → names of its classes, in the order of a network's outputs.
    """

    tokenizer: Any
    max_tokens: int
    classes: Mapping[str, tuple[str, ...]]

    kind = "text"

    @classmethod
    def fit(
        cls, texts: Sequence[str], classes: Mapping[str, tuple[str, ...]], *, max_tokens: int | None, **words: Any
    ) -> "TextPreprocessing":
        """Of training texts, with settings of `fit_tokenizer`. Without `max_tokens` nothing of them is cut off."""
        fitted = cls(fit_tokenizer(texts, **words), max_tokens or 10**9, classes)
        return cls(fitted.tokenizer, max(map(len, fitted.numbers(texts))), classes)

    @property
    def vocabulary_size(self) -> int:
        """Words, padding and the unknown word included: numbers of words are below it."""
        return self.tokenizer.get_vocab_size()

    def numbers(self, texts: Sequence[str]) -> list[list[int]]:
        """The words of each text by number, at most `max_tokens` and at least one: a text without a word is [1]."""
        found = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [each.ids[: self.max_tokens] or [1] for each in found]

    def encode(self, texts: Sequence[str]) -> Tensor:
        """int64 (B, T), T that of the longest text; shorter ones end in 0.

        Raises:
            ConfigError: one text instead of a list of them.
        """
        if isinstance(texts, str):
            raise ConfigError(f"found the text {texts[:40]!r}, expected a list of texts")
        rows = [torch.tensor(row) for row in self.numbers(texts)]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True) if rows else torch.zeros(0, 1, dtype=torch.int64)

    def transform(self, raw: Any) -> Tensor:
        """Texts as `encode` gives them: a list, tuple, Series or array of them.

        Raises:
            DataError: one text, a table, or what is no text.
        """
        return self.encode(_texts_of(raw))

    def to_plain(self) -> dict[str, Any]:
        """As JSON can write it; the tokenizer is JSON in a text."""
        classes = {task: list(names) for task, names in self.classes.items()}
        return {"tokenizer": self.tokenizer.to_str(), "max_tokens": self.max_tokens, "classes": classes}

    @classmethod
    def from_plain(cls, plain: Any) -> "TextPreprocessing":
        """What `to_plain` wrote.

        Raises:
            ConfigError: anything else, or `tokenizers` is missing.
        """
        match plain:
            case {"tokenizer": str(text), "max_tokens": int(most), "classes": dict(classes)} if most > 0:
                names = {str(task): tuple(map(str, found)) for task, found in classes.items()}
                return cls(_read(text), most, names)
        raise ConfigError("preprocessing: expected a tokenizer as JSON, max_tokens above 0 and each task's classes")


def fit_tokenizer(texts: Iterable[str], *, min_count: int, lowercase: bool, vocabulary_size: int | None) -> Any:
    """A tokenizer with the words of some texts: runs of letters and digits, and runs of other characters.

    Args:
        min_count: words that occur less often are unknown. lowercase: capital letters are the same as small ones.
        vocabulary_size: keep only the most frequent words, padding and the unknown word counted; None keeps all.

    Raises:
        ConfigError: no word is left, or `tokenizers` is missing.
    """
    library = _library()
    tokenizer = _tokenizer({UNKNOWN: 0}, lowercase)
    trainer = library.trainers.WordLevelTrainer(
        vocab_size=vocabulary_size or UNLIMITED,
        min_frequency=min_count,
        special_tokens=[PADDING, UNKNOWN],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    vocabulary = tokenizer.get_vocab()
    if len(vocabulary) < 3:
        raise ConfigError(f"data.min_count={min_count} and data.vocabulary_size={vocabulary_size} leave no known word")
    return _tokenizer(vocabulary, lowercase)


def _texts_of(raw: Any) -> list[str]:
    if isinstance(raw, str):
        raise DataError("found one text, expected a list of texts")
    if isinstance(raw, pd.DataFrame):
        raise DataError("found a DataFrame, expected a list of texts, such as a column: frame['text']")
    if not isinstance(raw, Iterable) or (isinstance(raw, np.ndarray) and not raw.ndim):
        raise DataError(f"found {type(raw).__name__}, expected a list of texts")
    texts = list(raw)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"found {text!r} as text {place + 1}, expected a text")
    return texts


def _tokenizer(vocabulary: dict[str, int], lowercase: bool) -> Any:
    """Without special tokens, which the library would find in texts: "[PAD]" in a text is no padding."""
    library = _library()
    tokenizer = library.Tokenizer(library.models.WordLevel(vocabulary, unk_token=UNKNOWN))
    steps = [library.normalizers.NFC(), *([library.normalizers.Lowercase()] if lowercase else [])]
    tokenizer.normalizer = library.normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = library.pre_tokenizers.Whitespace()
    return tokenizer


def _read(text: str) -> Any:
    """The tokenizer that `to_plain` wrote, built from what the JSON says: the library's own reader has no errors of a
    class that could be told from others."""
    plain = parse_json(text, "preprocessing: the tokenizer is no JSON to read", error=ConfigError, most=MOST_VALUES)
    match plain:
        case {"model": {"type": "WordLevel", "vocab": dict(words)}, "normalizer": dict(normalizer)}:
            numbers = list(words.values())
            if not all(type(number) is int for number in numbers) or sorted(numbers) != list(range(len(words))):
                raise ConfigError("preprocessing: found a vocabulary whose numbers are not 0, 1, 2, ... once each")
            if (words.get(PADDING), words.get(UNKNOWN)) != (0, 1):
                raise ConfigError(f"preprocessing: found a vocabulary without {PADDING} and {UNKNOWN} as 0 and 1")
            tokenizer = _tokenizer(words, {"type": "Lowercase"} in normalizer.get("normalizers", []))
            expected = json.loads(tokenizer.to_str())
            for part in ("normalizer", "pre_tokenizer"):
                if plain.get(part) != expected[part]:
                    raise ConfigError(f"preprocessing: found the {part} {plain.get(part)}, expected {expected[part]}")
            return tokenizer
    raise ConfigError("preprocessing: found another tokenizer, expected words by number (WordLevel)")
