"""Words and stretches of letters in buckets."""

from __future__ import annotations

import numpy as np
import pytest

from palier.heads.ngrams import Ngrams, count, rarity

SETTINGS = Ngrams(dimension=4096)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def test_the_same_words_written_otherwise_are_the_same() -> None:
    one, other = count(["Résilier l'offre !", "resilier  L’OFFRE"], SETTINGS).dense()
    np.testing.assert_array_equal(one, other)


def test_words_that_share_letters_are_nearer_than_words_that_share_none() -> None:
    table = count(["résiliation", "résilier", "facture"], SETTINGS).weighted(np.ones(4096, np.float32)).dense()
    assert table[0] @ table[1] > 0.2 > abs(table[0] @ table[2])


def test_order_matters_where_two_words_go_together() -> None:
    one, other = count(["box orange", "orange box"], SETTINGS).dense()
    assert not np.array_equal(one, other)
    one, other = count(["box orange", "orange box"], Ngrams(dimension=4096, words=1)).dense()
    np.testing.assert_array_equal(one, other)


def test_a_text_is_counted_alone_as_among_many() -> None:
    texts = [f"résilier l'offre {n}, l'offre {n} et la fibre" for n in range(40)]
    for settings in (SETTINGS, Ngrams(dimension=1024, words=3, apart=True)):
        many = count(texts, settings)
        for row in range(0, 40, 7):
            alone, among = count([texts[row]], settings), many.take(np.array([row]))
            np.testing.assert_array_equal(alone.buckets, among.buckets)
            np.testing.assert_array_equal(alone.values, among.values)


def test_buckets_are_evenly_used_and_signs_balanced() -> None:
    """As chance would: each bucket holds a Poisson number of distinct words."""
    alone = Ngrams(dimension=1024, words=1, shortest=8, longest=8)
    counted = count([f"q{a}{b}{c}" for a in LETTERS for b in LETTERS for c in LETTERS], alone)
    used = np.bincount(counted.buckets, minlength=1024)
    assert len(counted.buckets) == 26**3
    assert 0.8 < used.var() / used.mean() < 1.2
    assert abs(np.sign(counted.values).mean()) < 0.03


def test_nothing_and_noise_are_read_too() -> None:
    texts = ["", "   ", "!!!", "\ud800", "x" * 100_000, "mot " * 20_000, "日本語のテキスト", "\x00"]
    table = count(texts, SETTINGS)
    weighted = table.weighted(rarity(table)).dense()
    assert np.isfinite(weighted).all()
    assert set(np.round(np.linalg.norm(weighted, axis=1), 3).tolist()) <= {0.0, 1.0}
    assert len(count([], SETTINGS)) == 0
    assert count([], SETTINGS).dense().shape == (0, 4096)


def test_rare_weighs_more_than_frequent() -> None:
    counted = count(["common rare", "common", "common"], Ngrams(dimension=4096, words=1, shortest=8, longest=8))
    weights = rarity(counted)
    frequent, once = (
        count([word], Ngrams(dimension=4096, words=1, shortest=8, longest=8)) for word in ("common", "rare")
    )
    assert weights[frequent.buckets].min() < weights[once.buckets].max()


def test_words_and_stretches_apart_weigh_the_same() -> None:
    """Each has its own buckets, and half of the weight; where there is one alone, it has no more."""
    apart = count(["a long text of many words", "résiliation", "", "日本"], Ngrams(dimension=4096, apart=True))
    table = apart.weighted(rarity(apart)).dense()
    halves = np.linalg.norm(table.reshape(4, 2, 2048), axis=2)
    np.testing.assert_allclose(halves**2, [[0.5, 0.5], [0.5, 0.5], [0, 0], [0.5, 0.5]], atol=1e-5)
    words = count(["a long text"], Ngrams(dimension=4096, shortest=8, longest=8, apart=True))
    assert words.buckets.max() < 2048
    np.testing.assert_allclose(np.square(words.weighted(rarity(words)).values).sum(), 0.5, atol=1e-5)
    some = apart.take(np.array([1]))
    np.testing.assert_allclose(some.weighted(rarity(apart)).dense()[0], table[1], atol=1e-6)


@pytest.mark.parametrize(
    "wrong", [{"dimension": 1000}, {"dimension": 2**21}, {"words": 9}, {"shortest": 0}, {"shortest": 5, "longest": 4}]
)
def test_settings_have_limits(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="n-grams"):
        Ngrams(**wrong)
