"""Which personal data a text holds: one pass of our own recognisers, and names and presidio where they are active.

What is found never overlaps. Recognisers that go by form run here, in a time linear in the text; spaCy and presidio run
in a worker process. Replacing what was found, and putting it back, is `palier.privacy.vault`.
"""

from __future__ import annotations

import asyncio
import difflib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from palier import registry
from palier.config import Redaction
from palier.errors import ConfigurationError, MissingExtra
from palier.interfaces import Entity, Recogniser, Workers
from palier.privacy import names, presidio
from palier.privacy.placeholders import TYPE
from palier.privacy.recognisers.reading import Reading
from palier.text import detect

__all__ = ["Entity", "Redactor"]

T = TypeVar("T")

LEAST_SCORE = 0.5
LONG = 16_000
"""Characters beyond which `entities` has the whole text read elsewhere: it would hold the event loop."""
DIVISIBLE = frozenset({"ADDRESS", "PERSON"})
"""Types of which a rest is still of that type where a surer one took a part; half a number is nothing."""


class Redactor:
    """Finds personal data by `settings`. `workers` run spaCy and presidio; without them a thread of this process does.

    Raises `ConfigurationError` for a type or a pattern that is none, and `MissingExtra` where `names = "required"` or
    `presidio = true` and it is not installed.
    """

    def __init__(self, settings: Redaction, workers: Workers | None = None) -> None:
        self._settings = settings
        self._workers = workers
        self._recognisers: list[Recogniser] = [
            registry.find("recognisers", kind)(settings) for kind in registry.kinds("recognisers")
        ]
        for name in self.types:
            if not TYPE.fullmatch(name):
                raise ConfigurationError(f"a recogniser finds {name[:40]!r}: a type is up to 32 capitals, digits and _")
        self._languages = recognised(settings)
        self.presidio = settings.presidio
        if self.presidio and not presidio.installed():
            raise MissingExtra("`presidio` of [redaction] needs presidio", hint='pip install "palier[presidio]"')
        self._wanted = self._chosen(settings.entities)

    @property
    def types(self) -> tuple[str, ...]:
        """What its own recognisers and the names may be found as."""
        found = dict.fromkeys(name for recogniser in self._recognisers for name in recogniser.types)
        return tuple({**found, "PERSON": None})

    @property
    def names(self) -> tuple[str, ...]:
        """The languages in which names are recognised; none: they are not."""
        return self._languages

    @property
    def active(self) -> str:
        """What looks, in words, for `palier doctor`."""
        beside = " and presidio" if self.presidio else ""
        if self._languages:
            return f"patterns{beside}, and names ({', '.join(self._languages)})"
        if self._settings.names == "off":
            return f"only patterns{beside} are active: names are off in [redaction]"
        return f'only patterns{beside} are active: names are not recognised; pip install "palier[pii]"'

    async def warm(self) -> None:
        """Load the models of names, where there are any."""
        if self._languages:
            await self._elsewhere(names.warm, self._languages)

    def find(self, text: str, language: str = "") -> tuple[Entity, ...]:
        """What stands in `text`, in order, never overlapping: by own recognisers only, whatever the language.

        A few milliseconds for 4,000 characters and a second or two for a million of letters; up to ten for a million
        that are nothing but numbers, the slowest text known. Raises `InvalidRequest` where a pattern takes too long.
        """
        return self._sorted_out(text, self._own(text))

    async def entities(self, text: str, language: str = "") -> tuple[Entity, ...]:
        """As `find`, with names and presidio where they are active.

        `language` chooses the model of names; without it, it is told from the text. Raises `Busy` and `Unavailable` as
        `Workers` do: what was not looked at is not known to be clean.
        """
        if not text.strip():
            return ()
        if len(text) > LONG:
            found = await self._elsewhere(_own_elsewhere, msgspec.json.encode(self._settings), text)
        else:
            found = self._own(text)
        if self._languages:
            found += await self._named(text, language)
        if self.presidio:
            seen = await self._elsewhere(presidio.find, text)
            found += [Entity(kind, start, end, text[start:end], score) for kind, start, end, score in seen]
        return self._sorted_out(text, found)

    def _own(self, text: str) -> list[Entity]:
        reading = Reading(text)
        found = []
        for recogniser in self._recognisers:
            views = (reading.text,) if reading.text == reading.seen else (reading.text, reading.seen)
            for view in views:
                for entity in recogniser.find(view):
                    start, end = reading.span(entity.start, entity.end)
                    found.append(Entity(entity.type, start, end, text[start:end], entity.score))
        return found

    async def _named(self, text: str, language: str) -> list[Entity]:
        reading = Reading(text)
        found = []
        chosen = self._language(reading.seen, language)
        for offset, piece in names.pieces(reading.seen, most=4 * names.PIECE):
            for begin, stop in await self._elsewhere(names.find, piece, chosen):
                start, end = reading.span(offset + begin, offset + stop)
                found.append(Entity("PERSON", start, end, text[start:end], names.SCORE))
        return found

    def _language(self, text: str, said: str) -> str:
        for language in (said[:2].lower(), detect(text, ""), *self._settings.languages):
            if language in self._languages:
                return language
        return self._languages[0]

    async def _elsewhere(self, function: Callable[..., T], *arguments: Any) -> T:
        if self._workers is None:
            return await asyncio.to_thread(function, *arguments)
        return await self._workers.run(function, *arguments)

    def _sorted_out(self, text: str, found: Iterable[Entity]) -> tuple[Entity, ...]:
        wanted = (
            entity
            for entity in found
            if entity.score >= LEAST_SCORE and (self._wanted is None or entity.type in self._wanted)
        )
        return disjoint(text, wanted)

    def _chosen(self, wanted: Sequence[str]) -> frozenset[str] | None:
        known = {*self.types, *(presidio.TYPES.values() if self.presidio else ())}
        for name in wanted:
            if name.upper() not in known and not self.presidio:
                close = difflib.get_close_matches(name.upper(), known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(sorted(known))}"
                raise ConfigurationError(f"`entities` of [redaction]: there is no type {name[:40]}", hint=hint)
        return frozenset(map(str.upper, wanted)) or None


