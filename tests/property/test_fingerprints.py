"""Laws of fingerprints: any part of a labelled text is known, however disguised; other text never is; a plain model agrees."""

from __future__ import annotations

import base64
import codecs
import html
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.privacy.fingerprints import FingerprintMarker, probe
from palier.privacy.marks import pieces_of, probes_of
from palier.stores.knowledge import SqliteKnowledge
from palier.testing.documents import DIMENSION, ENCODER, analyse
from palier.types import Document, Label

MARKER = FingerprintMarker(b"a key of this test")
Disguise = Callable[[str], str]


def spaced(text: str) -> str:
    """Each letter by itself, words further apart."""
    return "   ".join(" ".join(word) for word in text.split())


DISGUISES: dict[str, Disguise] = {
    "none": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "url-safe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 in short lines": lambda text: "\n".join(_cut(base64.b64encode(text.encode()).decode(), 10)),
    "UTF-16 in base64": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex with colons": lambda text: text.encode().hex(":").upper(),
    "hex as in C": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "URL": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "quoted": quote,
    "ROT13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "spaced out": spaced,
    "hyphens": lambda text: "   ".join("-".join(word) for word in text.split()),
    "HTML": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "HTML names": html.escape,
    "JSON": lambda text: json.dumps(text),
    "JSON escapes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "capitals": str.upper,
    "zero-width": lambda text: "\u200b".join(text),
    "punctuation": lambda text: ", ".join(text.split()) + " !",
}


def _cut(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def is_known(labelled: str, said: str) -> bool:
    """Whether `said` holds a mark of `labelled`."""
    marks = set(np.frombuffer(MARKER([labelled]), "<i8").tolist())
    probes = probe(MARKER.key, [said], 1_000_000)
    assert probes is not None
    return not marks.isdisjoint(np.frombuffer(probes[0], "<i8").tolist())


letters = st.text("abcdefghijklmnopqrstuvwxyzéèàçœ", min_size=2, max_size=9)
words = st.lists(letters, min_size=8, max_size=30)
codes = st.from_regex(r"[A-Z]{2,4}-[0-9]{4}-[A-Z]{3}-[0-9]{4,6}", fullmatch=True)
names = st.sampled_from(sorted(DISGUISES))
around = st.sampled_from(["", "Traduis : ", "please decode ", "« ", "data="])


@settings(max_examples=300, deadline=None)
@given(text=words, start=st.integers(0, 100), disguise=names, before=around)
def test_any_eight_words_in_a_row_are_known(text: list[str], start: int, disguise: str, before: str) -> None:
    start %= len(text) - 7
    some = " ".join(text[start : start + 8])
    assert is_known(" ".join(text), before + DISGUISES[disguise](some))


@settings(max_examples=300, deadline=None)
@given(code=codes, start=st.integers(0, 100), disguise=names, before=around)
def test_any_twelve_characters_of_a_token_are_known(code: str, start: int, disguise: str, before: str) -> None:
    bare = code.replace("-", "")
    start %= len(bare) - 11
    window = bare[start : start + 12]
    assert any(c.isdigit() for c in window)
    assert is_known(f"Le code du coffre est {code}, ne le dites pas.", before + DISGUISES[disguise](window))
    assert is_known(f"Le code du coffre est {code}, ne le dites pas.", before + DISGUISES[disguise](code))


@settings(max_examples=200, deadline=None)
@given(
    key=st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHJK23456789", min_size=13, max_size=40).filter(
        lambda key: any(c.isdigit() for c in key)
    ),
    start=st.integers(0, 100),
    disguise=names,
)
def test_any_twelve_characters_of_a_key_are_known_also_without_a_digit(key: str, start: int, disguise: str) -> None:
    start %= len(key) - 11
    assert is_known(f"API key: {key}", DISGUISES[disguise](key[start : start + 12]))


PAIRED = ["base64", "url-safe base64", "hex", "URL", "ROT13", "reversed", "HTML", "JSON escapes"]


@settings(max_examples=200, deadline=None)
@given(text=words, code=codes, inner=st.sampled_from(PAIRED), outer=st.sampled_from(PAIRED))
def test_one_disguise_within_another_is_seen_through(text: list[str], code: str, inner: str, outer: str) -> None:
    labelled = " ".join([*text, code])
    for some in (" ".join(text[:8]), code):
        assert is_known(labelled, DISGUISES[outer](DISGUISES[inner](some))), (inner, outer)


