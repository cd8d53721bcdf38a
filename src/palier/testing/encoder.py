"""What every encoder must do: subclass `EncoderSuite`, give it an `encoder` fixture, and run it with pytest.

    class TestMine(EncoderSuite):
        @pytest.fixture
        def encoder(self):
            return MyEncoder()

Asynchronous tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

import asyncio

import numpy as np

from palier.interfaces import Encoder

TEXTS = [
    "La fibre est en panne depuis ce matin.",
    "The fibre has been down since this morning.",
    "Quel est le prix du forfait mobile ?",
    "L'été, la boutique ferme à 18 h 30 : 12 € de frais 😀",
]


class EncoderSuite:
    """The contract of `interfaces.Encoder`: shapes, unit norms, order, determinism, any text whatever."""

    async def test_shape_type_and_norm(self, encoder: Encoder) -> None:
        vectors = await encoder.encode(TEXTS)
        assert vectors.shape == (len(TEXTS), encoder.dimension)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)

    async def test_nothing_gives_nothing(self, encoder: Encoder) -> None:
        assert (await encoder.encode([])).shape == (0, encoder.dimension)

    async def test_it_has_a_name_and_a_dimension(self, encoder: Encoder) -> None:
        assert encoder.name
        assert encoder.dimension > 0

    async def test_each_text_by_itself_and_in_order(self, encoder: Encoder) -> None:
        """A text's vector does not depend on its neighbours, on its place, nor on how many come along."""
        together = await encoder.encode(TEXTS * 9)
        alone = np.concatenate([await encoder.encode([text]) for text in TEXTS])
        np.testing.assert_allclose(together, np.tile(alone, (9, 1)), atol=1e-4)

    async def test_many_callers_at_once(self, encoder: Encoder) -> None:
        alone = [await encoder.encode([text]) for text in TEXTS]
        at_once = await asyncio.gather(*(encoder.encode([text]) for text in TEXTS * 8))
        for i, vector in enumerate(at_once):
            np.testing.assert_allclose(vector, alone[i % len(TEXTS)], atol=1e-4)

    async def test_any_text_has_a_finite_vector(self, encoder: Encoder) -> None:
        odd = ["", "   ", "\x00", "\ud800", "a", "x" * 100_000, "mot " * 20_000, "🏔️", "\u202e", "1234567890"]
        vectors = await encoder.encode(odd)
        assert vectors.shape == (len(odd), encoder.dimension)
        assert np.isfinite(vectors).all()

    async def test_meaning_is_nearer_than_words(self, encoder: Encoder) -> None:
        near, far = "The internet connection is broken.", "The recipe needs two eggs and some sugar."
        question, close, distant = await encoder.encode(["My internet does not work", near, far])
        assert float(question @ close) > float(question @ distant)
