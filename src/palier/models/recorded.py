"""Kind `recorded`: replays what a large model answered once, from JSON lines.

Each line is `{"id", "question", "language", "answer", "sources", "label"}`. A question finds its recording when the
two are equal after folding case, accents, punctuation and spaces. Its title says that it is a recording: it stands in
for a teacher that is not there, in demonstrations and tests.
"""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

import msgspec

from palier.cards import ModelCard
from palier.config import Model as Settings
from palier.errors import ConfigurationError, UpstreamError
from palier.interfaces import Resources
from palier.models import catalogue
from palier.models.scripted import cut
from palier.types import Cited, Data, Delta, Event, Finish, Label, Prompt

MAX_FILE_BYTES = 64_000_000


class Recording(Data, frozen=True, kw_only=True):
    """One answer of the teacher, and the documents it rests on."""

    question: str
    answer: str
    id: str = ""
    language: str = ""
    sources: tuple[str, ...] = ()
    label: Label = Label.PUBLIC


def build(name: str, settings: Settings, resources: Resources) -> Recorded:
    """A `Recorded` from `[models.NAME]`. Raises `ConfigurationError` naming file and line of what is wrong."""
    if not settings.file:
        raise ConfigurationError(f"model `{name}` has no `file` of recorded answers")
    recordings = read(resources.resolve(settings.file))
    default = ModelCard(
        name=name,
        kind="recorded",
        title=f"recording of a teacher's answers ({len(recordings)} questions)",
        # The last three are honoured because a recording leaves nothing to chance.
        capabilities=frozenset({"chat", "max_tokens", "stop", "temperature", "top_p", "seed"}),
        languages=tuple(sorted({r.language for r in recordings if r.language})),
    )
    return Recorded(catalogue.card(name, settings, default), recordings)


def read(file: Path) -> list[Recording]:
    """The recordings of a file, checked line by line."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(f"{file} is larger than {MAX_FILE_BYTES} bytes")
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    decoder = msgspec.json.Decoder(Recording)
    found: list[Recording] = []
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                found.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{file}, line {number}: {error}") from None
    return found


class Recorded:
    """`interfaces.Model`: the recorded answer to the question, or `UpstreamError` so that the cascade goes on."""

    def __init__(self, card: ModelCard, recordings: Iterable[Recording]) -> None:
        self.card = card
        self._answers: dict[str, Recording] = {}
        for recording in recordings:
            first = self._answers.setdefault(folded(recording.question), recording)
            if first.answer != recording.answer:
                raise ConfigurationError(f"model `{card.name}` has two answers to {recording.question!r}")

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `interfaces.Model`. Passages of the documents that the recording names are cited."""
        question = prompt.question or next((m.content for m in reversed(prompt.messages) if m.role == "user"), "")
        recording = self._answers.get(folded(question))
        if recording is None:
            raise UpstreamError("no recorded answer to this question", hint="it replays a recording, it cannot think")
        text, finish = cut(recording.answer, prompt.parameters)
        yield Delta(text=text)
        cited = tuple(n for n, hit in enumerate(prompt.passages, 1) if hit.document in recording.sources)
        if cited:
            yield Cited(passages=cited, features={})
        yield Finish(reason=finish)

    async def health(self) -> tuple[bool, str]:
        return True, f"{len(self._answers)} recorded answers"

    async def close(self) -> None:
        """Nothing is held."""


def folded(text: str) -> str:
    """`text` without case, accents, punctuation and repeated spaces: two questions are the same when this is."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    kept = (c if c.isalnum() else " " for c in letters if not unicodedata.combining(c))
    return " ".join("".join(kept).split())
