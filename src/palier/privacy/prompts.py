"""Personal data replaced in all the texts of a prompt, by one map.

What is found in one text is replaced wherever it stands: a number that was announced as a telephone in the first turn
may stand bare in the third.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from palier.errors import TooLarge
from palier.interfaces import Entity
from palier.privacy.redaction import Redactor, disjoint
from palier.privacy.vault import Vault, normalised

REMEMBERED = 1024
"""Texts whose entities are remembered: passages and earlier turns come again and again."""
MOST_REMEMBERED = 4000
"""Characters of a text that is remembered, at most."""
MOST_FOUND = 20_000
"""Places at which personal data stands in one prompt."""
MOST_WORK = 50_000_000
"""Values times characters that are looked through, at most: some seconds."""
WORK_HERE = 300_000
"""Up to which it is done on the event loop, for `FEW` values: some milliseconds."""
FEW = 20
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
        entities = await self._entities((*public, *texts), language)
        found = [entities[text] for text in texts]
        known = [entity for text in public for entity in entities[text]]
        places = len(known) + sum(map(len, found))
        if places > MOST_FOUND:
            raise TooLarge(f"more than {MOST_FOUND} values in one prompt to be replaced")
        if places <= FEW and (places + 1) * sum(map(len, texts)) <= WORK_HERE:
            return _replaced(texts, found, known)
        packed = msgspec.msgpack.encode((found, known))
        return await self._redactor.elsewhere(_replaced_elsewhere, texts, packed)

    async def _entities(self, texts: Sequence[str], language: str) -> dict[str, tuple[Entity, ...]]:
        """What stands in each of `texts`. What is not remembered is looked for together."""
        found: dict[str, tuple[Entity, ...]] = {}
        new: list[str] = []
        for text in dict.fromkeys(texts):
            known = self._known.get((text, language)) if len(text) <= MOST_REMEMBERED else None
            if known is None:
                new.append(text)
            else:
                found[text] = known
        found |= zip(new, await self._redactor.entities_of(new, language), strict=True)
        for text, entities in found.items():
            if len(text) <= MOST_REMEMBERED:
                self._remember((text, language), entities)
        return found

    def _remember(self, key: tuple[str, str], entities: tuple[Entity, ...]) -> None:
        """The one that was seen last is the last to be forgotten."""
        self._known[key] = entities
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _replaced(
    texts: Sequence[str], found: Sequence[Sequence[Entity]], public: Iterable[Entity]
) -> tuple[Sequence[str], Vault]:
    """`texts` with what was `found` in each replaced, but for what stands in `public`."""
    open_values = {_value(entity) for entity in public}
    hidden = [[entity for entity in entities if _value(entity) not in open_values] for entities in found]
    values = {_plain(entity.text) for entities in hidden for entity in entities}
    if len(values) * sum(map(len, texts)) > MOST_WORK:
        raise TooLarge("too many values in too long a prompt to be replaced")
    repeats = _Repeats(entity for entities in hidden for entity in entities)
    vault = Vault()
    return [
        vault.redact(text, disjoint(text, [*entities, *repeats.find(text)]))
        for text, entities in zip(texts, hidden, strict=True)
    ], vault


def _replaced_elsewhere(texts: Sequence[str], packed: bytes) -> tuple[Sequence[str], Vault]:
    """For a worker process: expressions hold the interpreter while they search. `packed`: `found` and `public`."""
    found, public = msgspec.msgpack.decode(packed, type=tuple[list[list[Entity]], list[Entity]])
    return _replaced(texts, found, public)


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