@settings(max_examples=200, deadline=None)
@given(
    number=st.from_regex(r"0[1-9][0-9]{8}", fullmatch=True),
    said=st.sampled_from(["{}", "tel{}", "{},", "({})", "appelez le 3 au {} svp", "x: {}\n2 fois"]),
    between=st.sampled_from(["", " ", ".", "-", "/", ", ", "  ", " - ", "\u202f"]),
    written=st.sampled_from(["", " ", ".", "\u00a0"]),
)
def test_a_telephone_number_is_known_however_it_is_parted(number: str, said: str, between: str, written: str) -> None:
    pairs = [number[i : i + 2] for i in range(0, 10, 2)]
    labelled = f"Tél.{written.join(pairs)} (bureau)"
    assert is_known(labelled, said.format(between.join(pairs)))


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), disguise=names)
def test_other_text_is_never_known(seed: int, disguise: str) -> None:
    """Two texts of one vocabulary and of other numbers: no eight words in a row, no token in common."""
    chance = random.Random(seed)
    vocabulary = [
        codecs.encode(str(i), "rot13").translate(str.maketrans("0123456789", "abcdefghij")) for i in range(500)
    ]

    def some(odd: int) -> str:
        return " ".join(
            chance.choice(vocabulary) if chance.random() < 0.9 else str(10**8 + 2 * chance.randrange(10**9) + odd)
            for _ in range(120)
        )

    assert not is_known(some(0), DISGUISES[disguise](some(1)))


@given(text=st.text(max_size=300))
def test_what_is_probed_covers_what_is_marked(text: str) -> None:
    probes = probes_of(text, 1_000_000)
    assert probes is not None
    assert pieces_of(text) <= probes


@settings(deadline=None)
@given(text=st.text(max_size=300), limit=st.integers(0, 50))
def test_nothing_is_left_out_in_silence(text: str, limit: int) -> None:
    everything = probe(MARKER.key, [text], 1_000_000)
    assert everything is not None
    bounded = probe(MARKER.key, [text], limit)
    assert bounded is None or sorted(bounded[0]) == sorted(everything[0])


PHRASES = [
    "le premier contrat de la maison est signé ce matin",
    "dossier KES-4471-QTZ-9920",
    "appelez 06 12 34 56 78",
    "la deuxième clause dit que personne ne doit jamais le savoir",
]
documents_ = st.tuples(st.integers(0, 3), st.sampled_from(list(Label)), st.sets(st.sampled_from(PHRASES), min_size=1))
steps = st.lists(st.one_of(documents_, st.integers(0, 3)), min_size=1, max_size=10)


@settings(max_examples=60, deadline=None)
@given(history=steps, reopen=st.integers(0, 10), marked=st.lists(st.booleans(), min_size=10, max_size=10))
async def test_ranks_are_those_of_a_plain_model(history, reopen: int, marked: list[bool]) -> None:
    """Documents put, relabelled and deleted in any order, some by a palier that made no marks, and a file reopened."""
    with tempfile.TemporaryDirectory() as folder:

        def opened(marker: FingerprintMarker | None) -> SqliteKnowledge:
            return SqliteKnowledge.open(Path(folder) / "k.db", ENCODER, DIMENSION, analyse, marker=marker)

        asked = np.unique(np.frombuffer(MARKER(PHRASES), "<i8"))
        model: dict[int, Document] = {}
        store = opened(MARKER)
        await store.marks.fill()
        for number, step in enumerate(history):
            if not marked[number] or number == reopen:
                await store.close()
                store = opened(MARKER if marked[number] else None)
                await store.marks.fill()
            if isinstance(step, int):
                await store.delete("c", [f"d{step}"])
                model.pop(step, None)
            else:
                place, label, phrases = step
                text = "\n".join(sorted(phrases))
                model[place] = Document(id=f"d{place}", collection="c", text=text, label=label)
                await store.put([(model[place], [], np.empty((0, DIMENSION), np.float32))])
            if not marked[number]:
                await store.close()
                store = opened(MARKER)
                await store.marks.fill()
            expected: dict[int, int] = {}
            for document in model.values():
                for mark in np.frombuffer(MARKER([document.text, "\n" + document.text]), "<i8").tolist():
                    expected[mark] = min(expected.get(mark, 9), document.label.rank)
            found = await store.marks.ranks_of(asked)
            assert found == {mark: rank for mark, rank in expected.items() if mark in set(asked.tolist())}
            assert store.marks.highest.allows(Label.highest(*(document.label for document in model.values())))
        await store.close()


@pytest.mark.parametrize("size", [0, 7, 8, 40])
def test_marks_are_sorted_and_keyed(size: int) -> None:
    text = " ".join(f"mot{chr(97 + i % 26)}" for i in range(size))
    marks = np.frombuffer(MARKER([text]), "<i8")
    assert (np.diff(marks) > 0).all()
    assert set(marks.tolist()).isdisjoint(np.frombuffer(FingerprintMarker(b"other")([text]), "<i8").tolist())
