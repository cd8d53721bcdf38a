"""Personal data replaced in all the texts of a prompt, by one map.

What is found in one text is replaced wherever it stands: a number that was announced as a telephone in the first turn
may stand bare in the third.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

from palier.errors import TooLarge
from palier.interfaces import Entity
from palier.privacy.redaction import Redactor, disjoint
from palier.privacy.vault import Vault, normalised

REMEMBERED = 1024
"""Texts whose entities are remembered: passages and earlier turns come again and again."""
MOST_REMEMBERED = 4000
"""Characters of a text that is remembered, at most."""
MOST_WORK = 50_000_000
"""Values times characters that are looked through, at most: some seconds."""
WORK_HERE = 500_000
"""Up to which it is done on the event loop: some milliseconds."""
REPEAT_SCORE = 0.5
"""Of a value that is only known from another text: whatever is found here by itself is surer."""


class PromptRedactor:
    """Implements `interfaces.Redactor`: every prompt has a map and a nonce of its own."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: OrderedDict[tuple[str, str], tuple[Entity, ...]] = OrderedDict()

    async def start(self) -> None:
        """Load the models of names now, so that the first prompt need not wait for them."""
        await self._redactor.warm()

    async def redact(self, texts: Sequence[str], public: Sequence[str], language: str) -> tuple[Sequence[str], Vault]:
        """See `interfaces.Redactor`. A value that stands in `public` is left as it is wherever it stands.

        Raises `TooLarge` for too many values, and what the workers raise: then nothing is known to be clean.
        """
        open_values = {_value(entity) for text in public for entity in await self._entities(text, language)}
        found = [
            [entity for entity in await self._entities(text, language) if _value(entity) not in open_values]
            for text in texts
        ]
        repeats = _Repeats(entity for entities in found for entity in entities)
        work = repeats.work(texts)
        if work > MOST_WORK:
            raise TooLarge("too many values in too long a prompt to be replaced")
        if work > WORK_HERE:
            return await asyncio.to_thread(_replaced, texts, found, repeats)
        return _replaced(texts, found, repeats)

    async def _entities(self, text: str, language: str) -> tuple[Entity, ...]:
        key = (text, language)
        found = self._known.pop(key, None)
        if found is None:
            found = await self._redactor.entities(text, language)
        if len(text) <= MOST_REMEMBERED:
            self._known[key] = found
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found


def _replaced(
    texts: Sequence[str], found: Sequence[Sequence[Entity]], repeats: _Repeats
) -> tuple[Sequence[str], Vault]:
    vault = Vault()
    return [
        vault.redact(text, disjoint(text, [*entities, *repeats.find(text)]))
        for text, entities in zip(texts, found, strict=True)
    ], vault


class _Repeats:
    """Values, found again where nothing around them tells what they are."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._types: dict[str, str] = {}
        for entity in entities:
            self._types.setdefault(_plain(entity.text), entity.type)
        self._types.pop("", None)
        longest_first = sorted(self._types, key=len, reverse=True)
        # The characters in a row, whatever parts them: one expression for all values, tried once at each place.
        values = "|".join(r"[\W_]{0,3}".join(map(re.escape, value)) for value in longest_first)
        self._values = re.compile(rf"(?<![^\W_])(?:{values})(?![^\W_])", re.IGNORECASE) if values else None

    def work(self, texts: Sequence[str]) -> int:
        """How often a value is tried at a place, in all."""
        return len(self._types) * sum(map(len, texts))

    def find(self, text: str) -> Iterator[Entity]:
        if self._values is None:
            return
        for match in self._values.finditer(text):
            kind = self._types.get(_plain(match.group()))
            if kind is not None:
                yield Entity(kind, match.start(), match.end(), match.group(), REPEAT_SCORE)


def _plain(value: str) -> str:
    return "".join(filter(str.isalnum, value.casefold()))


def _value(entity: Entity) -> tuple[str, str]:
    return entity.type, normalised(entity.type, entity.text)
