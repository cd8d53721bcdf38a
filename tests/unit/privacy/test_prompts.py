"""One map for all the texts of a prompt."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from palier.config import Redaction
from palier.errors import TooLarge
from palier.jobs.lane import Lane
from palier.privacy.prompts import MOST_FOUND, PromptRedactor
from palier.privacy.redaction import BATCH, EACH, Redactor

MAIL, PHONE = "ada@maison.example", "06 39 98 12 34"


@pytest.fixture
def redactor() -> PromptRedactor:
    return PromptRedactor(Redactor(Redaction(names="off")))


async def test_a_value_has_one_placeholder_in_all_texts(redactor: PromptRedactor) -> None:
    texts = [f"mail: {MAIL}", f"I said {MAIL.upper()}"]
    (first, second), vault = await redactor.redact(texts, [], "en")
    assert first.split()[-1] in second or first.split()[-1][:-6] in second
    assert vault.counts == {"EMAIL": 1}
    assert [vault.restore(told).text for told in (first, second)] == texts


async def test_what_is_known_from_one_text_is_replaced_in_the_others(redactor: PromptRedactor) -> None:
    texts = [f"Mon téléphone : {PHONE}", "noté, 0639981234.", "ou 06-39-98-12-34 ?", "06399812345"]
    told, vault = await redactor.redact(texts, [], "fr")
    assert all("99812" not in text.replace(" ", "").replace("-", "") for text in told[:3])
    assert told[3] == "06399812345"  # another number
    assert vault.counts == {"PHONE": 1}
    assert [vault.restore(text).text for text in told] == texts


async def test_what_stands_in_a_public_text_is_left_everywhere(redactor: PromptRedactor) -> None:
    texts = [f"call {PHONE} or write to {MAIL}"]
    (told,), vault = await redactor.redact(texts, ["Téléphone du service : 06.39.98.12.34"], "fr")
    assert PHONE in told
    assert MAIL not in told
    assert vault.counts == {"EMAIL": 1}


async def test_nothing_to_replace(redactor: PromptRedactor) -> None:
    texts = ["Is an eSIM free?", ""]
    told, vault = await redactor.redact(texts, [], "en")
    assert (list(told), vault.counts) == (texts, {})


async def test_prompts_share_no_placeholder(redactor: PromptRedactor) -> None:
    placeholders = {tuple((await redactor.redact([MAIL], [], "en"))[0]) for _ in range(20)}
    assert len(placeholders) > 15


async def test_too_much_is_refused(redactor: PromptRedactor) -> None:
    many = " ".join(f"ada{n}@maison.example" for n in range(1500))
    with pytest.raises(TooLarge):
        await redactor.redact([many, "x" * 40_000], [], "en")


class Counted(Lane):
    """A worker process that says how many tasks it was given."""

    tasks = 0

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.tasks += 1
        return await super().run(function, *arguments)


@asynccontextmanager
async def worker() -> AsyncIterator[Counted]:
    lane = Counted("redaction", 1, 16)
    try:
        yield lane
    finally:
        await lane.close()


async def longest_hold(done: asyncio.Event) -> float:
    """The longest in seconds of the processor that the event loop let nobody else run."""
    longest = 0.0
    while not done.is_set():
        began = time.thread_time()
        await asyncio.sleep(0.001)
        longest = max(longest, time.thread_time() - began)
    return longest


async def test_many_short_texts_are_read_in_a_few_tasks_elsewhere() -> None:
    texts = [
        f"Turn {n}: my line is down, and nobody answers. " * 20 + f"Write to ada{n}@maison.example" for n in range(90)
    ]
    async with worker() as lane:
        redactor = Redactor(Redaction(names="off"), lane)
        redactor._own = lambda text: pytest.fail("read here")  # type: ignore[method-assign]
        told, vault = await PromptRedactor(redactor).redact(texts, [], "en")
    assert vault.counts == {"EMAIL": 90}
    assert [vault.restore(text).text for text in told] == texts
    assert lane.tasks <= 2 + sum(len(text) + EACH for text in texts) // (BATCH - 1100)


@pytest.mark.parametrize("text", ["12 34 56 78 " * 100, "a" * 4000])
async def test_what_is_slow_to_read_is_read_elsewhere(text: str) -> None:
    async with worker() as lane:
        await PromptRedactor(Redactor(Redaction(names="off"), lane)).redact([text], [], "en")
    assert lane.tasks == 1


async def test_a_short_prompt_needs_no_worker() -> None:
    async with worker() as lane:
        redactor = PromptRedactor(Redactor(Redaction(names="off"), lane))
        _, vault = await redactor.redact([f"Write to {MAIL} or call {PHONE}. " + "Thanks! " * 300], [], "en")
        assert vault.counts == {"EMAIL": 1, "PHONE": 1}
    assert lane.tasks == 0


async def test_many_values_are_replaced_elsewhere() -> None:
    settings = Redaction(names="off", patterns={"CUSTOMER": "[a-z]{9}x"})
    values = " ".join(f"aaaaaa{''.join(end)}x" for end in itertools.product("abcdefgh", repeat=3))
    texts = [values, "aaaaaa " * 13_000]  # the beginning of each value, again and again
    async with worker() as lane:
        redactor = PromptRedactor(Redactor(settings, lane))
        await redactor.redact(["x" * 5000], [], "en")  # starts it
        done = asyncio.Event()
        watch = asyncio.create_task(longest_hold(done))
        told, vault = await redactor.redact(texts, [], "en")
        done.set()
        assert await watch < 0.25  # half a second and more, where a thread searches
    assert vault.counts == {"CUSTOMER": 512}
    assert [vault.restore(text).text for text in told] == texts


async def test_places_have_a_limit(redactor: PromptRedactor) -> None:
    with pytest.raises(TooLarge):
        await redactor.redact([f"{MAIL} " * 1000] * (MOST_FOUND // 1000 + 1), [], "en")


async def test_texts_that_come_again_are_not_read_again() -> None:
    redactor = Redactor(Redaction(names="off"))
    prompts = PromptRedactor(redactor)
    await prompts.redact([MAIL, PHONE], [], "en")
    read: list[str] = []
    find = redactor.find
    redactor.find = lambda text, language="": read.append(text) or find(text)  # type: ignore[func-returns-value, method-assign]
    (told, *_), _ = await prompts.redact([MAIL, "one more", PHONE], [], "en")
    assert MAIL not in told
    assert read == ["one more"]
