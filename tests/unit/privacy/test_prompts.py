"""One map for all the texts of a prompt."""

from __future__ import annotations

import pytest

from palier.config import Redaction
from palier.errors import TooLarge
from palier.privacy.prompts import PromptRedactor
from palier.privacy.redaction import Redactor

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
