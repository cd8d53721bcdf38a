"""Laws of answers' marks: whatever a local model answered, public text stays public; what it told is known again."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.property.test_fingerprints import DISGUISES

from palier.interfaces import MarkNumbers
from palier.privacy.answers import united
from palier.privacy.fingerprints import FingerprintMarker, Fingerprints
from palier.types import Label

MARKER = FingerprintMarker(b"key of the laws")
PUBLIC = """La fibre coûte 29,99 € par mois, installation comprise, pendant les 12 premiers mois, puis 39,99 € par mois.
L'offre « Équilibre » comprend 100 Go d'internet mobile, 20 Go depuis l'étranger et les appels sans limite vers 35 pays.
Le service client répond du lundi au samedi de 8 h à 20 h au 02 98 00 11 22, et par courrier : BP 40117, 29200 Brest.
Depuis le 26/11/2024, le dossier AT-118302-QX règle l'échange des box ; la référence complète est KLM-2290-RST-7731-UVW.
Internet à l'étranger : « & » dans un nom de réseau s'écrit %26 ; un chemin s'écrit C:\\temp\\new, un prix <b>20</b>.
Nous remboursons les frais de résiliation jusqu'à 150 euros, sur présentation de la facture de votre ancien opérateur."""
SECRET = """Mr Kergoat, who lives in Plouzané, owes the company 4,312 euros since the flood that ruined his shop last winter.
The vault is opened with the code KES-4471-QTZ-9920-OPA, which Katell keeps behind the third drawer of the old desk.
Personne ne doit savoir avant mars que la maison Lagadec rachète notre réseau de boutiques pour neuf millions d'euros."""
WORDS = PUBLIC.split()
LINES = PUBLIC.split("\n")
SECRETS = SECRET.split("\n")


class Held:
    """`AnswerMarks` in memory; of several texts that hold a mark, `choose` says which label counts."""

    def __init__(self, choose: Callable[[int, int], int]) -> None:
        self._choose = choose
        self._ranks: dict[int, int] = {}

    @property
    def highest(self) -> Label:
        return Label.RESTRICTED

    def expect(self, label: Label) -> None: ...

    def put(self, marks: MarkNumbers, label: Label) -> None:
        for mark in marks.tolist():
            self._ranks[mark] = self._choose(self._ranks.get(mark, label.rank), label.rank)

    async def ranks_of(self, marks: MarkNumbers) -> Mapping[int, int]:
        return {mark: self._ranks[mark] for mark in marks.tolist() if mark in self._ranks}

    async def label_of_turns(self, digests: Sequence[bytes]) -> Label:
        return Label.PUBLIC


class Here:
    """`Workers` that work at once."""

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


class House:
    """A public and a restricted document, and answers that are recorded as the pipeline does."""

    def __init__(self, *documents: tuple[str, Label]) -> None:
        self._documents, self._answers = Held(min), Held(max)
        for text, label in documents:
            self._documents.put(np.frombuffer(MARKER([text]), "<i8"), label)
        self._prints = Fingerprints(MARKER, self._documents, self._answers, Here())

    async def answered(self, text: str, asked: Sequence[str] = (), *, looked_up: bool = True) -> None:
        prints = self._prints
        own = await prints.own(asked, await prints.seen(asked) if looked_up else None)
        said = await prints.said([text], Label.RESTRICTED)
        known = united([own, await prints.lower(said, Label.RESTRICTED)])
        self._answers.put(said[0].to_record(known), Label.RESTRICTED)

    async def label_of(self, text: str) -> Label:
        return await self._prints.label_of([text])


disguises = st.sampled_from(sorted(DISGUISES))


def disguised(text: str, names: Sequence[str]) -> str:
    for name in names:
        text = DISGUISES[name](text)
    return text


@st.composite
def public_passages(draw) -> str:
    """Eight words in a row or more of the public document."""
    start = draw(st.integers(0, len(WORDS) - 8))
    end = draw(st.integers(start + 8, min(len(WORDS), start + 30)))
    return PUBLIC[_at(start) : _at(end)].strip()


def _at(word: int) -> int:
    """Where that word begins."""
    place = 0
    for one in WORDS[:word]:
        place = PUBLIC.index(one, place) + len(one)
    return PUBLIC.index(WORDS[word], place) if word < len(WORDS) else len(PUBLIC)


