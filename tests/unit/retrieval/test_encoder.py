"""The sentence encoder: questions together and remembered, documents in small batches, tokens both ways."""

import asyncio

import numpy as np
import pytest

from palier.errors import Busy, InvalidRequest, Unavailable
from palier.retrieval import sentence_model
from palier.retrieval.encoder import SentenceEncoder


class Here:
    """Workers that run in this process and count; the first task waits until it is let go."""

    def __init__(self):
        self.sizes = []
        self.go = asyncio.Event()
        self.go.set()
        self.error = None

    async def run(self, function, *arguments):
        self.sizes.append(len(arguments[0]))
        await self.go.wait()
        if self.error:
            raise self.error
        return function(*arguments)

    async def close(self):
        pass


async def test_french_and_english_meet(workers):
    encoder = SentenceEncoder(workers, workers.batch)
    fr, en, other = await encoder.encode(
        ["Combien coûte la résiliation ?", "How much does termination cost?", "Le phare de la pointe est rouge."]
    )
    assert float(fr @ en) > 0.6 > float(fr @ other)


async def test_tokens_go_both_ways(workers):
    encoder = SentenceEncoder(workers)
    texts = ["L'été à Rennes, 12 €", "How much?", ""]
    ids = await encoder.tokenize(texts)
    assert await encoder.detokenize(ids) == texts
    np.testing.assert_allclose(await encoder.encode(await encoder.detokenize(ids)), await encoder.encode(texts))
    with pytest.raises(InvalidRequest, match="999999") as caught:
        await encoder.detokenize([[5, 999_999]])
    assert caught.value.param == "input"


async def test_questions_of_one_moment_share_a_task():
    here = Here()
    encoder = SentenceEncoder(here)
    here.go.clear()
    asked = [asyncio.create_task(encoder.encode([f"question {i}"])) for i in range(20)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    here.go.set()
    vectors = await asyncio.gather(*asked)
    assert sum(here.sizes) == 20
    assert len(here.sizes) <= 3
    for i, vector in enumerate(vectors):
        np.testing.assert_allclose(vector[0], sentence_model.embed([f"question {i}"])[0], atol=1e-5)


async def test_a_repeated_question_is_remembered_within_a_limit():
    here = Here()
    encoder = SentenceEncoder(here, remembered=2)
    for text in ("a", "b", "a", "a", "c", "a"):
        await encoder.encode([text])
    assert len(here.sizes) == 3, "b was forgotten, a was kept for being used"
    await encoder.encode(["b"])
    assert len(here.sizes) == 4


async def test_documents_go_in_small_batches_to_their_own_lane():
    questions, documents = Here(), Here()
    encoder = SentenceEncoder(questions, documents)
    texts = [f"passage {i}" for i in range(40)]
    await encoder.encode(texts)
    assert not questions.sizes
    assert documents.sizes == [16, 16, 8]
    assert await encoder.detokenize(await encoder.tokenize(texts)) == texts
    assert not questions.sizes


async def test_some_short_texts_are_asked_like_questions_and_each_once():
    questions, documents = Here(), Here()
    encoder = SentenceEncoder(questions, documents)
    sentences = [f"sentence {i}" for i in range(9)]
    one, other = await asyncio.gather(encoder.encode(sentences), encoder.encode(["sentence 3", "another"]))
    assert questions.sizes == [10]
    np.testing.assert_array_equal(one[3], other[0])
    np.testing.assert_allclose(one, sentence_model.embed(sentences), atol=1e-5)
    again = await encoder.encode(["sentence 8", "new", "sentence 0"])
    assert questions.sizes == [10, 1]
    np.testing.assert_array_equal(again[[0, 2]], one[[8, 0]])
    assert not documents.sizes
    await encoder.encode(["x" * 300 + str(i) for i in range(9)])
    assert documents.sizes == [9]


async def test_what_waits_has_a_limit():
    here = Here()
    encoder = SentenceEncoder(here)
    here.go.clear()
    asked = [asyncio.create_task(encoder.encode([f"{i} {j}" for j in range(4)])) for i in range(256)]
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="1024 texts wait"):
        await encoder.encode(["one more"])
    for task in asked:
        task.cancel()
    here.go.set()
    await asyncio.gather(*asked, return_exceptions=True)
    assert (await encoder.encode(["after"])).shape == (1, 512)


async def test_a_lost_worker_fails_those_who_waited_and_nobody_after():
    here = Here()
    encoder = SentenceEncoder(here)
    here.error = Unavailable("embed: its worker process died")
    results = await asyncio.gather(*(encoder.encode([f"{i}"]) for i in range(3)), return_exceptions=True)
    assert all(isinstance(result, Unavailable) for result in results)
    here.error = None
    assert (await encoder.encode(["after"])).shape == (1, 512)


async def test_those_who_left_are_not_embedded():
    here = Here()
    encoder = SentenceEncoder(here)
    here.go.clear()
    first = asyncio.create_task(encoder.encode(["first"]))
    await asyncio.sleep(0)
    left = asyncio.create_task(encoder.encode(["left"]))
    await asyncio.sleep(0)
    left.cancel()
    here.go.set()
    await first
    await asyncio.sleep(0)
    assert here.sizes == [1]


@pytest.mark.parametrize("turns", range(12))
async def test_who_asks_as_the_last_answer_comes_does_not_wait_for_the_next(turns):
    encoder = SentenceEncoder(Here())

    async def ask_after(turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        await encoder.encode([f"question {turns}"])

    await asyncio.wait_for(asyncio.gather(ask_after(0), ask_after(turns)), 5.0)
