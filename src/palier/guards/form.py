"""Kind `form`: what a text must look like. Lengths, patterns, words, languages, figures; no model is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from palier.config import Guard as Settings
from palier.errors import ConfigurationError
from palier.guards import backtracking
from palier.guards.claims import copied
from palier.guards.failing import failing
from palier.guards.formats import Formats, wrong
from palier.guards.said import unescaped
from palier.guards.written import Phrases
from palier.interfaces import Resources
from palier.interfaces.guarding import Context, Span, Verdict
from palier.text import Figure, detect, tokens

MOST = 200_000
"""Characters that patterns are looked for in: what is longer does not pass."""
_CITATION = re.compile(r"\[(\d{1,3})\]")


def build(name: str, settings: Settings, resources: Resources) -> Form:
    """A `Form` from `[guards.NAME]`. Raises `ConfigurationError` for a pattern that is none, or that may never end."""
    return Form(name, settings)


class Form:
    """`interfaces.Guard`. It looks at the whole text, and every span it names is where something stands.

    What is forbidden is looked for in the text as it stands, and with its escapes of JSON read; what is found only so
    has no span. Figures are those of the text with its escapes read.
    A call of a tool is no answer: in its arguments only what is too long, forbidden or of a wrong format is found.
    """

    sentences = False

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._settings = settings
        self._matches = _compiled(name, settings.matches, whole=True) if settings.matches else None
        self._forbids = [_compiled(name, pattern) for pattern in settings.forbids]
        self._words = [phrase for words in settings.forbidden_words if (phrase := " ".join(tokens(words)))]
        self._phrases = Phrases(self._words)
        self._formats = Formats(settings.numbers, settings.dates, settings.amounts)
        if settings.most and settings.least > settings.most:
            raise ConfigurationError(f"guard `{name}`: least {settings.least} is over most {settings.most}")

    async def check(self, text: str, context: Context) -> Verdict:
        """See `interfaces.Guard`. The reason is the first rule that does not hold."""
        found = next(self._found(text, context), None)
        if found is None:
            return Verdict()
        reason, spans = found
        return failing(self._settings, context, reason, score=1.0, spans=spans)

    def _found(self, text: str, context: Context) -> Iterator[tuple[str, list[Span]]]:
        said, answers = self._settings, context.part == "text"
        most = min(said.most or MOST, MOST)
        if answers and len(text) < said.least:
            yield f"it has {len(text)} characters, of at least {said.least}", []
        if len(text) > most:
            yield f"it has {len(text)} characters, of at most {most}", []
            return
        meant = unescaped(text)
        if answers and self._matches is not None and not self._matches.fullmatch(text):
            yield f"it does not match `{said.matches}`", []
        for pattern in self._forbids:
            if hits := [_span(match) for match in pattern.finditer(text)][:50]:
                yield f"it holds what `{pattern.pattern}` forbids", hits
            elif meant != text and pattern.search(meant):
                yield f"it holds what `{pattern.pattern}` forbids", []
        for number in self._phrases.within(_words(text, meant)) if self._words else ():
            yield f"it says `{self._words[number]}`", []
        if off := list(islice(wrong(meant, self._formats), 50)):
            yield off[0][1], [_around(text, figure, reason) for figure, reason in off if meant == text]
        if answers and said.languages and (spoken := detect(text)) and spoken not in said.languages:
            yield f"it is in `{spoken}`, and not in {', '.join(said.languages)}", []
        if answers and said.citations:
            yield from _citations(text, context.evidence)


def _citations(text: str, evidence: Sequence[str]) -> Iterator[tuple[str, list[Span]]]:
    passages, own = len(evidence), copied(text, evidence)
    cited = [match for match in _CITATION.finditer(text) if int(match[1]) not in own]
    if not cited:
        yield "it cites no passage", []
    if lost := [match for match in cited if not 0 < int(match[1]) <= passages]:
        yield f"it cites {lost[0].group()}, and there are {passages} passages", [_span(match) for match in lost[:50]]


def _words(*readings: str) -> str:
    """The words of each, as `Phrases` reads them."""
    return f" {'  '.join(' '.join(tokens(reading)) for reading in dict.fromkeys(readings))} "


def _around(text: str, figure: Figure, reason: str) -> Span:
    """Where a figure stands; in a text that is not in NFC, about where."""
    end = figure.start + len(figure.text)
    return Span(start=min(figure.start, len(text)), end=min(end, len(text)), reason=reason)


def _span(match: re.Match[str]) -> Span:
    return Span(start=match.start(), end=match.end())


def _compiled(name: str, pattern: str, *, whole: bool = False) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigurationError(f"guard `{name}`: `{pattern}` is no regular expression: {error}") from None
    backtracking.check(compiled, f"guard `{name}`", whole=whole)
    return compiled
