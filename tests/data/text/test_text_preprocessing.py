"""Words by number: the vocabulary by hand, unknown and empty texts, and the same numbers again from JSON."""

import json
import unicodedata

import pytest
import torch

from darts_pl.data.text import TextPreprocessing
from darts_pl.data.text.preprocessing import fit_tokenizer
from darts_pl.data.text.texts import TokenRows
from darts_pl.errors import ConfigError

TEXTS = ["The cat sat.", "the cat", "A dog's café"]


def fitted(max_tokens: int = 9, **settings) -> TextPreprocessing:
    words = {"min_count": 1, "lowercase": True, "vocabulary_size": None, **settings}
    return TextPreprocessing(fit_tokenizer(TEXTS, **words), max_tokens, {"kind": ("a", "b")})


def test_numbers_by_hand() -> None:
    """By frequency, then in the order of characters."""
    found = fitted()
    vocabulary = found.tokenizer.get_vocab()
    by_number = sorted(vocabulary, key=vocabulary.get)
    assert by_number[:4] == ["[PAD]", "[UNK]", "cat", "the"] and set(by_number[4:]) == {*"'.as", "café", "dog", "sat"}
    assert found.vocabulary_size == 11
    assert found.encode(["The CAT", "the unheard cat cat"]).tolist() == [[3, 2, 0, 0], [3, 1, 2, 2]]


def test_settings() -> None:
    assert fitted(lowercase=False).numbers(["the The THE"])[0][2] == 1
    assert fitted(min_count=2).vocabulary_size == 4 and fitted(vocabulary_size=3).vocabulary_size == 3
    assert fitted(max_tokens=2).encode(["the cat sat", "the"]).tolist() == [[3, 2], [3, 0]]


def test_texts_that_look_like_padding_are_no_padding_and_empty_ones_are_unknown() -> None:
    found = fitted()
    for processing in (found, TextPreprocessing.from_plain(found.to_plain())):
        x = processing.encode(["[PAD] the [UNK]", "", "   ", "\u200b"])
        assert (x[0] != 0).all() and x[0].tolist().count(3) == 1
        assert x[1:3, 0].tolist() == [1, 1] and not x[1:3, 1:].any() and x[3, 0] == 1
    assert found.encode([]).shape == (0, 1)
    with pytest.raises(ConfigError, match="found the text 'the cat', expected a list of texts"):
        found.encode("the cat")


def test_one_character_is_one_however_it_is_written() -> None:
    composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != apart and fitted().numbers([composed]) == fitted().numbers([apart]) != [[1]]


def test_json_and_back() -> None:
    found = fitted(4)
    again = TextPreprocessing.from_plain(json.loads(json.dumps(found.to_plain())))
    texts = [*TEXTS, "an unheard cat sat on the dog", "Café"]
    assert torch.equal(found.encode(texts), again.encode(texts)) and again.classes == {"kind": ("a", "b")}
    assert again.to_plain() == found.to_plain() and fitted(4).to_plain() == found.to_plain()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokenizer": "{"}, "the tokenizer is no JSON"),
        ({"tokenizer": "[]"}, "found another tokenizer"),
        ({"tokenizer": None}, "expected a tokenizer as JSON"),
        ({"max_tokens": 0}, "max_tokens above 0"),
        ({"classes": []}, "each task's classes"),
    ],
)
def test_damaged_json_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TextPreprocessing.from_plain({**fitted().to_plain(), **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda inner: inner["model"].update(vocab={"[UNK]": 0, "the": 1}), r"without \[PAD\] and \[UNK\] as 0 and 1"),
        (lambda inner: inner["model"]["vocab"].update(the=70), "numbers are not 0, 1, 2"),
        (lambda inner: inner["model"]["vocab"].update(the="3"), "numbers are not 0, 1, 2"),
        (lambda inner: inner["model"].update(type="BPE"), "found another tokenizer"),
        (lambda inner: inner["pre_tokenizer"].update(type="BertPreTokenizer"), "found the pre_tokenizer .*Bert"),
    ],
)
def test_a_damaged_tokenizer_is_refused(change, message: str) -> None:
    plain = fitted().to_plain()
    inner = json.loads(plain["tokenizer"])
    change(inner)
    with pytest.raises(ConfigError, match=message):
        TextPreprocessing.from_plain({**plain, "tokenizer": json.dumps(inner)})


def test_rows_are_padded_to_their_own_longest() -> None:
    rows = TokenRows([[5, 6, 7], [8], [9, 4]])
    assert rows[torch.tensor([1, 2])].tolist() == [[8, 0], [9, 4]]
    assert rows[torch.tensor([2, 0, 1])].tolist() == [[9, 4, 0], [5, 6, 7], [8, 0, 0]]
    assert rows[torch.tensor([1])].tolist() == [[8]] and len(rows) == 3
