"""Laws of redaction: what went out comes back, however it is cut, and nothing in the input is taken for a placeholder."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from palier.config import Redaction
from palier.interfaces import Entity
from palier.privacy.placeholders import written
from palier.privacy.recognisers.numbers import luhn
from palier.privacy.redaction import Redactor, disjoint
from palier.privacy.vault import Vault

NONCE = "K7Q2"
OWN = Redactor(Redaction(names="off", patterns={"CUSTOMER": "C-[0-9]{8}"}))

PIECES = st.sampled_from(
    [
        *("jean@exemple.fr", "JEAN@exemple.fr", "06 12 34 56 78", "0612345678", "+33612345678", "C-12345678"),
        *("4111 1111 1111 1111", "FR76 3000 6000 0112 3456 7890 189", "10.0.0.1", "née le 12/03/1985", "\u200b"),
        *(
            "<PHONE_1_K7Q2>",
            "&lt;phone_1_k7q2&gt;",
            "PHONE_1_K7Q2",
            "<EMAIL_1_A2B3>",
            "[EMAIL_1_K7Q2]",
            "<TEXT_1_K7Q2>",
        ),
        *("K7Q2", "k7q2", "\u212a7Q2", "<", ">", "\\", "\\\\", "&lt;", "&amp;lt;", "\\u003c", "[", "]", "(", "_", "1_"),
        *("<PHONE_", "PHONE_1", "TEXT", "P", "E", "12 rue de la Paix, 75002 Paris", " ", "\n", "İ", "ß", "«", "<b>"),
    ]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=14).map("".join)


def cut(text: str, sizes: list[int]) -> list[str]:
    chunks, start = [], 0
    for size in sizes:
        chunks.append(text[start : start + size])
        start += size
    return [*chunks, text[start:]]


@given(TEXTS)
def test_what_was_redacted_is_restored(text: str) -> None:
    vault = Vault(NONCE)
    redacted = vault.redact(text, OWN.find(text))
    restored = vault.restore(redacted)
    assert restored.text == text
    assert Vault.from_map(vault.map).restore(redacted).text == text
    assert Vault.from_map(json.loads(json.dumps(vault.map))).map == vault.map


@given(st.lists(TEXTS, min_size=2, max_size=4))
def test_texts_of_one_request_are_each_restored(texts: list[str]) -> None:
    vault = Vault(NONCE)
    redacted = [vault.redact(text, OWN.find(text)) for text in texts]
    assert [vault.restore(text).text for text in redacted] == texts


@given(TEXTS, st.data())
def test_any_spans_are_restored(text: str, data: st.DataObject) -> None:
    """Whatever a recogniser says, not only what ours would."""
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = list(zip(places[::2], places[1::2], strict=False))
    kinds = st.sampled_from(["PERSON", "EMAIL", "BIRTH_DATE", "TEXT", "A", "Z9_9"])
    entities = [Entity(data.draw(kinds), start, end, text[start:end]) for start, end in spans]
    vault = Vault(NONCE)
    assert vault.restore(vault.redact(text, entities)).text == text


# What a model might write: placeholders as they are, mangled, cut, of others, among anything.
ANSWERS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(
                    "<PERSON_1_K7Q2>",
                    "<person_1_k7q2>",
                    "&lt;PERSON_1_K7Q2&gt;",
                    "\\<PERSON\\_1\\_K7Q2\\>",
                    "[PERSON_1_K7Q2]",
                ),
                *(
                    "PERSON_1_K7Q2",
                    "<PERSON 1 K7Q2>",
                    "<PERSON_1·K7Q2>",
                    "<PERSON_1>",
                    "<PERSON_9_K7Q2>",
                    "<BIRTH_DATE_1_K7Q2>",
                ),
                *(
                    "&amp;lt;PERSON_1b_K7Q2&amp;gt;",
                    "{BIRTH-DATE-1-K7Q2}",
                    "\\u003cPERSON_1_K7Q2\\u003e",
                    "<PERSON_1_K7Q",
                    "(",
                    " ",
                ),
                *("**", "K7Q2", "PERSON", "<", "&", "\\", "&lt;", "[", "]", "a", "_", "1", "\u212a", "é"),
            ]
        ),
        st.text(alphabet="<>&lt;[]{}\\_PERSONBIRTHDAEK7Q2 1b·é.", max_size=12),
        st.text(max_size=4),
    ),
    max_size=12,
).map("".join)


def known() -> Vault:
    vault = Vault(NONCE)
    vault.placeholder("PERSON", 'Zoé "Z" Ker\\gall\n')
    vault.placeholder("PERSON", 'ZOÉ "Z" ker\\gall\n')
    vault.placeholder("BIRTH_DATE", "<PERSON_1_K7Q2>")
    return vault


@given(ANSWERS, st.lists(st.integers(1, 9), max_size=60), st.booleans())
def test_a_stream_is_restored_as_the_whole_is(answer: str, sizes: list[int], as_json: bool) -> None:
    vault = known()
    whole = vault.restore_json(answer) if as_json else vault.restore(answer)
    restoring = vault.restoring(json=as_json)
    out = ""
    for chunk in cut(answer, sizes):
        out += restoring.feed(chunk)
        assert restoring.held <= restoring.most_held
    out += restoring.end()
    assert out == whole.text
    assert restoring.missed == whole.missed


@given(TEXTS, st.integers(1, 7))
def test_a_redacted_text_is_restored_in_chunks(text: str, size: int) -> None:
    vault = Vault(NONCE)
    redacted = vault.redact(text, OWN.find(text))
    restoring = vault.restoring()
    out = "".join(restoring.feed(redacted[i : i + size]) for i in range(0, len(redacted), size)) + restoring.end()
    assert out == text


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(["PERSON", "PHONE"]))
def test_the_same_value_has_the_same_placeholder(value: str, other: str, kind: str) -> None:
    vault = Vault(NONCE)
    first = vault.placeholder(kind, value)
    second = vault.placeholder(kind, other)
    assert vault.placeholder(kind, value) == first
    assert vault.placeholder(kind, other) == second
    assert (first == second) == (value == other)


@given(
    st.lists(st.sampled_from("0123456789"), min_size=9, max_size=9),
    st.sampled_from([" ", "-", ".", "\u202f", "\u200b"]),
)
def test_one_value_written_in_two_ways_has_one_number(digits: list[str], separator: str) -> None:
    vault = Vault(NONCE)
    assert vault.placeholder("PHONE", "".join(digits)) == written("PHONE", 1, 0, NONCE)
    assert vault.placeholder("PHONE", separator.join(digits)) == written("PHONE", 1, 1, NONCE)
    assert vault.counts == {"PHONE": 1}


@given(TEXTS)
def test_entities_stand_in_the_text_in_order(text: str) -> None:
    last = 0
    for entity in OWN.find(text):
        assert last <= entity.start < entity.end <= len(text)
        assert entity.text == text[entity.start : entity.end]
        assert 0.5 <= entity.score <= 1
        last = entity.end


SPANS = st.tuples(
    st.integers(0, 30), st.integers(1, 12), st.sampled_from(["PERSON", "PHONE", "ADDRESS"]), st.floats(0.5, 1)
)


@given(st.text(alphabet="ab 1.", min_size=45, max_size=45), st.lists(SPANS, max_size=8))
def test_overlaps_are_sorted_out_and_the_surest_is_whole(text: str, spans: list[tuple[int, int, str, float]]) -> None:
    found = [Entity(kind, start, start + size, text[start : start + size], score) for start, size, kind, score in spans]
    kept = disjoint(text, found)
    assert all(one.end <= other.start for one, other in pairwise(kept))
    if found:
        surest = max(found, key=lambda e: (e.score, e.end - e.start))
        assert any(e.score == surest.score and e.end - e.start == surest.end - surest.start for e in kept)


INVISIBLE = st.sampled_from(
    ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200b\u200c", "\u0336", "\ufe0f", "\U000e0061"]
)
NUMBERS = st.sampled_from(
    [
        *(("PHONE", "06 12 34 56 78"), ("CARD", "4111111111111111"), ("IBAN", "FR7630006000011234567890189")),
        *(
            ("NIR", "295109912611193"),
            ("NIR", "253072B07300470"),
            ("SIRET", "73282932000074"),
            ("IMEI", "490154203237518"),
        ),
        *(
            ("EMAIL", "jean.dupont@exemple.fr"),
            ("IP", "192.168.10.12"),
            ("US_SSN", "536-22-8726"),
            ("ICCID", "8933150319050000013"),
        ),
    ]
)


@given(NUMBERS, st.data())
def test_what_is_invisible_hides_no_number(number: tuple[str, str], data: st.DataObject) -> None:
    kind, text = number
    places = data.draw(st.sets(st.integers(1, len(text) - 1), min_size=1, max_size=6))
    hidden = "".join(data.draw(INVISIBLE) + c if i in places else c for i, c in enumerate(text))
    found = OWN.find(f"voici : {hidden} merci")
    assert [(entity.type, entity.text) for entity in found] == [(kind, hidden)]


DIGITS = [
    "0123456789",
    "٠١٢٣٤٥٦٧٨٩",
    "０１２３４５６７８９",
    "०१२३४५६७८९",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "OlZ3456789".replace("Z", "2"),
]


@given(NUMBERS, st.data())
def test_look_alikes_hide_no_number(number: tuple[str, str], data: st.DataObject) -> None:
    """Each digit in any script, an O for a 0 and an l for a 1 where other digits stand beside it."""
    kind, text = number
    if kind in ("EMAIL", "IP", "IBAN"):
        return
    written_as = list(text)
    for place, character in enumerate(text):
        if character.isdigit():
            beside = any(c.isdigit() and c not in "01" for c in text[max(0, place - 1) : place + 2])
            scripts = DIGITS if beside and kind != "NIR" else DIGITS[:-1]
            written_as[place] = data.draw(st.sampled_from(scripts))[int(character)]
        elif character in " -":
            written_as[place] = data.draw(st.sampled_from([character, "\u00a0", "\u2009", "\u2011", "\u2013"]))
    found = OWN.find(f"voici : {''.join(written_as)} merci")
    assert [(entity.type, entity.text) for entity in found] == [(kind, "".join(written_as))]


@given(st.text(alphabet="0123456789", min_size=2, max_size=25))
def test_luhn_is_that_of_python_stdnum(digits: str) -> None:
    from stdnum import luhn as oracle

    assert luhn(digits) == oracle.is_valid(digits)


@given(NUMBERS, st.integers(0, 30), st.integers(1, 9))
def test_a_number_with_one_wrong_digit_is_none(number: tuple[str, str], place: int, change: int) -> None:
    kind, text = number
    if kind not in ("CARD", "IBAN", "NIR", "SIRET", "IMEI", "ICCID"):
        return
    places = [i for i, c in enumerate(text) if c.isdigit()]
    i = places[place % len(places)]
    wrong = text[:i] + str((int(text[i]) + change) % 10) + text[i + 1 :]
    assert kind not in [entity.type for entity in OWN.find(f"voici : {wrong} merci")]
