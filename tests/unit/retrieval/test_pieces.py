"""The tokenizer that remembers words gives what the one that does not gives."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from palier.retrieval import sentence_model
from palier.retrieval.pieces import Pieces, apart

WORDS = [
    "Combien",
    "coûte",
    "l'eSIM",
    "?",
    "29,99",
    "€",
    "L’été",
    "½",
    "ﬁn",
    "İ",
    "ß",
    "안녕",
    "こんにちは",
    "ﷺ",
    "´",
    "¨x",
    "\u3000",
    "\xa0x",
    "\u200b",
    "\x1c",
    "\t",
    "|",
    "**gras**",
    "👍🏽",
    "x́",
]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=12), st.sampled_from((" ", "  ", "\n", " \n")))
def test_the_pieces_of_a_text_are_those_of_its_words(words: list[str], space: str) -> None:
    tokenizer = sentence_model._tokenizer()
    assert isinstance(tokenizer, Pieces), "the vocabulary of this version is cut by words"
    text = sentence_model._readable(space.join(words))
    assert tokenizer.encode(text) == tokenizer._tokenizer.encode(text)
    assert tokenizer.encode(text, add_bos=False, add_eos=False) == tokenizer._tokenizer._encode_one(text)


def test_a_vocabulary_with_pieces_across_spaces_is_left_alone() -> None:
    ours = sentence_model._tokenizer()._tokenizer
    assert apart(ours)
    assert not apart(SimpleNamespace(_normalizer=ours._normalizer, _pieces=["\u2581a", "a\u2581b"]))
    odd = SimpleNamespace(normalize_prefix=lambda data, at: (b" ", 2))
    assert not apart(SimpleNamespace(_normalizer=odd, _pieces=["\u2581a"]))


def test_what_is_remembered_has_a_limit() -> None:
    ours = Pieces(sentence_model._tokenizer()._tokenizer)
    ours.encode(" ".join(f"mot{n}" for n in range(300)) + " " + "x" * 1000)
    assert ours._remembered.cache_info().currsize == 300
    assert ours._remembered.cache_info().maxsize == 16_384