def _own_elsewhere(settings: bytes, text: str) -> list[Entity]:
    """For a worker process: what own recognisers see, overlaps and all."""
    return _reader(settings)._own(text)


@lru_cache(maxsize=4)
def _reader(settings: bytes) -> Redactor:
    kept = msgspec.json.decode(settings, type=Redaction)
    return Redactor(msgspec.structs.replace(kept, names="off", presidio=False, entities=()))


def disjoint(text: str, found: Iterable[Entity]) -> tuple[Entity, ...]:
    """In order and without overlaps: the surer wins, then the longer; what it leaves of an address or a name stays."""
    starts: list[int] = []
    taken: list[Entity] = []
    for entity in sorted(set(found), key=lambda e: (-e.score, e.start - e.end, e.start, e.type)):
        free = list(_free(entity.start, entity.end, starts, taken))
        if free != [(entity.start, entity.end)]:
            free = [_trimmed(text, *rest) for rest in free] if entity.type in DIVISIBLE else []
        for start, end in free:
            if start < end:
                place = bisect_right(starts, start)
                starts.insert(place, start)
                taken.insert(place, Entity(entity.type, start, end, text[start:end], entity.score))
    return tuple(taken)


def _free(start: int, end: int, starts: list[int], taken: list[Entity]) -> Iterable[tuple[int, int]]:
    """The stretches between `start` and `end` that nothing has taken."""
    place = bisect_right(starts, start)
    if place and taken[place - 1].end > start:
        start = taken[place - 1].end
    while start < end:
        if place == len(taken) or taken[place].start >= end:
            yield start, end
            return
        if taken[place].start > start:
            yield start, taken[place].start
        start = taken[place].end
        place += 1


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The stretch without what is no letter or digit at its edges; empty where nothing else is in it."""
    while start < end and not text[start].isalnum():
        start += 1
    while start < end and not text[end - 1].isalnum():
        end -= 1
    return start, end


def recognised(settings: Redaction) -> tuple[str, ...]:
    """The languages in which names will be recognised. Raises `MissingExtra` where they must be and cannot."""
    if settings.names == "off":
        return ()
    there = names.installed()
    asked = [language for language in settings.languages if language in names.MODELS]
    missing = [language for language in asked if language not in there]
    if settings.names == "required" and (missing or not asked):
        what = f"of {', '.join(missing)}" if missing else f"in any of {', '.join(names.MODELS)}"
        raise MissingExtra(
            f'`names = "required"` of [redaction]: no model for names {what}', hint='pip install "palier[pii]"'
        )
    return tuple(language for language in asked if language in there)