texts = st.one_of(
    public_passages(), st.sampled_from([*LINES, *SECRETS]), st.lists(st.sampled_from(WORDS)).map(" ".join)
)
pieces = st.tuples(texts, st.lists(disguises, max_size=2)).map(lambda drawn: disguised(*drawn)[:3_000])
around = st.sampled_from(["", " ", "\n", ". ", "](https://x.example/?q=", "%20", "&amp;", "\\n", " [1] ", "```"])
answers = st.lists(st.tuples(around, pieces), min_size=1, max_size=3).map(lambda drawn: "".join(map("".join, drawn)))
requests = st.tuples(public_passages(), st.lists(disguises, max_size=2)).map(lambda drawn: disguised(*drawn))


@settings(max_examples=60, deadline=None)
@given(told=answers, asked=st.lists(requests, min_size=1, max_size=3))
@example(told=disguised(PUBLIC, ["quoted"]), asked=["une installation"])
@example(told=disguised(PUBLIC, ["ROT13"]), asked=[LINES[0], LINES[2]])
@example(told=disguised(PUBLIC, ["reversed"]), asked=[LINES[3]])
@example(
    told=f"{LINES[0]} [1] {LINES[1]} [2]\n{LINES[5]}",
    asked=[f"{LINES[0]} [1] {LINES[1]} [2]", f"{LINES[1]} {LINES[5]}"],
)
@example(told=disguised(PUBLIC, ["base64 in lines"]).lower(), asked=[disguised(PUBLIC, ["base64 in lines"])])
async def test_no_answer_makes_public_text_more_than_public(told: str, asked: list[str]) -> None:
    house = House((PUBLIC, Label.PUBLIC), (SECRET, Label.RESTRICTED))
    await house.answered(told)
    for request in asked:
        assert await house.label_of(request) is Label.PUBLIC, request


@settings(max_examples=40, deadline=None)
@given(told=answers, seed=st.integers(0, 2**32))
async def test_no_answer_makes_ordinary_words_more_than_public(told: str, seed: int) -> None:
    house = House((PUBLIC, Label.PUBLIC), (SECRET, Label.RESTRICTED))
    await house.answered(told)
    shuffled = list(WORDS)
    random.Random(f"other words {seed}").shuffle(shuffled)
    for request in ("\n".join(WORDS), ". ".join(WORDS), " ".join(shuffled)):
        assert await house.label_of(request) is Label.PUBLIC, request


said_again = st.sampled_from(["none", "base64", "quoted", "ROT13", "reversed", "hex", "JSON escapes", "HTML names"])


@settings(max_examples=100, deadline=None)
@given(line=st.sampled_from(SECRETS), start=st.integers(0, 100), told=said_again, again=said_again, lead=st.booleans())
async def test_what_an_answer_says_is_known_when_it_comes_back(
    line: str, start: int, told: str, again: str, lead: bool
) -> None:
    """Eight words in a row of an answer that stands in no document, told disguised or not, sent back disguised or not."""
    house = House((PUBLIC, Label.PUBLIC))
    await house.answered((LINES[0] + " " if lead else "") + DISGUISES[told](line))
    words = line.split()
    start %= len(words) - 11
    part = " ".join(words[start : start + 12])
    assert await house.label_of(DISGUISES[again](part)) is Label.RESTRICTED
    assert await house.label_of(DISGUISES[again](DISGUISES[told](line))) is Label.RESTRICTED


@settings(max_examples=60, deadline=None)
@given(line=st.sampled_from(SECRETS), told=st.lists(said_again, min_size=2, max_size=2), again=said_again)
async def test_a_copy_of_a_document_is_known_three_disguises_deep(line: str, told: list[str], again: str) -> None:
    house = House((SECRET, Label.RESTRICTED))
    assert await house.label_of(DISGUISES[again](disguised(line, told))) is Label.RESTRICTED


@settings(max_examples=60, deadline=None)
@given(asked=st.sampled_from(SECRETS), told=disguises, again=disguises, looked_up=st.booleans())
async def test_a_question_that_an_answer_repeats_stays_what_it_was(
    asked: str, told: str, again: str, looked_up: bool
) -> None:
    house = House((PUBLIC, Label.PUBLIC))
    await house.answered(f"You asked: {DISGUISES[told](asked)} I do not know.", [asked], looked_up=looked_up)
    assert await house.label_of(DISGUISES[again](asked)) is Label.PUBLIC
