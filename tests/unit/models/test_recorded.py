"""Recorded answers, found by their question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from palier.config import Model as Settings
from palier.errors import ConfigurationError, UpstreamError
from palier.interfaces import Resources
from palier.models import recorded
from palier.models.recorded import Recorded, folded
from palier.types import Cited, Delta, Event, Finish, Hit, Label, Message, Prompt

LINES = [
    {
        "id": "q1",
        "question": "Comment résilier ?",
        "language": "fr",
        "answer": "Par courrier.",
        "sources": ["public/resiliation.md"],
        "label": "public",
        "kind": "fields we do not know are left alone",
    },
    {"id": "q2", "question": "How do I cancel?", "language": "en", "answer": "By letter.", "sources": []},
]


def build(folder: Path, lines: list[Any]) -> Recorded:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    (folder / "teacher.jsonl").write_text(text, encoding="utf-8")
    resources = Resources(None, None, None, folder, lambda name: folder / name)  # type: ignore[arg-type]
    return recorded.build("teacher", Settings(kind="recorded", file="teacher.jsonl"), resources)


async def ask(model: Recorded, question: str, *documents: str) -> list[Event]:
    hits = tuple(
        Hit(collection="c", document=name, passage=0, text="", score=1, label=Label.PUBLIC) for name in documents
    )
    prompt = Prompt(id="1", messages=(Message(role="user", content=question),), question=question, passages=hits)
    return [event async for event in model.stream(prompt)]


@pytest.mark.parametrize("question", ["Comment résilier ?", "comment  RESILIER", "Comment re\u0301silier\u00a0?!"])
async def test_finds_the_answer(tmp_path: Path, question: str) -> None:
    assert await ask(build(tmp_path, LINES), question) == [Delta(text="Par courrier."), Finish(reason="stop")]


async def test_cites_the_passages_of_its_sources(tmp_path: Path) -> None:
    events = await ask(build(tmp_path, LINES), "Comment résilier ?", "public/a.md", "public/resiliation.md")
    assert events[1] == Cited(passages=(2,), features={})


async def test_what_was_not_recorded_is_not_answered(tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match="no recorded answer to this question"):
        await ask(build(tmp_path, LINES), "Comment résilier demain ?")


async def test_it_says_that_it_is_a_recording(tmp_path: Path) -> None:
    model = build(tmp_path, LINES)
    assert model.card.title == "recording of a teacher's answers (2 questions)"
    assert model.card.languages == ("en", "fr")
    assert await model.health() == (True, "2 recorded answers")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["{"], r"teacher\.jsonl, line 1"),
        ([LINES[0], {"question": "a"}], "line 2.*answer"),
        ([LINES[0], {**LINES[0], "answer": "Jamais."}], "two answers to 'Comment résilier"),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, lines: list[Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        build(tmp_path, lines)


def test_folding() -> None:
    assert folded("  L’« Été » — à 19,99 € ? ") == "l ete a 19 99"
    assert folded("Straße ﬁn") == folded("STRASSE fin")


def test_the_sample_companys_teacher() -> None:
    file = Path(__file__).parents[3] / "examples" / "armorique" / "teacher.jsonl"
    recordings = recorded.read(file)
    assert len(recordings) >= 100
    assert len({folded(r.question) for r in recordings}) == len(recordings)
