"""Personal data replaced in all the texts of a prompt, by one map."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from palier.interfaces import Entity
from palier.privacy.redaction import Redactor
from palier.privacy.vault import Vault, normalised

REMEMBERED = 1024
"""Texts whose entities are remembered: passages and earlier turns come again and again."""
MOST_REMEMBERED = 4000
"""Characters of a text that is remembered, at most."""


class PromptRedactor:
    """Implements `interfaces.Redactor`: every prompt has a map and a nonce of its own."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: OrderedDict[tuple[str, str], tuple[Entity, ...]] = OrderedDict()

    async def redact(self, texts: Sequence[str], public: Sequence[str], language: str) -> tuple[Sequence[str], Vault]:
        """See `interfaces.Redactor`. A value that stands in `public` is left as it is wherever it stands."""
        open_values = {_value(entity) for text in public for entity in await self._entities(text, language)}
        vault = Vault()
        told = []
        for text in texts:
            found = await self._entities(text, language)
            told.append(vault.redact(text, [entity for entity in found if _value(entity) not in open_values]))
        return told, vault

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


def _value(entity: Entity) -> tuple[str, str]:
    return entity.type, normalised(entity.type, entity.text)
