"""The redactor: what it is told to look for, names and presidio beside it, and a clear word on what looks."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from palier import registry
from palier.config import Redaction
from palier.errors import ConfigurationError, MissingExtra, Unavailable
from palier.interfaces import Entity, Recogniser
from palier.jobs.pool import ProcessWorkers
from palier.privacy import names, presidio
from palier.privacy.redaction import Redactor
from palier.privacy.vault import USUAL

with_names = pytest.mark.skipif(names.installed() != ("fr", "en"), reason="needs the extra pii")
with_presidio = pytest.mark.skipif(not presidio.installed(), reason="needs the extra presidio")


async def test_without_names_entities_are_those_of_find() -> None:
    own = Redactor(Redaction(names="off"))
    text = "Marie Dupont, 06 12 34 56 78, marie@exemple.fr"
    assert await own.entities(text) == own.find(text)
    assert await own.entities("  ") == ()
    assert own.active == "only patterns are active: names are off in [redaction]"


async def test_only_the_types_that_are_wanted() -> None:
    own = Redactor(Redaction(names="off", entities=("EMAIL", "client"), patterns={"CLIENT": "C-[0-9]{4}"}))
    text = "06 12 34 56 78, marie@exemple.fr, C-1234"
    assert [entity.type for entity in own.find(text)] == ["EMAIL", "CLIENT"]


def test_a_type_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"EMIAL.*did you mean EMAIL\?"):
        Redactor(Redaction(names="off", entities=("EMIAL",)))


def test_every_type_of_the_recognisers_is_a_usual_one() -> None:
    """Else each request would have to build its expressions anew."""
    assert set(Redactor(Redaction(names="off")).types) < USUAL


def test_a_missing_model_of_names_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "installed", lambda: ())
    assert 'pip install "palier[pii]"' in Redactor(Redaction()).active
    assert Redactor(Redaction()).names == ()
    with pytest.raises(MissingExtra, match="palier\\[pii\\]"):
        Redactor(Redaction(names="required"))


def test_names_required_in_a_language_without_them() -> None:
    with pytest.raises(MissingExtra):
        Redactor(Redaction(names="required", languages=("de",)))


def test_missing_presidio_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presidio, "installed", lambda: False)
    with pytest.raises(MissingExtra, match="palier\\[presidio\\]"):
        Redactor(Redaction(names="off", presidio=True))


class Recorder:
    """Workers that run here, and remember what they ran."""

    def __init__(self) -> None:
        self.ran: list[tuple[Any, ...]] = []

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.ran.append((function, *arguments))
        return []

    async def close(self) -> None: ...


@with_names
@pytest.mark.parametrize(
    ("text", "said", "chosen"),
    [
        ("Je voudrais résilier mon contrat", "", "fr"),
        ("I would like to cancel my contract", "", "en"),
        ("I would like to cancel my contract", "fr", "fr"),
        ("Ich möchte meinen Vertrag kündigen", "", "fr"),
        ("Hello", "en-GB", "en"),
    ],
)
async def test_the_language_of_names_is_told_from_the_text(text: str, said: str, chosen: str) -> None:
    workers = Recorder()
    await Redactor(Redaction(), workers).entities(text, said)
    assert [(ran[0], ran[2]) for ran in workers.ran] == [(names.find, chosen)]


NAMES = [
    ("en", "ACCOUNT CLOSED BY MISTAKE, I AM GERALD FITZWILLIAM AND I AM FURIOUS", ["GERALD FITZWILLIAM"]),
    ("en", "how do i block my card ? my name is lena andersson.", ["lena andersson"]),
    ("en", "What time does the branch on Mill Lane close on Saturdays?", []),
    ("en", 'Tom: "Who are you?"\nAshley:"I\'m Melvin\'s daughter".', ["Tom", "Ashley", "Melvin"]),
    ("fr", "Nom : Kerdoncuff\nPrénom : Soazig\nDate de naissance : \nMotif : résiliation", ["Kerdoncuff", "Soazig"]),
    ("fr", "Veuillez trouver mon RIB. Carte refusée, chèque encaissé.", []),
    ("fr", "La salle Marie-Curie est-elle libre le 22 novembre ?", []),
    ("fr", "Ici Yann Le Goff. Demain Yann passera.", ["Yann Le Goff", "Yann"]),
    ("fr", "<i>La cloche</i> sonne à midi.", []),
    ("fr", "<u>Renvoyez</u> le colis sous 21 jours et nous vous remboursons.", []),
    ("en", "<img src=x onerror=alert(1)>", []),
    ("fr", "<b>Marie</b> <b>Kerdoncuff</b> nous a écrit.", ["Marie", "Kerdoncuff"]),
    ("fr", "<ul><li>Midi</li><li>Marie Kerdoncuff</li></ul>", ["Marie Kerdoncuff"]),
    ("fr", "<a href=x>Marie Kerdoncuff</a>, ou Marie Kerdoncuff <marie@exemple.fr>", ["Marie Kerdoncuff"]),
]


@pytest.fixture(scope="module")
def readers() -> Iterator[ProcessWorkers]:
    """Processes that load the models of names once for this file."""
    made = ProcessWorkers()
    yield made
    asyncio.run(made.close())


@with_names
async def test_names_by_the_models_and_nothing_else(readers: ProcessWorkers) -> None:
    for language, text, wanted in NAMES:
        found = {text[start:end] for start, end in await readers.run(names.find, text, language)}
        whole = {name for name in found if not any(name != other and name in other for other in found)}
        assert whole <= set(wanted) <= found, text


@with_names
async def test_workers_that_fail_let_nothing_pass_as_clean() -> None:
    class Lost(Recorder):
        async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
            raise Unavailable("the worker died")

    with pytest.raises(Unavailable):
        await Redactor(Redaction(), Lost()).entities("Marie Dupont")


@with_names
async def test_names_are_found_in_a_worker_process_and_spacy_stays_there(readers: ProcessWorkers) -> None:
    redactor = Redactor(Redaction(names="required"), readers)
    assert redactor.active == "patterns, and names (fr, en)"
    text = "Bonjour, je suis Marie Du\u200bpont, au 06 12 34 56 78.\nCordialement,\nMarie Dupont"
    found = await redactor.entities(text)
    english = await redactor.entities("My name is Sarah Connor and I live in Los Angeles.", "en")
    assert [(entity.type, entity.text) for entity in found] == [
        ("PERSON", "Marie Du\u200bpont"),
        ("PHONE", "06 12 34 56 78"),
        ("PERSON", "Marie Dupont"),
    ]
    assert [entity.text for entity in english] == ["Sarah Connor"]
    assert "spacy" not in sys.modules


async def test_a_long_text_is_read_in_a_worker_process(readers: ProcessWorkers) -> None:
    redactor = Redactor(
        Redaction(names="off", entities=("PHONE", "CLIENT"), patterns={"CLIENT": "C-[0-9]{4}"}), readers
    )
    text = "Une phrase de plus. " * 1000 + "C-1234, zoe@exemple.fr et le 06 12 34 56 78."
    redactor._own = lambda text: pytest.fail("read here")  # type: ignore[method-assign]
    found = await redactor.entities(text)
    assert [(entity.type, entity.text) for entity in found] == [("CLIENT", "C-1234"), ("PHONE", "06 12 34 56 78")]
    assert all(text[entity.start : entity.end] == entity.text for entity in found)


@with_presidio
async def test_presidio_looks_too(readers: ProcessWorkers) -> None:
    redactor = Redactor(Redaction(names="off", presidio=True), readers)
    assert redactor.active == "only patterns and presidio are active: names are off in [redaction]"
    found = await redactor.entities("pay to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa, card 4111 1111 1111 1111")
    assert [entity.type for entity in found] == ["CRYPTO", "CARD"]


@with_presidio
def test_presidio_asks_nobody(tmp_path: Path) -> None:
    """Its recogniser of e-mails would fetch a list of domains, and keep it: hence a new process and an empty folder."""
    script = (
        "import sys; seen = []\n"
        "sys.addaudithook(lambda event, _: seen.append(event) if event.startswith('socket.') else None)\n"
        "from palier.privacy import presidio\n"
        "found = presidio.find('zoe@exemple.fr, zoe@example.com, 10.0.0.1, https://example.com/a')\n"
        "out = {'socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname', 'socket.sendto'}\n"
        "print([kind for kind, *_ in found], sorted(out & set(seen)))"
    )
    empty = {**os.environ, "TLDEXTRACT_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=empty)
    assert done.stdout.strip() == "['IP'] []"


def test_a_long_text_goes_in_pieces_that_join() -> None:
    text = ("Une phrase assez longue. " * 50 + "\n") * 20 + "x" * 5000
    pieces = names.pieces(text, most=1000)
    assert "".join(piece for _, piece in pieces) == text
    assert all(text[start : start + len(piece)] == piece and 0 < len(piece) <= 1000 for start, piece in pieces)


def test_a_recogniser_of_another_package_comes_in_by_the_same_door(monkeypatch: pytest.MonkeyPatch) -> None:
    class Badge:
        types = ("BADGE",)

        def find(self, text: str) -> Iterable[Entity]:
            place = text.find("B12")
            return [Entity("BADGE", place, place + 3, "B12", 0.8)] if place >= 0 else []

    def build(settings: Redaction) -> Recogniser:
        return Badge()

    monkeypatch.setattr(sys.modules[__name__], "build_badge", build, raising=False)
    monkeypatch.setitem(registry.RECOGNISERS, "badge", f"{__name__}:build_badge")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    redactor = Redactor(Redaction(names="off"))
    assert "BADGE" in redactor.types
    assert [(e.type, e.text) for e in redactor.find("badge B\u200b12")] == [("BADGE", "B\u200b12")]


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    script = (
        "import sys; from palier.config import Redaction; from palier.privacy.redaction import Redactor; "
        "Redactor(Redaction()).find('Hello, it is me'); "
        "print({'spacy', 'presidio_analyzer', 'phonenumbers', 'stdnum', 'aiohttp'} & set(sys.modules) or 'light')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "light"
